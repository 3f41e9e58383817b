"""Several processes that put what they cut, and their originals, into one and the same folder.

Each has its own inbox and its own job journal; the names are the same in all inboxes, and so are
some of the pictures. Each is killed again and again, at places drawn by lot. Afterwards nothing
may be lost, nothing may be there twice, and nothing may be half there.
"""

import hashlib
import random
import signal
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from .driver import Daemon, Workplace, wait_for
from .scenes import drawn, number_of

OUTPUTS = [{"kind": "cutout"}, {"kind": "mask", "folder": "masks"}]
# Where a process is killed: around every step that takes a place or gives one up.
PLACES = (
    *("write.unsynced", "write.done", "journal.stamp", "journal.stamp.done", "publish"),
    *("publish.done", "journal.published", "journal.published.done", "move.unsynced", "move.done"),
    *("move.unverified", "move.verify", "move.copied", "journal.redirect.done", "journal.finish"),
    *("journal.setting_aside.done", "journal.fail", "journal.replan.done", "make.done"),
)
_EVERY = 5  # so often a picture is the same in all inboxes; so often one is broken


@dataclass(frozen=True)
class Contest:
    """How many there are, how often each is killed, and where they meet."""

    outboxes: Sequence[Path]  # one folder: by other paths where it is mounted more than once
    processes: int
    pictures: int
    kills: int
    seed: int

    def hold(self, work: Path, models: Path) -> Counter[str]:
        """Run it to its end; count what came of it."""
        places = [self._workplace(work / str(n), models, n) for n in range(self.processes)]
        before = digests([place.inbox for place in places])
        try:
            self._fight(places)
        finally:
            for place in places:
                place.close()
        assert digests([self.outboxes[0], *(p.inbox for p in places)], ".jpg") == before
        return self._counted()

    def _fight(self, places: Sequence[Workplace]) -> None:
        lot = random.Random(self.seed)  # noqa: S311 - to draw a place, the same one each time
        lives = [self.kills] * self.processes
        running: dict[int, Daemon] = {}
        while any(life >= 0 for life in lives) or running:
            for n, place in enumerate(places):
                if n not in running and lives[n] >= 0:
                    running[n] = self._start(place, lot if lives[n] else None)
                    lives[n] -= 1
            for n in [n for n, daemon in running.items() if daemon.process.poll() is not None]:
                code = running.pop(n).exit_code()
                assert code in {0, 3, -signal.SIGKILL}, code
            if running:
                wait_for(lambda: any(one.process.poll() is not None for one in running.values()))

    def _workplace(self, folder: Path, models: Path, number: int) -> Workplace:
        folder.mkdir(parents=True)
        place = Workplace(folder, models)
        for picture in range(self.pictures):
            shared = picture % _EVERY == 0
            width = picture if shared else 1 + self.pictures * (1 + number) + picture
            content = drawn(width)
            if picture % _EVERY == 1:
                content = b"no picture of " + str(number).encode()
            (place.inbox / f"IMG_{picture:04}.jpg").write_bytes(content)
        rule = {
            "name": "all",
            "model": "darkness",
            "mask": {"edges": "soft"},
            "outputs": OUTPUTS,
            "source": "move",
        }
        outbox = str(self.outboxes[number % len(self.outboxes)])
        place.write_config(
            shop={"path": "inbox", "outbox": outbox, "settle": "100ms", "rules": [rule]}
        )
        return place

    @staticmethod
    def _start(place: Workplace, lot: random.Random | None) -> Daemon:
        fault = f"{lot.choice(PLACES)}=kill@{lot.randint(1, 6)}" if lot is not None else ""
        faults = {"SCISSORSD_FAULTS": fault, "SCISSORSD_SECONDS": "FIRST_PAUSE=0.1"}
        return place.start("once", "-c", str(place.config), variables=faults)

    def _counted(self) -> Counter[str]:
        """Count what lies in the outbox, every picture of it being whole."""
        outbox, counts = self.outboxes[0], Counter[str]()
        for path in outbox.rglob("*"):
            if path.is_dir():
                continue
            assert ".scissorsd-" not in path.name, f"{path} was left behind"
            folder = path.relative_to(outbox).parts[0]
            counts[folder if folder in {"masks", "processed", "failed"} else "cutouts"] += 1
            if path.suffix == ".png":
                number_of(path)
                with Image.open(path) as image:
                    image.load()
        return counts

    def expected(self) -> Counter[str]:
        """Count what is to come of it."""
        broken = len(range(1, self.pictures, _EVERY)) * self.processes
        good = self.pictures * self.processes - broken
        return Counter(cutouts=good, masks=good, processed=good, failed=2 * broken)


def digests(folders: Iterable[Path], suffix: str = "") -> Counter[str]:
    """Count the files below some folders by their content."""
    return Counter(
        hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in folders
        for path in folder.rglob(f"*{suffix}")
        if path.is_file()
    )
