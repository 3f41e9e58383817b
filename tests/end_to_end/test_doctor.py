"""What `doctor` finds in the folders, as the user whose daemon works there."""

import os
import pwd
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from .driver import Workplace, picture
from .mounts import Mounts, heeds_permissions, needs_bindfs, needs_mounts, variables

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may work as another user")
NOBODY = pwd.getpwnam("nobody")


def examined(place: Workplace, seconds: str = "DOCTOR=20") -> tuple[int, list[str]]:
    """Run `doctor` without any model, so that it is quick; give its code and what it says."""
    place._environment |= variables(seconds=seconds)
    empty = place.folder / "no models"
    empty.mkdir(exist_ok=True)
    answer = place.run("doctor", "-c", place.config, "--models", empty)
    assert not answer.stderr
    return answer.returncode, answer.stdout.splitlines()


def said_of(lines: list[str], words: str) -> str:
    """Return the one line with these words."""
    (line,) = [line for line in lines if words in line]
    return line


def commands(lines: list[str]) -> list[str]:
    """Return the commands below what is bad."""
    below = (after for line, after in pairwise(lines) if line[:3] == "bad")
    return [line.strip().partition("   (")[0] for line in below]


@pytest.fixture
def open_place(models_folder: Path) -> Iterator[Workplace]:
    """Set up a workplace that every user may pass through; its daemon is nobody's."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        place = Workplace(Path(folder), models_folder)
        place.configure({"name": "all", "model": "u2netp", "source": "move"})
        place.change_config(custom_models={})  # no file that is checked, and a marker left
        place.state.mkdir()
        os.chown(place.state, NOBODY.pw_uid, NOBODY.pw_gid)
        yield place
        place.close()


@pytest.mark.full
@needs_root
def test_what_is_roots_below(open_place: Workplace) -> None:
    """Root's files and folders below are named, the equal as one; the commands told mend it all."""
    place = open_place
    for name in ("a/1.jpg", "a/2.jpg", "b/3.jpg", "mine/4.jpg"):
        place.put(name).chmod(0o600)
    for path in (place.inbox, place.inbox / "mine", place.inbox / "mine" / "4.jpg"):
        os.chown(path, NOBODY.pw_uid, NOBODY.pw_gid)
    (place.inbox / "shut" / "in").mkdir(parents=True)
    (place.inbox / "shut").chmod(0o700)
    (place.inbox / ".hidden").mkdir()
    (place.outbox / "failed").mkdir(parents=True)
    (place.state / "journal.db").touch(0o644)
    before = sorted(place.folder.rglob("*"))
    code, lines = examined(place)
    assert code == 1
    assert "tried as nobody, as whom the daemon works" in said_of(lines, "the folders are tried")
    denied = f"(Permission denied; owner root:{_group()}, mode 0600)"
    assert said_of(lines, "cannot be read").endswith(
        f"inbox shop: 3 pictures, such as {place.inbox}/a/1.jpg, cannot be read by nobody {denied}"
    )
    assert f"2 folders, such as {place.inbox}/a, cannot be written in" in said_of(lines, "inbox/a,")
    assert f"{place.inbox}/shut cannot be looked into" in said_of(lines, "looked into")
    assert f"2 folders, such as {place.outbox}, cannot be written in" in said_of(
        lines, "the outbox of shop"
    )
    assert "journal.db cannot be written by nobody" in said_of(lines, "journal.db cannot")
    assert not [line for line in lines if ".hidden" in line or "mine" in line]
    assert sorted(place.folder.rglob("*")) == sorted([*before, place.folder / "no models"])
    for _ in range(2):  # what lies in a folder that was shut is found when it is not
        for command in commands(lines):
            subprocess.run(["/bin/sh", "-c", command], check=True, timeout=300)
        code, lines = examined(place)
    assert (code, commands(lines)) == (0, [])


