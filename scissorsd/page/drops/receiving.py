"""Drops: a body that is put whole into an inbox. `curl -T cat.jpg …/api/v1/drops/shop/products/`.

What cannot be taken is refused, in words, before a byte of it is read.
"""

import asyncio
import errno
import os
import re
import secrets
import shutil
import threading
import time
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from scissorsd import failpoints
from scissorsd.commands.why import why_not_wanted
from scissorsd.config.parse_quantities import said_size
from scissorsd.core.ignored_names import is_picture_name, why_ignored
from scissorsd.core.rules import Rule, choose
from scissorsd.core.settling import Sighting
from scissorsd.core.signatures import foreign, recognise
from scissorsd.errors import ScissorsError
from scissorsd.folders.mounts import Root
from scissorsd.page import metrics
from scissorsd.page.answers import Refusal
from scissorsd.page.desk import Desk
from scissorsd.page.drops import placing
from scissorsd.page.drops.placing import Arrival, GoneError
from scissorsd.page.drops.safe_names import LONGEST_PATH, safe_path
from scissorsd.page.standpoint import stand_at
from scissorsd.page.view.outlook import Outlook, outlook_of
from scissorsd.plain_text import one_line
from scissorsd.settings import Inbox

log = structlog.get_logger("scissorsd")

AT_ONCE = 6  # drops that are received at once; others wait
FREE_DISK = 1 << 30  # bytes that stay free on the disk of an inbox
_PIECE = 1 << 20  # bytes that are written at once
_HEAD = 4096  # bytes, of which the first tell what a file is
_MEASURED_FOR = 30.0  # seconds that the room of the quick desk is remembered
_BATCH = re.compile(r"[a-z0-9-]{1,40}")


@dataclass(slots=True)
class Intake:
    """What the drops of one page have in common."""

    gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    since_beat: deque[float] = field(default_factory=deque)  # when each was (monotonic)
    roots: dict[str, Root] = field(default_factory=dict)  # which remember what was a mount
    room: tuple[float, int] = (float("-inf"), 0)  # when it was measured; bytes


@dataclass(frozen=True, slots=True)
class _Place:
    inbox: Inbox
    path: str
    rule: Rule


def intake_of(desk: Desk) -> Intake:
    """Return what the drops of a page that starts have in common.

    It notes now which inboxes are mounts: one that goes before the first drop is missed then.
    """
    roots = {i.name: Root(i.path, require_mount=i.require_mount) for i in desk.config.inboxes}
    for root in roots.values():  # apart: a share may hang
        threading.Thread(target=root.why_away, name="look at an inbox", daemon=True).start()
    return Intake(roots=roots)


async def drop(request: Request) -> Response:
    """Take a file, or say why not."""
    desk: Desk = request.app.state.desk
    shared: Intake = request.app.state.intake
    declared = int(request.headers.get("content-length", "0"))
    inbox, path = request.path_params["inbox"], request.path_params["path"]
    batch = request.query_params.get("batch", "")
    place = await run_in_threadpool(_allowed, desk, shared, inbox, path, batch, declared)
    sighting = await _taken(request.stream(), outlook_of(request), shared, place)
    return JSONResponse(
        {
            "inbox": place.inbox.name,
            "path": sighting.path,
            "rule": place.rule.name,
            "size": sighting.size,
            "mtime_ns": str(sighting.mtime_ns),
        },
        201,
    )


async def take(
    pieces: AsyncIterator[bytes], outlook: Outlook, shared: Intake, at: tuple[str, str, str]
) -> Sighting:
    """Put what comes in pieces into an inbox, as a drop at (inbox, path, batch); or refuse."""
    place = await run_in_threadpool(_allowed, outlook.desk, shared, *at, 0)
    return await _taken(pieces, outlook, shared, place)


async def _taken(
    pieces: AsyncIterator[bytes], outlook: Outlook, shared: Intake, place: _Place
) -> Sighting:
    async with shared.gate:
        try:
            return await _receive(pieces, outlook, shared, place)
        except GoneError as error:
            raise Refusal(503, "away", *_away(place.inbox, str(error))) from error
        except OSError as error:
            raise _unwritable(place, error) from error


ROUTES: list[BaseRoute] = [Route("/api/v1/drops/{inbox}/{path:path}", drop, methods=["PUT"])]


def sweep_left_over(desk: Desk) -> None:
    """Remove what drops of a page that was killed have left."""
    placing.sweep_left_over(_notes(desk))


# --- what may be taken -----------------------------------------------------------------------


