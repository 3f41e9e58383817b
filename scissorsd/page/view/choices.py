"""`GET api/v1/choices`: what may be dropped where, in the words of `check`; and which models."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from scissorsd.commands.lookup import inbox_unavailable_reason
from scissorsd.config.description import said_rule
from scissorsd.config.quick_desk import EDGES_IN_ORDER
from scissorsd.config.quick_desk import NAME as QUICK
from scissorsd.core.catalogue import Model
from scissorsd.core.ignored_names import PICTURE_SUFFIXES, why_ignored
from scissorsd.core.rules import Rule, choose
from scissorsd.errors import WeightsError
from scissorsd.folders import real_paths
from scissorsd.folders.mounts import Root
from scissorsd.inference import weights
from scissorsd.page.desk import Desk
from scissorsd.page.naming import shown
from scissorsd.page.standpoint import Standpoint, stand_at
from scissorsd.page.view import fields
from scissorsd.page.view.outlook import outlook_of
from scissorsd.settings import Config, Inbox

_ANY_NAME = "picture.jpg"
_WILD = re.compile(r"[*?\[]")
_ALTERNATIVES = re.compile(r"\{([^{}]*)\}")
_USUAL = Rule("")

_verified: dict[tuple[object, ...], bool] = {}  # by a file as it was looked at


def choices(request: Request) -> JSONResponse:
    """Answer with the inboxes, their folders and rules, and the models that are here."""
    desk = outlook_of(request).desk
    at = stand_at(desk)
    here = {name: is_here(model, desk.config) for name, model in desk.config.catalogue.items()}
    largest = min(desk.page.limits.file, desk.config.limits.file)
    mebibytes = round(largest / 2**20, 1)
    inboxes = [_inbox(at, inbox) for inbox in desk.config.inboxes]
    quick = _quick(desk, here)
    return JSONResponse(
        {
            "inboxes": inboxes,
            "targets": [
                *_on_the_desk(quick),
                *(one for inbox in inboxes for one in _targets(inbox)),
            ],
            "models": [{"name": shown(name), "here": is_it} for name, is_it in here.items()],
            "edges": list(EDGES_IN_ORDER),
            "quick": quick,
            "redo": fields.of_redo(name for name, is_it in here.items() if is_it),
            "finish": fields.FINISH,
            "limits": {"file": largest, "waiting": desk.page.limits.waiting},
            "too_large": f"It is larger than {mebibytes:g} MiB, the most the page takes.",
            "accept": sorted(PICTURE_SUFFIXES),
        }
    )


def is_here(model: Model, config: Config) -> bool:
    """Whether the file of a model lies on this machine, and is the right one."""
    path = config.models / model.file
    try:
        seen = path.stat()
    except OSError:
        return False
    looked_at = path, model.sha256, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns
    if looked_at not in _verified:
        try:
            _verified[looked_at] = weights.find(model, config.models) is not None
        except WeightsError:
            _verified[looked_at] = False
    return _verified[looked_at]


def takes_drops(desk: Desk, inbox: str) -> bool:
    """Whether the page may put pictures into an inbox."""
    return inbox == QUICK or desk.page.drop_into is None or inbox in desk.page.drop_into


def _inbox(at: Standpoint, inbox: Inbox) -> dict[str, Any]:
    return {
        "name": shown(inbox.name),
        "quick": inbox.name == QUICK,
        "drops": takes_drops(at.desk, inbox.name),
        "away": shown(_away(at, inbox)),
        "folders": [
            {
                "folder": shown(folder),
                "rule": shown(rule.name),
                "words": [shown(words) for words in said_rule(rule)],
                "skip": rule.skip,
            }
            for folder, rule in folders(inbox)
        ],
    }


def _targets(inbox: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the folders of an inbox that drops may go to; of the quick desk they are choices."""
    for folder in inbox["folders"] if inbox["drops"] and not inbox["quick"] else ():
        away = f"Not there now: {inbox['away']}" if inbox["away"] else ""
        yield {
            "value": f"{inbox['name']}/{folder['folder']}",
            "inbox": inbox["name"],
            "folder": folder["folder"],
            "title": " / ".join(filter(None, [inbox["name"], *folder["folder"].split("/")])),
            "words": away or ", ".join(folder["words"]),
            "quick": False,
            "closed": bool(away) or folder["skip"],
        }


