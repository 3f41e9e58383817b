"""Names that are never pictures to cut: leavings of file systems, shares and half-done copies."""

from collections.abc import Iterable
from functools import lru_cache
from pathlib import PurePosixPath

from scissorsd.core.globs import matches

PICTURE_SUFFIXES = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif"),
        *(".avif", ".heic", ".heif", ".hif"),
    }
)

# Whatever begins with a dot is ignored too (.DS_Store, ._NAME, .Trash-*, .nfs*, .stfolder, …).
BUILT_IN = (
    *("@eaDir", "@SynoEAStream", "#recycle", "#snapshot", "__MACOSX", "$RECYCLE.BIN"),
    *("System Volume Information", "lost+found", "Thumbs.db", "desktop.ini"),
    *("~$*", "*~", "*.part", "*.partial", "*.crdownload", "*.download", "*.filepart"),
    *("*.uploading", "*.!qB", "*.tmp", "~syncthing~*"),
)


_ANY_BUILT_IN = "{" + ",".join(BUILT_IN) + "}"  # one match per name: a scan asks very often


def why_ignored(path: str, patterns: Iterable[str]) -> str:
    """Say why a path (a file's or a folder's, relative to the inbox) is left alone, or nothing.

    Its parents are judged too: what lies in an ignored folder is ignored.
    """
    patterns = tuple(patterns)
    return _why_folder_ignored(path.rpartition("/")[0], patterns) or why_itself_ignored(
        path, patterns
    )


@lru_cache(maxsize=1024)  # the next picture mostly lies in the same folder
def _why_folder_ignored(folder: str, patterns: tuple[str, ...]) -> str:
    parts = PurePosixPath(folder).parts
    above = ("/".join(parts[:depth]) for depth in range(1, len(parts) + 1))
    return next(filter(None, (why_itself_ignored(path, patterns) for path in above)), "")


def why_itself_ignored(path: str, patterns: Iterable[str]) -> str:
    """Say the same of a path whose parents are known not to be ignored."""
    name = path.rpartition("/")[2]
    if name.startswith("."):
        return f"the name {name!r} begins with a dot"
    if matches(_ANY_BUILT_IN, name):
        built_in = next(pattern for pattern in BUILT_IN if matches(pattern, name))
        return f"the name {name!r} is of a kind that is never a picture to cut ({built_in})"
    own = next((pattern for pattern in patterns if matches(pattern, path)), None)
    return "" if own is None else f"{path!r} matches {own!r} in the inbox's 'ignore'"


def is_picture_name(path: str) -> bool:
    """Whether the name ends as a picture's does."""
    stem, dot, suffix = path.rpartition("/")[2].rpartition(".")  # pathlib takes far longer
    return stem != "" and dot + suffix.lower() in PICTURE_SUFFIXES