def _allowed(desk: Desk, shared: Intake, name: str, path: str, batch: str, declared: int) -> _Place:
    """Return where a file of this path will lie; raises Refusal where it may not."""
    inbox = _inbox(desk, name)
    wanted = safe_path(path)
    if not wanted or path.endswith("/"):
        raise Refusal(400, "no_name", "the file has no name", "Put it last: …/FOLDER/NAME.jpg")
    if inbox.quick:
        wanted = _on_the_quick_desk(inbox, wanted, batch)
    if len(wanted.encode()) > LONGEST_PATH:
        raise Refusal(400, "long_name", "its folders and name are too long", "Shorten them.")
    rule = _rule(inbox, wanted)
    most = min(desk.page.limits.file, desk.config.limits.file)
    if declared > most:
        raise _too_large(most, desk)
    away = _why_away(desk, shared, inbox)
    if away:
        raise Refusal(503, "away", *_away(inbox, away))
    _refuse_too_many(desk, shared)
    _refuse_without_room(desk, shared, inbox, declared)
    return _Place(inbox, wanted, rule)


def _inbox(desk: Desk, name: str) -> Inbox:
    inbox = desk.inbox(name)
    into = desk.page.drop_into
    names = [i.name for i in desk.config.inboxes if into is None or i.name in into]
    there = f"Those that take drops: {', '.join(names) or 'none'}."
    if inbox is None:
        raise Refusal(404, "no_such_inbox", f"there is no inbox {name!r}", there)
    if name not in names:
        what = f"the inbox {name!r} takes no drops (page.drop_into)"
        raise Refusal(409, "no_drops", what, there)
    return inbox


def _on_the_quick_desk(inbox: Inbox, path: str, batch: str) -> str:
    """Return the path with the folders of its choice and of its gesture before it."""
    if batch and _BATCH.fullmatch(batch) is None:
        what = f"the batch {batch!r} is none"
        raise Refusal(400, "bad_batch", what, "Use small letters, digits and -, at most 40.")
    batch = batch or f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}"
    *folders, name = path.split("/")
    choice, *inner = folders or [inbox.rules[0].name]
    known = {rule.name.casefold(): rule.name for rule in inbox.rules}
    if choice.casefold() not in known:
        what = f"{choice!r} is no folder of the quick desk, which are MODEL-EDGES"
        raise Refusal(409, "no_rule", what, f"There are: {', '.join(known.values())}.")
    return "/".join([known[choice.casefold()], batch, *inner, name])


def _rule(inbox: Inbox, path: str) -> Rule:
    rule = choose(inbox.rules, path)
    why = why_not_wanted(inbox, path)
    if why or rule is None:
        by_name = why_ignored(path, inbox.ignore) or not is_picture_name(path)
        status, code = (400, "ignored") if by_name else (409, "no_rule")
        raise Refusal(status, code, f"{path}: {why}", "Nothing was sent.")
    return rule


def _why_away(desk: Desk, shared: Intake, inbox: Inbox) -> str:
    """Return why an inbox is away: as the daemon has it, who remembers what was mounted, and now.

    The daemon that has ended is believed, too: beneath a lost mount nothing must be put.
    """
    standing = desk.standing()
    stands = {one.name: one for one in standing.inboxes} if standing is not None else {}
    live = stands.get(inbox.name)
    if live is not None and (live.away or live.silent) and live.path == str(inbox.path):
        return live.away or live.silent
    return shared.roots[inbox.name].why_away()


def _away(inbox: Inbox, why: str) -> tuple[str, str]:
    return f"the inbox {inbox.name!r} is away: {why}", "Try again once it is back."


def _refuse_too_many(desk: Desk, shared: Intake) -> None:
    standing = desk.standing()
    waiting = 0
    if standing is not None:
        while shared.since_beat and shared.since_beat[0] <= standing.beat:
            shared.since_beat.popleft()
        waiting = sum(one.settling + one.ready + one.held for one in standing.inboxes)
    waiting += len(shared.since_beat)
    if waiting >= desk.page.limits.waiting:
        what = f"{waiting} pictures wait to be cut (page.limits.waiting)"
        raise Refusal(429, "too_many", what, "Try again in a minute.")


def _refuse_without_room(desk: Desk, shared: Intake, inbox: Inbox, declared: int) -> None:
    try:
        free = shutil.disk_usage(inbox.path).free
    except OSError as error:
        raise Refusal(503, "away", *_away(inbox, error.strerror or str(error))) from error
    if free - declared < FREE_DISK:
        what = f"the disk of the inbox {inbox.name!r} has {free >> 20} MB left"
        raise Refusal(507, "disk_full", what, f"Make room: {FREE_DISK >> 20} MB stay free.")
    if not inbox.quick:
        return
    measured_at, held = shared.room
    if monotonic() - measured_at > _MEASURED_FOR:
        held = sum(map(_bytes_below, (str(inbox.path), str(inbox.outbox))))
        shared.room = monotonic(), held
    room = desk.page.limits.room
    if held + declared > room:
        what = f"the quick desk is full: it holds {held >> 20} MB of {said_size(room)}"
        advice = "Discard what you no longer need; old batches go by themselves (page.keep)."
        raise Refusal(507, "room_full", what, advice)


