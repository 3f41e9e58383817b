import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from scissorsd.core.rules import Job, Output, Rule, plan
from scissorsd.core.settling import Sighting
from scissorsd.core.stamps import Stamp
from scissorsd.errors import UsageError
from scissorsd.records.journal import Journal
from scissorsd.records.journal_rows import key
from scissorsd.records.moving import Moved, Renaming, is_known, move
from scissorsd.records.respelling import respell_outbox

SHOP, NEW = Path("/srv/Shop"), Path('/mnt/new/shop, "2"')
INBOX, OUTBOX = SHOP / "inbox", SHOP / "outbox"
OTHER = Path("/srv/Shop-2")
ARCHIVE = Path("/srv/archive/é")
NAMES = ["a.jpg", os.fsdecode(b"caf\xe9/\xff.jpg"), 'it\'s "100%".jpg', "Å/É.jpg"]
MOVE = Rule("all", outputs=(Output(), Output("mask")), source="move")
ELSEWHERE = replace(MOVE, move_to=str(ARCHIVE))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """Open a journal of pictures of all kinds in a shop, and of others that lie beside it."""
    opened = Journal(tmp_path)
    for number, name in enumerate(NAMES):
        cut(opened, name, [MOVE, ELSEWHERE][number % 2], INBOX, OUTBOX)
    cut(opened, "a.jpg", MOVE, OTHER / "inbox", OTHER / "outbox")
    failed = begun(opened, "failed.jpg", MOVE, INBOX, OUTBOX)
    aside = [str(OUTBOX / "failed" / name) for name in ("failed.jpg.txt", "failed.jpg")]
    opened.fail(failed, "damaged", aside)
    with opened.file.transaction("recut"):
        opened.file.update(
            1,
            lies_at=os.fsencode(OUTBOX / "processed/a.jpg"),
            superseded=json.dumps([str(OUTBOX / "masks/a.png"), str(OTHER / "outbox/a.png")]),
        )
    yield opened
    opened.close()


def begun(journal: Journal, name: str, rule: Rule, inbox: Path, outbox: Path) -> Job:
    """Plan and begin a job."""
    source = Sighting(name, size=100, mtime_ns=1, inode=1, device=1)

    def free(_: str) -> bool:
        return False

    planned = plan(inbox, outbox, source, rule, inbox_name="shop", date="", taken=free)
    job = journal.begin(planned)
    assert job is not None
    return job


def cut(journal: Journal, name: str, rule: Rule, inbox: Path, outbox: Path) -> None:
    """Take a picture all the way."""
    job = begun(journal, name, rule, inbox, outbox)
    paths = [str(outbox / output.path) for output in job.outputs]
    stamps = [Stamp(path, b"digest", 1, 1, f"{path}.tmp") for path in paths]
    journal.stamps.add(job, stamps)
    journal.published(job, paths, verdict="ok", provider="cpu", stamps=stamps)
    moved = Stamp(str(outbox / job.moved_to), b"", 100, 1)
    journal.finish(job, moved=moved)


def dump(journal: Journal) -> str:
    """Return all that a journal holds, as a text in which any path is found."""
    with journal.file.locked("read") as db:
        rows = [
            [os.fsdecode(value) if isinstance(value, bytes) else value for value in row]
            for table in ("jobs ORDER BY id", "names ORDER BY key", "stamps ORDER BY rowid")
            for row in db.execute(f"SELECT * FROM {table}")  # noqa: S608 - names of tables
        ]
    return json.dumps(rows, ensure_ascii=False)


def test_everything_follows(journal: Journal) -> None:
    """Whatever is named by a path below the folder is named by the new one, and nothing else is."""
    moved = move(journal.file, Renaming(SHOP, NEW))
    assert moved == Moved(
        ((INBOX, NEW / "inbox"),), ((OUTBOX, NEW / "outbox"),), pictures=len(NAMES) + 1
    )
    assert "/srv/Shop/" not in dump(journal)
    assert "/srv/shop/" not in dump(journal)  # as names are folded
    for number, name in enumerate(NAMES):
        (entry,) = journal.entries.of_source(NEW / "inbox", name)
        assert entry.source == str(NEW / "inbox" / name)
        assert entry.outbox == str(NEW / "outbox")
        assert all(path.startswith(f"{NEW}/outbox/") for path in entry.published)
        for path in entry.published:
            assert journal.owner(NEW / "outbox", str(Path(path).relative_to(NEW / "outbox")))
            assert journal.stamps.at(Path(path), NEW / "inbox", name)
        kept = f"{ARCHIVE}/{name}" if number % 2 else f"{NEW}/outbox/processed/{name}"
        assert entry.moved_to == kept
        known = journal.known(NEW / "inbox", name)
        assert (known is None) == (number == 0)  # which is asked for where it lies
    (first,) = journal.file.rows("id = 1")
    assert os.fsdecode(first["lies_at"]) == f"{NEW}/outbox/processed/a.jpg"
    assert json.loads(first["superseded"]) == [
        f"{NEW}/outbox/masks/a.png",
        f"{OTHER}/outbox/a.png",
    ]
    (failure,) = journal.entries.failures()
    assert failure.set_aside == tuple(
        f"{NEW}/outbox/failed/{name}" for name in ("failed.jpg.txt", "failed.jpg")
    )
    assert journal.entries.of_source(OTHER / "inbox", "a.jpg")[0].moved_to.startswith(str(OTHER))
    assert journal.owner(OTHER / "outbox", "a.png") == ("", "")


