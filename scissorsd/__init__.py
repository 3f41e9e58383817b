"""scissorsd: a folder-watching daemon that cuts the background out of photographs."""

__version__ = "0.1.0"
