"""An order that came back to the line is cut in a process of its own, which may die of it.

Whoever had it before has died or lost its connection, perhaps by this very picture. So none of its
neighbours in the process of a host comes to harm, and none is blamed. The process is kept for the
next one for a while: after a host has died, all that it had in hand comes back. It ends with its
host, however that ends: what nobody will hear of must not be staged.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from queue import Empty, SimpleQueue
from time import monotonic

from scissorsd import __version__, failpoints, logs
from scissorsd.errors import EXIT_OK, CorruptPictureError, HoldError, ScissorsError
from scissorsd.hosts.cutting import Here, Settings, cut
from scissorsd.hosts.faults import fault_of
from scissorsd.hosts.orders import (
    Answer,
    NotUnderstoodError,
    Order,
    read_answer,
    read_order,
    write_answer,
    write_order,
)
from scissorsd.hosts.plain_values import built, plain
from scissorsd.pictures import decoders

# Seconds that a picture may be in hand: a share that hangs would keep it for ever.
STALLED = failpoints.seconds("HOST_STALLED", 300.0)
_KEPT = 600.0  # seconds that the process is kept when there is nothing for it


class Alone:
    """Cuts one picture at a time in a process of its own. Any thread may call."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()  # a process has sessions and memory of its own: there is one
        self._child: _Child | None = None

    def cut(self, order: Order, nonce: str) -> Answer:
        """Cut a picture; if the process dies of it, that is the picture's fault, and an answer.

        The death of one that has cut others before proves nothing: a fresh one tries again.
        """
        began = monotonic()
        with self._lock:
            if self._child is not None and self._child.process.poll() is not None:
                self._end()  # killed while it was idle, most likely for want of memory
            is_fresh = self._child is None
            answer = self._ask(order, nonce)
            if isinstance(answer, CorruptPictureError) and not is_fresh:
                answer = self._ask(order, nonce)
        if isinstance(answer, Answer):
            return answer
        about = (order.job, order.turn, nonce, self._settings.name, __version__)
        return Answer(*about, monotonic() - began, error=fault_of(answer))

    def rest(self) -> None:
        """End the process if it has had nothing to do for long: its memory is given back."""
        if self._lock.acquire(blocking=False):
            if self._child is not None and monotonic() - self._child.idle_since > _KEPT:
                self._end()
            self._lock.release()

    def _ask(self, order: Order, nonce: str) -> Answer | ScissorsError:
        trouble: ScissorsError
        try:
            self._child = self._child or _Child(self._settings)
            answer = self._child.ask({"order": write_order(order), "nonce": nonce})
            if answer is not None:
                return answer
            trouble = _what_ended_it(self._child.process.wait())
        except Empty:
            trouble = stalled(self._settings.name)
        except (OSError, ValueError, NotUnderstoodError) as error:
            trouble = HoldError(f"the process that cuts one picture alone failed: {error}")
        self._end()
        return trouble

    def _end(self) -> None:
        if self._child is not None:
            self._child.end()
        self._child = None


class _Child:
    """The process; what it is asked and what it answers are lines of JSON."""

    def __init__(self, settings: Settings) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "scissorsd.hosts.alone"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for us to obey
        )
        self.idle_since = monotonic()
        self._said = SimpleQueue[bytes]()
        self._unsaid: list[object] = [plain(settings)]
        threading.Thread(target=self._listen, name="cuts alone", daemon=True).start()

    def ask(self, asked: object) -> Answer | None:
        """Return its answer, or None where it has ended; raises Empty where it hangs."""
        assert self.process.stdin is not None  # noqa: S101 - a pipe was asked for
        lines = [json.dumps(value).encode() + b"\n" for value in (*self._unsaid, asked)]
        self._unsaid = []
        with suppress(BrokenPipeError):  # it has ended, which is seen below
            self.process.stdin.write(b"".join(lines))
            self.process.stdin.flush()
        line = self._said.get(timeout=STALLED)
        if not line.endswith(b"\n"):
            return None
        answer = read_answer(json.loads(line))
        self.idle_since = monotonic()
        return answer

    def end(self) -> None:
        """Kill it; one that waits for a dead share ends once that lets go of it."""
        assert self.process.stdin is not None  # noqa: S101 - a pipe was asked for
        self.process.kill()
        with suppress(OSError):  # what it did not read is lost
            self.process.stdin.close()

    def _listen(self) -> None:
        assert self.process.stdout is not None  # noqa: S101 - a pipe was asked for
        for line in self.process.stdout:
            self._said.put(line)
        self._said.put(b"")


def stalled(host: str) -> HoldError:
    """Return that a picture was in hand for too long."""
    what = f"{host} had the picture in hand for {STALLED:.0f} s to no end"
    return HoldError(what, "Its share may hang.", kind="stalled")


def _what_ended_it(code: int) -> ScissorsError:
    if code >= 0:
        return HoldError(f"the process that cuts one picture alone ended with {code}")
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
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is no answer
    decoders.take_pillow_over()
    logs.line_buffer_c_stderr()
    logs.set_up(quiet=True)
    asked = SimpleQueue[bytes]()
    threading.Thread(target=_listen, args=(asked,), daemon=True).start()
    here = Here.of(built(Settings, json.loads(asked.get())), find_out=False)
    while True:
        one = json.loads(asked.get())
        answer = cut(read_order(one["order"]), here, one["nonce"])
        print(json.dumps(write_answer(answer)), file=out, flush=True)


def _listen(asked: SimpleQueue[bytes]) -> None:
    """Take what is asked; at the end of the host leave at once, whatever is in hand."""
    for line in sys.stdin.buffer:
        asked.put(line)
    os._exit(EXIT_OK)


if __name__ == "__main__":
    main()
