"""Accepting and rejecting, killed at every step, in the way of others, and done by hand."""

import os
import threading
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from scissorsd import failpoints
from scissorsd.config import from_values
from scissorsd.core.rules import Job, Output, Rule, in_review, plan
from scissorsd.core.settling import Sighting
from scissorsd.daemon import judging, naming, recovery, review_watch
from scissorsd.daemon.reason_files import note
from scissorsd.daemon.review_watch import ReviewWatch
from scissorsd.errors import HoldError, ScissorsError
from scissorsd.folders import publishing
from scissorsd.folders.mounts import Root
from scissorsd.records.journal import Journal
from scissorsd.records.reviews import Review, Reviews

NOT_UTF8 = os.fsdecode(b"caf\xe9.jpg")
RULE = Rule("all", outputs=(Output(), Output("mask", folder="masks")))
REVIEWED = {"review/a.png": b"cutout", "review/masks/a-mask.png": b"mask"}
ACCEPTED = {"a.png": b"cutout", "masks/a-mask.png": b"mask"}
REJECTED = {"rejected/a.png": b"cutout", "rejected/masks/a-mask.png": b"mask"}


class Killed(BaseException):
    """Ends what it is raised in as a kill would: nobody catches it."""


class Shop:
    """An inbox, its outbox and a journal; what is cut waits in review/."""

    def __init__(self, folder: Path) -> None:
        self.inbox, self.outbox = folder / "inbox", folder / "outbox"
        values = {"path": str(self.inbox), "outbox": str(self.outbox), "rules": [{"name": "all"}]}
        settings = {"state": str(folder), "inboxes": {"shop": values}}
        (self.settings,) = from_values(settings, base=folder).config.inboxes
        self.journal = Journal(folder)
        self.reviews = Reviews(self.journal.file)
        self.watch = ReviewWatch(self.journal)

    def plan(self, name: str) -> Job:
        """Plan the job of a picture."""
        source = Sighting(name, size=1, mtime_ns=1, inode=1, device=1)

        def taken(path: str) -> bool:
            mine = str(self.inbox), name
            return self.journal.owner(self.outbox, path) not in {None, mine}

        return plan(self.inbox, self.outbox, source, RULE, inbox_name="shop", date="", taken=taken)

    def cut(
        self, name: str = "a.jpg", cutout: bytes = b"cutout", *, is_killed: bool = False
    ) -> Review:
        """Put the outputs of a picture and the reason into review/, as the pipeline does."""
        job = self.journal.begin(self.plan(name))
        assert job is not None
        paths = [self.outbox / in_review(planned.path) for planned in job.outputs]
        why = note("look at it", self.inbox / name, rule="all", inbox="shop")
        reason = paths[0].with_name(f"{paths[0].name}.txt")
        files = [*zip(paths, (cutout, b"mask"), strict=True), (reason, why)]
        staged = publishing.stage(files, tag="t")
        self.journal.stamps.add(job, staged)
        publishing.commit(staged)
        places = [stamp.place for stamp in staged]
        self.journal.published(job, places, verdict="doubtful", provider="cpu", stamps=staged)
        if not is_killed:
            self.journal.finish(job)
        return self.review(job.id)

    def review(self, job_id: int = 1) -> Review:
        """Return how a job stands."""
        review = self.reviews.of_job(job_id)
        assert review is not None
        return review

    def files(self) -> dict[str, bytes]:
        """Return what lies in the outbox, without the reasons."""
        found = (path for path in self.outbox.rglob("*") if path.is_file())
        return {
            str(path.relative_to(self.outbox)): path.read_bytes()
            for path in found
            if path.suffix != ".txt"
        }

    def reasons(self) -> list[str]:
        """Return where the reasons lie."""
        return sorted(str(path.relative_to(self.outbox)) for path in self.outbox.rglob("*.txt"))

    def start(self) -> None:
        """Remove what was cut short, as the daemon does when it starts."""
        for job_id, folders in self.journal.interrupted.jobs():
            recovery.sweep(self.journal, job_id, folders)

    def scan(self) -> None:
        """Let the daemon look at review/, as it does after a scan."""
        self.watch._watches.clear()
        self.watch.look(self.settings, Root(self.outbox))
        thread = self.watch._watches["shop"].thread
        assert thread is not None
        thread.join()

    def looks_again(self) -> None:
        """Let the daemon look another time, with what it remembers of the last."""
        watch = self.watch._watches["shop"]
        watch.next_look = 0.0
        self.watch.look(self.settings, Root(self.outbox))
        assert watch.thread is not None
        watch.thread.join()

    def stands(self, job_id: int = 1) -> tuple[str, list[str]]:
        """Return what was judged, and where the outputs lie by the journal."""
        entry = self.review(job_id).entry
        places = [str(Path(path).relative_to(self.outbox)) for path in entry.published]
        return entry.judged, places


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """Open a shop."""
    shop = Shop(tmp_path)
    yield shop
    shop.journal.close()


