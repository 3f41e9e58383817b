"""The numbers that pictures have in the names of their outputs."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Barrier, Thread

import pytest

from scissorsd.core.rules import Job, Output, Rule, plan
from scissorsd.core.settling import Sighting
from scissorsd.records import names
from scissorsd.records.journal import Journal

INBOX, OUTBOX = Path("/srv/shop/inbox"), Path("/srv/shop/outbox")
RULE = Rule("all", outputs=(Output(name="{counter}-{stem}"),))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """Open a new journal."""
    with closing(Journal(tmp_path)) as opened:
        yield opened


def picture(path: str, mtime_ns: int = 1) -> Sighting:
    """Return a sighting of a picture."""
    return Sighting(path, size=100, mtime_ns=mtime_ns, inode=1, device=1)


def attempt(journal: Journal, source: Sighting, rule: Rule = RULE) -> Job | None:
    """Plan a job, as a worker does, and begin it; None where it is to be planned anew."""
    job = plan(
        INBOX,
        OUTBOX,
        source,
        rule,
        inbox_name="shop",
        date="",
        taken=lambda name: journal.owner(OUTBOX, name) not in {None, (str(INBOX), source.path)},
        counter=names.counter_of(journal.file, INBOX, source, rule),
    )
    return journal.begin(job)


def begun(journal: Journal, source: Sighting, rule: Rule = RULE) -> Job:
    """Begin a job, under whatever names it gets."""
    while (job := attempt(journal, source, rule)) is None:
        pass
    return job


def done(journal: Journal, source: Sighting, rule: Rule = RULE) -> str:
    """Take a picture along the line in the journal; return the name of its output."""
    job = begun(journal, source, rule)
    (output,) = job.outputs
    journal.published(job, [str(OUTBOX / output.path)], verdict="ok", provider="cpu")
    journal.finish(job)
    return output.path


def test_the_next_number(journal: Journal) -> None:
    """Each picture of a rule has the next one, and each rule begins at the beginning."""
    found = [done(journal, picture(name)) for name in ("a.jpg", "b.jpg", "x/c.jpg")]
    assert found == ["0001-a.png", "0002-b.png", "x/0003-c.png"]
    assert done(journal, picture("d.jpg"), replace(RULE, name="other")) == "0001-d.png"


def test_a_picture_keeps_its_number(journal: Journal) -> None:
    """Cut again, failed and tried again, or replaced where it lies: it is the same picture."""
    assert done(journal, picture("a.jpg")) == "0001-a.png"
    failed = begun(journal, picture("b.jpg"))
    journal.fail(failed, "damaged", [])
    assert done(journal, picture("c.jpg")) == "0003-c.png"
    journal.ask_again(failed.id)
    assert done(journal, picture("b.jpg")) == "0002-b.png"
    (entry,) = journal.entries.of_source(INBOX, "a.jpg")
    assert journal.recuts.ask(entry, None)
    assert done(journal, picture("a.jpg")) == "0001-a.png"
    assert done(journal, picture("a.jpg", mtime_ns=2)) == "0001-a.png"
    assert done(journal, picture("d.jpg")) == "0004-d.png"


def test_a_picture_that_went_has_gone_with_its_number(journal: Journal) -> None:
    """Where sources are moved, the next one of a name is another picture."""
    moving = replace(RULE, source="move")
    assert done(journal, picture("a.jpg"), moving) == "0001-a.png"
    assert done(journal, picture("a.jpg", mtime_ns=2), moving) == "0002-a.png"


def test_a_rule_that_took_over(journal: Journal) -> None:
    """Under another rule a picture has its number still, if none of that rule's has it."""
    other = replace(RULE, name="other")
    for name in ("a.jpg", "b.jpg"):
        done(journal, picture(name))
    done(journal, picture("c.jpg"), other)
    for entry in journal.entries.of_source(INBOX, "a.jpg") + journal.entries.of_source(
        INBOX, "b.jpg"
    ):
        assert journal.recuts.ask(entry, None)
    assert done(journal, picture("b.jpg"), other) == "0002-b.png"
    assert done(journal, picture("a.jpg"), other) == "0003-a.png"


def test_workers_at_once(journal: Journal) -> None:
    """However many begin at one moment, each number is given once and none is left out."""
    start, found = Barrier(6), list[int]()

    def work(number: int) -> None:
        start.wait()
        found.extend(begun(journal, picture(f"{number}-{n}.jpg")).counter for n in range(8))

    workers = [Thread(target=work, args=(number,)) for number in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(found) == list(range(1, 49))


def test_facts_are_remembered(journal: Journal) -> None:
    """What names tell of a version of a picture is known from when its names were journalled."""
    told = Rule("told", outputs=(Output(name="{width}-{stem}"),))
    job = begun(journal, picture("a.jpg"), told)
    assert names.facts_of(journal.file, INBOX, picture("a.jpg")) is None
    facts = {"taken": "2024-05-17", "width": "4", "height": "3"}
    assert journal.replan(replace(job, facts=facts))
    assert names.facts_of(journal.file, INBOX, picture("a.jpg")) == facts
    assert names.facts_of(journal.file, INBOX, picture("a.jpg", mtime_ns=2)) is None
