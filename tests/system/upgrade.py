"""An upgrade with a live backlog, by root where systemd runs, on a machine that can be thrown away.

    cd tests
    python -m system.upgrade OLD.whl NEW.whl|NEW.deb u2netp.onnx [killed]

The old version is installed in /opt/scissorsd as docs/service.md says, and its service given 120
pictures of two rules, one of which moves its sources; while it works, and while nothing runs, and
while the new one works, more are dropped. A third of the way it is stopped (or killed), and the
new version put in its place as docs/upgrade.md (or docs/debian.md) says. In the end every picture
must have come out once, whole, with its original where its rule leaves it.

This interpreter's environment has scissorsd, pytest, pillow and pyyaml.
"""

import hashlib
import itertools
import json
import shutil
import sys
import threading
import time
from pathlib import Path

from end_to_end.driver import picture

from system.units import UNIT, Service, run, until

FOLDER = Path("/srv/scissorsd-upgrade")
HOME = Path("/opt/scissorsd")
PROGRAM = HOME / "bin" / "scissorsd"
BACKLOG = 120
DONE_BEFORE = 40
AFTER = 15  # pictures that must still be dropped once the new one works
EVERY = 1.0  # seconds between drops
SUB_FOLDERS = ("kept", "moved")


class Feeder(threading.Thread):
    """Drops one picture after the other, into both rules' folders in turn, until its end."""

    def __init__(self, inbox: Path) -> None:
        super().__init__(daemon=True)
        self.dropped: dict[str, str] = {}  # name below the inbox → SHA-256
        self._inbox = inbox
        self._numbers = itertools.count()
        self._end = threading.Event()

    def drop(self) -> None:
        """Drop the next picture, with a content of its own."""
        number = next(self._numbers)
        name = f"{number:04}.png"
        folder = SUB_FOLDERS[number % 2]
        content = picture(name, number=number)
        temporary = self._inbox / folder / f"{name}.part"
        temporary.write_bytes(content)
        self.dropped[f"{folder}/{name}"] = hashlib.sha256(content).hexdigest()
        temporary.rename(self._inbox / folder / name)

    def run(self) -> None:
        """Go on dropping."""
        while not self._end.wait(EVERY):
            self.drop()

    def end(self) -> None:
        """Stop dropping, and wait for the last one."""
        self._end.set()
        self.join()


def main() -> None:
    """Upgrade; say what came of it."""
    words = sys.argv[1:]
    if len(words) not in {3, 4} or words[3:] not in ([], ["killed"]):
        sys.exit(__doc__)
    old, new, weights = map(Path, words[:3])
    run("systemctl", "stop", UNIT, check=False)  # of a run that failed
    fresh_environment(old)
    shutil.rmtree(FOLDER, ignore_errors=True)
    service = Service(FOLDER, PROGRAM)
    service.install(weights)
    configure(service)
    feeder = Feeder(service.inbox)
    for _ in range(BACKLOG):
        feeder.drop()
    service.systemctl("start")
    feeder.start()
    service.wait("job.finished", times=DONE_BEFORE)
    told = stop(service, feeder, killed=bool(words[3:]))
    told["old"] = str(run(PROGRAM, "--version")).split()[-1]
    assert told["waiting"], "the backlog was too small for this machine"
    before = {path: path.stat().st_ino for path in service.outbox.rglob("*.png")}
    down = time.monotonic()
    replace_by(new)
    told["new"] = str(run(PROGRAM, "--version")).split()[-1]
    told["check"] = run(PROGRAM, "check", "-c", service.config).splitlines()[0]
    began = time.monotonic()
    service.systemctl("start")
    told["seconds from start to READY"] = round(time.monotonic() - began, 1)
    told["seconds without a daemon"] = round(time.monotonic() - down, 1)
    told["dropped when it was READY"] = dropped = len(feeder.dropped)
    until(lambda: len(feeder.dropped) >= dropped + AFTER, "drops")
    feeder.end()
    told["dropped in all"] = len(feeder.dropped)
    until(lambda: all_out(service, feeder.dropped), "every cutout")
    until(lambda: not [e for e in service.entries() if e.state != "done"], "nothing left to do")
    told["outputs of the old one that were made again"] = sum(
        path.stat().st_ino != inode for path, inode in before.items()
    )
    service.systemctl("stop")
    told |= verdict(service, feeder.dropped)
    service.uninstall()
    print(json.dumps(told, indent=1))  # noqa: T201 - what it is for


