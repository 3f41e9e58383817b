from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from scissorsd.core.settling import LONGEST_PAUSE, Settler, Sighting

QUIET = 2.0
PICTURE = Sighting("a.jpg", size=100, mtime_ns=1, inode=7, device=1)


def test_two_equal_looks_settle() -> None:
    """A file settles at the second of two equal looks `quiet` apart, and is then forgotten."""
    settler = Settler(QUIET)
    settler.heard("a.jpg", 0.0)
    assert settler.due(0.0) == ["a.jpg"]
    assert not settler.saw(PICTURE, 0.0)
    assert settler.next_check() == 2.0
    assert settler.due(1.9) == []
    assert settler.due(2.0) == ["a.jpg"]
    assert settler.saw(PICTURE, 2.0)
    assert "a.jpg" not in settler
    assert settler.next_check() is None


def test_one_look_is_never_enough() -> None:
    """Even with no quiet time asked for, it takes a second look to know that nothing changes."""
    settler = Settler(0.0)
    assert not settler.saw(PICTURE, 0.0)
    assert settler.saw(PICTURE, 0.0)


@pytest.mark.parametrize(
    "changed",
    [
        replace(PICTURE, size=101),
        replace(PICTURE, mtime_ns=2),
        replace(PICTURE, inode=8),
        replace(PICTURE, device=2),
    ],
)
def test_any_change_begins_anew(changed: Sighting) -> None:
    """A new size, time, inode or device each mean that the file is not the one seen before."""
    settler = Settler(QUIET)
    settler.saw(PICTURE, 0.0)
    assert not settler.saw(changed, 2.0)
    assert not settler.saw(changed, 3.9)
    assert settler.saw(changed, 4.0)


def test_an_event_begins_anew() -> None:
    """A file in which something still happens is not quiet, though its size and time stay."""
    settler = Settler(QUIET)
    settler.saw(PICTURE, 0.0)
    settler.heard("a.jpg", 1.5)
    assert not settler.saw(PICTURE, 2.0)
    assert settler.next_check() == 3.5
    assert settler.saw(PICTURE, 3.5)


def test_an_event_younger_than_the_look() -> None:
    """An event that came between a look and the news of it is not forgotten."""
    settler = Settler(QUIET)
    settler.heard("a.jpg", 1.0)
    assert not settler.saw(PICTURE, 0.5)
    assert not settler.saw(PICTURE, 2.9)
    assert settler.saw(PICTURE, 3.0)


def test_empty_files_wait() -> None:
    """An empty file never settles, and is looked at again less and less often."""
    settler = Settler(QUIET)
    empty = replace(PICTURE, size=0)
    now, pauses = 0.0, []
    for _ in range(10):
        assert not settler.saw(empty, now)
        look = settler.next_check()
        assert look is not None
        pauses.append(look - now)
        now = look
    assert pauses == sorted(pauses)
    assert pauses[0] == QUIET
    assert pauses[-1] == LONGEST_PAUSE


def test_empty_files_are_named() -> None:
    """A file counts as left empty once nothing has happened to it for so long."""
    settler = Settler(QUIET)
    settler.saw(replace(PICTURE, size=0), 10.0)
    settler.saw(replace(PICTURE, path="b.jpg"), 10.0)
    settler.heard("c.jpg", 10.0)
    assert settler.empty(14.9, 5.0) == []
    assert settler.empty(15.0, 5.0) == ["a.jpg"]
    settler.heard("a.jpg", 15.0)
    assert settler.empty(15.1, 5.0) == []


def test_an_empty_file_that_is_filled() -> None:
    """An event brings the far-off look at an empty file near: Samba creates first, then writes."""
    settler = Settler(QUIET)
    for now in (0.0, 100.0, 200.0):
        settler.saw(replace(PICTURE, size=0), now)
    assert settler.next_check() == 260.0
    settler.heard("a.jpg", 201.0)
    assert settler.due(203.0) == ["a.jpg"]
    assert not settler.saw(PICTURE, 203.0)
    assert settler.saw(PICTURE, 205.0)


def test_a_look_without_an_answer() -> None:
    """A look that brings no answer, on a share that hangs, is asked for again, but not at once."""
    settler = Settler(QUIET)
    settler.heard("a.jpg", 0.0)
    assert settler.due(0.0) == ["a.jpg"]
    assert settler.due(1.0) == []
    assert settler.due(LONGEST_PAUSE) == ["a.jpg"]


