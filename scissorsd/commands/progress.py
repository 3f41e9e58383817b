"""Progress on a terminal: the fetching of weights, the working off of a backlog."""

from contextlib import ExitStack
from time import monotonic
from types import TracebackType
from typing import Self

import structlog

from scissorsd import logs, terminal
from scissorsd.commands.messages import show_bar
from scissorsd.core.bars import Bar, of_bytes
from scissorsd.core.eta import in_words
from scissorsd.daemon.control_loop import Daemon

log = structlog.get_logger("scissorsd")

WORTH_A_BAR = 3  # fewer waiting pictures than this are done before one could read it
_KNOWN_AFTER = 2.0  # seconds of fetching that say something of the rest


class Bars:
    """The bars of one command; on anything but a terminal there are only log lines.

    For as long, what others write to standard error comes out as lines above the bar.
    """

    def __init__(self) -> None:
        self._source = ""  # what is fetched comes from there
        self._began = (0.0, 0)  # when, and how much was there
        self._before: int | None = None  # pictures that had ended when the backlog's bar came

    def __enter__(self) -> Self:
        self._stack = ExitStack()
        if terminal.is_terminal() or not logs.is_for_programs():
            self._stack.enter_context(terminal.others_retold(logs.retell))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.clear()
        self._stack.close()

    def clear(self) -> None:
        """Show no bar any more, until there is something new to show."""
        terminal.show(None)
        self._source, self._before = "", None

    def fetching(self, done_bytes: int, total_bytes: int | None, source: str, /) -> None:
        """Show how far the fetching of a model file is."""
        now = monotonic()
        if source != self._source:
            self._source, self._began = source, (now, done_bytes)
            log.info("weights.fetching", source=source, bytes=total_bytes)
        since, had = self._began
        left = ""
        if total_bytes and now - since >= _KNOWN_AFTER and had < done_bytes < total_bytes:
            each = (now - since) / (done_bytes - had)
            left = f"about {in_words(each * (total_bytes - done_bytes))} left"
        counts = of_bytes(done_bytes, total_bytes)
        show_bar(Bar("fetching the network, once", done_bytes, total_bytes, counts, left))

    def backlog(self, daemon: Daemon) -> None:
        """Show how far the daemon is with what waits; the bar goes when nothing does."""
        waiting = daemon.backlog()
        ended = daemon.totals.done + daemon.totals.failed
        if self._source or not waiting:
            self.clear()
        if self._before is None and waiting >= WORTH_A_BAR:
            self._before = 0 if daemon.once else ended
        if self._before is not None:
            left = daemon.seconds_left()
            words = "" if left is None else f"about {in_words(left)} left"
            done = ended - self._before
            total = done + waiting
            show_bar(Bar("cutting", done, total, f"{done:,} of {total:,}", words))
