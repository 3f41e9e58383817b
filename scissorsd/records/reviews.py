"""What lies in review/ for a person to judge, and the judgements: accepted, or rejected.

A judgement is journalled before anything of it is moved (`judging`), and again when all is in its
place: one that was cut short is found again, and no job of the same picture begins meanwhile.
"""

import json
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scissorsd.core.rules import REVIEW_FOLDER
from scissorsd.core.stamps import Stamp
from scissorsd.records.journal_file import JournalFile
from scissorsd.records.journal_rows import Entry, Value, entry_of, key, places_of

Verdict = Literal["accepted", "rejected"]

_IN_REVIEW = f"instr(published, '/{REVIEW_FOLDER}/')"  # as the index has it


@dataclass(frozen=True, slots=True)
class Review:
    """A job of which a person may have an opinion: where its outputs lie, and their places."""

    entry: Entry
    places: tuple[Path, ...]  # one for each output

    @property
    def outputs(self) -> tuple[Path, ...]:
        """Where the outputs lie by the journal; () where a person has deleted them."""
        return tuple(map(Path, self.entry.published[: len(self.places)]))

    @property
    def note(self) -> Path | None:
        """Where the reason lies for which it was to be looked at, if it has one."""
        notes = self.entry.published[len(self.places) :]
        return Path(notes[0]) if notes else None

    @property
    def can_be_judged(self) -> bool:
        """Whether it waits for a person, or was judged by one."""
        return self.entry.in_review or bool(self.entry.judged)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is made of a job's outputs; all places are absolute."""

    entry: Entry
    verdict: Verdict
    moves: tuple[tuple[Path, Path], ...]  # from where, to where: one for each output
    note: tuple[Path, Path | None] | None = None  # likewise; to None: it is removed

    @property
    def origins(self) -> list[Path]:
        """Where the files are taken from."""
        notes = () if self.note is None else (self.note[0],)
        return [*(origin for origin, _ in self.moves), *notes]

    @property
    def targets(self) -> list[Path]:
        """Where the files are put; the note last, if it is not removed."""
        notes = () if self.note is None or self.note[1] is None else (self.note[1],)
        return [*(target for _, target in self.moves), *notes]


