"""Which pictures the outputs in an outbox were cut from, where no record tells it.

A picture's outputs may have the names of any variant (`plan`), and two pictures may lay claim to
one name: `a.jpg` and `a.png` both to `a.png`. So it is decided for all pictures together.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import PurePosixPath

from scissorsd.core.canvas import asks_nothing
from scissorsd.core.rules import Job, Output

Names = frozenset[str]

_LARGEST_PUZZLE = 12  # pictures that lay claim to the same names
VARIANTS = 12  # of names, that are looked for


def variants(plan: Callable[[Callable[[str], bool]], Job]) -> Iterator[Job]:
    """Yield the job under each set of names, in the order in which they are tried.

    `plan` plans it under names that are not taken.
    """
    tried: set[str] = set()
    for _ in range(VARIANTS):
        job = plan(tried.__contains__)
        yield job
        tried.update(job.names)


def names_before(path: str) -> Iterator[str]:
    """Yield the paths that a picture may have had which lies at this one since it was moved.

    `a-jpg.jpg` and `a-2.jpg` may have been `a.jpg`, whose place was taken.
    """
    picture = PurePosixPath(path)
    for end in (re.escape(f"-{picture.suffix[1:].lower()}"), r"-(?:[2-9]|[1-9]\d+)"):
        before = re.fullmatch(rf"(.+){end}", picture.stem, re.DOTALL)
        if before:
            yield str(picture.with_name(before[1] + picture.suffix))


def is_uncropped(output: Output) -> bool:
    """Whether an output has the size of its picture."""
    return output.kind != "comparison" and asks_nothing(output)


def is_same_size(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two sizes are the same, however the pictures are turned."""
    return sorted(one) == sorted(other)


def groups(claims: Sequence[Collection[str]]) -> list[list[int]]:
    """Divide pictures, each with all the names that it may have, into those that share none."""
    parents = list(range(len(claims)))

    def root(index: int) -> int:
        while parents[index] != index:
            parents[index] = parents[parents[index]]
            index = parents[index]
        return index

    first: dict[str, int] = {}
    for index, names in enumerate(claims):
        for name in names:
            parents[root(index)] = root(first.setdefault(name, index))
    found = defaultdict(list)
    for index in range(len(claims)):
        found[root(index)].append(index)
    return list(found.values())


def assigned(candidates: Sequence[Sequence[Names]]) -> list[int | None]:
    """Choose for each picture which set of names is its own, by number; None where none is told.

    Each picture comes with the sets that are there and may be its, the likelier first. A set to
    which one picture alone lays claim is that one's. Where several share what is left, each gets
    one if there are enough, and else nobody does: whose they are cannot be told.
    """
    chosen: list[int | None] = [None] * len(candidates)
    left = {index for index, sets in enumerate(candidates) if sets}
    used: set[str] = set()
    while (found := _sole(candidates, left, used)) is not None:
        index, number = found
        chosen[index] = number
        used |= candidates[index][number]
        left.discard(index)
    for index, number in _shared_out(candidates, sorted(left), used).items():
        chosen[index] = number
    return chosen


def _sole(
    candidates: Sequence[Sequence[Names]], left: Iterable[int], used: Collection[str]
) -> tuple[int, int] | None:
    claims: Counter[str] = Counter()
    for index in left:
        claims.update(set().union(*candidates[index]))
    for index in sorted(left):
        for number, names in enumerate(candidates[index]):
            if names.isdisjoint(used) and all(claims[name] == 1 for name in names):
                return index, number
    return None


def _shared_out(
    candidates: Sequence[Sequence[Names]], left: Sequence[int], used: set[str]
) -> dict[int, int]:
    """Give each picture a set of its own; {} where there are too few."""
    if not left or len(left) > _LARGEST_PUZZLE:
        return {}
    index, *others = left
    for number, names in enumerate(candidates[index]):
        if names.isdisjoint(used):
            rest = _shared_out(candidates, others, used | names)
            if len(rest) == len(others):
                return {index: number, **rest}
    return {}
