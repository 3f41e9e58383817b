"""What the job journal says has been kept for long enough, and what it never says."""

import json
import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from scissorsd.core.keeping import DAY, Clock, Keep
from scissorsd.core.rules import Job, Output, Rule, in_review, plan
from scissorsd.core.settling import Sighting
from scissorsd.core.stamps import Stamp
from scissorsd.records.house_file import FILE as HOUSE_FILE
from scissorsd.records.house_file import HouseFile
from scissorsd.records.journal import Journal
from scissorsd.records.keeping import Due, Keeping
from scissorsd.records.reviews import Reviews

INBOX, OUTBOX = Path("/srv/shop/inbox"), Path("/srv/shop/outbox")
MOVE, STAY = Rule("all", source="move"), Rule("all")
KEEP = Keep(90 * DAY, 90 * DAY, 90 * DAY)
DIGEST, CONTENT = b"d" * 16, b"c" * 16


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """Open a new journal."""
    with closing(Journal(tmp_path)) as opened:
        yield opened


def stamped(place: str, digest: bytes = DIGEST) -> Stamp:
    """Return the stamp of a file in the outbox."""
    return Stamp(str(OUTBOX / place), digest, 10, 5)


def begun(journal: Journal, path: str, rule: Rule, *, version: int = 1) -> Job:
    """Begin a job."""
    source = Sighting(path, 100, version, 1, 1)

    def taken(name: str) -> bool:
        return journal.owner(OUTBOX, name) not in {None, (str(INBOX), path)}

    planned = plan(INBOX, OUTBOX, source, rule, inbox_name="shop", date="", taken=taken)
    job = journal.begin(planned)
    assert job is not None
    return job


def published(journal: Journal, job: Job, *, review: bool = False, provider: str = "cpu") -> None:
    """Say that a job's outputs are out."""
    names = [in_review(output.path) if review else output.path for output in job.outputs]
    stamps = [replace(stamped(name), temporary=f"/tmp/{name}-{job.source}") for name in names]  # noqa: S108 - nothing is there
    journal.stamps.add(job, stamps)
    places = [stamp.place for stamp in stamps]
    journal.published(job, places, verdict="ok", provider=provider, stamps=stamps, content=CONTENT)


def done(journal: Journal, path: str, rule: Rule = MOVE, *, review: bool = False) -> Job:
    """Take a picture all the way."""
    job = begun(journal, path, rule)
    published(journal, job, review=review)
    moved = stamped(job.moved_to, b"") if rule.source == "move" else None
    journal.finish(job, moved=moved)
    return job


def failed(journal: Journal, path: str, rule: Rule = MOVE, *, version: int = 1) -> Job:
    """Let a picture fail, and be set aside."""
    job = begun(journal, path, rule, version=version)
    aside = [str(OUTBOX / "failed" / f"{path}.txt"), str(OUTBOX / "failed" / path)]
    if rule.source == "move":
        journal.stamps.add(job, [Stamp(aside[1], b"", 100, version)])
    journal.fail(job, "it is broken", aside if rule.source == "move" else aside[:1])
    return job


def later(journal: Journal, days: float = 100, keep: Keep = KEEP) -> list[Due]:
    """Return what is due so many days later."""
    now = journal.entries.latest(1)[0].ended_at + days * DAY
    return list(Keeping(journal.file).due(INBOX, OUTBOX, keep, now))


def told(found: list[Due]) -> set[tuple[str, str]]:
    """Return of which pictures what is due."""
    return {(due.entry.path, due.kind) for due in found}


def test_what_is_due_is_known_by_all_that_is_known_of_it(journal: Journal) -> None:
    """A moved source by its time and content, an output by its content, a reason by its words."""
    done(journal, "a.jpg")
    done(journal, "b.jpg", STAY, review=True)
    failed(journal, "c.jpg")
    found = {due.kind: due for due in later(journal)}
    (own,) = found["processed"].own
    place = OUTBOX / "processed" / "a.jpg"
    assert (own.place, own.size, own.digest, own.mtime_ns) == (place, 10, CONTENT, 5)
    (own,) = found["review"].own
    assert (own.place, own.digest) == (OUTBOX / "review" / "b.png", DIGEST)
    (own,) = found["failed"].own
    assert (own.place, own.size, own.mtime_ns) == (OUTBOX / "failed" / "c.jpg", 100, 1)
    assert found["failed"].note == OUTBOX / "failed" / "c.jpg.txt"
    assert later(journal, 89) == []
    assert told(later(journal, keep=Keep(failed=DAY))) == {("c.jpg", "failed")}
    assert later(journal, keep=Keep()) == []


