"""Which tests `make test` leaves to `make faults`, and which run while no other test does.

`make test` is to be short. Of a large family, as a kill at every step of a job, it runs
one case of each kind; the others are marked `full`, and `make faults` runs these. So are tests that
take many processes to show more of what others show. `.ci/run` runs both, and `make slow`.

A test is marked `alone` when it changes something that all processes of the machine share, or
when it measures something that other tests disturb; a comment there says which.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import pytest

# What pytest takes for one case: a value, a tuple of them, or a pytest.param.
Case = Any


def one_of_each_kind(cases: Iterable[Case], kept: Sequence[Case]) -> list[Case]:
    """Mark all cases of a family as `full` but those that are kept for every `make test`."""
    cases = list(cases)
    unknown = [case for case in kept if case not in cases]
    if unknown:
        raise ValueError(f"not in the family: {unknown}")
    return [case if case in kept else _full(case) for case in cases]


def _full(case: Case) -> Case:
    values = case if isinstance(case, tuple) else (case,)
    return pytest.param(*values, marks=pytest.mark.full)
