"""Starts `scissorsd` by a fork of a process that has imported what is not of scissorsd.

More than half of a start goes by in importing numpy, Pillow, pydantic and the like, which are the
same in each of the thousands of processes of these tests. All of scissorsd is imported by the new
process, once arguments, environment, folder and streams are its own; where coverage is measured,
that begins then, too. The first process of each environment is started as users start it.
"""

import atexit
import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from importlib import import_module
from pathlib import Path
from typing import IO

# Those of others that a daemon imports, but for onnxruntime, which starts a thread.
_MODULES = (
    *("PIL.ImageCms", "PIL.ImageFilter", "PIL.ImageOps", "PIL.AvifImagePlugin"),
    *("PIL.BmpImagePlugin", "PIL.GifImagePlugin", "PIL.JpegImagePlugin", "PIL.PngImagePlugin"),
    *("PIL.PpmImagePlugin", "PIL.TiffImagePlugin", "PIL.WebPImagePlugin", "asyncio", "attr"),
    *("celery.app.trace", "click", "concurrent.futures.thread", "difflib", "http.client"),
    *("isal.igzip_lib", "kombu.connection", "numpy.typing", "pydantic.dataclasses"),
    *("pydantic.main", "rich.console", "rich.progress", "rich.traceback", "sqlite3", "ssl"),
    *("structlog", "urllib.request", "watchdog.observers", "yaml"),
)
# What Python and its libraries read as they start: such an environment is not to be had by a fork.
_EARLY = ("PYTHON", "LANG", "LC_", "LD_", "OPENBLAS", "OMP", "MALLOC", "TZ")
_PATIENCE = 300.0  # seconds
_MOST = 1 << 17  # bytes of a message
_SERVERS = 3  # at once; 70 MB each


class Forked:
    """A process that was forked, as subprocess.Popen has it."""

    def __init__(self, server: "ForkServer", pid: int, stderr: IO[str] | None) -> None:
        self._server = server
        self.pid = pid
        self.stderr = stderr

    @property
    def returncode(self) -> int | None:
        """Its exit code, once it has ended."""
        return self._server.ended.get(self.pid)

    def poll(self) -> int | None:
        """Return its exit code; None while it runs."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return its exit code once it has ended."""
        return self._server.wait(self.pid, timeout)

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it has not ended."""
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Tell it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(signal.SIGKILL)


class ForkServer:
    """The process that forks, and what is known of the processes that it has forked."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._door, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", __file__, str(theirs.fileno())],
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        self.ended: dict[int, int] = {}
        self._started: list[int] = []
        self._one_by_one = threading.Lock()
        self._news = threading.Condition()
        self._hearing = threading.Thread(target=self._hear, daemon=True)
        self._hearing.start()
        atexit.register(self._close)

    def _close(self) -> None:
        self._door.shutdown(socket.SHUT_RDWR)
        self._hearing.join()
        self._door.close()
        self._process.wait()

    def start(self, request: Mapping[str, object], streams: tuple[int, int, int]) -> int:
        """Start what is asked for with these descriptors; return its number."""
        with self._one_by_one, self._news:
            socket.send_fds(self._door, [json.dumps(request).encode()], streams)
            self._news.wait_for(lambda: self._started or not self._hearing.is_alive(), _PATIENCE)
            if not self._started:
                raise RuntimeError("the process that forks others has ended, or does not answer")
            return self._started.pop()

    def wait(self, pid: int, timeout: float | None) -> int:
        """Return the exit code of a process once it has ended."""
        with self._news:
            if not self._news.wait_for(lambda: pid in self.ended, timeout):
                raise subprocess.TimeoutExpired(f"process {pid}", timeout or 0)
            return self.ended[pid]

    def _hear(self) -> None:
        while message := self._door.recv(_MOST):
            pid, status = json.loads(message)
            with self._news:
                if status is None:
                    self.ended.pop(pid, None)  # of an earlier one of this number
                    self._started.append(pid)
                else:
                    self.ended[pid] = os.waitstatus_to_exitcode(status)
                self._news.notify_all()


_servers: dict[frozenset[tuple[str, str]], ForkServer] = {}
_asked: Counter[frozenset[tuple[str, str]]] = Counter()


def start(
    arguments: Sequence[object],
    environment: Mapping[str, str],
    folder: Path,
    out: int | None = None,
    err: int | None = None,
) -> Forked | None:
    """Start `python -m scissorsd` in a folder; None where that is not worth a server of its own.

    `out` and `err` are descriptors for its streams; without `err` its standard error is in a pipe.
    """
    server = _server_for(environment)
    if server is None:
        return None
    request = {"arguments": [*map(str, arguments)], "environment": dict(environment)}
    with ExitStack() as closing:
        nothing = closing.enter_context(Path(os.devnull).open("r+b")).fileno()
        ours = None
        if err is None:
            ours, err = os.pipe()
            closing.callback(os.close, err)
        streams = (nothing, nothing if out is None else out, err)
        pid = server.start({**request, "folder": str(folder)}, streams)
    return Forked(server, pid, None if ours is None else os.fdopen(ours, encoding="utf-8"))


def _server_for(environment: Mapping[str, str]) -> ForkServer | None:
    early = {name: value for name, value in environment.items() if name.startswith(_EARLY)}
    key = frozenset(early.items())
    _asked[key] += 1
    if key not in _servers:
        if _asked[key] == 1 or len(_servers) == _SERVERS:
            return None
        _servers[key] = ForkServer({**early, "PATH": environment["PATH"]})
    return _servers[key]


# --- in the server ---------------------------------------------------------------------------


def _serve(door: socket.socket) -> None:
    """Fork whenever that is asked for; return in the new process, when all is as it should be."""
    for module in _MODULES:
        with suppress(ImportError):
            import_module(module)
    gc.collect()
    gc.freeze()
    ended, wake = os.pipe()
    os.set_blocking(wake, False)
    usual = signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    while True:
        ready, _, _ = select.select([door.fileno(), ended], [], [])
        if ended in ready:
            os.read(ended, 4096)
            _tell_who_has_ended(door)
        if door.fileno() not in ready:
            continue
        message, streams, _, _ = socket.recv_fds(door, _MOST, 3)
        if not message:
            os._exit(0)
        pid = os.fork()
        if not pid:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, usual)
            for descriptor in (ended, wake, door.detach()):
                os.close(descriptor)
            _become(json.loads(message), streams)
            return
        for descriptor in streams:
            os.close(descriptor)
        door.send(json.dumps([pid, None]).encode())


def _tell_who_has_ended(door: socket.socket) -> None:
    with suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            door.send(json.dumps([pid, status]).encode())


def _become(request: "dict[str, object]", streams: Sequence[int]) -> None:
    arguments, environment = request["arguments"], request["environment"]
    assert isinstance(arguments, list)
    assert isinstance(environment, dict)
    for descriptor, stream in enumerate(streams):
        os.dup2(stream, descriptor)
        os.close(stream)
    os.chdir(str(request["folder"]))
    os.environ.clear()
    os.environ.update(environment)
    sys.argv[1:] = arguments
    if not environment.get("PYTHONSAFEPATH"):
        sys.path.insert(0, str(request["folder"]))  # as Python does for -m
    if "COVERAGE_PROCESS_CONFIG" in environment:
        import_module("coverage").process_startup()


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
    runpy.run_module("scissorsd", run_name="__main__", alter_sys=True)
