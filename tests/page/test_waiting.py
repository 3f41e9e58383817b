"""What waits in the inboxes, as the page has it before a scan: by real folders and journals."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from scissorsd.config import from_values
from scissorsd.core.rules import plan
from scissorsd.core.settling import Sighting
from scissorsd.errors import JournalDamagedError, JournalError
from scissorsd.folders import scanning
from scissorsd.page.desk import Desk
from scissorsd.page.standpoint import stand_at
from scissorsd.page.view.waiting import Inboxes
from scissorsd.records.journal import Journal


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Return a desk with one inbox, and an empty journal."""
    for name in ("in", "state"):
        (tmp_path / name).mkdir()
    inbox = {"path": "in", "outbox": "out", "rules": [{"name": "all"}]}
    config = from_values({"state": "state", "inboxes": {"shop": inbox}}, base=tmp_path).config
    Journal(config.state).close()
    desk = Desk(config, vouch=lambda *_: None)
    yield desk
    desk.close()


def dropped(desk: Desk, name: str) -> Sighting:
    """Put a file into the inbox, as a drop does."""
    inbox = desk.config.inboxes[0]
    (inbox.path / name).write_bytes(b"a picture")
    sighting = scanning.sight(inbox.path, name)
    assert sighting is not None
    return sighting


def begun(desk: Desk, sighting: Sighting) -> None:
    """Journal that it is being cut, as the daemon does."""
    inbox = desk.config.inboxes[0]
    job = plan(
        inbox.path,
        inbox.outbox,
        sighting,
        inbox.rules[0],
        inbox_name=inbox.name,
        date="",
        taken=lambda _: False,
    )
    journal = Journal(desk.state)
    assert journal.begin(job) is not None
    journal.close()


def test_what_is_begun_between_two_drops_waits_no_more(desk: Desk) -> None:
    """The first drop is begun before the second is noted: then only the second one waits."""
    (inbox,) = desk.config.inboxes
    inboxes = Inboxes()
    assert inboxes.found(stand_at(desk)) == []  # the next scan is not due yet
    first, second = dropped(desk, "a.jpg"), dropped(desk, "b.jpg")
    inboxes.add(stand_at(desk), inbox, first, "all")
    begun(desk, first)
    inboxes.add(stand_at(desk), inbox, second, "all")
    waiting = inboxes.found(stand_at(desk), patience=0)
    assert [one.sighting.path for one in waiting] == ["b.jpg"]


def test_the_journal_is_closed_meanwhile(desk: Desk) -> None:
    """A look at an inbox that outlives the page ends quietly, and calls no journal damaged."""
    inboxes, last = Inboxes(), stand_at(desk)
    dropped(desk, "a.jpg")
    desk.close()
    with pytest.raises(JournalError, match="closed") as told:
        inboxes.found(last)
    assert not isinstance(told.value, JournalDamagedError)
    assert [one.sighting.path for one in inboxes.found(stand_at(desk))] == ["a.jpg"]
