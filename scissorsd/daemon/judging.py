"""What a person accepts of review/ goes to its place, what they reject to rejected/.

All outputs of a job go, or none. What is about to be moved is journalled first, with the stamp of
each file for its new place: whoever finds a judgement that was cut short carries it out.
"""

import errno
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from scissorsd import failpoints
from scissorsd.core.rules import REJECTED_FOLDER, REVIEW_FOLDER
from scissorsd.core.stamps import Stamp
from scissorsd.daemon.reason_files import is_reason_for
from scissorsd.errors import HoldError, PlaceTakenError, ScissorsError
from scissorsd.folders import no_replace, publishing, sources
from scissorsd.folders.holding import hold_on_error
from scissorsd.records.journal import Journal
from scissorsd.records.reviews import Judgement, Review, Reviews


def accept(journal: Journal, review: Review) -> tuple[Path, ...]:
    """Put the outputs of a job into their places, and remove its reason; return the places.

    Raises ScissorsError where that cannot be; then nothing has been moved. The caller holds the
    lock for judging.
    """
    entry, note = review.entry, _note(review)
    if len(review.outputs) != len(review.places):
        raise ScissorsError(
            f"nothing of {entry.source} is left to accept: what was cut of it was deleted",
            "'scissorsd retry' has it cut again.",
        )
    moves = tuple(zip(review.outputs, review.places, strict=True))
    away = (note, None) if note is not None else None
    _judge(journal, Judgement(entry, "accepted", moves, away))
    return review.places


def reject(journal: Journal, review: Review) -> tuple[Path, ...]:
    """Set the outputs of a job and its reason aside into rejected/; return where they are.

    Raises ScissorsError and is called as `accept`.
    """
    entry, note, avoid = review.entry, _note(review), set[Path]()
    targets: list[Path] = []
    for origin in (*review.outputs, *([note] if note is not None else [])):
        targets.append(_place_among_rejected(journal, review, origin, avoid))
        avoid.add(targets[-1])
    moves = tuple(zip(review.outputs, targets, strict=False))
    away = (note, targets[-1]) if note is not None else None
    _judge(journal, Judgement(entry, "rejected", moves, away))
    return tuple(targets[: len(moves)])


def complete(journal: Journal, judgement: Judgement) -> None:
    """Carry out a judgement that was cut short.

    Raises HoldError while that cannot be, and any other ScissorsError where it was taken back.
    """
    if not any(path.parent.is_dir() for path in judgement.origins):
        raise HoldError(f"{judgement.origins[0].parent} is not there")  # gone is not empty
    folders = (path.parent for path in (*judgement.origins, *judgement.targets))
    publishing.remove_temporaries(folders, tag=_tag(journal, judgement))
    try:
        stamps = _stamps(journal, judgement, begun=True)
    except HoldError:
        raise
    except ScissorsError:
        _take_all_back(journal, judgement, judgement.moves, ())
        raise
    _carry_out(journal, judgement, stamps)


def _note(review: Review) -> Path | None:
    """Return the reason's file, unless it is gone or somebody else's by now."""
    note = review.note
    return note if note is not None and is_reason_for(Path(review.entry.source), note) else None


def _place_among_rejected(journal: Journal, review: Review, origin: Path, avoid: set[Path]) -> Path:
    """Return a free place for a file that is rejected: its path below review/, else numbered."""
    outbox = Path(review.entry.outbox)
    above = outbox / REVIEW_FOLDER if review.entry.in_review else outbox
    below = origin.relative_to(above if origin.is_relative_to(above) else "/")
    wanted, others = outbox / REJECTED_FOLDER / below, set(avoid)
    while True:
        place = publishing.free_name(wanted.parent, wanted.name, others)
        if journal.owner(outbox, str(place)) is None:
            return place
        others.add(place)


def _judge(journal: Journal, judgement: Judgement) -> None:
    stamps = _stamps(journal, judgement)
    why = Reviews(journal.file).begin(judgement, stamps)
    if why:
        raise ScissorsError(f"{judgement.entry.source} is left as it is: {why}")
    _carry_out(journal, judgement, stamps)


def _stamps(journal: Journal, judgement: Judgement, *, begun: bool = False) -> list[Stamp]:
    """Return the stamp of each output for its place; raise ScissorsError where it cannot go there.

    One that lies there already is known by its content: moved by a person, who moves what was put
    into review/; or by us, where the judgement was `begun` and cut short.
    """
    stamps = []
    for origin, target in judgement.moves:
        here = publishing.stamp_file(origin)
        stamp = here or _moved(journal, judgement, origin, target, begun=begun)
        if here is not None and _is_taken(journal, judgement, origin, here, target):
            raise ScissorsError(
                f"{target} is there already, and is not scissorsd's: {judgement.entry.source} is "
                "left as it is",
                "Move that file away, then run it again.",
            )
        if stamp is None:
            raise ScissorsError(
                f"{origin} is not there, nor is it at {target}: {judgement.entry.source} is left "
                "as it is",
                "Look whether the outbox is mounted; 'scissorsd retry' has it cut again.",
            )
        stamps.append(Stamp(str(target), stamp.digest, stamp.size, stamp.mtime_ns))
    return stamps


