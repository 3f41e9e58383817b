"""Commands that write what a daemon has in hand: they run only while none does."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from scissorsd.errors import AlreadyRunningError
from scissorsd.records import lock


@contextmanager
def without_daemon(state: Path, advice: str) -> Iterator[None]:
    """Keep daemons from a state folder; AlreadyRunningError, with this advice, if one is there."""
    with ExitStack() as stack:
        try:
            stack.enter_context(lock.lock(state))
        except AlreadyRunningError as error:
            raise AlreadyRunningError(error.what, advice) from error
        yield
