"""What the rows of the job journal hold, as values of Python."""

import json
import os
import re
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any, Literal

from scissorsd.core.file_names import name_key
from scissorsd.core.fingerprints import (
    fingerprint,
    fingerprint_of_look,
    is_said_by_repr,
    with_former_defaults,
)
from scissorsd.core.keeping import Kept
from scissorsd.core.rules import FAILED_FOLDER, Job, Rule, in_review
from scissorsd.core.stamps import Stamp

State = Literal["begun", "published", "done", "failed", "held", "again"]
Judged = Literal["", "accepted", "rejected"]  # by a person, of what lay in review/
Value = str | bytes | int | float

NO_NUMBERS: Mapping[str, float] = {}
_ENDED = ("done", "failed")


@dataclass(frozen=True, slots=True)
class Known:
    """What the journal last knew of a path in an inbox."""

    version: tuple[int, int]
    state: State
    removed: bool  # ended, and its source moved or deleted: a file there now is a new one
    inode: int = 0  # of the source; 0: not known
    ctime_ns: int = 0  # of the source, as it was cut
    wish: str = ""  # what a person asked of it


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the journal, for telling people."""

    id: int
    inbox: str
    path: str
    size: int
    mtime_ns: int
    state: State
    attempts: int
    rule: str
    outbox: str
    verdict: str
    reason: str
    set_aside: tuple[str, ...]
    provider: str
    published: tuple[str, ...]
    kinds: tuple[str, ...]  # of what is published, in that order; what follows is no picture
    moved_to: str  # where the source went or is to go, absolute; empty: nowhere
    begun_at: float
    ended_at: float
    wish: str = ""  # JSON: what a person asked of it; see core/wishes.py
    judged: Judged = ""
    lies_at: str = ""  # asked for again where it was moved to, absolute; empty: it was not
    judged_at: float = 0.0
    in_review: bool = False  # its outputs were put into review/, and nothing was journalled since
    swept: tuple[tuple[Kept, float], ...] = ()  # what `keep` has removed since it ended, and when
    numbers: Mapping[str, float] = field(default_factory=dict)  # of its verdict; older have none
    model: str = ""  # the network whose mask it is; of those that older versions cut, not known
    plan: str = ""  # by what it is known which rule it was planned under; see is_look_of

    @property
    def source(self) -> str:
        """The picture's path as it was dropped."""
        return str(Path(self.inbox) / self.path)

    @property
    def doubt(self) -> float | None:
        """How much of the subject the network was unsure of; None where no version told."""
        return self.numbers.get("doubt")

    def swept_at(self, kind: Kept) -> float:
        """Return when `keep` removed what there was of a kind; 0 where it has not."""
        return dict(self.swept).get(kind, 0.0)


def known_of(row: sqlite3.Row) -> Known:
    """Return what a row of `jobs` tells of its path."""
    version = row["size"], row["mtime_ns"]
    inode, ctime_ns = row["inode"] or 0, row["ctime_ns"] or 0
    return Known(version, row["state"], is_removed(row), inode, ctime_ns, row["wish"])


def stamp_of(row: sqlite3.Row) -> Stamp:
    """Return the stamp that a row of `stamps` holds."""
    return Stamp(
        place=os.fsdecode(row["place"]),
        digest=row["digest"],
        size=row["size"],
        mtime_ns=row["mtime_ns"],
        temporary=os.fsdecode(row["temporary"]),
    )


def storable(text: str) -> str:
    """Make a text that quotes a name which is not UTF-8 fit for a TEXT column."""
    return text.encode("utf-8", "backslashreplace").decode()


def entry_of(row: sqlite3.Row) -> Entry:
    """Return the entry that a row of `jobs` holds."""
    return Entry(
        id=row["id"],
        inbox=os.fsdecode(row["inbox"]),
        path=os.fsdecode(row["path"]),
        size=row["size"],
        mtime_ns=row["mtime_ns"],
        state=row["state"],
        attempts=row["attempts"],
        rule=row["rule"],
        outbox=os.fsdecode(row["outbox"]),
        verdict=row["verdict"],
        reason=row["reason"],
        set_aside=tuple(json.loads(row["set_aside"])),
        provider=row["provider"],
        published=tuple(json.loads(row["published"])),
        kinds=_kinds(row),
        moved_to=os.fsdecode(row["moved_to"])
        and str(Path(os.fsdecode(row["outbox"])) / os.fsdecode(row["moved_to"])),
        begun_at=row["begun_at"],
        ended_at=row["ended_at"],
        wish=late(row, "wish", ""),
        judged=late(row, "judged", ""),
        lies_at=os.fsdecode(late(row, "lies_at", b"")),
        judged_at=late(row, "judged_at", 0.0),
        in_review=lies_in_review(row),
        swept=tuple((kind, at) for kind, at, done in swept_of(row) if done),
        numbers=json.loads(late(row, "numbers", "") or "{}"),
        model=late(row, "model", ""),
        plan=row["plan"],
    )


