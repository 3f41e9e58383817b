"""The life of pictures under any sequence of second thoughts: nothing is lost, nothing comes twice.

Real folders, the real journal, the real line of a picture; only the network is arithmetic, and a
death is an exception at any of the program's failpoints.
"""

import hashlib
import io
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from scissorsd import failpoints
from scissorsd.commands import adopt, backup, judge, move, recut
from scissorsd.config import from_values
from scissorsd.core.catalogue import CATALOGUE
from scissorsd.core.keeping import DAY, Keep
from scissorsd.core.rules import REJECTED_FOLDER, REVIEW_FOLDER
from scissorsd.core.wishes import NO_WISH, Wish
from scissorsd.daemon import housekeeping, pipeline, recovery
from scissorsd.daemon.housekeeping import Housekeeping
from scissorsd.daemon.inbox_state import InboxState
from scissorsd.daemon.memory import MemoryBudget
from scissorsd.daemon.outcomes import Bench
from scissorsd.daemon.review_watch import ReviewWatch
from scissorsd.errors import ScissorsError, UsageError
from scissorsd.folders import scanning
from scissorsd.folders.messages import Scanned
from scissorsd.records import state_folders
from scissorsd.records.journal import Journal
from scissorsd.records.journal_file import FILE
from scissorsd.records.journal_rows import Entry
from scissorsd.records.reviews import Reviews, Verdict
from scissorsd.records.state_folders import StateFolder
from scissorsd.settings import Config

PATHS = ("move/a.png", "move/a.bmp", "keep/a.png", "keep/a.bmp")
LOOKS = (
    [{"kind": "cutout"}],
    [{"kind": "cutout"}, {"kind": "mask"}],
    [{"kind": "cutout", "name": "{stem}-cut"}],
)
STRANGERS = ("move/a-2.png", "keep/a-mask.png", "rejected/keep/a.png", "processed/move/a-2.bmp")
STEPS = st.none() | st.integers(1, 40)  # at which a command dies; none: it does not
FORMATS = {".png": "PNG", ".bmp": "BMP"}
WISHES = (NO_WISH, Wish(edges="soft"), Wish(threshold=0.5))


class Death(BaseException):
    """The program dies here."""


class Arithmetic:
    """A network that holds what is dark for the subject."""

    def run(
        self, _name: str, network_input: NDArray[np.float32], /
    ) -> tuple[NDArray[np.float32], str, str]:
        """Return 1 where it is dark."""
        return (network_input.mean(axis=(0, 1)) < 0).astype(np.float32), "cpu", "full"


def drawn(number: int, suffix: str, *, empty: bool) -> bytes:
    """Draw a picture that is known by its width; an empty one is for review."""
    image = Image.new("RGB", (40 + number, 30), "white")
    if not empty:
        ImageDraw.Draw(image).ellipse((10, 8, 30, 24), fill="black")
    buffer = io.BytesIO()
    image.save(buffer, FORMATS[suffix])
    return buffer.getvalue()


def digest(content: bytes) -> bytes:
    """Return the digest by which the journal knows a picture."""
    return hashlib.blake2b(content, digest_size=16).digest()