@pytest.fixture
def kill_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int | str | None], None]:
    """Return a function that lets the process die at a failpoint, by name or number, or never."""

    def plan(where: int | str | None) -> None:
        steps = count(1)

        def at(place: str, _: str = "") -> None:
            if where == place or (isinstance(where, int) and next(steps) >= where):
                raise Killed

        monkeypatch.setattr(failpoints, "at", at)

    return plan


# --- accepted, rejected, taken back ------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.jpg", "one/b.jpg", NOT_UTF8])
def test_a_life_in_review(shop: Shop, name: str) -> None:
    """All outputs go aside with the reason, and from there to their places, and aside again."""
    review = shop.cut(name)
    before = shop.files()
    judging.reject(shop.journal, review)
    assert set(shop.files()) == {path.replace("review/", "rejected/", 1) for path in before}
    assert [path.split("/")[0] for path in shop.reasons()] == ["rejected"]
    assert shop.stands()[0] == "rejected"
    judging.accept(shop.journal, shop.review())
    assert shop.files() == {path.removeprefix("review/"): c for path, c in before.items()}
    assert shop.reasons() == []
    assert shop.stands()[0] == "accepted"
    assert set(shop.stands()[1]) == set(shop.files())
    for place in review.places:
        (stamp,) = shop.journal.stamps.at(place, shop.inbox, name)
        assert publishing.matches_stamp(stamp)
    judging.reject(shop.journal, shop.review())
    assert set(shop.files()) == {path.replace("review/", "rejected/", 1) for path in before}


def test_a_retouched_one(shop: Shop) -> None:
    """What was retouched in review/ is accepted as it is now, and is ours from then on."""
    review = shop.cut()
    review.outputs[0].write_bytes(b"retouched")
    judging.accept(shop.journal, review)
    assert shop.files() == {**ACCEPTED, "a.png": b"retouched"}
    (stamp,) = shop.journal.stamps.at(review.places[0], shop.inbox, "a.jpg")
    assert publishing.matches_stamp(stamp)


def test_another_file_in_the_way(shop: Shop) -> None:
    """Where a place is taken nothing is moved, nothing is overwritten, and it waits as before."""
    review = shop.cut()
    review.places[1].parent.mkdir()
    review.places[1].write_bytes(b"another's")
    with pytest.raises(ScissorsError, match="is not scissorsd's"):
        judging.accept(shop.journal, review)
    assert shop.files() == {**REVIEWED, "masks/a-mask.png": b"another's"}
    assert shop.reviews.waiting(shop.inbox) == [review]


def test_an_earlier_output_in_the_way(shop: Shop) -> None:
    """What lies in the place from an earlier cut of the same picture is replaced."""
    judging.accept(shop.journal, shop.cut())
    again = shop.cut(cutout=b"anew")
    judging.accept(shop.journal, again)
    assert shop.files() == {**ACCEPTED, "a.png": b"anew"}


def test_killed_before_an_earlier_output_was_removed(shop: Shop) -> None:
    """At the next start it is removed, though the source may be gone since."""
    judging.accept(shop.journal, shop.cut())
    shop.cut(cutout=b"anew", is_killed=True)
    shop.start()
    assert shop.files() == {**REVIEWED, "review/a.png": b"anew"}


def test_accepted_before_an_earlier_output_was_removed(shop: Shop) -> None:
    """What was accepted in the stead of an earlier one, after a kill, is not removed as that."""
    judging.accept(shop.journal, shop.cut())
    judging.accept(shop.journal, shop.cut(cutout=b"anew", is_killed=True))
    shop.start()
    assert shop.files() == {**ACCEPTED, "a.png": b"anew"}


