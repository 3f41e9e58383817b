from pathlib import PurePath

import pytest

from scissorsd.core.adopting import (
    VARIANTS,
    assigned,
    groups,
    is_same_size,
    is_uncropped,
    names_before,
    variants,
)
from scissorsd.core.rules import Job, Length, Output, Rule, plan
from scissorsd.core.settling import Sighting


def test_the_names_in_their_order() -> None:
    """The names that a picture may have are tried as they are when it is planned."""
    rule = Rule("all", outputs=(Output(), Output("mask")), source="move")

    def planned(taken: object) -> Job:
        assert callable(taken)
        return plan(
            PurePath("/in"),
            PurePath("/out"),
            Sighting("x/a.JPG", 1, 1, 1, 1),
            rule,
            inbox_name="shop",
            date="",
            taken=taken,
        )

    jobs = list(variants(planned))
    assert len(jobs) == VARIANTS
    assert [job.outputs[0].path for job in jobs[:4]] == [
        *("x/a.png", "x/a-jpg.png", "x/a-2.png", "x/a-3.png")
    ]
    assert jobs[2].outputs[1].path == "x/a-2-mask.png"
    assert jobs[2].moved_to == "processed/x/a-2.JPG"


@pytest.mark.parametrize(
    ("candidates", "chosen"),
    [
        (["a"], ["a"]),
        (["a b"], ["a"]),
        (["a", ""], ["a", None]),
        (["a a-jpg", "a"], ["a-jpg", "a"]),  # a.png came first
        (["a", "a a-png"], ["a", "a-png"]),  # a.jpg did
        (["a", "a"], [None, None]),  # one was not cut: which?
        (["a a-2", "a a-2"], ["a", "a-2"]),
        (["a b", "b c", "c"], ["a", "b", "c"]),
        (["a", "a b", "b"], [None, None, None]),
        (["a", "a", "c"], [None, None, "c"]),
        ([" ".join("abcdefghijklm")] * 13, [None] * 13),  # a puzzle too large to solve
    ],
)
def test_whose_they_are(candidates: list[str], chosen: list[str | None]) -> None:
    """Each gets outputs of its own if the names tell whose they are; else nobody does."""
    sets = [[frozenset({name, f"{name}-mask"}) for name in names.split()] for names in candidates]
    found = [
        None if number is None else names.split()[number]
        for names, number in zip(candidates, assigned(sets), strict=True)
    ]
    assert found == chosen


def test_one_name_in_common() -> None:
    """Sets of which one name is the same are not two pictures'."""
    both = [[frozenset({"a.png", "a-mask.png"})], [frozenset({"a.png"})]]
    assert assigned(both) == [None, None]


def test_who_shares_names() -> None:
    """Pictures belong together if they share names, also by way of others."""
    assert groups([{"a"}, {"b", "c"}, {"d"}, {"c", "a"}, set()]) == [[0, 1, 3], [2], [4]]


def test_what_size_tells() -> None:
    """The size is told where the canvas is the picture, however that was turned."""
    assert is_uncropped(Output())
    assert is_uncropped(Output("mask"))
    for output in (
        Output("comparison"),
        Output(crop="subject"),
        Output(size=100),
        Output(aspect=(1, 1)),
        Output(margin=Length(1)),
    ):
        assert not is_uncropped(output)
    assert is_same_size((40, 30), (30, 40))
    assert not is_same_size((40, 30), (40, 31))


@pytest.mark.parametrize(
    ("path", "before"),
    [
        ("x/a-jpg.JPG", ["x/a.JPG"]),
        ("a-2.jpg", ["a.jpg"]),
        ("a-12.jpg", ["a.jpg"]),
        ("a-1.jpg", []),
        ("a-png.jpg", []),
        ("-jpg.jpg", []),
        ("a.jpg", []),
    ],
)
def test_the_names_before_a_place_was_taken(path: str, before: list[str]) -> None:
    """A place that ends as one does where another was taken may be that of a shorter name."""
    assert list(names_before(path)) == before
