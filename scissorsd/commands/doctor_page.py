"""`doctor` on the page: where it listens, or what is in its way."""

from collections.abc import Iterator

from scissorsd.commands.findings import Finding
from scissorsd.daemon.page_child import MISSING, missing_packages
from scissorsd.plain_text import one_line
from scissorsd.records import lock, status_file
from scissorsd.settings import Config


def examine(config: Config) -> Iterator[Finding]:
    """Yield what there is to say of the page, where one is configured."""
    if config.page is None:
        return
    if missing := missing_packages():
        yield Finding("bad", f"page: {', '.join(missing)} not installed", f"{MISSING}")
        return
    if not lock.is_running(config.state):
        yield Finding("ok", f"page: to listen at {config.page.listen}, once a daemon runs")
        return
    stands = status_file.read(config.state)
    page = stands.page if stands is not None else None
    if page is not None and page.address:
        yield Finding("ok", f"page: {page.address}")
        return
    why = page.why if page is not None else "the daemon that runs knows of none"
    advice = "" if page is not None else "Restart it, or send it SIGHUP."
    yield Finding(
        "bad", f"page: it does not listen at {config.page.listen}: {one_line(why)}", advice
    )
