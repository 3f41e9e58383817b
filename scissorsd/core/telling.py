"""Lines for people: how an event of the log looks on a terminal of some width.

    12:01:26 ✓ girl.avif → girl.png, girl-mask.png  1.2 s

A picture is a line, its names being shortened in the middle where there is no room for them;
warnings are sentences, broken between words. Texts come without control characters (logs.py).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from scissorsd.core.columns import columns, shorten, wrapped
from scissorsd.core.told import TOLD, Event

TRACES = ("trace", "exception")  # keys whose values have lines
_KEY = r"\{(\w+)(?::(\w+))?\}"  # name, how it is written
_LEFT_OUT = {"event", "level", "timestamp", *TRACES}
_NARROWEST = 8  # columns for words, whatever the terminal says
_GREEN, _MAGENTA, _RED, _DIM = "32", "35", "1;31", "2"  # legible on light and on dark


class Marks(NamedTuple):
    """The characters that a terminal can show."""

    ok: str
    look: str
    failed: str
    warning: str
    arrow: str
    dots: str


FINE = Marks("✓", "?", "✗", "!", "→", "…")
PLAIN = Marks("+", "?", "x", "!", "->", "...")


@dataclass(frozen=True, slots=True)
class Look:
    """How a terminal is, and how much is wanted of it."""

    width: int
    colour: bool = False
    marks: Marks = FINE
    debug: bool = False
    outboxes: tuple[str, ...] = ()  # where there are several, pictures have the name of their inbox


def lines(event: Event, look: Look) -> list[str]:
    """Return the lines that tell an event; none where nobody needs to hear of it."""
    name, level = str(event.get("event", "")), str(event.get("level", "info"))
    time, (mark, colour) = str(event.get("timestamp", "")), _mark(event, level, look.marks)
    indent = " " * (columns(time) + 3) if time else ""
    room = max(_NARROWEST, look.width - len(indent))
    if name == "job.finished" and "source" in event:
        told = [_picture(event, room, look)]
    else:
        sentence = _sentence(name, event, look, is_worth=level not in {"info", "debug"})
        if not sentence:
            return []
        told = wrapped(sentence.replace(FINE.arrow, look.marks.arrow), room)
    begin = f"{time} {mark or ' '} "
    if look.colour:
        begin = f"{_painted(time, _DIM)} {_painted(mark, colour) or ' '} "
    first, *rest = [*told, *_more(event, look)]
    return [f"{begin if time else ''}{first}".rstrip(), *(indent + line for line in rest)]


# --- a picture -------------------------------------------------------------------------------


def _picture(event: Event, room: int, look: Look) -> str:
    """Tell of a picture in one line: what came of what, and how long it took."""
    verdict = str(event.get("verdict") or "ok").replace("_", " ")
    seconds = event.get("total_s")
    took = f"{seconds:.1f} s" if isinstance(seconds, int | float) else ""
    tail = "".join(f"  {word}" for word in ("" if verdict == "ok" else verdict, took) if word)
    inbox = f"{event.get('inbox')}: " if look.outboxes[1:] and event.get("inbox") else ""
    outputs = event.get("outputs")
    made = [_within(str(one), look) for one in outputs] if isinstance(outputs, list | tuple) else []
    left = max(_NARROWEST, room - columns(tail) - columns(inbox))
    return f"{inbox}{_names(str(event['source']), made, left, look.marks)}{tail}"


def _within(path: str, look: Look) -> str:
    """Return the path of an output within its outbox; of the page's own pictures the name."""
    for outbox in look.outboxes:
        if path.startswith(f"{outbox.rstrip('/')}/"):
            return path[len(outbox.rstrip("/")) + 1 :]
    return path.rpartition("/")[2]


