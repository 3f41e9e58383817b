"""A daemon goes on where one of an older version was killed: see record_old_state.py."""

import fcntl
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from families import one_of_each_kind

from scissorsd.records import copies, status_file
from scissorsd.records.journal_file import FILE
from scissorsd.records.migrations import LATEST, copy_of, version_of

from .deaths import finished
from .driver import Workplace
from .record_old_state import EXPECTED, NOT_UTF_8, ROOT, unpack
from .scenes import all_ended

RECORDED = Path(__file__).parent / "recorded"
UNFINISHED = ("keep/begun.jpg", "keep/half.jpg", "keep/held.jpg")
KINDS = {
    "keep": ("cutout", "mask", "flat", "comparison"),
    "move": ("mask", "flat"),
    "delete": ("cutout",),
    "review": ("cutout", "mask", "flat"),
    "fail": ("cutout",),
}


# 422c0a2 is of journal version 1 as it was when version 2 came, and a994e0d's schema is the same;
# fa68075 is of version 3 as it was when version 4 came, and 6fd76a1 of version 4 likewise.
VERSIONS = ["5774e5b", "a994e0d", "422c0a2", "fa68075", "6fd76a1"]


@pytest.fixture(params=one_of_each_kind(VERSIONS, kept=["422c0a2", "6fd76a1"]))
def place(request: pytest.FixtureRequest, models_folder: Path) -> Iterator[Workplace]:
    """Lay what a version left where it was; others who want that place wait."""
    with ROOT.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        shutil.rmtree(ROOT, ignore_errors=True)
        ROOT.mkdir()
        workplace = Workplace(ROOT, models_folder)
        unpack(RECORDED / f"{request.param}.tar.xz", ROOT)
        yield workplace
        workplace.close()
        shutil.rmtree(ROOT)


def journal_version(path: Path) -> int:
    """Return the version of a journal, which is only read."""
    with copies.opened_to_read(path) as db:
        return version_of(db)


def outputs_of(stem: str) -> set[str]:
    """Return the outputs that the rule of keep/ makes."""
    return {
        f"keep/{stem}.png",
        f"masks/keep/{stem}-mask.png",
        f"keep/{stem}-flat.jpg",
        f"keep/{stem}-comparison.jpg",
    }


@pytest.mark.full
def test_asked_before_it_goes_on(place: Workplace) -> None:
    """What the older version has recorded is told by every command, while no daemon runs."""
    before = journal_version(place.state / FILE)
    entries = {entry.path: entry for entry in place.entries()}
    assert {path: entry.state for path, entry in entries.items()} == EXPECTED
    for path, entry in entries.items():
        assert entry.kinds == KINDS[path.partition("/")[0]]
    stands = status_file.read(place.state)
    assert stands is not None
    assert [inbox.name for inbox in stands.inboxes] == ["shop"]
    told = json.loads(place.ask("status", "--json"))
    (shop,) = told["inboxes"]
    assert (shop["done"], shop["failed"], shop["held"]) == (5, 3, 3)
    assert (shop["verdicts"]["ok"], shop["review"]) == (6, 1)
    assert {job["path"]: job["state"] for job in told["jobs"]}.items() <= EXPECTED.items()
    said = place.ask("status")
    assert "move/caf" in said
    counted = place.ask("check", "-c", place.folder / "scissorsd.yaml")  # as docs/upgrade.md has it
    assert "3 pictures are left to be cut" in counted
    answers = {path: place.ask("why", place.inbox / path) for path in EXPECTED}
    assert "(it looks like text)" in answers["keep/failed.jpg"]
    assert "(it looks like text)" in answers[f"move/{NOT_UTF_8}"]
    assert "the network found no clear subject" in answers["fail/blank.jpg"]
    assert "Device or resource busy" in answers["keep/held.jpg"]
    assert "masks/keep/done-mask.png" in answers["keep/done.jpg"]
    assert "processed/move/done.jpg" in answers["move/done.jpg"]
    sheet = place.ask("sheet", place.outbox, "-o", place.folder / "sheet.png")
    assert "7 cutouts: 1 no subject, 6 ok" in sheet
    assert journal_version(place.state / FILE) == before  # who only asks brings nothing up to date


