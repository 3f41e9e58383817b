"""Whether outputs are what a picture's rule makes of it, as far as can be told cheaply."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scissorsd.commands.adopt_search import Candidate, Picture, Search
from scissorsd.core.adopting import assigned, is_same_size, is_uncropped
from scissorsd.core.file_names import AS_IT_IS
from scissorsd.core.formats import FORMATS
from scissorsd.core.rules import REJECTED_FOLDER, REVIEW_FOLDER, Output
from scissorsd.core.stamps import Stamp
from scissorsd.daemon.reason_files import reason_file
from scissorsd.errors import ScissorsError
from scissorsd.folders.holding import hold_on_error
from scissorsd.folders.publishing import copy_and_digest, stamp_file, stamp_of
from scissorsd.folders.scanning import open_no_follow
from scissorsd.pictures.reading import Header, read_header
from scissorsd.plain_text import one_line
from scissorsd.records.adoptions import Adoption

_WHOLE = 64 << 20  # bytes: of what is larger the header is not looked at
_LARGEST_GROUP = 100  # pictures that may have each other's outputs


@dataclass(frozen=True, slots=True)
class _Looked:
    """A file that was read whole."""

    stamp: Stamp
    header: Header | None  # None: it is too large to look at


class _WrongError(Exception):
    """The outputs are not this picture's, and why."""


@dataclass(frozen=True, slots=True)
class Prover:
    """Reads pictures and their outputs. Its methods may be called from any thread."""

    search: Search
    max_pixels: int

    def prove(self, picture: Picture, candidate: Candidate) -> Adoption | str:
        """Return how a picture is to be journalled, or why these outputs are not its."""
        try:
            source = self._look(picture.place, "it", is_needed=_has_uncropped(candidate))
            if (source.stamp.size, source.stamp.mtime_ns) != picture.source.version:
                return "it is being changed"
            return self._adoption(picture, candidate, source)
        except _WrongError as wrong:
            return str(wrong)
        except ScissorsError as error:
            return one_line(str(error))

    def content(self, picture: Picture) -> bytes:
        """Return the digest of a picture; b"" where it cannot be read."""
        try:
            stamp = stamp_file(picture.place)
        except ScissorsError:
            return b""
        return stamp.digest if stamp is not None else b""

    def prove_first(self, picture: Picture, candidates: Sequence[Candidate]) -> Adoption | str:
        """Return how a picture is to be journalled with the first outputs that are its."""
        wrong = ""
        for candidate in candidates:
            proven = self.prove(picture, candidate)
            if isinstance(proven, Adoption):
                return proven
            wrong = wrong or proven
        return wrong

    def prove_group(
        self, group: Sequence[tuple[Picture, Sequence[Candidate]]]
    ) -> list[Adoption | str]:
        """Do the same for pictures that may have each other's outputs."""
        if len(group) == 1:
            return [self.prove_first(*group[0])]
        if len(group) > _LARGEST_GROUP:
            return ["too many pictures may have each other's outputs, by their names"] * len(group)
        proven = [[self.prove(picture, one) for one in their] for picture, their in group]
        right = [[p for p in their if isinstance(p, Adoption)] for their in proven]
        sets = [
            [one.names for one, p in zip(their, found, strict=True) if isinstance(p, Adoption)]
            for (_, their), found in zip(group, proven, strict=True)
        ]
        results: list[Adoption | str] = []
        for number, chosen in enumerate(assigned(sets)):
            if chosen is not None:
                results.append(right[number][chosen])
            elif right[number]:
                others = [p.source.path for p, _ in group if p is not group[number][0]]
                what = Path(right[number][0].stamps[0].place).name
                results.append(f"{what} may be its, or that of {others[0]}")
            else:
                results.append(next(wrong for wrong in proven[number] if isinstance(wrong, str)))
        return results

    def _adoption(self, picture: Picture, candidate: Candidate, source: _Looked) -> Adoption:
        outputs = [planned.output for planned in candidate.job.outputs]
        stamps = [
            self._output(path, output, source.header)
            for path, output in zip(candidate.paths, outputs, strict=True)
        ]
        ended_at = max(stamp.mtime_ns for stamp in stamps) / 1e9
        reason = self._reason(candidate)
        disposal, job = picture.rule.source, candidate.job
        moved = None
        if picture.moved_to:
            dropped = replace(job.source, path=self.search.dropped_as(picture))
            job = replace(job, source=dropped, moved_to=picture.moved_to)
            moved = replace(source.stamp, digest=b"")
        elif disposal == "delete":  # nothing is deleted on the word of names alone
            disposal = "keep"
        return Adoption(
            job=job,
            content=source.stamp.digest,
            stamps=(*stamps, *filter(None, [reason])),
            state="published" if disposal == "move" and moved is None else "done",
            source=disposal,
            moved=moved,
            lies_as=picture.source.path,
            ended_at=ended_at,
            judged="rejected" if candidate.folder == REJECTED_FOLDER else "",
        )

    def _output(self, path: str, output: Output, source: Header | None) -> Stamp:
        looked = self._look(self.search.inbox.outbox / path, path, is_needed=True)
        if looked.header is None:
            return looked.stamp
        if looked.header.format != FORMATS[output.format].pillow:
            raise _WrongError(f"{path} is no {FORMATS[output.format].title}")
        size = looked.header.width, looked.header.height
        if source is not None and is_uncropped(output):
            wanted = source.width, source.height
            if not is_same_size(size, wanted):
                there, here = (f"{wide} × {high}" for wide, high in (size, wanted))
                raise _WrongError(f"{path} has {there} pixels, and the picture {here}")
        return looked.stamp

    def _look(self, path: Path, name: str, *, is_needed: bool) -> _Looked:
        parts: list[bytes] = []
        with hold_on_error(f"read {path}"):
            file = open_no_follow(path)
            if file is None:
                raise _WrongError(f"{name} is no longer there")
            with file:
                status = os.fstat(file.fileno())
                keeps = is_needed and status.st_size <= _WHOLE

                def keep(part: bytes) -> int:
                    if keeps:
                        parts.append(part)
                    return len(part)

                digest = copy_and_digest(file.read, keep)
        stamp = stamp_of(path, status, digest, None)
        if not keeps:
            return _Looked(stamp, None)
        try:
            return _Looked(stamp, read_header(b"".join(parts), max_pixels=self.max_pixels))
        except ScissorsError as error:
            raise _WrongError(f"{name} cannot be read: {error.what}") from error

    def _reason(self, candidate: Candidate) -> Stamp | None:
        """Return the stamp of the file that says why a person should look at a picture."""
        if candidate.folder != REVIEW_FOLDER:
            return None
        path = str(reason_file(Path(candidate.paths[0]), AS_IT_IS))
        if self.search.listing.file(path) is None:
            return None
        return stamp_file(self.search.inbox.outbox / path)


def _has_uncropped(candidate: Candidate) -> bool:
    return any(is_uncropped(planned.output) for planned in candidate.job.outputs)