def _on_the_desk(quick: Mapping[str, Any] | None) -> Iterator[dict[str, Any]]:
    """Yield the quick desk, if there is one, as a target of drops: the folder is what is chosen."""
    if quick is not None:
        folder = f"{quick['model']}-{quick['edges']}"
        yield {
            "value": QUICK,
            "inbox": QUICK,
            "folder": folder,
            "title": "Quick desk",
            "words": quick["words"].get(folder, ""),
            "quick": True,
            "closed": False,
        }


def _away(at: Standpoint, inbox: Inbox) -> str:
    """Say why nothing can be put into an inbox now, or ""."""
    if at.runs:
        return inbox_unavailable_reason(at.state, inbox)
    root = Root(inbox.path, require_mount=inbox.require_mount)
    silent = f"{inbox.path} does not answer"
    return real_paths.run_with_patience({"": root.why_away}).get("", silent)


def folders(inbox: Inbox) -> Iterator[tuple[str, Rule]]:
    """Yield the folders that an inbox's rules name, each with the rule that takes a JPEG there.

    First the inbox itself (""), where any does.
    """
    named = dict.fromkeys([""])
    if inbox.recursive:
        named |= dict.fromkeys(f for r in inbox.rules for glob in r.match for f in named_by(glob))
    for folder in named:
        path = f"{folder}/{_ANY_NAME}" if folder else _ANY_NAME
        rule = choose(inbox.rules, path)
        if rule is not None and not why_ignored(path, inbox.ignore):
            yield folder, rule


def named_by(glob: str) -> Iterator[str]:
    """Yield the folders that a glob names: `products/**` names products, `{a,b}/*.jpg` both."""
    for one in _expanded(glob):
        parts = one.split("/")[:-1]
        while parts[:1] == ["**"]:
            del parts[0]
        literal = parts[: next((n for n, p in enumerate(parts) if _WILD.search(p)), len(parts))]
        if literal and all(literal):
            yield "/".join(literal)


def _expanded(glob: str) -> Iterator[str]:
    """Yield a glob for every choice of its alternatives."""
    pieces = _ALTERNATIVES.split(glob)
    words: Sequence[Sequence[str]] = [
        piece.split(",") if number % 2 else [piece] for number, piece in enumerate(pieces)
    ]
    return ("".join(choice) for choice in product(*words))


def _quick(desk: Desk, here: dict[str, bool]) -> dict[str, Any] | None:
    """Return the model and edges that the quick desk works with unless others are chosen.

    `words` tell of each choice what comes out.
    """
    inbox = desk.inbox(QUICK)
    if inbox is None:
        return None
    usual = usual_rule(inbox, here)
    words = {rule.name: ", ".join([*said_rule(rule)][:2]) for rule in inbox.rules}
    chosen = {"model": usual.model, "edges": usual.mask.edges}
    models = (name for name, is_it in here.items() if is_it)
    return {**chosen, "words": words, "fields": fields.of_desk(models, **chosen)}


def usual_rule(inbox: Inbox, here: Mapping[str, bool]) -> Rule:
    """Return the rule of the quick desk that is meant where nothing is chosen.

    A network whose file is here comes before the usual one.
    """
    ready = [rule for rule in inbox.rules if here.get(rule.model)] or inbox.rules
    usual = [rule for rule in ready if rule.mask.edges == _USUAL.mask.edges] or ready
    best = [rule for rule in usual if rule.model == _USUAL.model] or usual or [_USUAL]
    return best[0]


ROUTES: list[BaseRoute] = [Route("/api/v1/choices", choices)]
