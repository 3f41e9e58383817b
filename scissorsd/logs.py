"""Log lines: for people on a terminal, JSON elsewhere; one event name and fixed keys each."""

import contextlib
import ctypes
import logging
import sys
from functools import cache
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from scissorsd import streams
from scissorsd.plain_text import escape_undecodable, for_terminal


class _Stderr:
    """Writes to whatever sys.stderr is now, so that a progress bar can stand below the lines.

    What cannot be written is lost, and no picture with it; once something can be, it is told.
    """

    def msg(self, message: str) -> None:
        stream: TextIO | None = sys.stderr
        if stream is None:
            return
        with contextlib.suppress(OSError, ValueError):  # of a program that has closed its own
            stream.write(message + "\n")
            stream.flush()
        if lines := streams.take_lost():
            log = structlog.get_logger("scissorsd")
            log.warning("log.lost", lines=lines, why="they could not be written; the work went on")

    log = debug = info = warning = warn = error = critical = exception = fatal = msg


def _printable(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Show names whose bytes are not UTF-8 so that any terminal and parser can take them."""
    return {key: _escaped(value) for key, value in event.items()}


def _escaped(value: object) -> object:
    if isinstance(value, str):
        return escape_undecodable(value)
    if isinstance(value, list | tuple):
        return [_escaped(part) for part in value]
    return value


def _plain(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Escape names for a terminal; a trace keeps its lines."""
    return {
        key: "\n".join(map(for_terminal, value.split("\n"))) if isinstance(value, str) else value
        for key, value in event.items()
    }


def _with_priority(render: Processor) -> Processor:
    """Let `journalctl -p warning` find a line; the journal takes the mark off again."""

    def marked(logger: WrappedLogger, level: str, event: EventDict) -> str:
        return f"{streams.priority_mark(level)}{render(logger, level, event)!s}"

    return marked


_IOLBF = 1  # <stdio.h>: what is written comes out when its line ends
_LINE = 4096  # bytes; a longer one comes out in pieces


@cache
def line_buffer_c_stderr() -> None:
    """Let C libraries write to standard error by lines: libtiff complains in pieces of one.

    Between two pieces a line of ours could come, and its reader take neither. It is for programs:
    a library leaves the standard error of its caller as it is.
    """
    try:
        libc = ctypes.CDLL(None)
        stderr = ctypes.c_void_p.in_dll(libc, "stderr")
    except (OSError, ValueError):
        return  # a C library with other names: its pieces stay as they are
    libc.malloc.restype = ctypes.c_void_p
    # It is never freed: the last of it is written when the interpreter is gone.
    buffer = ctypes.c_void_p(libc.malloc(ctypes.c_size_t(_LINE)))
    libc.setvbuf(stderr, buffer, _IOLBF, ctypes.c_size_t(_LINE if buffer else 0))


def set_up(*, debug: bool = False, quiet: bool = False) -> None:
    """Configure structlog for this process; `quiet` leaves only warnings and errors."""
    structlog.configure(
        **_settings(debug=debug, quiet=quiet),
        logger_factory=lambda *_: _Stderr(),
        cache_logger_on_first_use=False,
    )


def of_a_library() -> FilteringBoundLogger:
    """Return a logger for use within another program, whose settings of structlog stay its own.

    Where it has made none, only warnings and errors are written.
    """
    logger: FilteringBoundLogger
    if structlog.is_configured():
        logger = structlog.get_logger("scissorsd")
    else:
        logger = structlog.wrap_logger(_Stderr(), **_settings(debug=False, quiet=True))
    return logger


def _settings(*, debug: bool, quiet: bool) -> dict[str, Any]:
    try:
        terminal = sys.stderr.isatty()
    except (AttributeError, ValueError):  # there is none, or it is closed
        terminal = False
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(pad_event_to=16, sort_keys=False)
        if terminal
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    level = logging.WARNING if quiet else logging.DEBUG if debug else logging.INFO
    return {
        "processors": [
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(
                fmt="%H:%M:%S" if terminal else "iso", utc=not terminal
            ),
            _printable,
            _plain if terminal else structlog.processors.format_exc_info,
            _with_priority(renderer) if streams.goes_to_the_journal() else renderer,
        ],
        "wrapper_class": structlog.make_filtering_bound_logger(level),
    }
