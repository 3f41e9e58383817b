"""The life of pictures under any sequence of second thoughts: nothing is lost, nothing comes twice.

Real folders, the real journal, the real line of a picture; only the network is arithmetic, and a
death is an exception at any of the program's failpoints.
"""

import hashlib
import io
import os
import shutil
import tempfile
from itertools import count
from pathlib import Path
from unittest import mock

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from scissorsd import failpoints
from scissorsd.commands import recut
from scissorsd.config import from_values
from scissorsd.core.catalogue import CATALOGUE
from scissorsd.core.wishes import NO_WISH, Wish
from scissorsd.daemon import pipeline, recovery
from scissorsd.daemon.inbox_state import InboxState
from scissorsd.daemon.memory import MemoryBudget
from scissorsd.daemon.outcomes import Bench
from scissorsd.errors import UsageError
from scissorsd.folders import scanning
from scissorsd.folders.messages import Scanned
from scissorsd.records.journal import Journal
from scissorsd.records.journal_rows import Entry
from scissorsd.records.state_folders import StateFolder
from scissorsd.settings import Config

PATHS = ("move/a.png", "move/a.bmp", "keep/a.png", "keep/a.bmp")
LOOKS = (
    [{"kind": "cutout"}],
    [{"kind": "cutout"}, {"kind": "mask"}],
    [{"kind": "cutout", "name": "{stem}-cut"}],
)
STRANGERS = ("move/a-2.png", "keep/a-mask.png")
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


def drawn(number: int, suffix: str) -> bytes:
    """Draw a picture that is known by its width."""
    image = Image.new("RGB", (40 + number, 30), "white")
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
        self.look = 0
        self.open_journal()

    def open_journal(self) -> None:
        """Open the real journal, but spare the disk: no power is cut here."""
        (self.folder / "state").mkdir(exist_ok=True)
        self.journal = Journal(self.folder / "state")
        self.journal.file.db.execute("PRAGMA synchronous = OFF")

    @initialize()
    def begin(self) -> None:
        """Lay the folders out, with files in the outbox that are not ours."""
        for name in STRANGERS:
            path = self.outbox / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"not ours")
        self.inbox.mkdir()
        self.start()

    def config(self) -> Config:
        """Return the configuration as it is now."""
        rules = [
            {"name": name, "match": f"{name}/**", "source": name, "outputs": LOOKS[self.look]}
            for name in ("move", "keep")
        ]
        shop = {"path": "inbox", "outbox": "outbox", "settle": "1s", "rules": rules}
        values = {"state": "state", "inboxes": {"shop": shop}}
        return from_values(values, base=self.folder).config

    def start(self) -> None:
        """Start the program."""
        self.journal.interrupted.hold(0)
        for job_id, folders in self.journal.interrupted.jobs():
            recovery.sweep(self.journal, job_id, folders)
        config = self.config()
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

    @rule(path=st.sampled_from(PATHS))
    def drop(self, path: str) -> None:
        """Put a new picture there, perhaps in the place of another."""
        self.forget_at(path)
        number = next(self.numbers)
        content = drawn(number, Path(path).suffix)
        self.width[digest(content)] = 40 + number
        self.wanted.add(digest(content))
        self.write(path, content)

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
        Path(entry.published[choice % len(entry.published)]).unlink(missing_ok=True)

    @precondition(lambda self: self.journal.recuts.cut(self.inbox))
    @rule(choice=st.integers(0, 9), wish=st.sampled_from(WISHES))
    def ask_again(self, choice: int, wish: Wish) -> None:
        """Ask for a picture to be cut again."""
        entries = self.journal.recuts.cut(self.inbox)
        state = StateFolder(self.folder / "state", self.config())
        try:
            recut._ask(state, self.journal, entries[choice % len(entries)], wish)
        except UsageError:
            return  # it is no longer there
        self.journal.reload()
        self.state.take_up(self.now)

    # --- the program -------------------------------------------------------------------------

    @rule()
    def work(self) -> None:
        """Look at everything, and cut what has settled."""
        self.scan()
        self.now += 400.0
        self.state.release(self.now)
        self.scan()
        while (task := self.state.next_task(self.now, alone=True)) is not None:
            outcome = pipeline.process(task, self.bench)
            self.state.ended(task, outcome, self.now)

    def scan(self) -> None:
        """Look at the whole inbox."""
        found = list(scanning.scan(self.inbox, recursive=True, ignore=()))
        for sighting in found:
            self.state.consider(sighting, self.now)
        self.state.scanned(Scanned("shop", len(found), 0.0), self.now)

    @rule(steps=st.integers(1, 60))
    def die_at_work(self, steps: int) -> None:
        """Die at any step of the work, and start again."""
        left = [steps]

        def step(*_: object) -> None:
            left[0] -= 1
            if left[0] <= 0:
                raise Death

        try:
            with mock.patch.object(failpoints, "at", step):
                self.work()
        except Death:
            self.journal.close()
            self.open_journal()
            self.start()

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

    def check(self) -> None:
        """See that nothing is lost, nothing came twice, and nothing lies under a wrong name."""
        files = [path for path in self.folder.rglob("*.*") if path.is_file()]
        assert not [path for path in files if ".scissorsd-" in path.name], "litter"
        for name in STRANGERS:
            assert (self.outbox / name).read_bytes() == b"not ours"
        originals = {digest(p.read_bytes()) for p in files if self.is_original(p)}
        assert self.wanted <= originals, "a picture is lost"
        assert not [p for p in files if (self.inbox / "move") in p.parents], "it was not moved"
        outputs: dict[str, int] = {}
        for entry in self.journal.recuts.cut(self.inbox):
            content = self.journal.recuts.content(entry.id)
            for place in entry.published:
                assert outputs.setdefault(place, entry.id) == entry.id, "two under one name"
                if Path(place).exists():
                    with Image.open(place) as image:
                        assert image.width == self.width[content], f"{place} is of another"
        ours = {str(p) for p in files if self.outbox in p.parents and not self.is_original(p)}
        ours -= {str(self.outbox / name) for name in STRANGERS}
        states = {entry.state for entry in self.journal.entries.unfinished()}
        assert not states, "something is never done"
        assert not self.journal.recuts.elsewhere(self.inbox)
        for place in ours - outputs.keys():  # of pictures that were replaced or taken away
            assert self.journal.entries.of_output(place), f"nobody knows {place}"

    def is_original(self, path: Path) -> bool:
        """Whether a file is a picture that was dropped."""
        return self.inbox in path.parents or (self.outbox / "processed") in path.parents


Lives.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestLives = Lives.TestCase
