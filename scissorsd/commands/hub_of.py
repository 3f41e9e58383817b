"""The hub of a configuration, for the commands that run a daemon."""

from typing import TYPE_CHECKING

from scissorsd.settings import Config

if TYPE_CHECKING:
    from scissorsd.hosts.watcher.hub import Hub


def hub_of(config: Config) -> "Hub | None":
    """Return the hub over which other machines cut; None, and nothing loaded, where none is.

    Raises ScissorsError where the join file or the extra scissorsd[hosts] is missing.
    """
    if config.hosts is None:
        return None
    from scissorsd.hosts.joining import installed, join  # noqa: PLC0415 - only where hosts are wanted

    installed.see_that_it_is_installed()
    joined = join.read(config.hosts.join)
    from scissorsd.hosts.watcher.hub import Hub  # noqa: PLC0415 - the same, and it needs the extra

    return Hub(config.hosts, joined)