def test_gone_files_are_forgotten() -> None:
    """What is gone is asked about no more."""
    settler = Settler(QUIET)
    settler.saw(PICTURE, 0.0)
    settler.gone("a.jpg")
    settler.gone("never-heard-of.jpg")
    assert len(settler) == 0
    assert settler.due(1000.0) == []


def test_a_busy_file_costs_little() -> None:
    """A thousand events for one file leave one look to be done, not a thousand."""
    settler = Settler(QUIET)
    for tick in range(1000):
        settler.heard("a.jpg", tick / 1000)
    assert settler.due(1.0) == ["a.jpg"]
    assert len(settler._agenda) <= 2


@settings(max_examples=80, stateful_step_count=40, deadline=None)
class AnInbox(RuleBasedStateMachine):
    """A few files that are written, touched and removed, seen only through events and looks."""

    paths = st.sampled_from(["a.jpg", "b.jpg"])

    @initialize(quiet=st.sampled_from([0.1, 2.0, 7.3, 90.0]))
    def begin(self, quiet: float) -> None:
        """Begin with an empty folder, at a time that is no round number."""
        self.settler = Settler(quiet)
        self.now = 0.3
        self.writes = 0
        self.files: dict[str, Sighting] = {}
        self.stirred: dict[str, float] = {}  # the last change of a path, or event for it
        self.waiting: set[str] = set()  # what must not be forgotten

    @rule(seconds=st.one_of(st.floats(0, 5), st.floats(0, 200)))
    def time_passes(self, seconds: float) -> None:
        """Let the clock run."""
        self.now += seconds

    @rule(path=paths, size=st.integers(0, 2), heard=st.booleans())
    def written(self, path: str, size: int, *, heard: bool) -> None:
        """Write a file; the event for it may be lost."""
        self.writes += 1
        self.files[path] = Sighting(path, size, self.writes, 1, 1)
        self.stirred[path] = self.now
        if heard:
            self.event(path)

    @rule(path=paths)
    def event(self, path: str) -> None:
        """Hear of a path, whether anything is there or not."""
        self.stirred[path] = self.now
        self.waiting.add(path)
        self.settler.heard(path, self.now)

    @rule(path=paths)
    def removed(self, path: str) -> None:
        """Take a file away; nobody hears of it."""
        self.files.pop(path, None)

    @rule()
    def scanned(self) -> None:
        """See everything that is there, due or not."""
        for path in list(self.files):
            self.look(path)

    @rule(answered=st.booleans())
    def looked(self, *, answered: bool) -> None:
        """Do the looks that are due; on a share that hangs they bring nothing."""
        for path in self.settler.due(self.now):
            assert path in self.waiting
            if answered:
                self.look(path)

    @precondition(lambda self: self.waiting)
    @rule()
    def all_rests(self) -> None:
        """Nothing changes any more, and every look is answered: each file with content settles."""
        first_looks: dict[str, float] = {}
        for _ in range(100):
            if not any(self.unsettled()):
                break
            next_check = self.settler.next_check()
            assert next_check is not None
            self.now = max(self.now, next_check)
            for path in self.settler.due(self.now):
                first = first_looks.setdefault(path, self.now)
                if path in self.unsettled():
                    assert self.now <= first + 2 * self.settler.quiet
                self.look(path)
        assert not any(self.unsettled())

    def unsettled(self) -> set[str]:
        """Return what waits and has content."""
        return {path for path in self.waiting if path in self.files and self.files[path].size}

    def look(self, path: str) -> None:
        """Answer one look truthfully."""
        sighting = self.files.get(path)
        if sighting is None:
            self.settler.gone(path)
            self.waiting.discard(path)
        elif self.settler.saw(sighting, self.now):
            assert sighting.size > 0
            assert self.now >= self.stirred[path] + self.settler.quiet
            self.waiting.discard(path)
        else:
            self.waiting.add(path)

    @invariant()
    def nothing_is_forgotten(self) -> None:
        """Know what is neither settled nor gone, and have a look at it appointed."""
        assert len(self.settler) == len(self.waiting)
        assert all(path in self.settler for path in self.waiting)
        next_check = self.settler.next_check()
        assert (next_check is None) == (not self.waiting)
        if next_check is not None:
            assert next_check <= self.now + max(LONGEST_PAUSE, self.settler.quiet)


TestAnInbox = AnInbox.TestCase
TestAnInbox.__doc__ = (
    "Whatever happens, a file settles neither too early nor too late, and none is forgotten."
)