def _names(source: str, outputs: list[str], room: int, marks: Marks) -> str:
    """Return the names of a picture and of what came of it, in so many columns at most."""
    if not outputs:
        return shorten(source, room, dots=marks.dots)
    arrow, first = f" {marks.arrow} ", outputs[0]
    more = f" +{len(outputs) - 1}" if outputs[1:] else ""
    for text in (f"{source}{arrow}{', '.join(outputs)}", f"{source}{arrow}{first}{more}"):
        if columns(text) <= room:
            return text
    left = room - columns(arrow) - columns(more)
    stem, least = source.rpartition(".")[0], left // 2
    if stem and first.startswith(stem):  # it says nothing new but for its ending
        first = f"{marks.dots}{first[len(stem) :]}"
        least = columns(first)
    if left < _NARROWEST:
        return shorten(source, room, dots=marks.dots)
    of_first = min(columns(first), max(least, left - columns(source)), left - _NARROWEST // 2)
    before = shorten(source, left - of_first, dots=marks.dots)
    return f"{before}{arrow}{shorten(first, left - columns(before), dots=marks.dots)}{more}"


# --- sentences -------------------------------------------------------------------------------


def _sentence(name: str, event: Event, look: Look, *, is_worth: bool) -> str:
    """Return the words for an event, "" where it is quiet; what is wrong is never quiet."""
    told = TOLD.get(name)
    if told is None:
        return _unknown(name, event)
    words = told.words if isinstance(told.words, str) else told.words(event)
    if (told.quiet or not words) and not (look.debug or is_worth):
        return ""
    sentences = [_filled(part, event) for part in words.split("|")]
    said = [sentence for sentence in sentences if sentence]
    # whatever its keys are by now, nothing of it is lost
    return _joined(said) if said else _unknown(name, event)


def _joined(sentences: list[str]) -> str:
    if not sentences[1:]:
        return sentences[0].removesuffix(".") if ". " not in sentences[0] else sentences[0]
    return " ".join(one if one.endswith((".", "!", "?", ":")) else f"{one}." for one in sentences)


def _filled(words: str, event: Event) -> str:
    """Fill words with the values of an event; "" where one is missing that they need."""

    def value(match: re.Match[str]) -> str:
        return _in_words(event[match[1]], match[2] or "")

    def optional(match: re.Match[str]) -> str:
        keys = [event.get(key) for key, _ in re.findall(_KEY, match[1])]
        return match[1] if all(keys) else ""

    words = re.sub(r"\[([^\]]*)\]", optional, words)
    return re.sub(_KEY, value, words).strip() if _has_all(words, event) else ""


def _has_all(words: str, event: Event) -> bool:
    """Whether an event has all that words need."""
    return all(event.get(key) not in (None, "", [], ()) for key, _ in re.findall(_KEY, words))


def _in_words(value: object, how: str) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_in_words(one, how) for one in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_in_words(one, how)}" for key, one in value.items())
    if isinstance(value, int | float) and not isinstance(value, bool):
        formats = {"MB": "{:,.0f} MB", "s": "{:g} s", "x": "{:.1f} times"}
        return formats.get(how, "{:g}" if isinstance(value, float) else "{}").format(
            value / 1e6 if how == "MB" else value
        )
    return str(value)


def _unknown(name: str, event: Event) -> str:
    """Tell of an event that the table does not have: its name as words, and its keys."""
    about, _, what = name.partition(".")
    words = ": ".join(part.replace("_", " ") for part in (about, what) if part)
    keys = [f"{k}: {_in_words(v, '')}" for k, v in event.items() if k not in _LEFT_OUT]
    return f"{words} ({', '.join(keys)})" if keys else words


def _more(event: Event, look: Look) -> list[str]:
    """Return what is told below: where an unforeseen fault was and, to debug, remarks."""
    traces = [str(event[key]) for key in TRACES if event.get(key)]
    remarks = event.get("remarks") if look.debug else ()
    said = [str(one) for one in remarks] if isinstance(remarks, list | tuple) else []
    return [*said, *(line for trace in traces for line in trace.rstrip().split("\n"))]


# --- marks -----------------------------------------------------------------------------------


def _mark(event: Event, level: str, marks: Marks) -> tuple[str, str]:
    """Return the mark that an event's line has, and its colour."""
    if level in {"error", "critical", "exception"}:
        return marks.failed, _RED
    if level == "warning":
        return marks.warning, _MAGENTA
    if event.get("event") == "job.finished":
        is_ok = event.get("verdict") in {None, "ok"}
        return (marks.ok, _GREEN) if is_ok else (marks.look, _MAGENTA)
    return "", ""


def _painted(text: str, colour: str) -> str:
    return f"\x1b[{colour}m{text}\x1b[0m" if text else ""
