"""An order that came back to the line is cut in another process than the host's, which may die.

Whoever had it before has died or lost its connection, perhaps by this very picture. So none of its
neighbours in the process of a host comes to harm. All that came back is cut in one process, which
is kept for a while: after a host has died, all that it had in hand comes back at once. If that
process dies, each picture that was in it is tried again in a process of its own, and only what dies
there is to blame. Both end with their host, however that ends: what nobody will hear of must not be
staged.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from queue import Empty, SimpleQueue
from time import monotonic

from scissorsd import __version__, failpoints, logs
from scissorsd.errors import EXIT_OK, CorruptPictureError, HoldError, ScissorsError
from scissorsd.hosts.host.cutting import Here, Settings, cut
from scissorsd.hosts.messages.faults import fault_of
from scissorsd.hosts.messages.orders import (
    Answer,
    NotUnderstoodError,
    Order,
    read_answer,
    read_order,
    write_answer,
    write_order,
)
from scissorsd.hosts.messages.packing import of_line, to_line
from scissorsd.hosts.messages.plain_values import built, plain
from scissorsd.pictures import decoders

# Seconds that a picture may be in hand: a share that hangs would keep it for ever.
STALLED = failpoints.seconds("HOST_STALLED", 300.0)
_KEPT = 600.0  # seconds that the process is kept when there is nothing for it


class Alone:
    """Cuts pictures in another process. Any thread may call."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()  # which process is shared; not held while one cuts
        self._by_itself = threading.Lock()  # there is one at a time for a single picture
        self._shared: _Child | None = None

    def cut(self, order: Order, nonce: str) -> Answer:
        """Cut a picture; if a process dies of it alone, that is its fault, and an answer."""
        began = monotonic()
        answer = self._ask(self._running, order, nonce)
        if isinstance(answer, CorruptPictureError):  # it, or another one that was in the process
            with self._by_itself, ExitStack() as ended:
                fresh = partial(_Child, self._settings, ended)
                answer = self._ask(fresh, order, nonce)
        if isinstance(answer, Answer):
            return answer
        about = (order.job, order.turn, nonce, self._settings.name, __version__)
        return Answer(*about, monotonic() - began, error=fault_of(answer))

    def rest(self) -> None:
        """End the process if it has had nothing to do for long: its memory is given back."""
        with self._lock:
            if self._shared is not None and self._shared.is_idle_since() < monotonic() - _KEPT:
                self._shared.end()
                self._shared = None

    def _running(self) -> "_Child":
        with self._lock:
            if self._shared is None or self._shared.has_ended:
                self._shared = _Child(self._settings)
            return self._shared

    def _ask(
        self, started: Callable[[], "_Child"], order: Order, nonce: str
    ) -> Answer | ScissorsError:
        try:
            child = started()
            try:
                answer = child.ask(order, nonce)
            except Empty:
                child.end()
                return stalled(self._settings.name)
            return answer or _what_ended_it(child.process.wait())
        except (OSError, ValueError, NotUnderstoodError) as error:
            return HoldError(f"the process that cuts what came back failed: {error}")


class _Child:
    """Another process; what it is asked and what it answers are lines: packing.py."""

    def __init__(self, settings: Settings, until: ExitStack | None = None) -> None:
        """Start it; with `until` it ends with that."""
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "scissorsd.hosts.host.alone"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for us to obey
        )
        if until is not None:
            until.callback(self.end)
        self.has_ended = False
        self._lock = threading.Lock()
        self._telling = threading.Lock()
        self._waiting: dict[str, SimpleQueue[Answer | None]] = {}  # for answers, by nonce
        self._since = monotonic()  # that nobody waits
        threading.Thread(target=self._listen, name="cut elsewhere", daemon=True).start()
        self._tell(plain(settings))

    def ask(self, order: Order, nonce: str) -> Answer | None:
        """Return its answer, or None where it has ended; raises Empty where it hangs."""
        answered = SimpleQueue[Answer | None]()
        with self._lock:
            if self.has_ended:
                return None
            self._waiting[nonce] = answered
        try:
            self._tell({"order": write_order(order), "nonce": nonce})
            return answered.get(timeout=STALLED)
        finally:
            with self._lock:
                del self._waiting[nonce]
                self._since = monotonic()

    def is_idle_since(self) -> float:
        """Return since when (monotonic) it has had nothing to do; not yet: infinity."""
        with self._lock:
            return float("inf") if self._waiting else self._since

    def end(self) -> None:
        """Kill it; one that waits for a dead share ends once that lets go of it."""
        self.process.kill()

    def _tell(self, value: object) -> None:
        assert self.process.stdin is not None  # noqa: S101 - a pipe was asked for
        left = memoryview(to_line(value))
        with self._telling, suppress(BrokenPipeError):  # it has ended, which is heard
            while left:
                left = left[os.write(self.process.stdin.fileno(), left) :]

    def _listen(self) -> None:
        assert self.process.stdout is not None  # noqa: S101 - a pipe was asked for
        with suppress(ValueError, NotUnderstoodError):  # half a line: it died in the middle of it
            for line in self.process.stdout:
                answer = read_answer(of_line(line))
                with self._lock:
                    waits = self._waiting.get(answer.nonce)
                if waits is not None:
                    waits.put(answer)
        self.end()
        with self._lock:
            self.has_ended = True
            for waits in self._waiting.values():
                waits.put(None)


def stalled(host: str) -> HoldError:
    """Return that a picture was in hand for too long."""
    what = f"{host} had the picture in hand for {STALLED:.0f} s to no end"
    return HoldError(what, "Its share may hang.", kind="stalled")


def _what_ended_it(code: int) -> ScissorsError:
    if code >= 0:
        return HoldError(f"the process that cuts what came back ended with {code}")
    name = signal.Signals(-code).name
    if -code in {signal.SIGKILL, signal.SIGTERM}:  # no decoder does that
        return HoldError(
            f"the process that cut it was ended from outside ({name}), most likely for want of "
            "memory",
            kind="short of memory",
        )
    return CorruptPictureError(
        f"the decoder crashed ({name})",
        "It is left alone until the file changes, or until 'scissorsd retry' asks for it.",
    )


# --- in the process itself -------------------------------------------------------------------


def main() -> None:
    """Read settings, then orders from standard input; write answers to standard output."""
    for number in (signal.SIGTERM, signal.SIGINT):  # it ends with its host, which finishes first
        signal.signal(number, signal.SIG_IGN)
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    decoders.take_pillow_over()
    logs.line_buffer_c_stderr()
    logs.set_up(quiet=True)
    asked = SimpleQueue[bytes]()
    threading.Thread(target=_listen, args=(asked,), daemon=True).start()
    here = Here.of(built(Settings, of_line(asked.get())), find_out=False)
    saying = threading.Lock()

    def cut_one(order: Order, nonce: str) -> None:
        said = to_line(write_answer(cut(order, here, nonce)))
        with saying:
            out.write(said)
            out.flush()

    while True:
        one = of_line(asked.get())
        args = (read_order(one["order"]), one["nonce"])
        threading.Thread(target=cut_one, args=args, daemon=True).start()


def _listen(asked: SimpleQueue[bytes]) -> None:
    """Take what is asked; at the end of the host leave at once, whatever is in hand."""
    for line in sys.stdin.buffer:
        asked.put(line)
    os._exit(EXIT_OK)


if __name__ == "__main__":
    main()
