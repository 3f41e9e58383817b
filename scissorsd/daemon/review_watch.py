"""What a person makes of review/ by hand is noticed: moved to its place is accepted.

A file manager leaves no word. By content it is told whether what has gone from review/ lies in its
place now (accepted), or nowhere (deleted: rejected). What has gone only in part is left until the
rest has; what is missing is looked at twice, since programs save a file by making it anew.
"""

import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

import structlog

from scissorsd import failpoints
from scissorsd.core.rules import REVIEW_FOLDER
from scissorsd.core.stamps import Stamp
from scissorsd.daemon import judging
from scissorsd.daemon.reason_files import is_reason_for
from scissorsd.errors import HoldError, ScissorsError
from scissorsd.folders import publishing
from scissorsd.folders.mounts import Root
from scissorsd.plain_text import one_line
from scissorsd.records.journal import Journal
from scissorsd.records.judging_lock import judging as judging_lock
from scissorsd.records.reviews import Review, Reviews, Verdict
from scissorsd.settings import Inbox

log = structlog.get_logger("scissorsd")

# Seconds that what has gone from review/ must be nowhere before it counts as deleted.
DELETED_AFTER = failpoints.seconds("DELETED_AFTER", 20.0)
_FACTOR = 10  # wait so many times what the last look took: no more than a tenth of the time


@dataclass(slots=True)
class _Watch:
    """What is known of the review/ of one inbox; only its own thread touches it while that runs."""

    thread: threading.Thread | None = None
    next_look: float = 0.0  # monotonic
    gone_since: dict[int, float] = field(default_factory=dict)  # by job
    left: dict[int, tuple[tuple[int, int], ...]] = field(default_factory=dict)  # as it was found
    seen: dict[Path, tuple[int, int]] = field(default_factory=dict)  # in review/
    retouched: dict[Path, bytes] = field(default_factory=dict)  # the digest of what is not ours