def test_there_and_back(journal: Journal) -> None:
    """Undone, all is as it was; done twice, nothing is known under the old path."""
    before = dump(journal)
    assert move(journal.file, Renaming(SHOP, NEW)) is not None
    after = dump(journal)
    assert move(journal.file, Renaming(SHOP, NEW)) is None
    assert dump(journal) == after
    assert is_known(journal.file, NEW)
    assert not is_known(journal.file, SHOP)
    assert move(journal.file, Renaming(NEW, SHOP)) is not None
    assert dump(journal) == before


@pytest.mark.parametrize("new", [SHOP / "2024", Path("/srv"), Path("/srv/archive/é/shop")])
def test_into_itself_and_out(journal: Journal, new: Path) -> None:
    """A folder may move further down or up, also where its own folders are named like it."""
    before = dump(journal)
    if new == Path("/srv"):
        with pytest.raises(UsageError, match="known under"):
            move(journal.file, Renaming(SHOP, new))
        assert dump(journal) == before
        return
    assert move(journal.file, Renaming(SHOP, new)) is not None
    (entry,) = journal.entries.of_source(new / "inbox", "a.jpg")
    assert entry.published[0] == f"{new}/outbox/a.png"
    assert move(journal.file, Renaming(new, SHOP)) is not None
    assert dump(journal) == before


def test_one_folder_alone(journal: Journal) -> None:
    """An inbox, an outbox or an archive may move without the others."""
    assert move(journal.file, Renaming(INBOX, NEW)) == Moved(((INBOX, NEW),), (), 5)
    (entry,) = journal.entries.of_source(NEW, NAMES[1])
    assert (entry.outbox, entry.moved_to) == (str(OUTBOX), f"{ARCHIVE}/{NAMES[1]}")
    assert move(journal.file, Renaming(OUTBOX, Path("/out"))) == Moved(
        (), ((OUTBOX, Path("/out")),), 5
    )
    archive = Path("/disk/archive")
    assert move(journal.file, Renaming(ARCHIVE.parent, archive)) == Moved((), (), 2)
    (entry,) = journal.entries.of_source(NEW, NAMES[1])
    assert entry.moved_to == f"{archive}/é/{NAMES[1]}"
    rows = journal.file.rows(
        "id = (SELECT job FROM names WHERE key = ?)", key(archive, f"é/{NAMES[1]}")
    )
    assert len(rows) == 1


def test_what_is_refused(journal: Journal) -> None:
    """Two folders do not become one, and no part of a folder goes elsewhere; nothing is changed."""
    before = dump(journal)
    for old, new, why in (
        (INBOX, OTHER / "inbox", "other pictures are known under /srv/Shop-2/inbox"),
        (OUTBOX, OTHER, "other pictures are known under /srv/Shop-2/"),
        (INBOX / "2024", NEW, "lies in /srv/Shop/inbox"),
        (OUTBOX / "processed", NEW, "lies in /srv/Shop/outbox"),
    ):
        with pytest.raises(UsageError, match=why):
            move(journal.file, Renaming(old, new))
    assert move(journal.file, Renaming(Path("/srv/sho"), NEW)) is None
    assert dump(journal) == before


def test_a_respelled_outbox(journal: Journal) -> None:
    """An outbox that is spelled otherwise takes along what is to be cut again, and taken away."""
    respell_outbox(journal.file, OUTBOX, Path("/out"))
    (first,) = journal.file.rows("id = 1")
    assert os.fsdecode(first["lies_at"]) == "/out/processed/a.jpg"
    assert isinstance(first["lies_at"], bytes)
    assert json.loads(first["superseded"])[0] == "/out/masks/a.png"