def test_of_many_pictures_none_is_left_out(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are read in pages."""
    monkeypatch.setattr("scissorsd.records.keeping._PAGE", 3)
    for number in range(10):
        done(journal, f"{number}.jpg")
    assert told(later(journal)) == {(f"{number}.jpg", "processed") for number in range(10)}


@pytest.mark.parametrize("step", ["begun", "published", "held", "again", "elsewhere"])
def test_what_is_in_hand_or_asked_for_is_never_due(journal: Journal, step: str) -> None:
    """Whatever it was before."""
    job = done(journal, "a.jpg", review=True)
    done(journal, "b.jpg")
    (entry,) = journal.entries.of_source(INBOX, "a.jpg")
    again = replace(job, id=0)
    if step == "again":
        journal.ask_again(job.id)
    elif step == "elsewhere":
        journal.recuts.ask(entry, None, lies_at=entry.moved_to)
    else:
        assert journal.begin(again) is not None
        if step == "held":
            journal.hold(job, "the disk is full")
        elif step == "published":
            published(journal, job)
    assert told(later(journal)) == {("b.jpg", "processed")}


def test_a_source_that_we_have_not_moved_ourselves_is_never_due(journal: Journal) -> None:
    """It was taken away before we could, or had to stay: no stamp tells of it."""
    taken = begun(journal, "a.jpg", MOVE)
    published(journal, taken)
    journal.finish(taken)
    stays = begun(journal, "b.jpg", MOVE)
    published(journal, stays)
    journal.finish(stays, stays=True)
    aside = begun(journal, "c.jpg", MOVE)
    journal.setting_aside(aside, "broken", ["/srv/shop/outbox/failed/c.txt", "/x/c.jpg"])
    journal.close_unfinished(journal.entries.unfinished()[-1])
    found = later(journal)
    assert told(found) == {("c.jpg", "failed")}
    assert [own.size for own in found[0].own] == [-1]  # which no file has: nothing of it goes


def test_outputs_that_were_found_there_are_never_due(journal: Journal) -> None:
    """After a lost journal nobody knows who put them there."""
    job = begun(journal, "a.jpg", STAY)
    published(journal, job, review=True, provider="")
    journal.finish(job)
    assert later(journal) == []


def test_what_a_later_version_has_put_out_is_not_the_earlier_ones(journal: Journal) -> None:
    """Their outputs have one place, and it is kept from when the later one ended on."""
    done(journal, "a.jpg", STAY, review=True)
    job = begun(journal, "a.jpg", STAY, version=2)
    published(journal, job, review=True)
    journal.finish(job)
    assert [due.entry.mtime_ns for due in later(journal)] == [2]


def test_an_output_of_which_there_is_no_stamp_keeps_the_others(journal: Journal) -> None:
    """What is not certain of one file of a picture holds for all of them."""
    rule = Rule("all", outputs=(Output(), Output("mask")))
    done(journal, "a.jpg", rule, review=True)
    with journal.file.transaction("test") as db:
        mask = os.fsencode(OUTBOX / "review" / "a-mask.png")
        assert db.execute("DELETE FROM stamps WHERE place = ?", (mask,)).rowcount == 1
    (due,) = later(journal)
    assert [own.size for own in due.own] == [10, -1]


def test_a_reason_that_a_later_version_has_is_not_the_earlier_ones(journal: Journal) -> None:
    """It goes in its own time."""
    first = failed(journal, "a.jpg")
    second = failed(journal, "a.jpg", version=2)
    assert [due.entry.id for due in later(journal)] == [second.id]
    assert first.id != second.id


def test_other_inboxes_and_outboxes_are_left_alone(journal: Journal) -> None:
    """Each has its own time, or none."""
    done(journal, "a.jpg")
    keeping, now = Keeping(journal.file), journal.entries.latest(1)[0].ended_at + 100 * DAY
    assert list(keeping.due(Path("/other"), OUTBOX, KEEP, now)) == []
    assert list(keeping.due(INBOX, Path("/other"), KEEP, now)) == []


def test_what_ended_while_the_clock_was_behind_is_as_old_as_what_came_before(
    journal: Journal,
) -> None:
    """A picture that was cut in 1970, after another of today, is due in ninety days."""
    done(journal, "a.jpg")
    job = done(journal, "b.jpg")
    with journal.file.transaction("test"):
        journal.file.update(job.id, begun_at=10.0, ended_at=20.0, disposed_at=20.0)
    assert later(journal, 89) == []
    assert told(later(journal, 91)) == {("a.jpg", "processed"), ("b.jpg", "processed")}


def test_a_clock_that_was_ahead_holds_up_nothing_but_its_own(journal: Journal) -> None:
    """What ended in 2038 is kept until then; what came after it is not."""
    job = done(journal, "a.jpg")
    done(journal, "b.jpg")
    with journal.file.transaction("test"):
        journal.file.update(job.id, begun_at=3e9, ended_at=3e9)
    (entry,) = journal.entries.of_source(INBOX, "b.jpg")
    due = Keeping(journal.file).due(INBOX, OUTBOX, KEEP, entry.ended_at + 91 * DAY)
    assert told(list(due)) == {("b.jpg", "processed")}


def test_a_removal_is_recorded_before_and_after(journal: Journal) -> None:
    """One that was cut short is found again; one that is done is not, until it is cut again."""
    job = done(journal, "a.jpg")
    keeping = Keeping(journal.file)
    (due,) = later(journal)
    assert not due.is_begun
    assert keeping.begin(due, 7.0)
    (due,) = later(journal)
    assert due.is_begun
    assert due.entry.swept == ()
    keeping.finish(due, 8.0)
    assert later(journal) == []
    (entry,) = journal.entries.of_source(INBOX, "a.jpg")
    assert entry.swept_at("processed") == 8.0
    assert entry.swept_at("review") == 0.0
    assert journal.begin(replace(job, id=0)) is not None
    published(journal, job)
    journal.finish(job, moved=stamped(job.moved_to, b""))
    (entry,) = journal.entries.of_source(INBOX, "a.jpg")
    assert entry.swept == ()
    assert told(later(journal)) == {("a.jpg", "processed")}


def test_what_is_asked_for_at_the_last_moment_stays(journal: Journal) -> None:
    """Between the look at the file and its removal, too."""
    job = done(journal, "a.jpg")
    (due,) = later(journal)
    journal.recuts.ask(due.entry, None, lies_at=due.entry.moved_to)
    assert not Keeping(journal.file).begin(due, 7.0)
    journal.recuts.give_up(job.id)
    assert Keeping(journal.file).begin(due, 7.0)


def test_both_kinds_of_one_picture_go_in_one_run(journal: Journal) -> None:
    """That one is removed does not change what the other was looked at for."""
    done(journal, "a.jpg", review=True)
    keeping, found = Keeping(journal.file), later(journal)
    assert [due.kind for due in found] == ["processed", "review"]
    for due in found:
        assert keeping.begin(due, 7.0)
        keeping.finish(due, 7.0)
    (entry,) = journal.entries.of_source(INBOX, "a.jpg")
    assert (entry.swept_at("processed"), entry.swept_at("review")) == (7.0, 7.0)
    assert Reviews(journal.file).waiting(INBOX) == []


def test_what_was_removed_is_not_asked_for_with_all_others(journal: Journal) -> None:
    """`once --again` takes what there is."""
    done(journal, "a.jpg")
    (due,) = later(journal)
    done(journal, "b.jpg")
    keeping = Keeping(journal.file)
    assert keeping.begin(due, 7.0)
    keeping.finish(due, 7.0)
    journal.recuts.ask_for_all_moved(INBOX)
    assert [asked.path for asked in journal.recuts.elsewhere(INBOX)] == ["b.jpg"]


def test_the_pictures_that_we_have_taken_out_of_folders(journal: Journal) -> None:
    """Those alone whose source was moved or deleted by us, when it was; a recut does not count."""
    for rule, path in ((MOVE, "m/a.jpg"), (STAY, "k/a.jpg"), (Rule("all", source="delete"), "d/a")):
        done(journal, path, rule)
    failed(journal, "f.jpg")
    failed(journal, "s.jpg", STAY)
    keeping = Keeping(journal.file)
    before = dict(keeping.disposed(INBOX))
    assert before.keys() == {"m/a.jpg", "d/a", "f.jpg"}
    (entry,) = journal.entries.of_source(INBOX, "m/a.jpg")
    journal.recuts.ask(entry, None, lies_at=entry.moved_to)
    assert "m/a.jpg" not in dict(keeping.disposed(INBOX))
    job = begun(journal, "m/a.jpg", STAY)
    published(journal, job)
    journal.finish(replace(job, lies_at=entry.moved_to))
    assert dict(keeping.disposed(INBOX)).get("m/a.jpg", before["m/a.jpg"]) == before["m/a.jpg"]


def test_the_latest_moment_of_a_journal(journal: Journal) -> None:
    """By which the clock is measured where it never was."""
    keeping = Keeping(journal.file)
    assert keeping.latest() == 0
    done(journal, "a.jpg")
    assert keeping.latest() == journal.entries.latest(1)[0].ended_at


# --- the small file -----------------------------------------------------------------------------


def test_the_house_file_remembers(tmp_path: Path) -> None:
    """The clock, and by inbox the folders; one does not forget the other."""
    file = HouseFile(tmp_path)
    assert (file.clock(), file.emptied(INBOX)) == (None, {})
    file.keep_clock(Clock(5.0, 6.0, 7.0))
    file.keep_emptied(INBOX, {"a/b": 3.0, "caf\udce9": 4.0})
    file.keep_emptied(Path("/other"), {"x": 1.0})
    again = HouseFile(tmp_path)
    assert again.clock() == Clock(5.0, 6.0, 7.0)
    assert again.emptied(INBOX) == {"a/b": 3.0, "caf\udce9": 4.0}


@pytest.mark.parametrize("told", [b"", b"{", b"[]", b'{"emptied": 3, "clock": []}', b"\xff"])
def test_a_damaged_house_file_is_as_good_as_none(tmp_path: Path, told: bytes) -> None:
    """It is written anew."""
    (tmp_path / HOUSE_FILE).write_bytes(told)
    file = HouseFile(tmp_path)
    assert (file.clock(), file.emptied(INBOX)) == (None, {})
    file.keep_emptied(INBOX, {"a": 1.0})
    assert file.emptied(INBOX) == {"a": 1.0}
    assert "emptied" in json.loads((tmp_path / HOUSE_FILE).read_bytes())