def _group() -> str:
    return subprocess.run(
        ["/usr/bin/id", "-gn"], capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.mark.full
@needs_root
def test_a_sticky_folder(open_place: Workplace) -> None:
    """Pictures of others in a sticky folder can be read there, but not be moved away."""
    place = open_place
    place.put("a.jpg")
    place.inbox.chmod(0o1777)
    place.outbox.mkdir(0o777)
    place.outbox.chmod(0o777)
    _, lines = examined(place)
    assert "a.jpg cannot be moved or deleted by nobody" in said_of(lines, "a.jpg cannot")
    assert commands(lines) == [f"chmod -t {place.inbox}"]
    place.configure({"name": "all", "source": "keep"})
    assert examined(place)[0] == 0


@pytest.mark.full
@needs_root
def test_a_folder_above_that_is_shut(open_place: Workplace) -> None:
    """A folder that lets the daemon's user not through is named, not the inbox below it."""
    place = open_place
    place.outbox.mkdir(0o777)
    place.outbox.chmod(0o777)
    place.folder.chmod(0o700)
    _, lines = examined(place)
    assert f"inbox shop: {place.folder} cannot be entered by nobody" in said_of(lines, "inbox shop")
    assert set(commands(lines)) == {f"chmod a+x {place.folder}"}


@heeds_permissions
def test_what_is_refused_to_the_owner(unprivileged: Workplace) -> None:
    """A picture that its own user may not read is bad, whatever access(2) says of it."""
    place = unprivileged
    place.put("one/a.jpg").chmod(0)
    code, lines = examined(place)
    assert code == 1
    assert "one/a.jpg cannot be read" in said_of(lines, "a.jpg cannot")


@pytest.mark.full
def test_what_is_in_the_way(place: Workplace) -> None:
    """A file where sources are to go is told; a folder that is yet to be made is fine."""
    gone = place.folder / "gone"
    place.configure({"name": "all", "source": "move", "move_to": str(gone / "below")})
    code, lines = examined(place)
    assert code == 0
    assert said_of(lines, "the outbox of shop").endswith(f"{place.outbox} (will be made)")
    assert said_of(lines, "move to").endswith(f"{gone}/below (will be made)")
    gone.touch()
    code, lines = examined(place)
    assert code == 1
    assert f"{gone} is in the way" in said_of(lines, "move to")


@pytest.mark.full
def test_litter_of_a_killed_doctor(place: Workplace) -> None:
    """What a doctor that was killed left behind is removed by the next; anything else stays."""
    old, new = (place.inbox / f".scissorsd-doctor-{name}.tmp" for name in ("old", "new"))
    other = place.inbox / ".scissorsd-other.tmp"
    for path in (old, new, other):
        path.touch()
    os.utime(old, (1, 1))
    os.utime(other, (1, 1))
    examined(place)
    assert place.files(place.inbox) == sorted([new.name, other.name])


@needs_mounts
def test_read_only(place: Workplace, mounts: Mounts) -> None:
    """An outbox on a disk that is mounted read-only is told as such; no right would mend that."""
    mounts.tmpfs(place.outbox)
    mounts.remount(place.outbox, "ro")
    _, lines = examined(place)
    assert "(Read-only file system" in said_of(lines, "the outbox of shop")
    assert "      It is mounted read-only; mount it for writing." in lines


@pytest.mark.full
@needs_bindfs
def test_a_share_that_hangs(place: Workplace, mounts: Mounts) -> None:
    """A folder on a share that hangs is given up after a while; the others are tried."""
    (place.folder / "behind").mkdir()
    server = mounts.through_bindfs(place.folder / "behind", place.folder / "far")
    rules = [{"name": "all", "model": "darkness"}]
    place.write_config(
        far={"path": "far", "outbox": "far-out", "rules": rules},
        near={"path": "inbox", "outbox": "outbox", "rules": rules},
    )
    place.put("a.jpg")
    server.send_signal(signal.SIGSTOP)
    code, lines = examined(place, "DOCTOR=1")
    assert code == 1
    assert f"inbox far: {place.folder}/far has not" in said_of(lines, "has not answered")
    assert said_of(lines, "1 picture tried").startswith("ok    inbox near")


@pytest.mark.full
def test_doctor_without_a_configuration(place: Workplace) -> None:
    """The folders that one command line named are looked at without any being named again."""
    (place.folder / "no models").mkdir()
    place.put("a.jpg", picture())
    done = place.run("once", place.inbox, place.outbox, "--model", "u2netp", "--providers", "cpu")
    assert done.returncode == 0, done.stderr
    answer = place.run("doctor", "--models", place.folder / "no models")
    assert f"the outbox of inbox: {place.outbox}" in answer.stdout
