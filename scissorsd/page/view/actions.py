"""`POST api/v1/pictures/{inbox}/{path}/retry`, `/accept`, `/reject`, `/redo`, `/discard`.

They do what the commands do, and say what these say. A picture is chosen by its inbox and path as
the journal knows them, never by a path of the file system that a client gives.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from scissorsd.commands.judge import judge_in
from scissorsd.commands.recut import Choice, in_words, recut_in
from scissorsd.commands.retry import retry_in
from scissorsd.commands.reviewed import open_shop
from scissorsd.commands.why import why_held
from scissorsd.config.quick_desk import NAME as QUICK
from scissorsd.core.rules import Edges, Holes
from scissorsd.core.wishes import Wish, wish_of
from scissorsd.page.answers import Refusal
from scissorsd.page.naming import PICTURES, named, shown
from scissorsd.page.standpoint import Standpoint, stand_at
from scissorsd.page.view.cards import version_of
from scissorsd.page.view.choices import is_here
from scissorsd.page.view.discarding import discard_job, discard_waiting
from scissorsd.page.view.one_picture import found_as
from scissorsd.page.view.outlook import Outlook, outlook_of
from scissorsd.page.view.waiting import Waiting
from scissorsd.plain_text import for_terminal
from scissorsd.records import hurry
from scissorsd.records.journal_rows import Entry
from scissorsd.records.reviews import Verdict
from scissorsd.records.state_folders import StateFolder

_LARGEST_WISH = 4096  # bytes
_KEEP = ("all", "largest")


def retry(request: Request) -> JSONResponse:
    """Have a failed picture taken again; one that is held is tried at once, with all others."""
    outlook, at, inbox, path = _asked(request)
    found = found_as(outlook, at, inbox, path)
    if isinstance(found, Waiting):
        return _hurry(at, found)
    entry = found
    if entry.state in {"held", "published"} and at.runs:
        hurry.ask(at.desk.state)
        return _said([f"{entry.source} is tried at once, and whatever else is held."])
    return _said(retry_in(_state(at), [Path(entry.source)]))


def _hurry(at: Standpoint, waiting: Waiting) -> JSONResponse:
    """Have what is held tried at once, of which nothing is journalled yet."""
    live = at.live(waiting.inbox)
    held = why_held(live, waiting.sighting) if live is not None else ""
    if live is None or not held:
        raise _waits(waiting)
    if live.away or live.silent or not waiting.sighting.size:
        raise Refusal(409, "waits", f"{shown(waiting.sighting.path)} is not there to be cut", held)
    hurry.ask(at.desk.state)
    return _said([f"{shown(waiting.sighting.path)} is tried at once, and whatever else is held."])


async def accept(request: Request) -> JSONResponse:
    """Put what waits in review/ into its place."""
    return await run_in_threadpool(_judge, request, "accepted", _values(await _body(request)))


async def reject(request: Request) -> JSONResponse:
    """Set what waits in review/ aside."""
    return await run_in_threadpool(_judge, request, "rejected", _values(await _body(request)))


def _judge(request: Request, verdict: Verdict, values: Mapping[str, Any]) -> JSONResponse:
    at, entry = _journalled(request)
    if entry.judged != verdict:  # done already is done: it may be asked for again
        _refuse_another(entry, values.get("version"))
    sentences = list(judge_in([open_shop(_state(at))], [Path(entry.source)], verdict))
    if complaint := next((s.text for s in sentences if s.is_complaint), ""):
        what, _, advice = complaint.partition("\n")
        raise Refusal(409, "refused", what, advice)
    return _said(sentence.text for sentence in sentences)


async def redo(request: Request) -> JSONResponse:
    """Have a picture cut again, with another model, edges or parts if that is asked."""
    body = await _body(request)
    return await run_in_threadpool(_redo, request, body)


def _redo(request: Request, body: bytes) -> JSONResponse:
    at, entry = _journalled(request)
    values = _values(body)
    version = values.pop("version", None)
    wish = wished(values)
    if version is not None and version != version_of(entry) and wish_of(entry.wish) == wish:
        return _said([f"{entry.source} was asked for again already."])
    _refuse_another(entry, version)
    if wish.model:
        model = at.desk.config.catalogue.get(wish.model)
        if model is None or not is_here(model, at.desk.config):
            advice = f"On that machine: scissorsd models fetch {wish.model}" if model else ""
            what = f"the model {wish.model!r} is not on this machine"
            raise Refusal(409, "no_such_model", what, advice)
    choice = Choice(paths=[Path(entry.source)])
    asked = recut_in(_state(at), choice, wish, as_ruled=False)
    if asked.refused:
        raise Refusal(409, "refused", " ".join(asked.refused))
    return _said(in_words(asked, choice))


def _refuse_another(entry: Entry, version: object) -> None:
    """Refuse where something else has come of a picture since the version that a person saw."""
    if version is not None and version != version_of(entry):
        what = f"{shown(entry.path)} is not any more what you have seen of it"
        raise Refusal(409, "changed", what, "Look at it again.")


def _values(body: bytes) -> dict[str, Any]:
    try:
        values = json.loads(body or b"{}")
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise Refusal(400, "no_json", 'what is wished is an object: {"edges": "best"}')
    return values


def wished(values: Mapping[str, Any]) -> Wish:
    """Return the wish that a request holds; raises Refusal where it is none."""
    words: dict[str, tuple[str, ...]] = {
        "edges": get_args(Edges),
        "keep": _KEEP,
        "holes": get_args(Holes),
    }
    wishes: dict[str, Any] = {}
    for name, value in values.items():
        if value is None or value == "":
            continue
        if name != "model" and name not in words:
            raise Refusal(400, "no_such_wish", f"there is no wish {name!r}")
        if not isinstance(value, str) or value not in words.get(name, (value,)):
            known = ", ".join(words.get(name, ("the name of one",)))
            raise Refusal(400, "no_such_wish", f"{name} cannot be {value!r}", f"It is: {known}.")
        wishes[name] = value
    return Wish(**wishes)


def discard(request: Request) -> JSONResponse:
    """Remove a picture and what came of it from the quick desk; elsewhere mark a failed as seen."""
    outlook, at, inbox, path = _asked(request)
    found = found_as(outlook, at, inbox, path)
    if inbox != QUICK:
        if isinstance(found, Waiting) or found.state != "failed":
            raise Refusal(
                409,
                "only_quick",
                "only what failed, or was dropped on the quick desk, can be discarded",
                "What lies in other inboxes is removed there.",
            )
        outlook.desk.seen.add(found.id, found.ended_at)
        return _said([f"{found.source} is marked as seen; its file stays in failed/."])
    if isinstance(found, Waiting):
        discard_waiting(outlook.desk.inbox(inbox), found.sighting)
    else:
        discard_job(at, found)
    outlook.inboxes.expect(inbox)
    return _said([f"{path.rpartition('/')[2]} and what came of it were removed."])


# --- what they share -----------------------------------------------------------------------------


def _asked(request: Request) -> tuple[Outlook, Standpoint, str, str]:
    outlook = outlook_of(request)
    return outlook, stand_at(outlook.desk), *named(request, behind=1)


def _journalled(request: Request) -> tuple[Standpoint, Entry]:
    outlook, at, inbox, path = _asked(request)
    found = found_as(outlook, at, inbox, path)
    if isinstance(found, Waiting):
        raise _waits(found)
    return at, found


def _waits(waiting: Waiting) -> Refusal:
    what = f"{shown(waiting.sighting.path)} waits to be cut: nothing has come of it yet"
    return Refusal(409, "waits", what, "Ask again when it is out.")


def _state(at: Standpoint) -> StateFolder:
    """Return the state as the configuration has it; the commands look for themselves."""
    return StateFolder(at.desk.state, at.desk.config)


def _said(sentences: Iterable[str]) -> JSONResponse:
    return JSONResponse({"said": [for_terminal(sentence) for sentence in sentences]})


async def _body(request: Request) -> bytes:
    """Return the body of a request, which is short."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST_WISH:
            raise Refusal(413, "too_large", f"a wish has {_LARGEST_WISH} bytes at most")
    return body


def _route(name: str, function: Callable[..., Any]) -> BaseRoute:
    return Route(f"/{PICTURES}/{{picture:path}}/{name}", function, methods=["POST"])


ROUTES: list[BaseRoute] = [
    _route(name, function)
    for name, function in (
        ("retry", retry),
        ("accept", accept),
        ("reject", reject),
        ("redo", redo),
        ("discard", discard),
    )
]
