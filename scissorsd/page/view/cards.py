"""A picture as the page gets it: the card of one, by the journal or as it lies in its inbox.

`look` says in a word how it is to look, `words` for a person what became of it.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from scissorsd.commands.why import NO_DAEMON, why_held, why_not_yet
from scissorsd.config.quick_desk import NAME as QUICK
from scissorsd.core.masking import said_numbers
from scissorsd.page.lookup import outputs_of
from scissorsd.page.naming import address_of, shown
from scissorsd.page.outputs.cutouts import is_finishable
from scissorsd.page.standpoint import Standpoint, batch_of
from scissorsd.page.view import holding
from scissorsd.page.view.presence import Presence
from scissorsd.page.view.waiting import Waiting
from scissorsd.plain_text import for_terminal, one_line
from scissorsd.records.journal_rows import Entry
from scissorsd.records.status_file import InboxStatus

State = Literal["waiting", "cutting", "done", "failed", "held"]
Card = dict[str, Any]

# What the states of the journal are called here.
_STATES: dict[str, State] = {
    "again": "waiting",
    "begun": "cutting",
    "published": "cutting",
    "done": "done",
    "failed": "failed",
    "held": "held",
}
JOURNALLED: dict[str, tuple[str, ...]] = {  # in which of them such pictures may be
    "waiting": ("again", "begun", "published"),
    "cutting": ("begun", "published"),
    "done": ("done",),
    "review": ("done", "published"),
    "failed": ("failed",),
    "seen": ("failed",),
    "held": ("held", "published"),
}
_VERDICTS = {
    "no_subject": "No subject was found in it.",
    "doubtful": "Its mask is doubtful.",
}
_DOUBTS = {"no_subject": "no subject", "doubtful": "doubtful"}
_ICONS = {
    "waiting": "clock",
    "cutting": "scissors",
    "done": "ok",
    "review": "eye",
    "accepted": "ok",
    "rejected": "bad",
    "failed": "bad",
    "seen": "eye",
    "held": "pause",
}
_LOOKED_AT = ("cutout", "flat")  # the first of these is shown, or else whatever there is


def state_of(state: str, *, is_told: bool, runs: bool) -> State:
    """Return what a state of the journal is called here; `is_told`: it has a reason."""
    if state == "published" and is_told:  # its source cannot be moved, say
        return "held"
    if state in {"begun", "published"} and not runs:  # the next daemon goes on with it
        return "waiting"
    return _STATES[state]


def of_entry(entry: Entry, runs: bool) -> State:  # noqa: FBT001 - plain in every call
    """Return what the state of a job is called here."""
    return state_of(entry.state, is_told=bool(entry.reason), runs=runs)


def state_told(at: Standpoint, entry: Entry) -> str:
    """Return by which state a job is counted and found: a failed one may have been seen."""
    state = of_entry(entry, at.runs)
    is_seen = state == "failed" and at.desk.seen.has(entry.id, entry.ended_at)
    return "seen" if is_seen else state


def cards(at: Standpoint, entries: Sequence[Entry], presence: Presence) -> list[Card]:
    """Return the cards of pictures that the journal knows."""
    files: dict[str, list[str]] = {}
    for entry in entries:
        files.setdefault(entry.outbox, []).extend(str(path) for _, path in outputs_of(entry))
    there = presence.of(files)
    return [_card(at, entry, there) for entry in entries]


def _card(at: Standpoint, entry: Entry, there: Mapping[str, bool]) -> Card:
    inbox = at.names.get(entry.inbox, "")
    state = of_entry(entry, at.runs)
    outputs = [
        {
            "n": number,
            "kind": kind,
            "name": shown(path.name),
            "there": there[str(path)],
        }
        for number, (kind, path) in enumerate(outputs_of(entry))
    ]
    in_review = at.view is not None and at.view.waits_in_review(entry)
    seen = state_told(at, entry) == "seen"
    held = holding.words(at, inbox, entry.path)
    unsure = "" if entry.doubt is None else f"doubt {entry.doubt:.1%}".replace("%", " %")
    look, words = _standing(entry, state, held, in_review=in_review, seen=seen)
    return {
        **_head(inbox, entry.path, state),
        "look": look,
        "icon": _ICONS[look],
        "words": words,
        "seen": seen,
        "review": in_review,
        "judged": entry.judged,
        "verdict": entry.verdict,
        "doubt": entry.doubt,
        "about": " · ".join(
            filter(None, [shown(inbox), shown(entry.rule), entry.provider, unsure])
        ),
        "reason": _reason(entry, state, outputs, in_review=in_review),
        "rule": entry.rule,
        "provider": entry.provider,
        "model": entry.model,
        "size": entry.size,
        "version": version_of(entry),
        "begun_at": entry.begun_at,
        "ended_at": entry.ended_at,
        "acts": [*_acts(inbox, look, state, in_review=in_review)],
        "outputs": outputs,
        "best": _best(outputs),
        "finishable": _is_finishable(at, entry, outputs),
        "place": None,
    }


def _acts(inbox: str, look: str, state: State, *, in_review: bool) -> Iterator[dict[str, str]]:
    """Yield what a person may do with a picture: the word of the address, on what button, how."""
    if in_review:
        yield {"verb": "accept", "label": "Accept", "icon": "ok", "className": "strong"}
        yield {"verb": "reject", "label": "Reject", "icon": "bad"}
    if state == "failed" or look == "held":
        yield {"verb": "retry", "label": "Retry", "icon": "again", "className": "strong"}
    if inbox == QUICK:
        yield {"verb": "discard", "label": "Remove", "icon": "bad"}
    elif look == "failed":
        yield {"verb": "discard", "label": "Mark as seen", "icon": "eye"}


def version_of(entry: Entry) -> str:
    """Return a word that is another whenever what came of a job is."""
    return _version(
        *(entry.size, entry.mtime_ns, entry.ended_at, entry.judged_at, entry.lies_at),
        *entry.published,
    )


def _standing(
    entry: Entry, state: State, held: str, *, in_review: bool, seen: bool
) -> tuple[str, str]:
    """Return how a picture is to look, and what became of it; `held` in words, if it is."""
    doubt = _DOUBTS.get(entry.verdict, "")
    if seen:
        return "seen", "failed, seen"
    if state == "held":
        return state, held
    if state != "done":
        return state, state
    if in_review:
        return "review", f"{doubt or 'done'}, to review"
    if entry.judged:
        return entry.judged, entry.judged
    return ("review", doubt) if doubt else (state, state)


def _best(outputs: Sequence[Mapping[str, Any]]) -> int | None:
    """Return which output is to be looked at: one that has the subject, and is there."""
    there = [out for out in outputs if out["there"]]
    kinds = [*_LOOKED_AT, *(out["kind"] for out in there)]
    return min(there, key=lambda out: kinds.index(out["kind"]))["n"] if there else None


def _is_finishable(at: Standpoint, entry: Entry, outputs: Sequence[Mapping[str, Any]]) -> bool:
    inbox = at.inbox(at.names.get(entry.inbox, ""))
    if inbox is None:
        return False
    is_there = any(out["kind"] == "cutout" and out["there"] for out in outputs)
    return is_there and is_finishable(inbox.rules, entry)


def waiting_card(at: Standpoint, waiting: Waiting, place: int) -> Card:
    """Return the card of a picture that lies in its inbox, and that no job has yet."""
    inbox, sighting = waiting.inbox, waiting.sighting
    live = at.live(inbox)
    held = why_held(live, sighting) if live is not None else ""
    look = "held" if held else "waiting"
    told = f"waiting, {_ordinal(place)}" if place else "waiting"
    return {
        **_head(inbox, sighting.path, "waiting"),
        "look": look,
        "icon": _ICONS[look],
        "words": holding.words(at, inbox, sighting.path) if held else told,
        "seen": False,
        "review": False,
        "judged": "",
        "verdict": "",
        "doubt": None,
        "about": f"{shown(inbox)} · {shown(waiting.rule)}",
        "reason": for_terminal(held or _why_waiting(at, waiting, live)),
        "rule": shown(waiting.rule),
        "provider": "",
        "model": "",
        "size": sighting.size,
        "version": _version(*sighting.version),
        "begun_at": 0,
        "ended_at": 0,
        "acts": [*_acts(inbox, look, "waiting", in_review=False)],
        "outputs": [],
        "best": None,
        "finishable": False,
        "place": place,
    }


def _why_waiting(at: Standpoint, waiting: Waiting, live: InboxStatus | None) -> str:
    inbox = at.inbox(waiting.inbox)
    if not at.runs or inbox is None:
        return NO_DAEMON
    return why_not_yet(live, inbox, waiting.sighting)


def _ordinal(number: int) -> str:
    teens = range(11, 14)
    suffix = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{'th' if number % 100 in teens else suffix}"


def _head(inbox: str, path: str, state: State) -> Card:
    return {
        "inbox": shown(inbox),
        "path": shown(path),
        "address": address_of(inbox, path),
        "name": shown(path.rpartition("/")[2]),
        "batch": batch_of(inbox, path),
        "state": state,
    }


def _reason(
    entry: Entry, state: State, outputs: Sequence[Mapping[str, Any]], *, in_review: bool
) -> str:
    if entry.state == "again":
        return "It was asked for again and is cut in its turn."
    if state == "waiting" and entry.state == "published":
        return "It is cut; what is left to do with its source is done when scissorsd runs."
    if state == "waiting":
        return "It was cut short, and is cut again when scissorsd runs."
    if entry.reason:
        return shown(one_line(entry.reason))
    if outputs and not any(out["there"] for out in outputs):
        return "What came of it is no longer there."
    return _said_verdict(entry) if in_review else ""


def _said_verdict(entry: Entry) -> str:
    said = said_numbers(entry.numbers) if entry.verdict == "doubtful" else ""
    return f"{_VERDICTS.get(entry.verdict, '')} {said}".strip()


def _version(*parts: object) -> str:
    """Return a word that is another whenever one of the parts is."""
    return hashlib.sha256(repr(parts).encode("utf-8", "backslashreplace")).hexdigest()[:12]
