"""Drives real `scissorsd` processes: starts them, reads what they log, waits, ends them."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryFile
from types import MappingProxyType
from typing import Any, TypeVar

import pillow_heif
import pytest
import yaml
from PIL import Image, ImageDraw

import scissorsd
from scissorsd.records.journal import Journal
from scissorsd.records.journal_rows import Entry

from . import forking
from .forking import Forked
from .networks import write_darkness

pillow_heif.register_heif_opener()  # for writing only

# Seconds. Nothing here takes so long, even where a process gets a twentieth of a processor: it only
# ends the wait for what will never come. No test asserts that anything is fast.
DEADLINE = 300.0
FORMATS = {
    ".jpg": "JPEG",
    ".png": "PNG",
    ".webp": "WEBP",
    ".tiff": "TIFF",
    ".bmp": "BMP",
    ".gif": "GIF",
    ".avif": "AVIF",
    ".heic": "HEIF",
}
SIZE = (96, 72)
_PACKAGE = str(Path(scissorsd.__file__).parent.parent)
HANDED_ON = ("PATH", "LD_LIBRARY_PATH", "COVERAGE_PROCESS_CONFIG")  # of our own environment
NOTHING: Mapping[str, str] = MappingProxyType({})

Line = dict[str, Any]
Answer = TypeVar("Answer")


def picture(name: str = "a.jpg", *, number: int = 0) -> bytes:
    """Draw a picture with a clear subject, in the format of its name; each number is its own."""
    image = Image.new("RGB", SIZE, "whitesmoke")
    colour = (178, 34 + 5 * number % 120, 34)
    ImageDraw.Draw(image).ellipse((26, 10, 70, 62), fill=colour)
    buffer = io.BytesIO()
    image.save(buffer, FORMATS[Path(name).suffix])
    return buffer.getvalue()


def wait_for(wanted: Callable[[], Answer]) -> Answer:
    """Ask until the answer is something; fail at the deadline.

    The pauses grow with the wait, by a tenth of it: what is asked may be a process, or a journal.
    """
    began = time.monotonic()
    while not (answer := wanted()):
        waited = time.monotonic() - began
        if waited > DEADLINE:
            pytest.fail("it never came to be")
        time.sleep(min(max(0.005, waited / 10), 0.3))
    return answer


class Daemon:
    """A running `scissorsd` process, and every line it has written to its standard error."""

    def __init__(self, process: "subprocess.Popen[str] | Forked") -> None:
        self.process = process
        self.lines: list[Line] = []
        self.noise: list[str] = []  # what is no log line
        self._came = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for text in self.process.stderr:
            with self._came:
                try:
                    line = json.loads(text)
                    assert isinstance(line["event"], str)
                    self.lines.append(line)
                except (ValueError, KeyError, TypeError):
                    self.noise.append(text.rstrip("\n"))
                self._came.notify_all()
        with self._came:
            self._ended = True
            self._came.notify_all()

    def told(self, event: str, **keys: object) -> list[Line]:
        """Return every line so far of this event and with these values."""
        wanted = {"event": event, **keys}
        with self._came:
            return [line for line in self.lines if wanted.items() <= _flat(line).items()]

    def wait(self, event: str, *, times: int = 1, **keys: object) -> Line:
        """Wait until an event with these values has been told of so many times; give the last."""
        with self._came:
            self._came.wait_for(
                lambda: len(self.told(event, **keys)) >= times or self._ended, DEADLINE
            )
            found = self.told(event, **keys)
        if len(found) < times:
            pytest.fail(f"{event} {keys} was told of {len(found)} times\n{self.transcript()}")
        return found[times - 1]

    def finished(self, *sources: str) -> None:
        """Wait until these pictures have been cut."""
        for source in sources:
            self.wait("job.finished", source=source)

    def transcript(self) -> str:
        """Return all it has said, for the report of a failure."""
        with self._came:
            return "\n".join([*map(json.dumps, self.lines), *self.noise])

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def exit_code(self) -> int:
        """Wait until it has ended by itself; give its exit code."""
        try:
            code = self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            pytest.fail(f"it does not end\n{self.transcript()}")
        self._reader.join(DEADLINE)
        return code

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Tell it to stop, and see that it does so in good order."""
        self.send(number)
        assert self.exit_code() == 0, self.transcript()
        assert self.lines[-1]["event"] == "daemon.stopped", self.transcript()

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait()
        self._reader.join(DEADLINE)
        assert self.process.stderr is not None
        self.process.stderr.close()


def _flat(line: Line) -> Line:
    """Return a line whose values can all be compared as members of a set."""
    return {key: tuple(v) if isinstance(v, list) else v for key, v in line.items()}


