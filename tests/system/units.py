"""scissorsd as a unit of the systemd that runs this machine: installed, asked, taken away."""

import json
import os
import pwd
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
import yaml
from end_to_end.driver import journalled, picture
from end_to_end.networks import write_darkness
from PIL import Image

from scissorsd.records.journal_rows import Entry

PROGRAM = Path(sys.executable).with_name("scissorsd")
UNIT = "scissorsd.service"
WATCHDOG = 10  # seconds; 60 in the unit as it is installed
DEADLINE = 600.0  # seconds: an emulated machine is slow, and so is a busy one
DROP_IN = f"""\
[Service]
WatchdogSec={WATCHDOG}
RestartSec=1
"""

Line = dict[str, Any]
Answer = TypeVar("Answer")


def until(wanted: Callable[[], Answer], what: str) -> Answer:
    """Ask until the answer is something; fail at the deadline, with the service's last words."""
    deadline = time.monotonic() + DEADLINE
    while not (answer := wanted()):
        if time.monotonic() > deadline:
            last = run("journalctl", "-u", UNIT, "-n", "30", "-o", "cat", check=False)
            pytest.fail(f"it never came to be: {what}\n{last}")
        time.sleep(0.1)
    return answer


def run(*command: str | Path, check: bool = True, seconds: float = DEADLINE) -> str:
    """Run a command; give what it says."""
    answer = subprocess.run(
        list(map(str, command)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=seconds,
    )
    if check:
        assert answer.returncode == 0, f"{command}: {answer.returncode}\n{answer.stdout}"
    return answer.stdout


def put(folder: Path, *names: str, first: int = 0) -> None:
    """Put pictures somewhere, each under its final name at once, as a good program does."""
    for number, name in enumerate(names, first):
        temporary = folder / f"{name}.part"
        temporary.write_bytes(picture(name, number=number))
        temporary.rename(folder / name)


class Service:
    """A folder of pictures, its configuration, and the installed unit that works there."""

    def __init__(self, folder: Path, program: Path = PROGRAM) -> None:
        self.program = program
        self.inbox, self.outbox = folder / "inbox", folder / "outbox"
        self.state, self.models = folder / "state", folder / "models"
        self.config = folder / "scissorsd.yaml"
        self._model = "u2netp"
        self._custom_models: dict[str, dict[str, str]] = {}
        self._cursor = self._last_entry()

    def install(self, weights: Path | None = None) -> None:
        """Make the folders, and install the unit as a user does, with a quick watchdog.

        Without weights of u2netp the network is one that takes no time.
        """
        for made in (self.inbox, self.outbox, self.state, self.models):
            made.mkdir(parents=True)
        if weights is None:
            self._model = "darkness"
            self._custom_models = {"darkness": write_darkness(self.models / "darkness.onnx")}
        else:
            shutil.copyfile(weights, self.models / weights.name)
        self.configure()
        run(self.program, "service", "install", "-c", self.config)
        drop_in = Path(f"/etc/systemd/system/{UNIT}.d/quick.conf")
        drop_in.parent.mkdir(exist_ok=True)
        drop_in.write_text(DROP_IN)
        run("systemctl", "daemon-reload")
        owner = pwd.getpwnam("scissorsd")
        for folder in (self.inbox, self.outbox, self.state, self.models):
            for path in (folder, *folder.rglob("*")):
                os.chown(path, owner.pw_uid, owner.pw_gid)

    def configure(self, **inbox: object) -> None:
        """Write the configuration: one inbox, one rule, on the CPU."""
        rule = {"name": "all", "model": self._model, "when_no_subject": "publish"}
        shop = {
            "path": str(self.inbox),
            "outbox": str(self.outbox),
            "settle": "300ms",
            "rules": [rule],
        }
        values = {
            "state": str(self.state),
            "models": str(self.models),
            "providers": ["cpu"],
            "precision": "full",
            "workers": 2,
            "custom_models": self._custom_models,
            "inboxes": {"shop": {**shop, **inbox}},
        }
        self.config.write_text(yaml.safe_dump(values, sort_keys=False))

    def uninstall(self) -> str:
        """Take the unit away again; give what that says."""
        shutil.rmtree(f"/etc/systemd/system/{UNIT}.d", ignore_errors=True)
        return run(self.program, "service", "uninstall")

    # --- the manager -------------------------------------------------------------------------

    def systemctl(self, verb: str, *, check: bool = True) -> str:
        """Let the manager do something with the unit, and wait for it."""
        return run("systemctl", verb, UNIT, check=check)

    def show(self, name: str) -> str:
        """Return a property of the unit, as the manager has it."""
        return run("systemctl", "show", "--value", "-p", name, UNIT).strip()

    def pid(self) -> int:
        """Return the number of its main process, or 0."""
        return int(self.show("MainPID"))

    def restarts(self) -> int:
        """Return how often the manager has started it anew by itself."""
        return int(self.show("NRestarts"))

    # --- the journal of systemd --------------------------------------------------------------

    def _last_entry(self) -> str:
        said = run("journalctl", "-n", "1", "-o", "json", "--no-pager").strip()
        return str(json.loads(said.splitlines()[-1])["__CURSOR"])

    def records(self) -> list[Line]:
        """Return every record of the unit in systemd's journal since the test began."""
        words = ("-u", UNIT, "--after-cursor", self._cursor, "-o", "json", "--no-pager")
        return [json.loads(line) for line in run("journalctl", *words).splitlines() if line]

    def told(self, event: str, **keys: object) -> list[Line]:
        """Return every log line of this event and with these values."""
        found = []
        for record in self.records():
            try:
                line = json.loads(record["MESSAGE"])
            except (TypeError, ValueError):
                continue  # systemd's own words
            if isinstance(line, dict) and {"event": event, **keys}.items() <= line.items():
                found.append(line)
        return found

    def wait(self, event: str, *, times: int = 1, **keys: object) -> Line:
        """Wait until an event has been told of so many times; give the last of them."""
        until(lambda: len(self.told(event, **keys)) >= times, f"{event} {keys} × {times}")
        return self.told(event, **keys)[times - 1]

    # --- pictures ----------------------------------------------------------------------------

    def put(self, *names: str) -> None:
        """Put pictures into the inbox."""
        put(self.inbox, *names)

    def wait_for_all(self, *names: str) -> None:
        """Wait until nothing is left to do and every one of these has its cutout."""
        until(lambda: set(map(result_of, names)) <= set(self.results()), "every cutout")
        until(lambda: not self._open_jobs(), "nothing left to do")

    def _open_jobs(self) -> list[str]:
        return [entry.path for entry in self.entries() if entry.state != "done"]

    def entries(self) -> list[Entry]:
        """Return what the job journal says of every job."""
        return journalled(self.state)

    def results(self) -> list[str]:
        """Return every file in the outbox, temporaries too."""
        return sorted(path.name for path in self.outbox.rglob("*") if path.is_file())

    def check_once_and_whole(self, *names: str) -> None:
        """See that each of these came out exactly once, and that every file there is whole."""
        assert self.results() == sorted(map(result_of, names))
        for path in self.outbox.iterdir():
            with Image.open(path) as image:
                image.load()
        sources = [entry.path for entry in self.entries()]
        assert sorted(sources) == sorted(names)
        told = [line["source"] for line in self.told("job.finished")]
        assert len(told) == len(set(told)), "a picture was cut twice"


def result_of(name: str) -> str:
    """Return the name of a picture's cutout."""
    return Path(name).with_suffix(".png").name
