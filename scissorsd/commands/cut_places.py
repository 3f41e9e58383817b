"""Where `cut` puts what it makes, and what it never writes over."""

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from scissorsd.commands.cut_recipe import Recipe
from scissorsd.commands.cut_streams import STREAM
from scissorsd.core.file_names import AS_IT_IS, Facts, Naming, name_key
from scissorsd.core.formats import FORMATS
from scissorsd.core.rules import Output, plan
from scissorsd.core.settling import Sighting
from scissorsd.daemon.naming import stricter
from scissorsd.errors import NameRefusedError, PictureError, UsageError
from scissorsd.folders import publishing
from scissorsd.folders.scanning import NO_INODE
from scissorsd.pictures.facts import facts_of
from scissorsd.pictures.picture import Picture


class Places:
    """The places of the files of one command; or what sends the only one of them elsewhere."""

    def __init__(
        self,
        recipe: Recipe,
        out: Path | None,
        pictures: Sequence[Path],
        *,
        overwrite: bool,
        send: Callable[[bytes], None] | None = None,
    ) -> None:
        self.out = out
        self.send = send
        self.pictures = pictures
        self.overwrite = overwrite
        self._recipe = recipe
        self._written: set[str] = set()  # the keys of what this command has put out
        self._keys = set(map(_key, pictures))
        self._files = set(filter(None, map(_identity, pictures)))

    def of(self, picture: Path, read: Callable[[], Picture]) -> list[Path]:
        """Return the places of a picture's files, in the order of its outputs.

        `read` gives its pixels, for names that tell of it. Raises UsageError where a file is there
        that is not to be written over.
        """
        outputs = self._recipe.rule.outputs
        if self.out is not None and self._is_a_file(self.out):
            _refuse_suffix(self.out, outputs[0])
            places = [self.out]
        elif self._recipe.inbox is not None:
            places = self._by_the_rule(picture, read)
        else:
            places = [_beside(picture, output, self.out) for output in outputs]
        for place in places:
            if self._is_picture(place):
                raise UsageError(
                    f"{place} is a picture that is to be cut: nothing is written over that",
                    "Give another -o.",
                )
            if not self._may_be_written(place):
                raise there_already(str(place))
        return places

    def note_written(self, places: Iterable[Path]) -> None:
        """Note that files are out; no other picture of this command gets their places."""
        self._written.update(map(_key, places))

    def _is_a_file(self, out: Path) -> bool:
        is_one = len(self.pictures) == len(self._recipe.rule.outputs) == 1
        return bool(is_one and out.suffix and not out.is_dir())

    def _may_be_written(self, place: Path) -> bool:
        return (self.overwrite and _key(place) not in self._written) or not publishing.exists(place)

    def _is_picture(self, place: Path) -> bool:
        """Whether a place is that of a picture which is to be cut, by whatever path."""
        return _key(place) in self._keys or _identity(place) in self._files

    def _by_the_rule(self, picture: Path, read: Callable[[], Picture]) -> list[Path]:
        """Return the places that the rule names, below the folder for the results.

        `a.png`, which has its own name's place, and `a.jpg` after it come out as a daemon would
        name them: under the next names that are free of the pictures and results of this command.
        """
        folder = picture.parent if self.out is None else self.out
        naming = AS_IT_IS
        while True:
            try:
                return self._named(picture, read, folder, naming)
            except NameRefusedError as refusal:
                if stricter(naming, refusal) == naming:
                    raise
                naming = stricter(naming, refusal)

    def _named(
        self, picture: Path, read: Callable[[], Picture], folder: Path, naming: Naming
    ) -> list[Path]:
        rule = replace(
            self._recipe.rule, source="keep", outputs=tuple(map(_here, self._recipe.rule.outputs))
        )

        def taken(name: str) -> bool:
            place = folder / name
            is_there = publishing.exists(place)  # raises NameRefusedError
            if rule.counts and is_there:
                return True  # one that is counted has the first number that is free
            return _key(place) in self._written or self._is_picture(place)

        source = Sighting(picture.name, size=0, mtime_ns=0, inode=NO_INODE, device=0)
        job = plan(
            folder,
            folder,
            source,
            rule,
            inbox_name=self._recipe.inbox or "",
            date=datetime.now().astimezone().strftime("%Y-%m-%d"),
            taken=taken,
            naming=naming,
            facts=_facts(picture, read(), source) if rule.is_told_by_pictures else None,
        )
        return [folder / planned.path for planned in job.outputs]


def _facts(picture: Path, read: Picture, source: Sighting) -> Facts:
    """Return what names tell of a picture itself."""
    try:
        modified = picture.stat().st_mtime_ns
    except OSError as error:  # it went meanwhile
        raise PictureError(f"it cannot be looked at: {error.strerror}") from error
    return facts_of(read, replace(source, mtime_ns=modified))


def _here(output: Output) -> Output:
    """Return an output that goes below the folder for the results, wherever its rule's go."""
    is_elsewhere = output.folder.startswith("/")
    return replace(output, folder=Path(output.folder).name) if is_elsewhere else output


def there_already(place: str) -> UsageError:
    """Return the error for a place that is taken."""
    return UsageError(f"{place} is there already", "Give --overwrite, or another -o.")


def _beside(picture: Path, output: Output, out: Path | None) -> Path:
    suffix = FORMATS[output.format].suffixes[0]
    if out is None:
        return picture.with_name(f"{picture.stem}-{output.kind}{suffix}")
    tail = "" if output.kind == "cutout" else f"-{output.kind}"
    return out / f"{picture.stem}{tail}{suffix}"


def _refuse_suffix(out: Path, output: Output) -> None:
    suffixes = FORMATS[output.format].suffixes
    if out.suffix.lower() not in suffixes:
        raise UsageError(
            f"a {output.kind} is written as {output.format}, not as {out.suffix}",
            f"Name the file {out.with_suffix(suffixes[0]).name}.",
        )


def _identity(path: Path) -> tuple[int, int] | None:
    with suppress(OSError, ValueError):
        status = os.fstat(0) if path == STREAM else path.stat()
        return status.st_dev, status.st_ino
    return None


def _key(path: Path) -> str:
    return name_key(os.path.abspath(path))  # noqa: PTH100 - without a look at the disk