def _bytes_below(folder: str) -> int:
    held = 0
    for here, _, names in os.walk(folder):
        for name in names:
            try:
                held += os.lstat(f"{here}/{name}").st_size
            except OSError:  # it has gone meanwhile
                continue
    return held


def _too_large(most: int, desk: Desk) -> Refusal:
    key = "page.limits.file" if most == desk.page.limits.file else "limits.file"
    return Refusal(413, "too_large", f"it is larger than {said_size(most)} ({key})")


# --- the body --------------------------------------------------------------------------------


async def _receive(
    pieces: AsyncIterator[bytes], outlook: Outlook, shared: Intake, place: _Place
) -> Sighting:
    """Write the body beside its place as it comes, and give it its name."""
    desk, inbox = outlook.desk, place.inbox
    most = min(desk.page.limits.file, desk.config.limits.file)
    arrival = await run_in_threadpool(Arrival, _notes(desk), inbox.path, place.path)
    try:
        waiting = bytearray()
        known = False
        async for data in pieces:
            waiting += data
            if arrival.size + len(waiting) > most:
                raise _too_large(most, desk)
            if not known and len(waiting) >= _HEAD:
                known = _must_be_a_picture(place, waiting)
            if len(waiting) >= _PIECE:
                await run_in_threadpool(arrival.write, bytes(waiting))
                waiting.clear()
        if not known:
            _must_be_a_picture(place, waiting)
        await run_in_threadpool(arrival.write, bytes(waiting))
        sighting = await run_in_threadpool(arrival.finish, lambda: _why_away(desk, shared, inbox))
    except ClientDisconnect as error:
        log.info("page.broken_off", inbox=inbox.name, path=place.path, bytes=arrival.size)
        raise Refusal(400, "broken_off", "it was broken off") from error
    finally:
        # Also where this is cancelled: nothing of it may stay.
        await asyncio.shield(run_in_threadpool(arrival.discard))
    await run_in_threadpool(_note_waiting, outlook, place, sighting)
    await run_in_threadpool(_note_taken, desk, shared, inbox, sighting)
    return sighting


def _must_be_a_picture(place: _Place, head: bytearray) -> bool:
    data = bytes(head[:_HEAD])
    if not data:
        raise Refusal(400, "empty", f"{place.path} is empty")
    if recognise(data) is None:
        what = f"{place.path} is no picture that is read: it is {foreign(data)}"
        raise Refusal(
            400, "no_picture", what, "JPEG, PNG, WebP, TIFF, HEIC, AVIF, BMP and GIF are."
        )
    return True


def _note_waiting(outlook: Outlook, place: _Place, sighting: Sighting) -> None:
    """Let the list have it, before the daemon hears of it: so it is counted from now on, once."""
    inboxes = outlook.inboxes
    try:
        inboxes.add(stand_at(outlook.desk), place.inbox, sighting, place.rule.name)
    except ScissorsError as error:  # the journal cannot be read now, which whoever looks is told
        log.info("page.unseen", why=one_line(str(error)))
        inboxes.expect(place.inbox.name)


def _note_taken(desk: Desk, shared: Intake, inbox: Inbox, sighting: Sighting) -> None:
    shared.since_beat.append(monotonic())
    if inbox.quick:
        measured_at, held = shared.room
        shared.room = measured_at, held + sighting.size
    failpoints.at("drop.vouch")
    desk.vouch(inbox.name, sighting)
    desk.stir()
    metrics.count_drop(sighting.size)
    log.info("page.dropped", inbox=inbox.name, source=sighting.path, bytes=sighting.size)


def _unwritable(place: _Place, error: OSError) -> Refusal:
    why = error.strerror or str(error)
    name = place.inbox.name
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        what = f"there is no room in the inbox {name!r}: {why}"
        return Refusal(507, "disk_full", what, "Make room on its disk, then send it again.")
    if error.errno in {errno.ELOOP, errno.ENOTDIR}:
        what = f"a file or a link is in the way of the folder of {place.path}"
        return Refusal(409, "in_the_way", what, "Choose another folder.")
    if error.errno == errno.ENAMETOOLONG:
        return Refusal(400, "long_name", f"{place.path}: {why}", "Shorten its name.")
    what = f"the inbox {name!r} cannot be written to: {why}"
    return Refusal(503, "unwritable", what, "'scissorsd doctor' says what lets it in.")


def _notes(desk: Desk) -> Path:
    return desk.own_folder / "drops"