class Workplace:
    """A folder with an inbox, an outbox, a configuration, and a home of its own."""

    def __init__(self, folder: Path, models: Path) -> None:
        self.folder = folder
        self.inbox = folder / "inbox"
        self.outbox = folder / "outbox"
        self.state = folder / "state"
        self.config = folder / "scissorsd.yaml"
        self._daemons: list[Daemon] = []
        self._environment = {
            **{key: os.environ[key] for key in HANDED_ON if key in os.environ},
            "HOME": str(folder / "home"),
            "XDG_STATE_HOME": str(folder / "home" / "state"),
            "U2NET_HOME": str(models),
            "PYTHONPATH": os.pathsep.join([_PACKAGE, *filter(None, [os.getenv("PYTHONPATH")])]),
            "LANG": "C.UTF-8",
            "PYTHONIOENCODING": "utf-8:strict",  # as where the language is not C
            "PYTHONSAFEPATH": "1",  # what is installed is tested, not what lies in this folder
            "OPENBLAS_NUM_THREADS": "1",  # a tenth of a start, and not needed
        }
        self.inbox.mkdir()
        (folder / "home").mkdir()
        self.configure()

    def configure(self, *rules: Mapping[str, object], **inbox: object) -> None:
        """Write the configuration: one inbox, shop, whose rules name no model but `darkness`."""
        everything = [{"model": "darkness", **rule} for rule in rules or ({"name": "all"},)]
        shop = {"path": "inbox", "outbox": "outbox", "settle": "300ms", "rules": everything}
        self.write_config(shop={**shop, **inbox})

    def write_config(
        self, settings: Mapping[str, object] = NOTHING, /, **inboxes: Mapping[str, object]
    ) -> None:
        """Write a configuration with these settings and inboxes."""
        darkness = write_darkness(self.folder / "darkness.onnx", sure=True)
        values = {
            "state": "state",
            "providers": ["cpu"],
            "precision": "full",
            "workers": 2,
            "custom_models": {"darkness": darkness},
            **settings,
            "inboxes": inboxes,
        }
        self.config.write_text(yaml.safe_dump(values, sort_keys=False))

    def change_config(self, **settings: object) -> None:
        """Set what concerns all inboxes anew in the configuration that was written."""
        values = yaml.safe_load(self.config.read_text())
        self.config.write_text(yaml.safe_dump({**values, **settings}, sort_keys=False))

    # --- processes ---------------------------------------------------------------------------

    def start(self, *arguments: str, variables: Mapping[str, str] = NOTHING) -> Daemon:
        """Start a process; without arguments the daemon on the configuration, up to `ready`."""
        words = arguments or ("--debug", "run", "-c", str(self.config))
        environment = {**self._environment, **variables}
        forked = forking.start(words, environment, self.folder) if self._may_fork() else None
        process = forked or subprocess.Popen(
            self._command(words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env=environment,
            cwd=self.folder,
        )
        daemon = Daemon(process)
        self._daemons.append(daemon)
        if not arguments:
            daemon.wait("daemon.ready")
        return daemon

    def run(self, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end."""
        if self._may_fork() and (answer := self._run_forked(arguments)):
            return answer
        return subprocess.run(
            self._command(arguments),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            env=self._environment,
            cwd=self.folder,
            timeout=DEADLINE,
            check=False,
        )

    def _run_forked(
        self, arguments: "tuple[str | Path, ...]"
    ) -> "subprocess.CompletedProcess[str] | None":
        with (
            TemporaryFile("w+", encoding="utf-8") as out,
            TemporaryFile("w+", encoding="utf-8") as err,
        ):
            streams = out.fileno(), err.fileno()
            forked = forking.start(arguments, self._environment, self.folder, *streams)
            if forked is None:
                return None
            code = forked.wait(DEADLINE)
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(arguments, code, out.read(), err.read())

    def pipe(
        self, *arguments: str | Path, sent: bytes = b""
    ) -> "subprocess.CompletedProcess[bytes]":
        """Run a command to its end with these bytes as its standard input."""
        return subprocess.run(
            self._command(arguments),
            input=sent,
            capture_output=True,
            env=self._environment,
            cwd=self.folder,
            timeout=DEADLINE,
            check=False,
        )

    def ask(self, *arguments: str | Path) -> str:
        """Run a command on the configuration that must succeed; give what it says."""
        answer = self.run(*arguments, "-c", self.config)
        assert answer.returncode == 0, answer.stderr
        assert not answer.stderr
        return answer.stdout

    def _may_fork(self) -> bool:
        return type(self)._command is Workplace._command

    def _command(self, arguments: "tuple[str | Path, ...]") -> list[str]:
        return [sys.executable, "-m", "scissorsd", *map(str, arguments)]

    def close(self) -> None:
        """End whatever still runs."""
        for daemon in self._daemons:
            daemon.kill()

    # --- folders -----------------------------------------------------------------------------

    def put(self, name: str, content: bytes | None = None, *, number: int = 0) -> Path:
        """Put a picture into the inbox under its final name at once, as a good program does."""
        path = self.inbox / name
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(path.name + ".part")
        temporary.write_bytes(picture(name, number=number) if content is None else content)
        return temporary.rename(path)

    def files(self, folder: Path | None = None) -> list[str]:
        """Return every file below a folder (the outbox), temporaries too; any may go meanwhile."""
        folder = folder or self.outbox
        files = (Path(top, name) for top, _, names in os.walk(folder) for name in names)
        return sorted(str(path.relative_to(folder)) for path in files)

    def entries(self) -> list[Entry]:
        """Return what the journal says of every job."""
        return journalled(self.state)


def journalled(state: Path) -> list[Entry]:
    """Return what the job journal in a state folder says of every job."""
    journal = Journal(state, read_only=True)
    try:
        return journal.entries._entries("id > 0 ORDER BY id")
    finally:
        journal.close()
