"""Interfaces of others that scripts speak already: remove.bg's, and that of rembg's server.

A call is a drop on the quick desk, a wait for what the journal says of it, and finishing. When it
is answered, nothing of it stays on the desk.
"""
