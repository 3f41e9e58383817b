"""The quick desk is swept: what has lain there for long enough goes, and nothing else."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from scissorsd.config import load
from scissorsd.core.keeping import Clock
from scissorsd.page.desk import Desk
from scissorsd.page.drops.sweeping import MachineClock, sweep
from scissorsd.records.house_file import HouseFile

from .driver import Workplace, picture
from .pages import with_page

DAY = 86400.0


@contextmanager
def desk(place: Workplace) -> Iterator[Desk]:
    """Open the desk of a place as the page does."""
    config = load(place.config).config
    opened = Desk(config, lambda *_: None)
    yield opened
    opened.close()


def left(place: Workplace) -> list[str]:
    """Return every file of the quick desk."""
    own = place.state / "page"
    return [f"{side}/{name}" for side in ("in", "out") for name in place.files(own / side)]


def test_a_batch_goes_when_it_was_kept_for_long_enough(place: Workplace) -> None:
    """Pictures, outputs and emptied folders go; the journal's rows stay, and say what was."""
    daemon, page = with_page(place)
    for name in ("a.jpg", "b.jpg"):
        assert page.put(f"quick/darkness-soft/{name}", picture(), "?batch=one")[0] == 201
    daemon.wait("job.finished", inbox="quick", times=2)
    daemon.stop()
    now = time.time()
    with desk(place) as quick:
        assert sweep(quick, now + 6 * DAY) == 0
        assert len(left(place)) == 4
        assert sweep(quick, now + 8 * DAY) == 1
        assert left(place) == []
        assert list((place.state / "page" / "in").iterdir()) == []
        assert list((place.state / "page" / "out").iterdir()) == []
    assert [entry.state for entry in place.entries()] == ["done", "done"]


@pytest.mark.full
def test_what_waits_or_is_held_stays_with_its_batch(place: Workplace) -> None:
    """A batch goes as a whole, and not while anything of it is still to be done."""
    daemon, page = with_page(
        place, variables={"SCISSORSD_FAULTS": "publish:held.jpg=EBUSY*,read:held.jpg=EBUSY*"}
    )
    page.put("quick/darkness-soft/done.jpg", picture(), "?batch=waits")
    page.put("quick/darkness-soft/held.jpg", picture(), "?batch=held")
    page.put("quick/darkness-soft/other.jpg", picture(), "?batch=held")
    daemon.wait("job.finished", source="darkness-soft/waits/done.jpg")
    daemon.wait("job.finished", source="darkness-soft/held/other.jpg")
    daemon.wait("job.held", inbox="quick")
    daemon.stop()
    waits = place.state / "page" / "in" / "darkness-soft" / "waits" / "new.jpg"
    waits.write_bytes(picture())
    before = left(place)
    with desk(place) as quick:
        assert sweep(quick, time.time() + 99 * DAY) == 0
    assert left(place) == before


@pytest.mark.full
def test_nothing_outside_the_desk_goes(place: Workplace) -> None:
    """No link is followed, and no other inbox is touched."""
    daemon, page = with_page(place)
    page.put("shop/mine.jpg", picture())
    page.put("quick/darkness-soft/a.jpg", picture(), "?batch=one")
    daemon.finished("mine.jpg", "darkness-soft/one/a.jpg")
    daemon.stop()
    other = place.folder / "other"
    other.mkdir()
    (other / "precious.jpg").write_bytes(picture())
    for side in ("in", "out"):
        (place.state / "page" / side / "darkness-best").symlink_to(other)
        (place.state / "page" / side / "darkness-soft" / "one" / "link").symlink_to(other)
    with desk(place) as quick:
        sweep(quick, time.time() + 99 * DAY)
    assert place.files(other) == ["precious.jpg"]
    assert place.files(place.inbox) == ["mine.jpg"]
    assert place.files() == ["mine.png"]


@pytest.mark.full
def test_a_clock_that_has_leapt_takes_nothing(place: Workplace) -> None:
    """A machine that wakes in another year keeps what it has, also when the page starts anew."""
    place.change_config(page={})
    (place.state / "page").mkdir(parents=True)
    with desk(place) as quick:
        assert MachineClock(quick).is_believed()
        HouseFile(place.state / "page").keep_clock(Clock(time.time() - 99 * DAY))
        leapt = MachineClock(quick)
        assert not leapt.is_believed()
        assert not MachineClock(quick).is_believed()
