import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from itertools import count
from pathlib import Path

import pytest

from scissorsd.core.rules import Job, Output, Rule, SourceAction, in_review, plan
from scissorsd.core.settling import Sighting
from scissorsd.core.stamps import Stamp
from scissorsd.errors import EXIT_BAD_CONFIG, JournalError, JournalVersionError
from scissorsd.records import respelling
from scissorsd.records.journal import Journal
from scissorsd.records.journal_file import FILE
from scissorsd.records.journal_rows import Known

INBOX, OUTBOX = Path("/srv/shop/inbox"), Path("/srv/shop/outbox")
NOT_UTF8 = os.fsdecode(b"caf\xe9/\xff.jpg")
KEEP = Rule("all", outputs=(Output(), Output("mask")))
MOVE = Rule("all", source="move")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """Open a new journal."""
    opened = Journal(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def restarted(journal: Journal) -> Iterator[Callable[[], Journal]]:
    """Die without a word and start again: another connection finds only what was written."""
    with ExitStack() as to_close:

        def restart() -> Journal:
            journal.close()
            return to_close.enter_context(closing(Journal(journal.file.path.parent)))

        yield restart


def picture(path: str = "a.jpg", version: int = 1) -> Sighting:
    """Return a version of a picture."""
    return Sighting(path, size=100, mtime_ns=version, inode=1, device=1)


def planned(journal: Journal, source: Sighting, rule: Rule = KEEP, inbox: Path = INBOX) -> Job:
    """Plan a job as the pipeline does; nothing else lies in the outbox."""

    def taken(name: str) -> bool:
        return journal.owner(OUTBOX, name) not in {None, (str(inbox), source.path)}

    return plan(inbox, OUTBOX, source, rule, inbox_name="shop", date="", taken=taken)


def begun(journal: Journal, source: Sighting, rule: Rule = KEEP, inbox: Path = INBOX) -> Job:
    """Plan a job and begin it."""
    job = journal.begin(planned(journal, source, rule, inbox))
    assert job is not None
    return job


def publish(journal: Journal, job: Job) -> None:
    """Say that a job's outputs are out."""
    paths = [str(OUTBOX / output.path) for output in job.outputs]
    journal.published(job, paths, verdict="ok", provider="cpu")


def done(journal: Journal, source: Sighting, rule: Rule = KEEP, inbox: Path = INBOX) -> Job:
    """Take a picture all the way."""
    job = begun(journal, source, rule, inbox)
    publish(journal, job)
    journal.finish(job)
    return job


def names(job: Job) -> list[str]:
    """Return the planned paths of a job's outputs."""
    return [output.path for output in job.outputs]


def state_of(journal: Journal, path: str = "a.jpg") -> str | None:
    """Tell what the journal holds of a path in memory, having seen that the disk says the same."""
    known = journal.known(INBOX, path)
    journal.reload()
    assert journal.known(INBOX, path) == known
    return None if known is None else known.state


# --- the life of a job -----------------------------------------------------------------------


@pytest.mark.parametrize("path", ["a.jpg", NOT_UTF8, 'it\'s "100%"\n.jpg', "Å/é.jpg"])
def test_a_whole_life(journal: Journal, restarted: Callable[[], Journal], path: str) -> None:
    """A picture of any name is begun, published and done, and known as such after a restart."""
    source = picture(path)
    assert journal.known(INBOX, path) is None
    job = begun(journal, source, MOVE)
    assert state_of(journal, path) == "begun"
    publish(journal, job)
    assert state_of(journal, path) == "published"
    journal.finish(job)
    journal = restarted()
    (entry,) = journal.entries.of_source(INBOX, path)
    known = journal.known(INBOX, path)
    assert known == Known(
        source.version, "done", removed=True, inode=source.inode, ctime_ns=source.ctime_ns
    )
    assert (entry.path, entry.source) == (path, str(INBOX / path))
    assert entry.published == tuple(str(OUTBOX / name) for name in names(job))
    assert (entry.verdict, entry.provider, entry.attempts) == ("ok", "cpu", 0)


def test_a_crash_keeps_the_plan(journal: Journal, restarted: Callable[[], Journal]) -> None:
    """After a crash in the middle the same names are planned again, and the attempt is counted."""
    done(journal, picture("a.png"))
    job = begun(journal, picture())
    assert names(job) == ["a-jpg.png", "a-jpg-mask.png"]
    journal = restarted()
    again = journal.planned(INBOX, OUTBOX, picture(), KEEP)
    assert again == job
    (entry,) = journal.entries.unfinished()
    assert (entry.state, entry.attempts) == ("begun", 1)
    assert journal.begin(again) == job
    assert journal.entries.unfinished()[0].attempts == 2


def test_a_crash_with_a_name_that_is_not_utf8(
    journal: Journal, restarted: Callable[[], Journal]
) -> None:
    """The plan of a picture whose name is not UTF-8 survives as well, byte for byte."""
    job = begun(journal, picture(NOT_UTF8), MOVE)
    again = restarted().planned(INBOX, OUTBOX, picture(NOT_UTF8), MOVE)
    assert again == job
    assert os.fsencode(again.moved_to) == b"processed/caf\xe9/\xff.jpg"


def test_another_plan_is_made_anew(journal: Journal) -> None:
    """A plan holds for this version under this rule in this outbox only."""
    begun(journal, picture())
    assert journal.planned(INBOX, OUTBOX, picture(version=2), KEEP) is None
    assert journal.planned(INBOX, OUTBOX, picture(), MOVE) is None
    assert journal.planned(INBOX, Path("/elsewhere"), picture(), KEEP) is None
    assert journal.planned(Path("/elsewhere"), OUTBOX, picture(), KEEP) is None


def test_published_is_only_finished(journal: Journal, restarted: Callable[[], Journal]) -> None:
    """What was published before a crash is not cut again: only its source is left, as planned."""
    job = begun(journal, picture(), MOVE)
    publish(journal, job)
    journal = restarted()
    left = journal.planned(INBOX, OUTBOX, picture(), KEEP)  # a reload changed the rule
    assert left is not None
    assert (left.outputs, left.moved_to, left.rule.source) == ((), "processed/a.jpg", "move")
    journal.finish(left)
    assert state_of(journal) == "done"
    assert journal.entries.of_source(INBOX, "a.jpg")[0].published == (str(OUTBOX / "a.png"),)


def test_a_hold(journal: Journal) -> None:
    """A held job waits with its reason and loses neither its names nor a strike."""
    job = begun(journal, picture())
    journal.hold(job, "the disk is full")
    assert state_of(journal) == "held"
    (entry,) = journal.entries.unfinished()
    assert (entry.reason, entry.attempts) == ("the disk is full", 0)
    assert journal.owner(OUTBOX, "a.png") == (str(INBOX), "a.jpg")


def test_a_hold_after_publishing(journal: Journal) -> None:
    """A job whose source cannot be disposed of stays published: it must not be cut again."""
    job = begun(journal, picture(), MOVE)
    publish(journal, job)
    journal.hold(job, "the source is busy")
    assert state_of(journal) == "published"


def test_reasons_that_quote_a_name(journal: Journal) -> None:
    """A reason may quote a name that is not UTF-8; it is recorded all the same."""
    job = begun(journal, picture(NOT_UTF8))
    journal.hold(job, f"{NOT_UTF8} is busy")
    assert journal.entries.unfinished()[0].reason == r"caf\udce9/\udcff.jpg is busy"
    journal.fail(job, f"{NOT_UTF8} is broken", [f"/out/{NOT_UTF8}.txt"])
    (entry,) = journal.entries.failures()
    assert "broken" in entry.reason
    assert entry.set_aside == (f"/out/{NOT_UTF8}.txt",)


# --- names -----------------------------------------------------------------------------------


@pytest.mark.parametrize("other", ["a.png", "A.JPEG", "a.jpeg"])
def test_two_jobs_want_one_name(journal: Journal, other: str) -> None:
    """Two pictures planned at the same moment for one name: the second is told, and steps aside."""
    first, second = planned(journal, picture()), planned(journal, picture(other))
    assert journal.begin(first) is not None
    assert journal.begin(second) is None
    assert journal.known(INBOX, other) is None
    assert journal.entries.of_source(INBOX, other) == []
    both = names(first) + names(begun(journal, picture(other)))
    assert len({name.casefold() for name in both}) == 4


def test_two_inboxes_share_an_outbox(journal: Journal) -> None:
    """The same path in two inboxes is two pictures."""
    other = Path("/srv/studio")
    done(journal, picture())
    job = done(journal, picture(), inbox=other)
    assert names(job) == ["a-jpg.png", "a-jpg-mask.png"]
    assert journal.owner(OUTBOX, "a.png") == (str(INBOX), "a.jpg")
    assert journal.owner(OUTBOX, "a-jpg.png") == (str(other), "a.jpg")


def test_threads_that_want_one_name(journal: Journal) -> None:
    """Of eight workers that begin at once with the same names, exactly one gets them."""
    jobs = [planned(journal, picture(f"a.{suffix}")) for suffix in "abcdefgh"]
    won: list[Job | None] = []
    threads = [
        threading.Thread(target=lambda job=job: won.append(journal.begin(job))) for job in jobs
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == len(jobs)
    assert sum(job is not None for job in won) == 1


def test_a_new_version_reuses_its_names(journal: Journal) -> None:
    """A picture that is kept and replaced overwrites its own outputs, and only those."""
    done(journal, picture("a.png"))
    first = done(journal, picture())
    second = done(journal, picture(version=2))
    assert names(second) == names(first) == ["a-jpg.png", "a-jpg-mask.png"]
    (entry,) = journal.entries.of_output(str(OUTBOX / "a-jpg.png"))
    assert entry.mtime_ns == 2
    assert journal.entries.of_output(str(OUTBOX / "a.png"))[0].path == "a.png"


@pytest.mark.parametrize("end", ["withdraw", "fail", "close"])
def test_a_version_that_comes_to_nothing(
    journal: Journal, restarted: Callable[[], Journal], end: str
) -> None:
    """A version that fails or is replaced at once does not cost the picture its names."""
    first = done(journal, picture())
    second = begun(journal, picture(version=2))
    if end == "withdraw":
        journal.withdraw(second)
    elif end == "fail":
        journal.fail(second, "broken", [])
    else:
        journal = restarted()
        journal.close_unfinished(journal.entries.unfinished()[0])
    assert state_of(journal) == ("failed" if end == "fail" else "done")
    assert journal.owner(OUTBOX, "a.png") == (str(INBOX), "a.jpg")
    assert names(done(journal, picture(version=3))) == names(first)


@pytest.mark.parametrize("source", ["move", "delete"])
def test_sources_that_are_gone_keep_their_names(
    journal: Journal, restarted: Callable[[], Journal], source: SourceAction
) -> None:
    """Where sources are moved or deleted, a new picture of the same name never overwrites."""
    rule = Rule("all", source=source)
    jobs = [done(journal, picture(version=version), rule) for version in (1, 2, 3)]
    assert [names(job) for job in jobs] == [["a.png"], ["a-jpg.png"], ["a-2.png"]]
    assert len({job.moved_to for job in jobs}) == (3 if source == "move" else 1)
    journal = restarted()
    assert journal.owner(OUTBOX, "a.png") == ("", "")
    same = begun(journal, picture(version=4), rule)
    assert names(same) == ["a-3.png"]


def test_a_dropped_name_again(journal: Journal) -> None:
    """The very same version dropped again after its source was moved finds its own names."""
    job = done(journal, picture(), MOVE)
    before = journal.planned(INBOX, OUTBOX, picture(), MOVE)
    assert before == job
    assert journal.begin(before) == job


def test_failing_frees_the_names(journal: Journal) -> None:
    """A picture that failed keeps no name from another, and is known as failed."""
    job = begun(journal, picture())
    journal.fail(job, "damaged", ["/srv/shop/outbox/failed/a.jpg.txt"], verdict="doubtful")
    assert state_of(journal) == "failed"
    assert journal.owner(OUTBOX, "a.png") is None
    assert names(begun(journal, picture("a.png"))) == ["a.png", "a-mask.png"]
    (entry,) = journal.entries.failures()
    assert (entry.reason, entry.verdict) == ("damaged", "doubtful")


def test_failing_after_publishing_keeps_them(journal: Journal) -> None:
    """What is already out in the outbox still belongs to its picture, though the job failed."""
    job = begun(journal, picture())
    publish(journal, job)
    journal.fail(job, "unforeseen", [])
    assert journal.owner(OUTBOX, "a.png") == (str(INBOX), "a.jpg")


def test_taken_again_after_failing(journal: Journal) -> None:
    """A failed picture begins again under new names if its own were taken meanwhile."""
    failed = begun(journal, picture())
    journal.fail(failed, "damaged", [])
    done(journal, picture("a.png"))
    journal.ask_again(failed.id)
    assert state_of(journal) == "again"
    before = journal.planned(INBOX, OUTBOX, picture(), KEEP)
    assert before is not None
    assert journal.begin(before) is None
    assert state_of(journal) == "again"
    assert names(begun(journal, picture())) == ["a-jpg.png", "a-jpg-mask.png"]


def test_a_success_clears_earlier_failures(journal: Journal) -> None:
    """When a picture was replaced by a good one, the failure of the bad one no longer counts."""
    journal.fail(begun(journal, picture()), "damaged", [])
    done(journal, picture(version=2))
    assert journal.entries.failures() == []
    assert journal.entries.counts(INBOX) == {"done": 1}


def test_a_failed_source_that_was_moved_still_counts(journal: Journal) -> None:
    """A failure whose source lies set aside stays on record when a good picture comes."""
    journal.fail(begun(journal, picture(), MOVE), "damaged", ["/x/a.jpg"])
    done(journal, picture(version=2), MOVE)
    assert [entry.mtime_ns for entry in journal.entries.failures()] == [1]


# --- what is known ---------------------------------------------------------------------------


def test_a_clock_that_is_set_back(
    journal: Journal, restarted: Callable[[], Journal], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The latest version is the one begun last, even if the clock was set back before it."""
    monkeypatch.setattr(time, "time", lambda: 2e9)
    done(journal, picture(version=1))
    monkeypatch.setattr(time, "time", lambda: 1e9)
    done(journal, picture(version=2))
    journal = restarted()
    known = journal.known(INBOX, "a.jpg")
    assert known is not None
    assert known.version == (100, 2)
    assert [entry.mtime_ns for entry in journal.entries.of_source(INBOX, "a.jpg")] == [2, 1]


def test_an_old_version_put_back(journal: Journal, restarted: Callable[[], Journal]) -> None:
    """A version that was cut, replaced and put back is cut again: the outbox shows another."""
    done(journal, picture(version=1))
    done(journal, picture(version=2))
    known = journal.known(INBOX, "a.jpg")
    assert known is not None
    assert known.version != picture(version=1).version
    done(journal, picture(version=1))
    known = restarted().known(INBOX, "a.jpg")
    assert known is not None
    assert known.version == picture(version=1).version


def test_leftovers_are_closed(journal: Journal, restarted: Callable[[], Journal]) -> None:
    """What the last run left, and is no longer there, ends: done if it was published, else gone."""
    publish(journal, begun(journal, picture("out.jpg"), MOVE))
    begun(journal, picture("begun.jpg"))
    journal.hold(begun(journal, picture("held.jpg")), "busy")
    journal = restarted()
    left = journal.entries.unfinished()
    assert [entry.path for entry in left] == ["out.jpg", "begun.jpg", "held.jpg"]
    for entry in left:
        journal.close_unfinished(entry)
    assert journal.entries.unfinished() == []
    assert [state_of(journal, entry.path) for entry in left] == ["done", None, None]
    assert journal.owner(OUTBOX, "begun.png") is None


def test_who_owns_a_file(journal: Journal) -> None:
    """An output, and a file that tells of a failure, lead back to their picture, no other does."""
    done(journal, picture("IMG_1.jpg"))
    aside = str(OUTBOX / "failed" / "IMG_2.jpg.txt")
    journal.fail(begun(journal, picture("IMG_2.jpg")), "damaged", [aside])
    assert [e.path for e in journal.entries.of_output(str(OUTBOX / "IMG_1-mask.png"))] == [
        "IMG_1.jpg"
    ]
    assert [e.path for e in journal.entries.of_output(aside)] == ["IMG_2.jpg"]
    for stranger in (aside.replace("_", "x"), aside.removesuffix(".txt"), "%", "/"):
        assert journal.entries.of_output(stranger) == []


def test_the_latest(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """The jobs that ended last are given, the latest first; what has not ended is not."""
    clock = count(1000)
    monkeypatch.setattr(time, "time", lambda: float(next(clock)))
    for number in range(4):
        done(journal, picture(f"{number}.jpg"))
    begun(journal, picture("begun.jpg"))
    assert [entry.path for entry in journal.entries.latest(2)] == ["3.jpg", "2.jpg"]


def judged(journal: Journal, name: str, verdict: str, *, review: bool = False) -> Job:
    """Take a picture all the way with a verdict, perhaps to review/ with its reason."""
    job = begun(journal, picture(name))
    paths = [str(OUTBOX / (in_review(o.path) if review else o.path)) for o in job.outputs]
    told = [*paths, f"{paths[0]}.txt"] if review else paths
    journal.published(job, told, verdict=verdict, provider="cpu")
    journal.finish(job)
    return job


def test_verdicts(journal: Journal, restarted: Callable[[], Journal]) -> None:
    """Verdicts are counted, also after a restart."""
    judged(journal, "a.jpg", "ok")
    judged(journal, "review/b.jpg", "ok")
    judged(journal, "c.jpg", "doubtful")
    judged(journal, "d.jpg", "doubtful", review=True)
    judged(journal, "e.jpg", "no_subject", review=True)
    journal.fail(begun(journal, picture("f.jpg")), "none", [], verdict="no_subject")
    journal.fail(begun(journal, picture("g.jpg")), "damaged", [])
    begun(journal, picture("h.jpg"))
    counts = {"ok": 2, "doubtful": 2, "no_subject": 2}
    assert journal.entries.verdicts(INBOX) == counts
    again = restarted()
    assert again.entries.verdicts(INBOX) == counts
    assert again.entries.verdicts(Path("/srv/other")) == {}


def test_numbers(journal: Journal, restarted: Callable[[], Journal]) -> None:
    """The numbers of a verdict are kept with it, and go with it when the picture is cut anew."""
    job = begun(journal, picture("a.jpg"))
    numbers = {"doubt": 0.1234, "border": 0.5}
    journal.published(job, ["/out/a.png"], verdict="doubtful", provider="cpu", numbers=numbers)
    journal.finish(job)
    other = begun(journal, picture("b.jpg"))
    journal.fail(other, "none", [], verdict="no_subject", numbers={"doubt": 1.0})
    again = restarted()
    (entry,) = again.entries.of_source(INBOX, "a.jpg")
    assert (entry.numbers, entry.doubt) == (numbers, 0.1234)
    (failed,) = again.entries.failures()
    assert failed.doubt == 1
    again.ask_again(entry.id)
    job = begun(again, picture("a.jpg"))
    again.published(job, ["/out/a.png"], verdict="", provider="")
    (entry,) = again.entries.of_source(INBOX, "a.jpg")
    assert (entry.numbers, entry.doubt) == ({}, None)


def test_what_lies_in_a_folder(journal: Journal) -> None:
    """The jobs whose outputs lie below a folder are given, the latest first."""
    for name in ("a.jpg", "one/b.jpg", f"one/{NOT_UTF8}", "one two/c.jpg"):
        judged(journal, name, "ok")
    judged(journal, "one/d.jpg", "no_subject", review=True)
    journal.fail(begun(journal, picture("one/e.jpg")), "damaged", [])

    def below(folder: str) -> list[str]:
        return [entry.path for entry in journal.entries.with_outputs_in(OUTBOX / folder)]

    assert below("") == ["one/d.jpg", "one two/c.jpg", f"one/{NOT_UTF8}", "one/b.jpg", "a.jpg"]
    assert below("one") == [f"one/{NOT_UTF8}", "one/b.jpg"]
    assert below(os.fsdecode(b"one/caf\xe9")) == [f"one/{NOT_UTF8}"]
    assert below("review") == ["one/d.jpg"]
    assert below("on") == []


def test_very_many_in_a_folder(journal: Journal) -> None:
    """They are read in parts, and none is left out or given twice."""
    judged(journal, "a.jpg", "ok")
    with journal.file.transaction("many") as db:
        job = dict(journal.file.rows("id = 1")[0])
        columns = [name for name in job if name not in {"id", "path", "turn"}]
        db.executemany(
            f"INSERT INTO jobs (path, turn, {', '.join(columns)})"  # noqa: S608 - our own names
            f" VALUES (?, ?, {', '.join('?' * len(columns))})",
            [
                (f"{turn}.jpg".encode(), turn, *(job[name] for name in columns))
                for turn in range(2, 1203)
            ],
        )
    turns = [entry.path for entry in journal.entries.with_outputs_in(OUTBOX)]
    assert turns == [*(f"{turn}.jpg" for turn in range(1202, 1, -1)), "a.jpg"]


def test_kinds_are_told(journal: Journal) -> None:
    """Of each published file it is told which kind of output it is."""
    outputs = (Output("mask"), Output("cutout"), Output("flat", "jpeg"))
    done(journal, picture(), Rule("all", outputs=outputs))
    (entry,) = journal.entries.latest(1)
    assert entry.kinds == ("mask", "cutout", "flat")


# --- beside another process ------------------------------------------------------------------


def test_reading_beside_a_writer(journal: Journal) -> None:
    """`status` reads while the daemon writes, sees what is committed, and can write nothing."""
    reader = Journal(journal.file.path.parent, read_only=True)
    assert reader.entries.counts(INBOX) == {}
    job = done(journal, picture())
    assert reader.entries.counts(INBOX) == {"done": 1}
    with pytest.raises(JournalError, match="cannot be written"):
        reader.ask_again(job.id)
    reader.close()


def test_reading_after_the_writer(journal: Journal) -> None:
    """`status` reads what a daemon that has ended left."""
    done(journal, picture())
    journal.close()
    reader = Journal(journal.file.path.parent, read_only=True)
    assert [entry.path for entry in reader.entries.latest(5)] == ["a.jpg"]
    reader.close()


def test_told_of_another_writer(journal: Journal) -> None:
    """The daemon learns that `retry` wrote, and then finds the picture asked for again."""
    failed = begun(journal, picture())
    journal.fail(failed, "damaged", [])
    before = journal.changed_elsewhere()
    assert journal.changed_elsewhere() == before
    other = Journal(journal.file.path.parent)
    other.ask_again(failed.id)
    other.close()
    assert journal.changed_elsewhere() != before
    journal.reload()
    assert state_of(journal) == "again"


# --- faults ----------------------------------------------------------------------------------


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    """A journal that is missing or damaged is refused in words."""
    with pytest.raises(JournalError, match="cannot be used"):
        Journal(tmp_path / "nowhere", read_only=True)
    (tmp_path / FILE).write_bytes(b"not a database" * 100)
    with pytest.raises(JournalError, match="not a database"):
        Journal(tmp_path)
    (tmp_path / FILE).unlink()
    sqlite3.connect(tmp_path / FILE).close()
    with pytest.raises(JournalError, match="nothing was ever written"):
        Journal(tmp_path, read_only=True)


@pytest.mark.parametrize("read_only", [True, False])
def test_a_journal_of_a_newer_version(tmp_path: Path, *, read_only: bool) -> None:
    """What a newer scissorsd made is no damage, even where this one can make nothing of it."""
    Journal(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / FILE)) as db:
        db.executescript(
            "DROP TABLE jobs; CREATE TABLE work (id INTEGER) STRICT; PRAGMA user_version = 99;"
            "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = 'CREATE OF THE FUTURE'"
        )
    before = (tmp_path / FILE).read_bytes()
    with pytest.raises(
        JournalVersionError, match=r"made by a newer scissorsd.*version 99"
    ) as caught:
        Journal(tmp_path, read_only=read_only)
    assert caught.value.exit_code == EXIT_BAD_CONFIG
    assert (tmp_path / FILE).read_bytes() == before


def test_what_is_not_written_is_not_remembered(journal: Journal) -> None:
    """A write that comes to nothing, on a full disk, leaves memory as the disk is."""
    job = begun(journal, picture())
    publish(journal, job)
    journal.file.db.execute(
        "CREATE TEMP TRIGGER full AFTER UPDATE ON jobs BEGIN SELECT raise(FAIL, 'full'); END"
    )
    with pytest.raises(JournalError, match="full"):
        journal.finish(job)
    assert state_of(journal) == "published"
    journal.file.db.execute("DROP TRIGGER full")
    journal.finish(job)
    assert state_of(journal) == "done"


def test_a_commit_that_fails(journal: Journal) -> None:
    """Memory is put right even when it is the commit itself that fails."""
    job = begun(journal, picture())
    publish(journal, job)
    journal.file.db.executescript("""
        CREATE TABLE aside (job INTEGER REFERENCES jobs DEFERRABLE INITIALLY DEFERRED);
        CREATE TRIGGER orphan AFTER UPDATE ON jobs BEGIN INSERT INTO aside VALUES (999); END;
    """)
    with pytest.raises(JournalError, match="FOREIGN KEY"):
        journal.finish(job)
    assert state_of(journal) == "published"


def test_faults_come_as_our_own_errors(journal: Journal) -> None:
    """A disk that fails under a look-up raises JournalError too, so that the loop can go on."""
    job = planned(journal, picture())
    journal.close()
    for use in (
        lambda: journal.known(INBOX, "a.jpg"),
        journal.changed_elsewhere,
        lambda: journal.owner(OUTBOX, "a.png"),
        journal.entries.unfinished,
        lambda: journal.begin(job),
    ):
        with pytest.raises(JournalError, match="closed"):
            use()


def test_stamps_follow_their_folder(journal: Journal) -> None:
    """Where an outbox is known by another path, our files there are known by it, too."""
    job = begun(journal, picture(NOT_UTF8))
    place, temporary = str(OUTBOX / NOT_UTF8), str(OUTBOX / ".scissorsd-1.tmp")
    elsewhere = Stamp("/srv/shop/outbox-2/a.png", b"1", 1, 1, "/srv/shop/outbox-2/.b.tmp")
    journal.stamps.add(job, [Stamp(place, b"1", 1, 1, temporary), elsewhere])
    respelling.respell_outbox(journal.file, OUTBOX, Path("/mnt/out"))
    moved = Stamp(f"/mnt/out/{NOT_UTF8}", b"1", 1, 1, "/mnt/out/.scissorsd-1.tmp")
    assert journal.stamps.unplaced(job.id) == [moved, elsewhere]
