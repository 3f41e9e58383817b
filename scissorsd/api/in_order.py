"""Work on many things at once, with what came of each in their order."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def in_order(
    things: Iterable[T],
    submit: Callable[[T], Future[R]],
    *,
    most: int,
    check: Callable[[], None],
) -> Generator[tuple[T, R], None, None]:
    """Yield each thing with the result of its work; at most `most` are taken and not yet yielded.

    `things` are asked for in the thread that asks for the results: one for each result and, while
    that is still to come, more. What they raise is raised after the results of those before it,
    what the work raises in its turn. `check` is called for each result, and may raise.
    """
    waiting = deque[tuple[T, Future[R]]]()
    source = iter(things)
    trouble: Exception | None = None
    is_open = True
    while True:
        check()
        is_due = True
        while is_open and len(waiting) < most and (is_due or not waiting[0][1].done()):
            is_due = False
            try:
                thing = next(source)
            except StopIteration:
                is_open = False
            except Exception as error:  # noqa: BLE001 - raised below, in its turn
                trouble, is_open = error, False
            else:
                waiting.append((thing, submit(thing)))
                del thing  # what is yielded is held by its taker alone
        if not waiting:
            break
        yield _result(*waiting.popleft())
    if trouble is not None:
        raise trouble


def _result(thing: T, future: Future[R]) -> tuple[T, R]:
    return thing, future.result()
