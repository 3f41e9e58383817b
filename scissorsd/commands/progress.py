"""Progress on a terminal: the fetching of weights, the working off of a backlog."""

from types import TracebackType
from typing import Self

import structlog
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
)

from scissorsd.core.eta import in_words
from scissorsd.daemon.control_loop import Daemon

log = structlog.get_logger("scissorsd")

WORTH_A_BAR = 3  # fewer waiting pictures than this are done before one could read it


class Bars:
    """The bars of one command; on anything but a terminal there are only log lines."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._progress: Progress | None = None
        self._task = TaskID(0)
        self._source = ""
        self._page = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def fetching(self, done_bytes: int, total_bytes: int | None, source: str, /) -> None:
        """Show how far the fetching of a model file is."""
        if source != self._source:
            self._close()
            self._source = source
            log.info("weights.fetching", source=source, bytes=total_bytes)
            self._open(f"fetching from {source}", DownloadColumn())
        if self._progress is not None:
            self._progress.update(self._task, completed=done_bytes, total=total_bytes)

    def backlog(self, daemon: Daemon) -> None:
        """Show how far the daemon is with what waits; the bar goes when nothing does."""
        self._tell_of_page(daemon.page.address())
        waiting = daemon.backlog()
        ended = daemon.totals.done + daemon.totals.failed
        if self._source or (self._progress is None and waiting >= WORTH_A_BAR):
            self._close()
            self._source = ""
            self._open("cutting", MofNCompleteColumn(), TextColumn("{task.fields[left]}"))
        if self._progress is not None:
            left = daemon.seconds_left()
            words = "" if left is None else f"about {in_words(left)} left"
            self._progress.update(self._task, completed=ended, total=ended + waiting, left=words)
            if not waiting:
                self._close()

    def _tell_of_page(self, address: str) -> None:
        """Print where the page is, once; elsewhere than on a terminal the log has told."""
        if address != self._page:
            self._page = address
            if address and self._console.is_terminal:
                self._console.print(f"page: {address}", markup=False, highlight=False)

    def _open(self, title: str, *columns: ProgressColumn) -> None:
        if not self._console.is_terminal:
            return
        title_and_bar = (TextColumn("{task.description}"), BarColumn())
        self._progress = Progress(*title_and_bar, *columns, console=self._console, transient=True)
        self._task = self._progress.add_task(title, total=None, left="")
        self._progress.start()

    def _close(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