class Reviews:
    """The jobs of a journal that are for a person to judge. Any thread may call the methods."""

    def __init__(self, file: JournalFile) -> None:
        self._file = file

    # --- what there is -----------------------------------------------------------------------

    def waiting(self, inbox: Path) -> list[Review]:
        """Return what was put into review/ of an inbox's pictures and is not judged, by turn."""
        rows = self._rows(
            f"inbox = ? AND {_IN_REVIEW} AND state IN ('done', 'published') ORDER BY turn",
            os.fsencode(inbox),
        )
        return [review for review in rows if review.entry.in_review and self.owns(review)]

    def judged(self, inbox: Path) -> list[Review]:
        """Return what was accepted or rejected of an inbox's pictures, by turn."""
        return self._rows("inbox = ? AND judged != '' ORDER BY turn", os.fsencode(inbox))

    def of_job(self, job_id: int) -> Review | None:
        """Return a job as it stands now; None where there is no such job any more."""
        return next(iter(self._rows("id = ?", job_id)), None)

    def of_note(self, path: str) -> list[Review]:
        """Return what waits in review/ and has its reason at a path."""
        return self._rows(f"{_IN_REVIEW} AND instr(published, ?)", json.dumps(path))

    def _rows(self, where: str, *values: Value) -> list[Review]:
        rows = self._file.rows(where, *values)
        return [Review(entry_of(row), places_of(row)) for row in rows]

    def owns(self, review: Review) -> bool:
        """Whether the names in review/ are still its own, and not a later version's."""
        with self._file.locked("read") as db:
            mine = key(Path(), str(review.outputs[0])), review.entry.id
            found = db.execute("SELECT 1 FROM names WHERE key = ? AND job = ?", mine).fetchone()
        return found is not None

    def is_rejected(self, inbox: Path, path: str, version: tuple[int, int]) -> bool:
        """Whether a person wants nothing of a version of a picture."""
        where = "inbox = ? AND path = ? AND size = ? AND mtime_ns = ? AND judged = 'rejected'"
        mine = os.fsencode(inbox), os.fsencode(path), *version
        return bool(self._file.rows(where, *mine))

    # --- judgements --------------------------------------------------------------------------

    def under_way(self, *, inbox: Path | None = None, job_id: int = 0) -> list[Judgement]:
        """Return the judgements of a job or an inbox that are carried out, or were cut short."""
        where = "job = ?" if inbox is None else "inbox = ?"
        with self._file.locked("read") as db:
            rows = db.execute(
                f"SELECT jobs.*, judging.judged AS verdict_now, moves, note FROM judging"  # noqa: S608 - our own conditions
                f" JOIN jobs ON job = id WHERE {where}",
                (job_id if inbox is None else os.fsencode(inbox),),
            ).fetchall()
        return [
            _judgement(row["verdict_now"], entry_of(row), row["moves"], row["note"]) for row in rows
        ]

    def begin(self, judgement: Judgement, stamps: Sequence[Stamp]) -> str:
        """Record a judgement before anything is moved; return why it cannot be, or "".

        The `stamps` are those that the files will have in their places.
        """
        entry = judgement.entry
        with self._file.transaction("judge") as db:
            now = self.of_job(entry.id)
            if now is None or now.entry != entry:
                return "something else was made of it at this moment"
            if self._is_worked_on(entry):
                return "it is being cut again at this moment, or waits for that"
            if self.under_way(job_id=entry.id):
                return "it is being accepted or rejected at this moment"
            names = [(key(Path(), str(target)), entry.id) for target in judgement.targets]
            for target, mine in zip(judgement.targets, names, strict=True):
                if db.execute("SELECT 1 FROM names WHERE key = ? AND job != ?", mine).fetchone():
                    return f"{target} belongs to another picture"
            db.executemany("INSERT OR REPLACE INTO names (key, job) VALUES (?, ?)", names)
            db.execute(
                "INSERT INTO judging (job, judged, moves, note) VALUES (?, ?, ?, ?)",
                (entry.id, judgement.verdict, *_relative(judgement)),
            )
            self._insert(entry.id, stamps)
        return ""

    def _is_worked_on(self, entry: Entry) -> bool:
        mine = os.fsencode(entry.inbox), os.fsencode(entry.path)
        return bool(
            self._file.rows("inbox = ? AND path = ? AND state IN ('begun', 'held', 'again')", *mine)
        )

    def finish(self, judgement: Judgement, stamps: Sequence[Stamp]) -> None:
        """Record that all lies where it was judged to lie; `stamps` are those of what is there."""
        with self._file.transaction("judged") as db:
            for place in {*judgement.origins, *judgement.targets}:
                db.execute("DELETE FROM stamps WHERE place = ?", (os.fsencode(place),))
            self._insert(judgement.entry.id, stamps)
            if judgement.entry.judged == "rejected":  # and so it is free in rejected/ again
                free = [(key(Path(), str(o)), judgement.entry.id) for o in judgement.origins]
                db.executemany("DELETE FROM names WHERE key = ? AND job = ?", free)
            self._decide(judgement.entry.id, judgement.verdict, judgement.targets)
            db.execute("DELETE FROM judging WHERE job = ?", (judgement.entry.id,))

    def cancel(self, judgement: Judgement, stamps: Sequence[Stamp]) -> None:
        """Forget a judgement of which everything is again where it was."""
        with self._file.transaction("unjudged") as db:
            db.executemany(
                "DELETE FROM stamps WHERE job = ? AND place = ? AND digest = ? AND temporary = x''",
                [(judgement.entry.id, os.fsencode(s.place), s.digest) for s in stamps],
            )
            db.execute("DELETE FROM judging WHERE job = ?", (judgement.entry.id,))

    def noticed(self, review: Review, verdict: Verdict, stamps: Sequence[Stamp]) -> bool:
        """Record what a person has made of a job by hand; false if it stands otherwise by now."""
        with self._file.transaction("noticed") as db:
            if self.of_job(review.entry.id) != review or self._is_worked_on(review.entry):
                return False
            for place in {*map(Path, review.entry.published), *(Path(s.place) for s in stamps)}:
                db.execute("DELETE FROM stamps WHERE place = ?", (os.fsencode(place),))
            self._insert(review.entry.id, stamps)
            places = review.places if verdict == "accepted" else ()
            self._decide(review.entry.id, verdict, places)
        return True

    def _decide(self, job_id: int, verdict: Verdict, published: Iterable[Path]) -> None:
        paths = json.dumps(list(map(str, published)))
        self._file.update(job_id, judged=verdict, judged_at=time.time(), published=paths)

    def _insert(self, job_id: int, stamps: Sequence[Stamp]) -> None:
        self._file.db.executemany(
            "INSERT INTO stamps (job, place, digest, size, mtime_ns, temporary)"
            " VALUES (?, ?, ?, ?, ?, x'')",
            [(job_id, os.fsencode(s.place), s.digest, s.size, s.mtime_ns) for s in stamps],
        )


def _relative(judgement: Judgement) -> tuple[str, str]:
    """Return the moves and the note's as JSON, by the outbox: its path may be another later."""
    outbox = judgement.entry.outbox
    moves = [[_from(outbox, path) for path in move] for move in judgement.moves]
    if judgement.note is None:
        return json.dumps(moves), "null"
    note = [_from(outbox, path) if path is not None else "" for path in judgement.note]
    return json.dumps(moves), json.dumps(note)


def _from(outbox: str, path: Path) -> str:
    """Return a path relative to the outbox, if it lies in there."""
    return str(path.relative_to(outbox) if path.is_relative_to(outbox) else path)


def _judgement(verdict: Verdict, entry: Entry, moves: str, note: str) -> Judgement:
    """Return a judgement that was journalled."""
    outbox = Path(entry.outbox)
    outputs = tuple((outbox / origin, outbox / target) for origin, target in json.loads(moves))
    if note == "null":
        return Judgement(entry, verdict, outputs)
    origin, target = json.loads(note)
    return Judgement(
        entry, verdict, outputs, (outbox / origin, outbox / target if target else None)
    )