def _moved(
    journal: Journal, judgement: Judgement, origin: Path, target: Path, *, begun: bool
) -> Stamp | None:
    """Return the stamp of what lies in a place, if it is what lay at its origin."""
    there = publishing.stamp_file(target)
    known = _known(journal, judgement, origin)
    if begun:
        known |= _known(journal, judgement, target)
    return there if there is not None and there.digest in known else None


def _is_taken(
    journal: Journal, judgement: Judgement, origin: Path, here: Stamp, target: Path
) -> bool:
    """Whether something that is not this picture's own is in a place."""
    if not publishing.exists(target) or no_replace.is_same_file(origin, target):
        return False
    if no_replace.is_reserved(target, _tag(journal, judgement)):
        return False
    there = publishing.stamp_file(target)
    own = {here.digest, *_known(journal, judgement, target)}
    return there is None or there.digest not in own


def _known(journal: Journal, judgement: Judgement, place: Path) -> set[bytes]:
    entry = judgement.entry
    return {stamp.digest for stamp in journal.stamps.at(place, Path(entry.inbox), entry.path)}


def _tag(journal: Journal, judgement: Judgement) -> str:
    return f"{journal.id}-{judgement.entry.id}-judged"


def _carry_out(journal: Journal, judgement: Judgement, stamps: Sequence[Stamp]) -> None:
    """Move what was journalled to be moved, and journal that it is done; or take all back."""
    reviews = Reviews(journal.file)
    moved: list[tuple[Path, Path]] = []
    try:
        # What replaces an earlier output of ours comes last: it cannot be taken back.
        for origin, target in sorted(judgement.moves, key=lambda move: publishing.exists(move[1])):
            if _move(journal, judgement, origin, target):
                moved.append((origin, target))
        if judgement.note is not None:
            _put_note_away(judgement, *judgement.note)
    except ScissorsError:
        _take_all_back(journal, judgement, moved, stamps)
        raise
    for folder in {path.parent for path in (*judgement.origins, *judgement.targets)}:
        publishing.sync_folder(folder)
    failpoints.at("judge.synced")
    known = [*stamps, *_stamp_of_note(journal, judgement)]
    reviews.finish(judgement, [_as_it_is(stamp) for stamp in known])


def _stamp_of_note(journal: Journal, judgement: Judgement) -> list[Stamp]:
    """Return the stamp of a reason that was set aside, unless somebody has written into it."""
    note, target = judgement.note or (None, None)
    if note is None or target is None:
        return []
    return list(filter(None, [_moved(journal, judgement, note, target, begun=False)]))


def _move(journal: Journal, judgement: Judgement, origin: Path, target: Path) -> bool:
    """Move a file to its place; return whether it was still to be moved."""
    if not publishing.exists(origin):
        return False
    publishing.make_folder(target.parent)
    with hold_on_error(f"move {origin} to {target}"):
        try:
            no_replace.rename(origin, target, tag=_tag(journal, judgement))
        except OSError as error:
            if error.errno not in {errno.EEXIST, errno.EXDEV}:
                raise
            _move_over(journal, judgement, origin, target)
    failpoints.at("judge.moved")
    return True


def _move_over(journal: Journal, judgement: Judgement, origin: Path, target: Path) -> None:
    """Move a file onto another disk, or in the stead of an earlier one of ours, or both."""
    here = publishing.stamp_file(origin)
    if here is None or _is_taken(journal, judgement, origin, here, target):
        raise PlaceTakenError(str(target))
    own = [str(target)] if publishing.exists(target) else []
    try:
        if own:
            origin.replace(target)
            return
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
    sources.put_back(origin, target, tag=_tag(journal, judgement), own=own)


def _put_note_away(judgement: Judgement, note: Path, target: Path | None) -> None:
    if not is_reason_for(Path(judgement.entry.source), note):
        return
    if target is None:
        publishing.remove(note)
    else:
        publishing.make_folder(target.parent)
        sources.put_back(note, target)
    failpoints.at("judge.noted")


def _take_all_back(
    journal: Journal,
    judgement: Judgement,
    moves: Sequence[tuple[Path, Path]],
    stamps: Sequence[Stamp],
) -> None:
    """Move what has been moved back, unless another file lies there by now: then it stays."""
    for origin, target in reversed(moves):
        if not publishing.exists(origin) and _moved(journal, judgement, origin, target, begun=True):
            with suppress(PlaceTakenError):
                sources.put_back(target, origin)
    Reviews(journal.file).cancel(judgement, stamps)


def _as_it_is(stamp: Stamp) -> Stamp:
    """Return the stamp of what now lies in a place: it may have been saved again meanwhile."""
    place = Path(stamp.place)
    try:
        status = os.lstat(place)
    except OSError:
        return stamp
    there = publishing.stamp_of(place, status, stamp.digest, None)
    return there if there == stamp else publishing.stamp_file(place) or stamp