class Lives(RuleBasedStateMachine):
    """Folders, a person who changes their mind, and a program that may die anywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="lives-"))
        self.inbox, self.outbox = self.folder / "inbox", self.folder / "outbox"
        self.now = 1000.0
        self.numbers = count(1)
        self.times = count(10**9)
        self.width: dict[bytes, int] = {}  # by the digest of a picture
        self.wanted = set[bytes]()  # pictures that nobody has taken away or written over
        self.strangers = dict.fromkeys(STRANGERS, b"not ours")  # files that are nobody's of ours
        self.is_forgetful = False  # what had come out before may have come out again
        self.look = 0
        self.backups = self.folder / "monday.sqlite"
        self.backed_up = self.inbox, self.outbox  # where these were at the time
        self.open_journal()

    def open_journal(self) -> None:
        """Open the real journal, but spare the disk: no power is cut here."""
        self.state_folder.mkdir(exist_ok=True)
        self.journal = Journal(self.state_folder)
        self.journal.file.db.execute("PRAGMA synchronous = OFF")

    @initialize(dropped=st.lists(st.tuples(st.sampled_from(PATHS), st.booleans()), max_size=4))
    def begin(self, dropped: list[tuple[str, bool]]) -> None:
        """Lay the folders out, with files in the outbox that are not ours; cut a few pictures."""
        for name, content in self.strangers.items():
            path = self.outbox / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        self.inbox.mkdir()
        self.start()
        for name, empty in dropped:
            self.drop(name, empty, at_once=True)

    def values(self) -> dict[str, object]:
        """Return the values of the configuration as it is now."""
        rules = [
            {"name": name, "match": f"{name}/**", "source": name, "outputs": LOOKS[self.look]}
            for name in ("move", "keep")
        ]
        shop = {"path": str(self.inbox), "outbox": str(self.outbox), "settle": "1s"}
        inboxes = {"shop": {**shop, "rules": rules}}
        return {"state": str(self.state_folder), "inboxes": inboxes}

    def config(self) -> Config:
        """Return the configuration as it is now."""
        return from_values(self.values(), base=self.folder).config

    @property
    def state_folder(self) -> Path:
        """Where the journal lies."""
        return self.folder / "state"

    def start(self) -> None:
        """Start the program."""
        self.journal.interrupted.hold(0)
        for job_id, folders in self.journal.interrupted.jobs():
            recovery.sweep(self.journal, job_id, folders)
        config = self.config()
        state_folders.remember(self.state_folder, self.values())  # by which commands find it
        self.state = InboxState.open(
            config.inboxes[0], self.journal, max_reads=3, again=False, journal_lost=False
        )
        self.bench = Bench(
            journal=self.journal,
            sessions=Arithmetic(),
            catalogue=CATALOGUE,
            limits=config.limits,
            memory=MemoryBudget(1 << 30),
        )
        self.state.take_up(self.now)

    # --- a person ----------------------------------------------------------------------------

    @rule(path=st.sampled_from(PATHS), empty=st.booleans(), at_once=st.booleans())
    def drop(self, path: str, empty: bool, at_once: bool) -> None:  # noqa: FBT001 - drawn
        """Put a new picture there, perhaps in the place of another."""
        self.forget_at(path)
        number = next(self.numbers)
        content = drawn(number, Path(path).suffix, empty=empty)
        self.width[digest(content)] = 40 + number
        self.wanted.add(digest(content))
        self.write(path, content)
        if at_once:
            self.work()

    def write(self, path: str, content: bytes) -> None:
        """Write a file into the inbox, with a time of its own."""
        place = self.inbox / path
        place.parent.mkdir(exist_ok=True)
        draft = place.with_name("draft.tmp")
        draft.write_bytes(content)
        moment = next(self.times)
        os.utime(draft, (moment, moment))
        draft.replace(place)

    def forget_at(self, path: str) -> None:
        """Expect no more of what a person is about to remove."""
        place = self.inbox / path
        if place.exists():
            content = place.read_bytes()
            place.unlink()
            if not any(p.read_bytes() == content for p in self.folder.rglob("*.*") if p.is_file()):
                self.wanted.discard(digest(content))

    @rule(path=st.sampled_from(PATHS))
    def take_away(self, path: str) -> None:
        """Take a picture out of the inbox."""
        self.forget_at(path)

    @rule(look=st.integers(0, len(LOOKS) - 1))
    def change_the_rules(self, look: int) -> None:
        """Let the rules make something else from now on."""
        self.look = look
        self.state.change(self.config().inboxes[0])
        state_folders.remember(self.state_folder, self.values())

    def moved(self) -> list[Entry]:
        """Return what was cut and lies in processed/."""
        entries = self.journal.recuts.cut(self.inbox)
        return [e for e in entries if e.moved_to and Path(e.moved_to).exists()]

    @precondition(lambda self: self.moved())
    @rule(choice=st.integers(0, 9), as_copy=st.booleans(), times=st.booleans())
    def bring_back(self, choice: int, as_copy: bool, times: bool) -> None:  # noqa: FBT001 - drawn
        """Bring a moved picture back into the inbox by hand, with its old time or another."""
        entry = self.moved()[choice % len(self.moved())]
        place, target = Path(entry.moved_to), Path(entry.source)
        if target.exists():
            return
        target.parent.mkdir(exist_ok=True)
        if as_copy:
            shutil.copy2(place, target)
        else:
            place.rename(target)
        if times:
            moment = next(self.times)
            os.utime(target, (moment, moment))

    @precondition(lambda self: self.journal.recuts.cut(self.inbox))
    @rule(choice=st.integers(0, 9))
    def delete_an_output(self, choice: int) -> None:
        """Delete a file that came out."""
        entries = self.journal.recuts.cut(self.inbox)
        entry = entries[choice % len(entries)]
        if entry.published:  # else a person has deleted them all
            place = Path(entry.published[choice % len(entry.published)])
            place.unlink(missing_ok=True)
            self.strangers.pop(self.below(place), None)  # after another journal was put back

    def below(self, place: Path) -> str:
        """Return the path of a file from the outbox."""
        return str(place.relative_to(self.outbox))

    @precondition(lambda self: self.journal.recuts.cut(self.inbox))
    @rule(choice=st.integers(0, 9), wish=st.sampled_from(WISHES))
    def ask_again(self, choice: int, wish: Wish) -> None:
        """Ask for a picture to be cut again."""
        entries = self.journal.recuts.cut(self.inbox)
        state = StateFolder(self.state_folder, self.config())
        try:
            recut._ask(state, self.journal, entries[choice % len(entries)], wish)
        except UsageError:
            return  # it is no longer there
        self.take_notice()

    def take_notice(self) -> None:
        """Notice that a command has written into the journal, as a daemon does."""
        self.journal.reload()
        self.state.take_up(self.now)

    def judged(self) -> list[Path]:
        """Return what a person may accept or reject, by one of its files."""
        reviews = Reviews(self.journal.file)
        both = [*reviews.waiting(self.inbox), *reviews.judged(self.inbox)]
        return [review.outputs[0] for review in both if review.outputs]

    @precondition(lambda self: self.judged())
    @rule(choice=st.integers(0, 9), verdict=st.sampled_from(["accepted", "rejected"]), steps=STEPS)
    def judge(self, choice: int, verdict: Verdict, steps: int | None) -> None:
        """Accept or reject what waits in review/, or was judged before."""
        names = self.judged()
        name = names[choice % len(names)]
        if self.survives(
            lambda: list(judge.judge([name], verdict, None, self.state_folder)), steps
        ):
            self.take_notice()

    @rule(names=st.sampled_from([("inbox",), ("outbox",), ("outbox", "inbox")]), steps=STEPS)
    def move_folders(self, names: tuple[str, ...], steps: int | None) -> None:
        """Move the inbox, the outbox, or both, and tell scissorsd of it."""
        self.journal.close()
        number = next(self.numbers)
        for name in names:
            old: Path = getattr(self, name)
            new = old.with_name(f"{name}-{number}")
            if old.exists():
                old.rename(new)
            setattr(self, name, new)
            told = partial(self.tell_of_move, old, new)
            self.insists(told, steps)
            (kept,) = state_folders.find(None, self.state_folder).config.inboxes
            assert getattr(kept, "path" if name == "inbox" else name) == new
        self.open_journal()
        self.start()

    def tell_of_move(self, old: Path, new: Path) -> None:
        """Tell scissorsd that a folder was moved."""
        list(move.move(old, new, None, self.state_folder))

    @rule()
    def back_up(self) -> None:
        """Make a backup of the journal, as it is at this moment."""
        list(backup.back_up(self.backups, None, self.state_folder, overwrite=True))
        self.backed_up = self.inbox, self.outbox

    @rule(lost=st.booleans(), steps=STEPS, adopts=st.booleans())
    def restore(self, lost: bool, steps: int | None, adopts: bool) -> None:  # noqa: FBT001 - drawn
        """Lose the journal, or put a backup of it back; and take what is out for done."""
        if not lost and (not self.backups.exists() or self.backed_up != (self.inbox, self.outbox)):
            return
        self.work()
        if self.litter():
            return
        self.journal.close()
        if lost:
            for part in self.state_folder.glob(f"{FILE}*"):
                part.unlink()
        else:
            self.insists(lambda: list(backup.restore(self.backups, None, self.state_folder)), steps)
        doubtful = list[object]()
        if adopts:
            self.insists(lambda: doubtful.extend(self.adopt()), steps)
        self.is_forgetful = self.is_forgetful or not adopts or bool(doubtful)
        self.open_journal()
        self.complete_judgements()
        for path in self.files():
            is_output = self.outbox in path.parents and not self.is_original(path)
            if is_output and not self.has_put_out(path):
                self.strangers[self.below(path)] = path.read_bytes()
            elif is_output:  # adopted
                self.strangers.pop(self.below(path), None)
        self.start()

    def adopt(self) -> list[object]:
        """Take what is out for done; return what is doubtful, and so is cut again."""
        state = self.state_folder
        adopted = adopt.adopt(None, state, dry_run=False, progress=lambda *_: None)
        return [one for report in adopted.reports for one in report.doubtful]

    def knows(self, path: Path) -> bool:
        """Whether the journal has a name for one of ours."""
        is_note = bool(Reviews(self.journal.file).of_note(str(path)))
        return is_note or bool(self.journal.entries.of_output(str(path)))

    def has_put_out(self, path: Path) -> bool:
        """Whether the journal that is open now knows that we have put out this very file."""
        with self.journal.file.locked("read") as db:
            rows = db.execute("SELECT digest FROM stamps WHERE place = ?", (os.fsencode(path),))
            return digest(path.read_bytes()) in {row["digest"] for row in rows}

    # --- the program -------------------------------------------------------------------------

    @rule()
    def work(self) -> None:
        """Look at everything, and cut what has settled."""
        self.complete_judgements()
        before = self.settled_judgements()
        self.scan()
        self.now += 400.0
        self.state.release(self.now)
        self.scan()
        while (task := self.state.next_task(self.now, alone=True)) is not None:
            outcome = pipeline.process(task, self.bench)
            self.state.ended(task, outcome, self.now)
        assert before.items() <= self.settled_judgements().items(), "a judgement did not stay"

    def complete_judgements(self) -> None:
        """Carry out what was cut short of accepting and rejecting, as a daemon does."""
        with suppress(ScissorsError):  # it says so in the log
            ReviewWatch(self.journal)._complete(self.config().inboxes[0])

    def settled_judgements(self) -> dict[str, tuple[str, bytes]]:
        """Return what was accepted and is wanted no other way, by its files; what was rejected."""
        found: dict[str, tuple[str, bytes]] = {}
        for entry in self.journal.recuts.cut(self.inbox):
            here = scanning.sight(self.inbox, entry.path)
            came = here is not None and (here.size, here.mtime_ns) != (entry.size, entry.mtime_ns)
            came = came or (here is not None and bool(entry.moved_to))
            if entry.state != "done" or not entry.judged or came:
                continue
            places = list(map(Path, entry.published))
            if all(place.exists() for place in places):
                found |= {str(place): (entry.judged, place.read_bytes()) for place in places}
        return found

    @rule(
        kinds=st.sets(st.sampled_from(["processed", "failed", "review"]), min_size=1), steps=STEPS
    )
    def keep_house(self, kinds: set[str], steps: int | None) -> None:
        """Remove what is older than a day, ten days later; and folders that are empty now."""
        own = self.own_files()
        whole = set(self.files()) - set(self.litter())
        before = {path: path.read_bytes() for path in whole}
        inbox = replace(
            self.state.inbox, keep=Keep(**dict.fromkeys(kinds, DAY)), remove_emptied=True
        )
        roots = self.state.inbox_root, self.state.outbox_root
        run = housekeeping._Run(inbox, *roots, now=time.time() + 10 * DAY)
        house = Housekeeping(self.journal)
        self.survives(lambda: house._keep_house(run), steps)
        gone = {path: content for path, content in before.items() if not path.exists()}
        assert gone.keys() <= own, "what is not ours was removed"
        left = {digest(path.read_bytes()) for path in self.files()}
        self.wanted -= set(map(digest, gone.values())) - left

    def own_files(self) -> set[Path]:
        """Return the files that house-keeping may remove, if they are as we had put them there."""
        own = set[Path]()
        for entry in self.journal.entries._entries("id > 0"):
            own |= {Path(entry.moved_to)} if entry.moved_to else set()
            aside = (self.outbox / REVIEW_FOLDER, self.outbox / REJECTED_FOLDER)
            own |= {
                p for p in map(Path, entry.published) if any(p.is_relative_to(a) for a in aside)
            }
        return own - {self.outbox / name for name in self.strangers}

    # --- death ---------------------------------------------------------------------------------

    def survives(self, act: Callable[[], object], steps: int | None) -> bool:
        """Do something, or die at one of its steps and start again; whether it was survived."""
        left = [steps or 0]

        def step(*_: object) -> None:
            here = threading.current_thread()
            if steps is None or not (here.name == "MainThread" or "Pool" in here.name):
                return
            left[0] -= 1
            if left[0] <= 0:
                raise Death

        try:
            with mock.patch.object(failpoints, "at", step):
                act()
        except Death:
            self.journal.close()
            self.open_journal()
            self.start()
            return False
        return True

    def insists(self, act: Callable[[], object], steps: int | None) -> None:
        """Run a command that needs the daemon stopped until it comes to its end."""
        if not self.survives(act, steps):
            self.journal.close()
            act()

    def scan(self) -> None:
        """Look at the whole inbox."""
        found = list(scanning.scan(self.inbox, recursive=True, ignore=()))
        for sighting in found:
            self.state.consider(sighting, self.now)
        self.state.scanned(Scanned("shop", len(found), 0.0), self.now)

    @rule(steps=st.integers(1, 60))
    def die_at_work(self, steps: int) -> None:
        """Die at any step of the work, and start again."""
        self.survives(self.work, steps)

    # --- what must hold ----------------------------------------------------------------------

    def teardown(self) -> None:
        """Let all come to its end; then every picture is there, and what came of it is its own."""
        try:
            for _ in range(4):
                self.work()
            self.check()
        finally:
            self.journal.close()
            shutil.rmtree(self.folder)

    def files(self) -> list[Path]:
        """Return every file of the two folders."""
        return [p for top in (self.inbox, self.outbox) for p in top.rglob("*.*") if p.is_file()]

    def litter(self) -> list[Path]:
        """Return what lies there under temporary names."""
        return [path for path in self.files() if ".scissorsd-" in path.name]

    def check(self) -> None:
        """See that nothing is lost, nothing came twice, and nothing lies under a wrong name."""
        files = self.files()
        assert not self.litter(), "litter"
        for name, content in self.strangers.items():
            assert (self.outbox / name).read_bytes() == content, f"{name} is not ours"
        originals = {digest(p.read_bytes()) for p in files if self.is_original(p)}
        assert self.wanted <= originals, "a picture is lost"
        assert not [p for p in files if (self.inbox / "move") in p.parents], "it was not moved"
        outputs: dict[str, int] = {}
        pictures = set[tuple[str, bytes]]()
        for entry in self.journal.recuts.cut(self.inbox):
            content = self.journal.recuts.content(entry.id)
            is_new = self.is_forgetful or (entry.path, content) not in pictures
            assert is_new, f"{entry.path} was published twice"
            pictures.add((entry.path, content))
            for place in entry.published:
                assert outputs.setdefault(place, entry.id) == entry.id, "two under one name"
                is_ours = self.below(Path(place)) not in self.strangers
                if is_ours and Path(place).exists() and not place.endswith(".txt"):
                    with Image.open(place) as image:
                        assert image.width == self.width[content], f"{place} is of another"
        ours = {p for p in files if self.outbox in p.parents and not self.is_original(p)}
        ours -= {self.outbox / name for name in self.strangers}
        states = {entry.state for entry in self.journal.entries.unfinished()}
        assert not states, "something is never done"
        assert not self.journal.recuts.elsewhere(self.inbox)
        assert not Reviews(self.journal.file).under_way(inbox=self.inbox)
        for path in ours:  # also of pictures that were replaced or taken away
            assert self.knows(path), f"nobody knows {path}"

    def is_original(self, path: Path) -> bool:
        """Whether a file is a picture that was dropped."""
        return self.inbox in path.parents or (self.outbox / "processed") in path.parents


def lives(examples: int, *, always_the_same: bool = False) -> settings:
    """Return how many lives are lived, and how long."""
    return settings(
        max_examples=examples,
        derandomize=always_the_same,
        stateful_step_count=25,
        deadline=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )


class TestAFewLives(Lives.TestCase):  # type: ignore[misc,valid-type]
    """A few, for every day: always the same."""

    settings = lives(12, always_the_same=True)


@pytest.mark.slow
@pytest.mark.timeout(2400)  # two minutes of processor time: on a busy machine that is long
class TestManyLives(Lives.TestCase):  # type: ignore[misc,valid-type]
    """Many, always the same; as many others as LIVES says, if it is set."""

    settings = lives(int(os.getenv("LIVES", "100")), always_the_same="LIVES" not in os.environ)
