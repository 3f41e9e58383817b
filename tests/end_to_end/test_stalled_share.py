"""A share that hangs stalls its own inbox and nothing else. The share is a FUSE mount."""

import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from .driver import Daemon, Workplace, picture, wait_for
from .mounts import health, mounted, needs_bindfs, stands, variables

# More pictures than workers are always in hand on the share, or about to be.
STUCK = [f"stuck{number}.jpg" for number in range(4)]
FAULTS = [f"look:{name}=EBUSY*" for name in STUCK]
LONG_ENOUGH = 4  # seconds of silence
SECONDS = "FIRST_PAUSE=0.05,LONGEST_PAUSE=0.1,STALLED=1,STUCK=0.5,STOP_LIMIT=2"


@dataclass
class Share:
    """A folder behind a server that can be stopped, the inbox `slow`; another one is `fast`."""

    place: Workplace
    behind: Path
    inbox: Path
    server: "subprocess.Popen[bytes]"

    def stop(self) -> None:
        """Let the share hang."""
        self.server.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let the share answer again."""
        self.server.send_signal(signal.SIGCONT)

    def start(self) -> Daemon:
        """Start a daemon that tries the pictures on the share again and again, and no other."""
        daemon = self.place.start(variables=variables(*FAULTS, seconds=SECONDS))
        wait_for(lambda: stands(daemon, self.place, "slow").held == len(STUCK))
        return daemon


def hangs(daemon: Daemon, place: Workplace, share: Share) -> bool:
    """Tell whether the daemon knows that the share does not answer, with work of it in hand.

    On a busy machine it may say first that a picture has been in hand for long. FUSE answers for a
    second from memory: what is in hand only then may still end by itself.
    """
    now = stands(daemon, place, "slow")
    silent = re.match(rf"{re.escape(str(share.inbox))} has not answered for (\d+) s", now.trouble)
    return silent is not None and int(silent[1]) >= LONG_ENOUGH and now.working > 0


@pytest.fixture
def share(place: Workplace) -> Iterator[Share]:
    """Set up two inboxes, one of them on a share."""
    behind, inbox = place.folder / "behind", place.folder / "slow"
    behind.mkdir()
    rules = [{"name": "all", "model": "darkness"}]
    common = {"settle": "300ms", "rescan": "1s", "rules": rules}
    place.write_config(
        slow={"path": "slow", "outbox": "outbox/slow", **common},
        fast={"path": "inbox", "outbox": "outbox/fast", **common},
    )
    for number, name in enumerate(STUCK):
        (behind / name).write_bytes(picture(number=number))
    with mounted() as mounts:
        yield Share(place, behind, inbox, mounts.through_bindfs(behind, inbox))


@needs_bindfs
@pytest.mark.full
def test_the_others_go_on(place: Workplace, share: Share) -> None:
    """While a share hangs with work in hand, the other inbox goes on; then both do."""
    daemon = share.start()
    assert daemon.told("inbox.watched", inbox="slow")[0]["mode"] == "polling"
    share.stop()
    wait_for(lambda: hangs(daemon, place, share))
    for number in range(5):
        place.put(f"{number}.jpg", number=number)
        daemon.finished(f"{number}.jpg")
    # The share still hangs, and everyone who asks gets an answer.
    code, said = health(place)
    assert code == 1
    assert f"inbox slow: {share.inbox} has not answered for " in said
    wait_for(lambda: "inbox fast" not in health(place)[1])  # the last one's status is old by now
    assert f"inbox slow: {share.inbox} has not answered for " in place.ask("status")
    assert not stands(daemon, place, "fast").trouble
    for path in (share.inbox / STUCK[0], share.inbox / "new.jpg"):
        said = place.ask("why", path)
        assert f"The inbox 'slow' does not answer: {share.inbox} has not answered for" in said
    share.go_on()
    (share.behind / "after.jpg").write_bytes(picture())
    daemon.finished("after.jpg")
    wait_for(lambda: health(place) == (0, ""))
    daemon.stop()
    again = place.start(variables=variables())
    again.finished(*STUCK)
    again.stop()
    names = sorted(Path(name).with_suffix(".png").name for name in [*STUCK, "after.jpg"])
    assert place.files(place.outbox / "slow") == names
    assert not daemon.told("job.failed") + again.told("job.failed")


@pytest.mark.full
@needs_bindfs
def test_a_suspect_on_the_share(place: Workplace, share: Share) -> None:
    """A picture that works alone, for it was in hand at a kill, does not stop the others."""
    daemon = share.start()
    share.stop()
    wait_for(lambda: stands(daemon, place, "slow").working)
    daemon.process.kill()
    share.go_on()
    daemon.kill()
    again = place.start(variables=variables(*FAULTS, seconds=SECONDS))
    share.stop()
    wait_for(lambda: stands(again, place, "slow").trouble)
    place.put("a.jpg")
    again.finished("a.jpg")
    share.go_on()
    again.stop()


@pytest.mark.full
@needs_bindfs
def test_stopped_while_it_hangs(place: Workplace, share: Share) -> None:
    """Told to stop while a share hangs, the daemon ends, and what it left comes out later, once."""
    daemon = share.start()
    share.stop()
    wait_for(lambda: hangs(daemon, place, share))
    daemon.send(signal.SIGTERM)
    left = daemon.wait("job.left")
    assert left["inbox"] == "slow"
    assert left["why"].endswith("the next start does it anew")
    daemon.wait("daemon.stopped")
    assert daemon.exit_code() == 0
    share.go_on()
    again = place.start(variables=variables())
    again.finished(*STUCK)
    again.stop()
    assert place.files(place.outbox / "slow") == [name.replace(".jpg", ".png") for name in STUCK]
    assert len(again.told("job.finished")) == len(STUCK)


@pytest.mark.full
@needs_bindfs
def test_a_reload_while_it_hangs(place: Workplace, share: Share) -> None:
    """A reload while a share hangs goes through, and the other inbox goes on under it."""
    daemon = share.start()
    share.stop()
    wait_for(lambda: stands(daemon, place, "slow").trouble)
    place.config.write_text(place.config.read_text().replace("settle: 300ms", "settle: 200ms"))
    daemon.send(signal.SIGHUP)
    daemon.wait("config.reloaded")
    place.put("a.jpg")
    daemon.finished("a.jpg")
    share.go_on()
    (share.behind / "after.jpg").write_bytes(picture())
    daemon.finished("after.jpg")
    daemon.stop()
