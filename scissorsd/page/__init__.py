"""The page: a window on the folders, in a process of its own beside the daemon.

A drop is a file put whole into an inbox; what is shown is what the job journal says. It acts by
the functions behind `accept`, `reject`, `recut` and `retry`. Nothing but the command line imports
this package; what it needs beyond the daemon is the extra `scissorsd[page]`.
"""
