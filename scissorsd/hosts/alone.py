"""An order that came back to the line is cut in a process of its own, which may die of it.

Whoever had it before has died or lost its connection, perhaps by this very picture. So none of its
neighbours in the process of a host comes to harm, and none is blamed.
"""

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress

from scissorsd import __version__, failpoints, logs
from scissorsd.errors import CorruptPictureError, HoldError, ScissorsError
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
from scissorsd.hosts.packing import pack, unpack
from scissorsd.hosts.plain_values import built, plain
from scissorsd.pictures import decoders

# Seconds that a picture may be in hand: a share that hangs would keep it for ever.
STALLED = failpoints.seconds("HOST_STALLED", 300.0)


_one_at_a_time = threading.Lock()  # each has sessions and memory of its own


def cut_alone(order: Order, settings: Settings, nonce: str) -> Answer:
    """Cut a picture in a process of its own; its death is the picture's fault, and an answer.

    There is one such process at a time: after a hub was away, all that was in hand comes back.
    """
    with _one_at_a_time:
        return _cut_alone(order, settings, nonce)


def _cut_alone(order: Order, settings: Settings, nonce: str) -> Answer:
    asked = pack({"order": write_order(order), "settings": plain(settings), "nonce": nonce})
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "scissorsd.hosts.alone"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for us to obey
    )
    try:
        said, _ = process.communicate(asked, timeout=STALLED)
        if process.returncode == 0:
            return read_answer(unpack(said))
        trouble = _what_ended_it(process.returncode)
    except subprocess.TimeoutExpired:
        trouble = stalled(settings.name)
    except (OSError, ValueError, NotUnderstoodError) as error:
        trouble = HoldError(f"the process that cuts one picture alone failed: {error}")
    finally:
        with suppress(OSError):
            process.kill()  # one that waits for a dead share ends once that lets go of it
    about = (order.job, order.turn, nonce, settings.name, __version__, 0.0)
    return Answer(*about, error=fault_of(trouble))


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


def main() -> None:
    """Read an order and settings from standard input; write the answer to standard output."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    decoders.take_pillow_over()
    logs.line_buffer_c_stderr()
    logs.set_up(quiet=True)
    asked = unpack(sys.stdin.buffer.read())
    here = Here.of(built(Settings, asked["settings"]), find_out=False)
    answer = cut(read_order(asked["order"]), here, asked["nonce"])
    with out:
        out.write(pack(write_answer(answer)))


if __name__ == "__main__":
    main()