def fresh_environment(wheel: Path) -> None:
    """Install a version as a person does."""
    shutil.rmtree(HOME, ignore_errors=True)
    install = (HOME / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check")
    run("/usr/bin/python3", "-m", "venv", HOME)
    run(*install, wheel, seconds=900)


def replace_by(new: Path) -> None:
    """Put the new version in the place of the old one."""
    if new.suffix == ".deb":
        shutil.rmtree("/opt/scissorsd.before", ignore_errors=True)
        HOME.rename("/opt/scissorsd.before")
        run("apt-get", "install", "-y", "-qq", "--no-install-recommends", new, seconds=900)
        return
    install = (HOME / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check")
    run(*install, "--upgrade", new, seconds=900)


def configure(service: Service) -> None:
    """Two rules: one keeps its sources and makes a cutout, the other moves them and makes two."""
    own = {"model": "u2netp", "when_no_subject": "publish"}
    moved = {"name": "moved", "match": "moved/**", "source": "move"}
    outputs = {"outputs": [{"kind": "cutout"}, {"kind": "mask"}]}
    service.configure(rules=[{**moved, **own, **outputs}, {"name": "kept", **own}])
    for name in SUB_FOLDERS:
        (service.inbox / name).mkdir()
        shutil.chown(service.inbox / name, "scissorsd", "scissorsd")


def stop(service: Service, feeder: Feeder, *, killed: bool) -> dict[str, object]:
    """Stop the old version, or kill it; count what it leaves."""
    if killed:
        run("systemctl", "kill", "--signal=KILL", "--kill-whom=all", "scissorsd.service")
    service.systemctl("stop")
    states = [entry.state for entry in service.entries()]
    return {
        "done by the old one": states.count("done"),
        "begun, not done": len(states) - states.count("done"),
        "waiting": len(feeder.dropped) - len(states),
        "journal": sorted(path.name for path in service.state.glob("jobs.sqlite*")),
    }


def wanted(dropped: dict[str, str]) -> set[str]:
    """Return what must lie in the outbox, and nothing else."""
    outputs = set(dropped)
    for name in dropped:
        if name.startswith("moved/"):
            outputs |= {name.removesuffix(".png") + "-mask.png", f"processed/{name}"}
    return outputs


def there(folder: Path) -> set[str]:
    """Return every file below a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def all_out(service: Service, dropped: dict[str, str]) -> bool:
    """Tell whether all that must be there is."""
    return wanted(dropped) <= there(service.outbox)


def verdict(service: Service, dropped: dict[str, str]) -> dict[str, object]:
    """Count what is lost, twice, left over or broken: nothing of it may be."""
    finished = [line["source"] for line in service.told("job.finished")]
    entries = [entry.path for entry in service.entries()]
    originals = {
        name: service.outbox / "processed" / name
        if name.startswith("moved/")
        else service.inbox / name
        for name in dropped
    }
    counts = {
        "lost": len(wanted(dropped) - there(service.outbox)),
        "left over": len(there(service.outbox) - wanted(dropped)),
        "cut twice by the log": len(finished) - len(set(finished)),
        "twice in the journal": len(entries) - len(set(entries)),
        "originals that are not what was dropped": sum(
            hashlib.sha256(path.read_bytes()).hexdigest() != dropped[name]
            for name, path in originals.items()
        ),
        "not whole": sum(not whole(path) for path in service.outbox.rglob("*.png")),
    }
    assert not any(counts.values()), counts
    assert sorted(entries) == sorted(dropped)
    return {
        **counts,
        "kept of the old journal": sorted(map(str, service.state.glob("*.version-*"))),
    }


def whole(path: Path) -> bool:
    """Tell whether a PNG ends as one."""
    return b"IEND\xaeB`\x82" in path.read_bytes()[-40:]


if __name__ == "__main__":
    main()
