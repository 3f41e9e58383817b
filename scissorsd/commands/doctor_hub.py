"""`doctor` on the hub over which other machines cut: its join file, and how it stands."""

from collections.abc import Iterator

from scissorsd.commands.findings import Finding
from scissorsd.errors import ScissorsError
from scissorsd.plain_text import one_line
from scissorsd.records import lock, status_file
from scissorsd.settings import Config


def examine(config: Config) -> Iterator[Finding]:
    """Yield what there is to say of the hub, where one is configured."""
    if config.hosts is None:
        return
    from scissorsd.hosts import installed, join  # noqa: PLC0415 - only where hosts are wanted

    hub, file = config.hosts.hub, config.hosts.join
    try:
        installed.see_that_it_is_installed()
        join.read(file)
    except ScissorsError as error:
        yield Finding("bad", f"hub: {one_line(error.what)}", error.advice)
        return
    if exposed := join.exposed(file):
        yield Finding("bad", f"hub: {exposed}", "")
    stands = status_file.read(config.state) if lock.is_running(config.state) else None
    if stands is None:
        yield Finding("ok", f"hub: to be reached at {hub}, once a daemon runs")
    elif stands.hub is None:
        yield Finding("bad", "hub: the daemon that runs knows of none", "Restart it.")
    elif stands.hub.away:
        yield Finding("bad", f"hub: {hub} is away: {one_line(stands.hub.away)}", "")
    else:
        yield Finding("ok", f"hub: {hub}, {stands.hub.out} orders out")
        for host in stands.hub.hosts:
            gone = "" if host.live else f"it has been silent for {host.silent:.0f} s"
            why = one_line(host.trouble or gone)
            says = f"host {host.name}: " + (why or f"{host.slots} pictures at once")
            yield Finding("bad" if why else "ok", says, "")
