"""What has been kept for long enough, by the job journal; and that it was removed.

Before a file is removed, its job's row says in `swept` that it is about to be, and afterwards that
it is done: a removal that was cut short is carried on by the next run. The row stays.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from scissorsd.core.keeping import Keep, Kept, ended_at_least
from scissorsd.core.rules import REJECTED_FOLDER
from scissorsd.core.stamps import Stamp
from scissorsd.folders.removing import Own
from scissorsd.records.journal_file import JournalFile
from scissorsd.records.journal_rows import Entry, ending, entry_of, stamp_of, swept_of

_PAGE = 2000  # rows that are read at once


@dataclass(frozen=True, slots=True)
class Due:
    """The files of one kind of a job that have been kept for long enough: all go, or none."""

    entry: Entry
    kind: Kept
    ended: float
    own: tuple[Own, ...]
    note: Path | None = None  # the reason of a picture that failed; it has no stamp
    is_begun: bool = False  # a run that was cut short was about to remove them


class Keeping:
    """The house-keeping of a journal. The methods may be called from any thread."""

    def __init__(self, file: JournalFile) -> None:
        self._file = file

    def due(self, inbox: Path, outbox: Path, keep: Keep, now: float) -> Iterator[Due]:
        """Yield what of an inbox's pictures has been kept for long enough, in the order of turns.

        Of pictures that were cut into another outbox nothing is known to be there: they stay.
        """
        shortest = keep.shortest
        if shortest is None:
            return
        began, last = 0.0, (-1, -1)
        while page := self._page(inbox, outbox, *last):
            old: dict[int, float] = {}
            for job, turn, begun_at, ended_at, may_be_due in page:
                if may_be_due and now - ended_at_least(ended_at, began) >= shortest:
                    old[job] = began
                if began < begun_at <= now:
                    began = begun_at
                last = turn, job
            for job, began_before in old.items():
                yield from self._due_of(job, began_before, keep, now)

    def _page(
        self, inbox: Path, outbox: Path, turn: int, job: int
    ) -> list[tuple[int, int, float, float, int]]:
        with self._file.locked("read") as db:
            rows = db.execute(
                "SELECT id, turn, begun_at, ended_at, inbox = ? AND outbox = ? AND lies_at = x''"
                " AND state IN ('done', 'failed') AND ended_at > 0"
                " FROM jobs WHERE (turn, id) > (?, ?) ORDER BY turn, id LIMIT ?",
                (os.fsencode(inbox), os.fsencode(outbox), turn, job, _PAGE),
            ).fetchall()
        return [(job, turn, began, ended, mine) for job, turn, began, ended, mine in rows]

    def _due_of(self, job: int, began_before: float, keep: Keep, now: float) -> Iterator[Due]:
        rows = self._file.rows("id = ? AND lies_at = x''", job)
        if not rows or rows[0]["state"] not in {"done", "failed"}:
            return  # asked for meanwhile
        row, entry = rows[0], entry_of(rows[0])
        begun = {kind: done for kind, _, done in swept_of(row)}
        stamps = self._stamps(job)
        kinds: tuple[Kept, ...] = (
            ("failed",) if entry.state == "failed" else ("processed", "review")
        )
        for kind in kinds:
            ended = ending(row, kind)
            if begun.get(kind) or not keep.is_over(kind, ended_at_least(ended, began_before), now):
                continue
            note = None
            if kind == "processed":
                own = _moved(entry, stamps, row["content"]) if row["disposed_at"] else ()
            elif kind == "review":
                own = _reviewed(entry, stamps)
            elif entry.set_aside and not self._is_set_aside_anew(entry, row["turn"]):
                own = _set_aside(entry, stamps)
                note = Path(entry.set_aside[0])
            else:
                own = ()
            if own or note is not None:
                yield Due(entry, kind, ended, own, note, is_begun=kind in begun)

    def _stamps(self, job: int) -> dict[str, Stamp]:
        with self._file.locked("read") as db:
            rows = db.execute(
                "SELECT * FROM stamps WHERE job = ? AND temporary = x'' ORDER BY rowid", (job,)
            ).fetchall()
        return {stamp.place: stamp for stamp in map(stamp_of, rows)}

    def _is_set_aside_anew(self, entry: Entry, turn: int) -> bool:
        """Whether a later version of a picture has its files where this one has them."""
        later = self._file.rows(
            "inbox = ? AND path = ? AND turn > ? AND set_aside != '[]'",
            os.fsencode(entry.inbox),
            os.fsencode(entry.path),
            turn,
        )
        return any(not set(entry.set_aside).isdisjoint(json.loads(r["set_aside"])) for r in later)

    def begin(self, due: Due, now: float) -> bool:
        """Record that files are about to be removed; false where their job is in use by now."""
        with self._file.transaction("keep") as db:
            rows = self._file.rows("id = ? AND lies_at = x''", due.entry.id)
            judging = db.execute("SELECT 1 FROM judging WHERE job = ?", (due.entry.id,)).fetchone()
            if judging or not rows or _but_swept(entry_of(rows[0])) != _but_swept(due.entry):
                return False
            self._mark(due, now, done=False)
        return True

    def finish(self, due: Due, now: float) -> None:
        """Record that files were removed."""
        with self._file.transaction("kept"):
            self._mark(due, now, done=True)

    def _mark(self, due: Due, now: float, *, done: bool) -> None:
        rows = self._file.rows("id = ?", due.entry.id)
        if rows:
            swept = json.loads(rows[0]["swept"] or "{}") | {due.kind: [due.ended, now, done]}
            self._file.update(due.entry.id, swept=json.dumps(swept))

    # --- emptied folders, and the clock ----------------------------------------------------------

    def disposed(self, inbox: Path) -> list[tuple[str, float]]:
        """Return the pictures that were moved out of an inbox, or deleted, by us; and when."""
        with self._file.locked("read") as db:
            rows = db.execute(
                "SELECT path, CASE state WHEN 'done' THEN disposed_at ELSE ended_at END AS at"
                " FROM jobs WHERE inbox = ? AND source != 'keep' AND lies_at = x''"
                " AND (state = 'done' AND disposed_at > 0"
                "  OR state = 'failed' AND json_array_length(set_aside) > 1)",
                (os.fsencode(inbox),),
            ).fetchall()
        return [(os.fsdecode(row["path"]), row["at"]) for row in rows]

    def latest(self) -> float:
        """Return the latest moment of which the journal tells; 0 where it tells of nothing."""
        with self._file.locked("read") as db:
            row = db.execute("SELECT max(max(begun_at, ended_at)) FROM jobs").fetchone()
        return float(row[0] or 0)


def _but_swept(entry: Entry) -> Entry:
    return replace(entry, swept=())


def _moved(entry: Entry, stamps: dict[str, Stamp], content: bytes) -> tuple[Own, ...]:
    """Return the source where we have moved it to; nothing where that is not certain."""
    stamp = stamps.get(entry.moved_to)
    if stamp is None:
        return ()
    digest = content or stamp.digest
    return (Own(Path(stamp.place), stamp.size, digest, stamp.mtime_ns),)


def _reviewed(entry: Entry, stamps: dict[str, Stamp]) -> tuple[Own, ...]:
    """Return what lies in review/ or rejected/ of a picture; with the reason."""
    outbox = Path(entry.outbox)
    if entry.judged == "rejected":
        below = outbox / REJECTED_FOLDER
        paths = [path for path in entry.published if Path(path).is_relative_to(below)]
    else:
        paths = list(entry.published) if entry.in_review else []
    # Without a provider it was found there, not cut; without a stamp a later version has its place.
    if not entry.provider or not any(path in stamps for path in paths):
        return ()
    # What has no stamp is never taken for ours: then nothing of this picture goes.
    return tuple(
        Own(Path(path), stamps[path].size, stamps[path].digest)
        if path in stamps
        else Own(Path(path), -1)
        for path in paths
    )


def _set_aside(entry: Entry, stamps: dict[str, Stamp]) -> tuple[Own, ...]:
    """Return the source that was set aside, if it was."""
    return tuple(
        Own(Path(path), stamps[path].size, stamps[path].digest, stamps[path].mtime_ns)
        if path in stamps
        else Own(Path(path), -1)
        for path in entry.set_aside[1:]
    )