class ReviewWatch:
    """Looks at review/ after each scan, in a thread of its own for each inbox: a share may hang."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._reviews = Reviews(journal.file)
        self._watches: dict[str, _Watch] = {}
        self._stopping = threading.Event()

    def look(self, inbox: Inbox, outbox: Root) -> None:
        """Look at what waits of an inbox, unless the last look still goes on or was just now."""
        if self._stopping.is_set():
            return
        watch = self._watches.setdefault(inbox.name, _Watch())
        if (watch.thread is not None and watch.thread.is_alive()) or monotonic() < watch.next_look:
            return
        watch.thread = threading.Thread(
            target=self._look,
            args=(inbox, outbox, watch),
            name=f"look at review/ of {inbox.name}",
            daemon=True,
        )
        with suppress(RuntimeError):  # no thread can be started now: the next scan tries again
            watch.thread.start()

    def stop(self) -> list[threading.Thread]:
        """Look no more. Returns the looks that end after the picture that they are at."""
        self._stopping.set()
        return [watch.thread for watch in self._watches.values() if watch.thread is not None]

    def _look(self, inbox: Inbox, outbox: Root, watch: _Watch) -> None:
        began = monotonic()
        try:
            self._complete(inbox)
            waiting = self._reviews.waiting(inbox.path)
            _forget_others(watch, waiting)
            if waiting and not outbox.why_away() and (inbox.outbox / REVIEW_FOLDER).is_dir():
                for review in waiting:
                    if self._stopping.is_set():
                        return
                    self._consider(inbox, review, watch)
        except (ScissorsError, OSError) as error:  # the next look tries again
            if self._stopping.is_set():  # and the journal is closed already
                return
            log.debug("review.unseen", inbox=inbox.name, why=one_line(str(error)))
        watch.next_look = monotonic() + _FACTOR * (monotonic() - began)

    def _complete(self, inbox: Inbox) -> None:
        """Carry out what a command had begun that was cut short."""
        if not self._reviews.under_way(inbox=inbox.path):
            return
        with judging_lock(self._state, patiently=False):  # else the command still works on it
            for judgement in self._reviews.under_way(inbox=inbox.path):
                source = judgement.entry.path
                try:
                    judging.complete(self._journal, judgement)
                except HoldError:
                    raise
                except ScissorsError as error:
                    why = one_line(str(error))
                    log.warning("review.undone", inbox=inbox.name, source=source, why=why)
                else:
                    _log(inbox, source, judgement.verdict, judgement.targets)

    @property
    def _state(self) -> Path:
        return self._journal.file.path.parent

    def _consider(self, inbox: Inbox, review: Review, watch: _Watch) -> None:
        """Journal what a person has made of the outputs of a picture, if all of them have gone."""
        job = review.entry.id
        if any(map(publishing.is_there, review.outputs)):
            watch.gone_since.pop(job, None)
            self._note_retouched(review, watch)
            return
        seen = tuple(map(_version, review.places))
        if watch.left.get(job) == seen:
            return
        pairs = zip(review.outputs, review.places, strict=True)
        there = [self._moved(review, *pair, watch) for pair in pairs]
        stamps = [stamp for stamp in there if stamp is not None]
        if len(stamps) < len(there):
            if not stamps and any(map(publishing.is_there, review.places)):
                watch.left[job] = seen  # something else: it is for a person to say what it is
                return
            since = watch.gone_since.setdefault(job, monotonic())
            if monotonic() - since < DELETED_AFTER:
                return
        self._note(inbox, review, "accepted" if stamps else "rejected", stamps)

    def _note_retouched(self, review: Review, watch: _Watch) -> None:
        """Remember the content of what a person has changed in review/, to know it elsewhere."""
        for output in review.outputs:
            version = _version(output)
            if watch.seen.get(output) == version:
                continue
            watch.seen[output] = version
            if all((s.size, s.mtime_ns) != version for s in self._stamps(review, output)):
                there = publishing.stamp_file(output)
                watch.retouched[output] = there.digest if there is not None else b""

    def _stamps(self, review: Review, output: Path) -> list[Stamp]:
        return self._journal.stamps.at(output, Path(review.entry.inbox), review.entry.path)

    def _moved(self, review: Review, origin: Path, place: Path, watch: _Watch) -> Stamp | None:
        """Return the stamp of what lies in a place, if it is what had been in review/."""
        known = {stamp.digest for stamp in self._stamps(review, origin)}
        known |= {watch.retouched.get(origin, b"")} - {b""}
        there = publishing.stamp_file(place) if known else None
        return there if there is not None and there.digest in known else None

    def _note(self, inbox: Inbox, review: Review, verdict: Verdict, stamps: list[Stamp]) -> None:
        with judging_lock(self._state, patiently=False):
            if not self._reviews.noticed(review, verdict, stamps):
                return
        note = review.note
        if note is not None and is_reason_for(Path(review.entry.source), note):
            publishing.remove(note)
        places = review.places if verdict == "accepted" else ()
        _log(inbox, review.entry.path, verdict, places)


def _log(
    inbox: Inbox, source: str, verdict: Verdict, places: "tuple[Path, ...] | list[Path]"
) -> None:
    outputs = [str(place) for place in places]
    event = "review.accepted" if verdict == "accepted" else "review.rejected"
    log.info(event, inbox=inbox.name, source=source, outputs=outputs)


def _forget_others(watch: _Watch, waiting: list[Review]) -> None:
    """Keep only what is remembered of those that still wait."""
    jobs = {review.entry.id for review in waiting}
    outputs = {output for review in waiting for output in review.outputs}
    watch.gone_since = {job: t for job, t in watch.gone_since.items() if job in jobs}
    watch.left = {job: seen for job, seen in watch.left.items() if job in jobs}
    watch.seen = {path: seen for path, seen in watch.seen.items() if path in outputs}
    watch.retouched = {path: d for path, d in watch.retouched.items() if path in outputs}


def _version(path: Path) -> tuple[int, int]:
    """Return what tells whether a file is another than before; (-1, -1) where none is."""
    try:
        status = path.lstat()
    except OSError:
        return -1, -1
    return status.st_size, status.st_mtime_ns
