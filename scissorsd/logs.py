"""Log lines: one event name and fixed keys each; JSON for programs and, on a terminal, words.

The words stand in core/told.py.
"""

import ctypes
import json
import logging
from functools import cache
from typing import Any, Literal, get_args

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from scissorsd import streams, terminal
from scissorsd.core import telling
from scissorsd.plain_text import escape_undecodable, for_terminal

Form = Literal["text", "keys", "json"]
FORMS: tuple[Form, ...] = get_args(Form)


class _Stderr:
    """Writes to whatever standard error is now, above the bar if there is one.

    What cannot be written is lost, and no picture with it; once something can be, it is told.
    """

    def msg(self, message: str) -> None:
        terminal.say(message)
        if lines := terminal.take_lost():
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


def _shown(key: str, value: object) -> object:
    """Escape whatever would make a terminal do anything but show it; a trace keeps its lines."""
    if isinstance(value, str) and key in telling.TRACES:
        return "\n".join(map(for_terminal, value.split("\n")))
    if isinstance(value, str):
        return for_terminal(value)
    if isinstance(value, list | tuple):
        return [_shown(key, one) for one in value]
    return value


class _Telling:
    """Renders an event as words, or drops one that nobody needs to hear of."""

    def __init__(self, *, debug: bool) -> None:
        self._debug = debug
        self._outboxes: tuple[str, ...] = ()  # as they were last told
        self.known: set[str] = set()  # events of which the next is known already

    def __call__(self, _: WrappedLogger, __: str, event: EventDict) -> str:
        if (name := event["event"]) in self.known and not self._debug:
            self.known.discard(name)
            raise structlog.DropEvent
        told = {key: _shown(key, value) for key, value in event.items()}
        if isinstance(outboxes := told.get("outboxes"), list):
            self._outboxes = tuple(map(str, outboxes))
        is_fine = terminal.can_show("".join(telling.FINE))
        look = telling.Look(
            terminal.width(),
            colour=terminal.has_colour(),
            marks=telling.FINE if is_fine else telling.PLAIN,
            debug=self._debug,
            outboxes=self._outboxes,
        )
        lines = telling.lines(told, look)
        if not lines:
            raise structlog.DropEvent
        return "\n".join(lines)


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


def set_up(*, debug: bool = False, quiet: bool = False, form: Form | None = None) -> None:
    """Configure structlog for this process; `quiet` leaves only warnings and errors.

    Without a form it is text on a terminal, and JSON for whatever else reads standard error.
    """
    form = form or usual_form()
    terminal.take_bars(wanted=form != "json")
    structlog.configure(
        **_settings(debug=debug, quiet=quiet, form=form),
        logger_factory=lambda *_: _Stderr(),
        cache_logger_on_first_use=False,
    )


def usual_form() -> Form:
    """Return the form that a log has where nobody asks for one."""
    return "text" if terminal.is_terminal() else "json"


def is_for_programs() -> bool:
    """Whether the lines of this process are JSON."""
    last = structlog.get_config()["processors"][-1]
    return not isinstance(last, _Telling | structlog.dev.ConsoleRenderer)


def leave_out_next(event: str) -> None:
    """Tell the next such event to programs only: a person has heard of it by other words."""
    last = structlog.get_config()["processors"][-1]
    if isinstance(last, _Telling):
        last.known.add(event)


def of_a_library() -> FilteringBoundLogger:
    """Return a logger for use within another program, whose settings of structlog stay its own.

    Where it has made none, only warnings and errors are written.
    """
    logger: FilteringBoundLogger
    if structlog.is_configured():
        logger = structlog.get_logger("scissorsd")
    else:
        settings = _settings(debug=False, quiet=True, form=usual_form())
        logger = structlog.wrap_logger(_Stderr(), **settings)
    return logger


def retell(line: str) -> None:
    """Say what another process, or a C library, has said on standard error.

    The page's process writes its events as JSON: they become ours. All else comes out as it is.
    """
    try:
        told = json.loads(line)
        level, event = told.pop("level"), told.pop("event")
    except (AttributeError, KeyError, TypeError, ValueError):
        terminal.say(for_terminal(line))
        return
    told.pop("timestamp", None)
    structlog.get_logger("scissorsd").log(
        _LEVELS.get(str(level).upper(), logging.INFO), event, **told
    )


_LEVELS = logging.getLevelNamesMapping()


def _settings(*, debug: bool, quiet: bool, form: Form) -> dict[str, Any]:
    level = logging.WARNING if quiet else logging.DEBUG if debug else logging.INFO
    for_people = form != "json"
    clock = "%H:%M:%S" if terminal.is_terminal() else "%Y-%m-%d %H:%M:%S"
    renderers: dict[Form, list[Processor]] = {
        "json": [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        "keys": [
            _plain,
            structlog.dev.ConsoleRenderer(
                pad_event_to=16, sort_keys=False, colors=terminal.has_colour()
            ),
        ],
        "text": [structlog.processors.format_exc_info, _Telling(debug=debug)],
    }
    render = renderers[form]
    if streams.goes_to_the_journal():
        render[-1] = _with_priority(render[-1])
    return {
        "processors": [
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(
                fmt=clock if for_people else "iso", utc=not for_people
            ),
            _printable,
            *render,
        ],
        "wrapper_class": structlog.make_filtering_bound_logger(level),
    }
