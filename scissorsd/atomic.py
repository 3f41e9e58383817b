"""Small files of our own, written atomically, and names for unfinished ones."""

import secrets
from contextlib import suppress
from pathlib import Path

_BEGINNING = ".scissorsd-"  # of the names of unfinished files; they end in .tmp
_ENDING = ".tmp"


def temporary(folder: Path, tag: str) -> Path:
    """Return a name in the folder that no other process ever chooses; `tag` says whose it is."""
    return folder / f"{_BEGINNING}{tag}-{secrets.token_hex(8)}{_ENDING}"


def temporaries(folder: Path, tag: str) -> list[Path]:
    """Return what lies in the folder under `temporary` names of this tag."""
    return list(folder.glob(f"{_BEGINNING}{tag}-*{_ENDING}"))


def write_atomically(path: Path, content: bytes, *, mode: int | None = None) -> None:
    """Write a small file of our own, in the stead of an older one; a reader never sees half of it.

    With a `mode` it has exactly that one, and never had more. Raises OSError; then nothing is left
    behind.
    """
    draft = temporary(path.parent, path.name)
    try:
        if mode is None:
            draft.write_bytes(content)
        else:
            draft.touch(0o600, exist_ok=False)
            draft.write_bytes(content)
            draft.chmod(mode)
        draft.replace(path)
    except OSError:
        with suppress(OSError):
            draft.unlink()
        raise