def test_accepted_while_an_earlier_output_is_removed(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is accepted while the share hangs in that moment is not removed as the earlier one."""
    judging.accept(shop.journal, shop.cut())
    review = shop.cut(cutout=b"anew", is_killed=True)
    look = naming.is_put_there

    def hang(inbox: Path, source: str, place: Path, journal: Journal) -> bool:
        monkeypatch.undo()
        judging.accept(shop.journal, review)
        return look(inbox, source, place, journal)

    monkeypatch.setattr(recovery, "is_put_there", hang)
    shop.start()
    assert shop.files() == {**ACCEPTED, "a.png": b"anew"}


def test_a_place_that_is_taken_in_the_last_moment(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a place is taken while the others go to theirs, these come back, and it waits."""
    review = shop.cut()

    def at(place: str, _: str = "") -> None:
        if place == "judge.moved":
            review.places[1].parent.mkdir(exist_ok=True)
            review.places[1].write_bytes(b"another's")

    monkeypatch.setattr(failpoints, "at", at)
    with pytest.raises(ScissorsError, match="there already"):
        judging.accept(shop.journal, review)
    assert shop.files() == {**REVIEWED, "masks/a-mask.png": b"another's"}
    assert shop.reviews.waiting(shop.inbox) == [review]
    assert shop.reasons() == ["review/a.png.txt"]


def test_rejected_twice_under_one_name(shop: Shop) -> None:
    """What lies in rejected/ is never written over: the next one is numbered."""
    (shop.outbox / "rejected").mkdir(parents=True)
    (shop.outbox / "rejected" / "a.png").write_bytes(b"another's")
    judging.reject(shop.journal, shop.cut())
    assert shop.files() == {
        "rejected/a.png": b"another's",
        "rejected/a-2.png": b"cutout",
        "rejected/masks/a-mask.png": b"mask",
    }


def test_a_note_that_is_not_ours(shop: Shop) -> None:
    """A file in the place of the reason that is another's stays."""
    review = shop.cut()
    assert review.note is not None
    review.note.write_text("mine")
    judging.accept(shop.journal, review)
    assert shop.reasons() == ["review/a.png.txt"]


def test_it_is_being_cut_again(shop: Shop) -> None:
    """What is in hand again is not judged; and what is being judged is not begun again."""
    review = shop.cut()
    assert shop.journal.begin(shop.plan("a.jpg")) is not None
    with pytest.raises(ScissorsError, match="at this moment"):
        judging.accept(shop.journal, review)
    assert shop.files() == REVIEWED


def test_it_is_being_judged(shop: Shop, kill_at: Callable[[int | str | None], None]) -> None:
    """While a judgement is under way the picture is held, not begun; afterwards it can be."""
    review = shop.cut()
    kill_at("judge.moved")
    with pytest.raises(Killed):
        judging.accept(shop.journal, review)
    kill_at(None)
    assert shop.reviews.under_way(job_id=1)
    with pytest.raises(HoldError, match="accepted or rejected"):
        shop.journal.begin(shop.plan("a.jpg"))
    shop.scan()
    assert shop.journal.begin(shop.plan("a.jpg")) is not None


# --- killed ------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["the daemon", "the command"])
@pytest.mark.parametrize("verdict", ["accepted", "rejected"])
def test_killed_at_each_step(
    shop: Shop, kill_at: Callable[[int | str | None], None], verdict: str, by: str
) -> None:
    """Killed at any step, the command again or a scan ends it: every file is whole, and once."""
    act = judging.accept if verdict == "accepted" else judging.reject
    for step in count(1):
        job = shop.cut(f"{step}.jpg").entry.id
        kill_at(step)
        try:
            act(shop.journal, shop.review(job))
        except Killed:
            died = True
        else:
            died = False
        kill_at(None)
        begun = bool(shop.reviews.under_way(job_id=job))
        if by == "the daemon":
            shop.scan()
        else:
            for left in shop.reviews.under_way(job_id=job):
                judging.complete(shop.journal, left)
        assert shop.reviews.under_way(job_id=job) == []
        if not begun and not shop.review(job).entry.judged:  # nothing had been journalled yet
            act(shop.journal, shop.review(job))
        folder = "" if verdict == "accepted" else "rejected/"
        mine = {path: c for path, c in shop.files().items() if f"{step}" in Path(path).stem}
        names = (f"{folder}{step}.png", f"{folder}masks/{step}-mask.png")
        assert mine == dict(zip(names, (b"cutout", b"mask"), strict=True)), step
        assert shop.stands(job)[0] == verdict
        assert [p for p in shop.reasons() if p.startswith("review/")] == []
        for path in (shop.outbox / name for name in names):
            (stamp,) = shop.journal.stamps.at(path, shop.inbox, f"{step}.jpg")
            assert publishing.matches_stamp(stamp)
        shop.outbox.rename(shop.outbox.with_name(f"done {step}"))
        if not died:
            assert step > 8
            return


def test_cut_short_and_then_in_the_way(
    shop: Shop, kill_at: Callable[[int | str | None], None]
) -> None:
    """Where a judgement that was cut short cannot be ended, all of it comes back to review/."""
    review = shop.cut()
    kill_at("judge.moved")
    with pytest.raises(Killed):
        judging.accept(shop.journal, review)
    kill_at(None)
    assert review.outputs[1].exists()
    review.places[1].parent.mkdir(exist_ok=True)
    review.places[1].write_bytes(b"another's")
    shop.scan()
    assert shop.files() == {**REVIEWED, "masks/a-mask.png": b"another's"}
    assert shop.reviews.under_way(job_id=1) == []
    assert shop.reviews.waiting(shop.inbox) == [shop.review()]


# --- by hand -----------------------------------------------------------------------------------


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take what is missing for deleted at the second look."""
    monkeypatch.setattr(review_watch, "DELETED_AFTER", 0.0)


def move(review: Review, number: int) -> None:
    """Move an output to its place by hand, as a file manager on another machine does."""
    review.places[number].parent.mkdir(exist_ok=True, parents=True)
    review.places[number].write_bytes(review.outputs[number].read_bytes())
    os.utime(review.places[number], (1, 1))
    review.outputs[number].unlink()


@pytest.mark.usefixtures("at_once")
def test_moved_by_hand(shop: Shop) -> None:
    """What was moved to its place counts as accepted once all has, and is ours there."""
    review = shop.cut()
    move(review, 0)
    shop.scan()
    assert shop.stands()[0] == ""
    move(review, 1)
    shop.scan()
    assert shop.stands() == ("accepted", list(ACCEPTED))
    assert (shop.files(), shop.reasons()) == (ACCEPTED, [])
    (stamp,) = shop.journal.stamps.at(review.places[0], shop.inbox, "a.jpg")
    assert publishing.matches_stamp(stamp)


@pytest.mark.usefixtures("at_once")
def test_deleted_by_hand(shop: Shop) -> None:
    """What was deleted from review/ counts as rejected; nothing of it is missing then."""
    review = shop.cut()
    review.outputs[0].unlink()
    shop.scan()
    assert shop.stands()[0] == ""
    review.outputs[1].unlink()
    shop.scan()
    assert shop.stands() == ("rejected", [])
    assert shop.reasons() == []
    assert shop.reviews.is_rejected(shop.inbox, "a.jpg", (1, 1))
    with pytest.raises(ScissorsError, match="is left to accept"):
        judging.accept(shop.journal, shop.review())


def test_retouched_and_moved_by_hand(shop: Shop) -> None:
    """What was seen retouched in review/ is known in its place, too."""
    review = shop.cut()
    review.outputs[0].write_bytes(b"retouched")
    shop.scan()
    move(review, 0)
    move(review, 1)
    shop.looks_again()
    assert shop.stands() == ("accepted", list(ACCEPTED))
    assert shop.files() == {**ACCEPTED, "a.png": b"retouched"}


def test_deleted_beside_an_earlier_one(shop: Shop) -> None:
    """An output of an earlier cut in the place is not taken for what waited in review/."""
    judging.accept(shop.journal, shop.cut())
    again = shop.cut(cutout=b"anew")
    again.outputs[0].unlink()
    with pytest.raises(ScissorsError, match="nor is it at"):
        judging.accept(shop.journal, again)
    assert shop.stands()[0] == ""


def test_saved_anew(shop: Shop) -> None:
    """What is missing for a moment, as while it is saved, is not taken for deleted."""
    review = shop.cut()
    for output in review.outputs:
        output.unlink()
    shop.scan()
    review.outputs[0].write_bytes(b"retouched")
    shop.looks_again()
    assert shop.stands()[0] == ""
    assert shop.watch._watches["shop"].gone_since == {}


@pytest.mark.usefixtures("at_once")
def test_an_outbox_that_is_away(shop: Shop) -> None:
    """Gone is not deleted: of an outbox whose mount is away nothing is concluded."""
    review = shop.cut()
    shop.outbox.rename(shop.outbox.with_name("elsewhere"))
    shop.scan()
    shop.outbox.mkdir()  # where it is mounted
    shop.scan()
    assert shop.review() == review


@pytest.mark.usefixtures("at_once")
def test_something_else_in_the_place(shop: Shop) -> None:
    """Where another file lies in the place of what has gone, nothing is concluded or moved."""
    review = shop.cut()
    for output in review.outputs:
        output.unlink()
    review.places[0].write_bytes(b"another's")
    shop.scan()
    assert shop.stands()[0] == ""
    assert shop.files() == {"a.png": b"another's"}


def test_a_stop_ends_every_look(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look that a stop meets ends after its picture, and none begins after it."""
    for name in ("a.jpg", "b.jpg"):
        shop.cut(name)
    first, told = threading.Event(), threading.Event()
    considered = []

    def consider(_self: ReviewWatch, _inbox: object, review: Review, _watch: object) -> None:
        considered.append(review.entry.path)
        first.set()
        told.wait(60)

    monkeypatch.setattr(ReviewWatch, "_consider", consider)
    shop.watch.look(shop.settings, Root(shop.outbox))
    first.wait(60)
    (thread,) = shop.watch.stop()
    told.set()
    thread.join(60)
    assert len(considered) == 1
    shop.watch.look(shop.settings, Root(shop.outbox))
    assert shop.watch.stop() == [thread]