def test_goes_on(place: Workplace) -> None:
    """What was begun or held is cut once, what was published disposed of; nothing is cut again."""
    older = journal_version(place.state / FILE)
    before = {entry.path: entry for entry in place.entries()}
    there = {name: (place.outbox / name).read_bytes() for name in place.files()}
    litter = {name for name in there if ".scissorsd-" in name}
    timings = place.folder / "models" / "speeds.json"
    timed = json.loads(timings.read_text())
    assert len(litter) == 3
    daemon = place.start()
    daemon.finished(*UNFINISHED)
    daemon.wait("job.closed", source="move/published.jpg")
    daemon.wait("job.closed", source="delete/published.jpg")
    all_ended(place, len(EXPECTED))
    daemon.stop()
    again = place.start()
    again.wait("inbox.scanned")
    again.stop()
    assert finished(daemon, again) == dict.fromkeys(UNFINISHED, 1)
    for run in (daemon, again):
        assert run.noise == []
        assert not run.told("job.failed")
        assert not [line for line in run.lines if line["level"] not in {"debug", "info"}]
    entries = {entry.path: entry for entry in place.entries()}
    assert {path: e.id for path, e in entries.items()} == {path: e.id for path, e in before.items()}
    for path, entry in entries.items():
        assert entry.attempts == 0
        assert entry.kinds == KINDS[path.partition("/")[0]]
        assert entry.state == ("failed" if before[path].state == "failed" else "done")
        if before[path].state in {"done", "failed", "published"}:
            assert entry.published == before[path].published
            assert entry.set_aside == before[path].set_aside
        if before[path].state in {"done", "failed"}:
            assert entry.reason == before[path].reason
            assert entry.ended_at == before[path].ended_at
    made = set().union(*map(outputs_of, ("begun", "half", "held")))
    expected = there.keys() - litter | made | {"processed/move/published.jpg"}
    assert set(place.files()) - litter == expected
    for name in sorted(there.keys() - litter - made):
        assert (place.outbox / name).read_bytes() == there[name]
    assert "move/published.jpg" not in place.files(place.inbox)
    assert "delete/published.jpg" not in place.files(place.inbox)
    assert timed.items() <= json.loads(timings.read_text()).items()
    copy = copy_of(place.state / FILE, older)
    assert (journal_version(place.state / FILE), journal_version(copy)) == (LATEST, older)
    doubts = {path: entry.doubt for path, entry in entries.items() if entry.doubt is not None}
    known = {path for path, entry in before.items() if entry.doubt is not None}
    assert doubts.keys() == known | set(UNFINISHED)  # the others were cut by an older version


def test_no_room_to_bring_it_up_to_date(place: Workplace) -> None:
    """Where the disk is too full for the copy, the journal is left, and it is said what to do."""
    older = journal_version(place.state / FILE)
    refused = place.start(
        "run", "-c", str(place.config), variables={"SCISSORSD_FAULTS": "copy.written=ENOSPC"}
    )
    assert refused.exit_code() == 1
    (what, advice) = refused.noise
    assert what.startswith("scissorsd: the job journal")
    assert "No space left on device" in what
    assert "Make room on the disk of the state folder, and start again." in advice
    assert journal_version(place.state / FILE) == older
    assert {entry.path: entry.state for entry in place.entries()} == EXPECTED


@pytest.mark.full
def test_failures_are_asked_for_again(place: Workplace) -> None:
    """What failed under the older version is put back and taken again by `retry`, once."""
    said = place.ask("retry", "--failed")
    assert said.count("will be taken again.") == 3
    assert (place.inbox / "move" / NOT_UTF_8).read_bytes() == b"not a picture"
    daemon = place.start()
    daemon.wait("job.failed", times=3)
    daemon.finished(*UNFINISHED)
    all_ended(place, len(EXPECTED))
    daemon.stop()
    assert finished(daemon) == dict.fromkeys(UNFINISHED, 1)
    assert len(daemon.told("job.failed")) == 3
    states = {entry.path: entry.state for entry in place.entries()}
    failed = {path for path, state in states.items() if state == "failed"}
    assert failed == {path for path, state in EXPECTED.items() if state == "failed"}
    assert len([name for name in place.files() if name.startswith("failed/")]) == 4


@pytest.mark.parametrize(
    "place",
    [
        pytest.param(
            "5774e5b",
            marks=pytest.mark.xfail(
                strict=True,
                reason="its temporary files have no journal's id in their names, and are left",
            ),
        ),
        *one_of_each_kind(["a994e0d", "422c0a2", "fa68075", "6fd76a1"], kept=["6fd76a1"]),
    ],
    indirect=True,
)
def test_litter_is_removed(place: Workplace) -> None:
    """What a killed job of the older version left under temporary names goes at the next start."""
    assert len([name for name in place.files() if ".scissorsd-" in name]) == 3
    daemon = place.start()
    daemon.finished(*UNFINISHED)
    daemon.stop()
    assert not [name for name in place.files() if ".scissorsd-" in name]
