"""Names that are never pictures to cut: leavings of file systems, shares and half-done copies."""

from collections.abc import Iterable
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


def why_ignored(path: str, patterns: Iterable[str]) -> str:
    """Say why a path (a file's or a folder's, relative to the inbox) is left alone, or nothing.

    Its parents are judged too: what lies in an ignored folder is ignored.
    """
    parts = PurePosixPath(path).parts
    for depth, name in enumerate(parts, start=1):
        if name.startswith("."):
            return f"the name {name!r} begins with a dot"
        built_in = next((pattern for pattern in BUILT_IN if matches(pattern, name)), None)
        if built_in is not None:
            return f"the name {name!r} is of a kind that is never a picture to cut ({built_in})"
        above = "/".join(parts[:depth])
        own = next((pattern for pattern in patterns if matches(pattern, above)), None)
        if own is not None:
            return f"{above!r} matches {own!r} in the inbox's 'ignore'"
    return ""


def is_picture_name(path: str) -> bool:
    """Whether the name ends as a picture's does."""
    return PurePosixPath(path).suffix.lower() in PICTURE_SUFFIXES
