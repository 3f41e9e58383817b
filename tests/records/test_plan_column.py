from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from scissorsd.core.rules import Job, Length, MaskOptions, Output, Rule, plan
from scissorsd.core.settling import Sighting
from scissorsd.records.journal import Journal

INBOX, OUTBOX = Path("/srv/shop/inbox"), Path("/srv/shop/outbox")
PICTURE = Sighting("a.jpg", size=100, mtime_ns=1, inode=1, device=1)
RULE = Rule(
    "all",
    mask=MaskOptions(edges="fine"),
    outputs=(Output("mask"), Output(size=(10, 20), margin=Length(5, "%"), enlarge="yes")),
)
# What the column held of this rule before it held JSON.
REPR = (
    "Rule(name='all', match=(), skip=False, model='u2net', mask=MaskOptions(edges='fine',"
    " threshold=None, feather=Length(amount=0, unit='px'), grow=Length(amount=0, unit='px'),"
    " keep='all', holes='keep'), outputs=(Output(kind='mask', format='png', folder='', name='',"
    " quality=90, compression='fast', background='white', metadata='strip', colour='clean',"
    " depth='8', crop='none', margin=Length(amount=0, unit='px'), aspect=None, size=None,"
    " align='center', shadow='none', outline=Length(amount=0, unit='px'), outline_colour='white'),"
    " Output(kind='cutout', format='png', folder='', name='', quality=90, compression='fast',"
    " background='white', metadata='strip', colour='clean', depth='8', crop='none',"
    " margin=Length(amount=5, unit='%'), aspect=None, size=(10, 20), align='center',"
    " shadow='none', outline=Length(amount=0, unit='px'), outline_colour='white')),"
    " when_no_subject='review', when_doubtful='publish', source='keep', move_to='')"
)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """Open a new journal."""
    with closing(Journal(tmp_path)) as opened:
        yield opened


def begun(journal: Journal, rule: Rule = RULE) -> Job:
    """Plan a job and begin it."""
    job = plan(INBOX, OUTBOX, PICTURE, rule, inbox_name="shop", date="", taken=lambda _name: False)
    job_begun = journal.begin(job)
    assert job_begun is not None
    return job_begun


def write_column(journal: Journal, text: str) -> None:
    """Let the column of every job hold a text of an older version."""
    with journal.file.transaction("older") as db:
        db.execute("UPDATE jobs SET plan = ?", (text,))


@pytest.mark.parametrize("state", ["begun", "held", "failed", "again"])
def test_a_job_of_an_older_version(journal: Journal, state: str) -> None:
    """A job that an older version began goes on under the same rule, and under no other."""
    job = begun(journal)
    if state == "held":
        journal.hold(job, "busy")
    elif state != "begun":
        journal.fail(job, "damaged", [])
    if state == "again":
        journal.ask_again(job.id)
    write_column(journal, REPR)
    assert journal.planned(INBOX, OUTBOX, PICTURE, RULE) == job
    assert journal.planned(INBOX, OUTBOX, PICTURE, replace(RULE, model="u2netp")) is None
    for word, is_its in (("no", True), ("2x", False)):
        outputs = tuple(replace(one, enlarge=word) for one in RULE.outputs)
        other = journal.planned(INBOX, OUTBOX, PICTURE, replace(RULE, outputs=outputs))
        assert (other is not None) == is_its  # what was begun keeps its names
    assert journal.begin(job) == job
    assert journal.planned(INBOX, OUTBOX, PICTURE, RULE) == job


def test_a_published_job_of_an_older_version(journal: Journal) -> None:
    """Its outputs are out, whatever the rule says now: only its source is left."""
    job = begun(journal)
    journal.published(job, ["/out/a-mask.png", "/out/a.png"], verdict="ok", provider="cpu")
    write_column(journal, REPR)
    left = journal.planned(INBOX, OUTBOX, PICTURE, Rule("another"))
    assert left is not None
    assert left.outputs == ()


def test_what_an_older_default_has_cut_is_stale(journal: Journal) -> None:
    """A rule that leaves its edges open makes something else since `fine` is no default."""
    job = begun(journal)
    journal.published(job, ["/out/a-mask.png", "/out/a.png"], verdict="ok", provider="cpu")
    journal.finish(job)
    assert journal.recuts.stale(INBOX, [RULE]) == set()
    assert journal.recuts.stale(INBOX, [replace(RULE, mask=MaskOptions())]) == {job.id}
    unsaid = replace(RULE, outputs=tuple(replace(one, enlarge="no") for one in RULE.outputs))
    for text in ("", REPR):
        if text:
            write_column(journal, text)
        assert journal.recuts.stale(INBOX, [RULE]) == set()
        assert journal.recuts.stale(INBOX, [unsaid]) == {job.id}


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        (REPR, ("mask", "cutout")),
        (REPR.replace("'all'", "\"Output(kind='mask'\"", 1), ()),  # a rule's name may feign one
    ],
)
def test_kinds_of_an_older_version(journal: Journal, text: str, kinds: tuple[str, ...]) -> None:
    """The kinds of what an older version has put out are known, where they are certain."""
    begun(journal)
    write_column(journal, text)
    (entry,) = journal.entries.unfinished()
    assert entry.kinds == kinds


def test_the_kinds_of_feigned_names(journal: Journal) -> None:
    """A rule may be called as it likes."""
    begun(journal, replace(RULE, name="Output(kind='mask'"))
    (entry,) = journal.entries.unfinished()
    assert entry.kinds == ("mask", "cutout")