def told(numbers: Mapping[str, float]) -> str:
    """Return what the column `numbers` holds of a judgement's."""
    return json.dumps(dict(numbers)) if numbers else ""


def place_of(job: Job) -> tuple[bytes, bytes]:
    """Return inbox and path of a job's picture, as the columns hold them."""
    return os.fsencode(job.inbox), os.fsencode(job.source.path)


def places_of(row: sqlite3.Row) -> tuple[Path, ...]:
    """Return the place of each planned output in the outbox, absolute."""
    outbox = Path(os.fsdecode(row["outbox"]))
    return tuple(outbox / path for path in json.loads(row["outputs"]))


def lies_in_review(row: sqlite3.Row) -> bool:
    """Whether the outputs of a job were put into review/, not into their own places."""
    outbox, outputs = os.fsdecode(row["outbox"]), json.loads(row["outputs"])
    reviewed = [str(Path(outbox) / in_review(path)) for path in outputs]
    is_put_there = bool(reviewed) and json.loads(row["published"])[: len(reviewed)] == reviewed
    return is_put_there and not any(kind == "review" and done for kind, _, done in swept_of(row))


def ending(row: sqlite3.Row, kind: Kept) -> float:
    """Return from when on the files of a kind are kept."""
    ended: float = row["ended_at"]
    return max(ended, late(row, "judged_at", 0.0)) if kind == "review" else ended


def swept_of(row: sqlite3.Row) -> list[tuple[Kept, float, bool]]:
    """Return which kinds of files of a job `keep` began to remove, when, and whether it is done.

    What it removed before the job was done again does not count.
    """
    swept = json.loads(late(row, "swept", "") or "{}")
    return [(k, at, done) for k, (ended, at, done) in swept.items() if ended == ending(row, k)]


def late(row: sqlite3.Row, column: str, default: Value) -> Any:  # noqa: ANN401 - as SQLite has it
    """Return what a row has in a column that older versions lack, and so those only read."""
    return row[column] if column in row.keys() else default  # noqa: SIM118 - of a row, `in` asks for values


def plan_of(rule: Rule) -> str:
    """Return what the column `plan` holds of a rule."""
    kinds = [output.kind for output in rule.outputs]
    prints = {"rule": fingerprint(rule), "look": fingerprint_of_look(rule)}
    return json.dumps({**prints, "kinds": kinds})


def is_plan_of(plan: str, rule: Rule) -> bool:
    """Whether a job was planned under a rule that says the same as this one."""
    if _is_json(plan):
        return bool(json.loads(plan)["rule"] == fingerprint(rule))
    # what was begun keeps its names, also where a default has changed: it has no stamps to tell
    # which of the files there are its own
    former = with_former_defaults(rule)
    return plan == repr(former) and is_said_by_repr(former)


def is_look_of(plan: str, rule: Rule) -> bool:
    """Whether a job was planned under a rule that makes the same of a picture as this one."""
    if _is_json(plan) and "look" in (planned := json.loads(plan)):
        return bool(planned["look"] == fingerprint_of_look(rule))
    if _is_json(plan):
        return is_plan_of(plan, rule)
    return plan == repr(rule) and is_said_by_repr(rule)


def _kinds(row: sqlite3.Row) -> tuple[str, ...]:
    """Return the kind of each output; () where an older version left that uncertain."""
    if _is_json(row["plan"]):
        return tuple(json.loads(row["plan"])["kinds"])
    kinds = _KIND_IN_REPR.findall(row["plan"])
    return tuple(kinds) if len(kinds) == len(json.loads(row["outputs"])) else ()


def _is_json(plan: str) -> bool:
    """Whether the column holds JSON; older versions wrote repr(rule) there."""
    return plan.startswith("{")


_KIND_IN_REPR = re.compile(r"\bOutput\(kind='(\w+)'")


def folders_of(row: sqlite3.Row) -> list[Path]:
    """Return the folders into which a job may write, absolute."""
    outbox = Path(os.fsdecode(row["outbox"]))
    outputs = json.loads(row["outputs"])
    names = [*outputs, *map(in_review, outputs), f"{FAILED_FOLDER}/{os.fsdecode(row['path'])}"]
    if row["moved_to"]:
        names.append(os.fsdecode(row["moved_to"]))
    return [(outbox / name).parent for name in names]


def key(outbox: PurePath, name: str) -> bytes:
    """Return what a name in an outbox shares with its twins, as `names` has it."""
    return os.fsencode(name_key(str(outbox / name)))


def is_removed(row: sqlite3.Row) -> bool:
    """Whether the source is no longer in the inbox; a failed one may have had to stay."""
    if late(row, "lies_at", b""):
        return True
    stays = row["state"] == "failed" and len(json.loads(row["set_aside"])) < 2  # noqa: PLR2004 - the reason, and it
    return row["state"] in _ENDED and row["source"] != "keep" and not stays
