"""The systemd service: its unit, its user, and what that user may do."""
