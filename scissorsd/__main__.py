"""`python -m scissorsd` is `scissorsd`."""

from scissorsd.cli import main

main()
