"""What the commands do; cli.py declares them."""
