"""Names that are never pictures to cut: leavings of file systems, shares and half-done copies.

Bins, snapshots, backups and picture libraries of other systems are known by the names of their
folders. A name is judged below the inbox only: an inbox may itself lie in such a folder.
"""

import re
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

# Whatever begins with a dot is ignored too (.DS_Store, ._NAME, .Trash-*, .nfs*, .stfolder, .zfs,
# .snapshot, .recycle, .@__thumb, .BridgeCache, .dropbox.cache, .picasaoriginals, …).
_NAMES = (
    # Synology
    *("@eaDir", "#recycle", "#snapshot", "@tmp", "@sharebin", "@sharesnap", "@database"),
    *("@appstore", "@appconf", "@appdata", "@apphome", "@appshare", "@apptemp", "@autoupdate"),
    *("@ActiveBackup", "@antivirus", "@clamav", "@CloudStation", "@cloudsync", "@config_backup"),
    *("@docker", "@download", "@img_bkp_cache", "@iSCSI", "@maillog", "@MailScanner", "@optware"),
    *("@quarantine", "@S2S", "@ssbackup", "@synocalendar", "@SynoDrive", "@synologydrive"),
    *("@SynologyDriveShareSync", "@userpreference"),
    # QNAP, and bins of other makers: WD and ReadyNAS, Buffalo
    *("@Recycle", "@Recently-Snapshot", "@Transcode", "@__thumb", "Network Recycle Bin"),
    *("Recycle Bin", "RecycleBin", "trashbox"),
    # snapshots: NetApp, Btrfs
    *("~snapshot", "@snapshot", "@snapshots"),
    # macOS, its file servers and its photo programs
    *("__MACOSX", "Network Trash Folder", "Temporary Items", "TheVolumeSettingsFolder"),
    *("TheFindByContentFolder", "Backups.backupdb", "MobileBackups.trash"),
    *("iPhoto Library", "iPod Photo Cache", "Photo Booth Library"),
    # Windows
    *("$RECYCLE.BIN", "RECYCLER", "RECYCLED", "System Volume Information", "$Extend"),
    *("$WINDOWS.~BT", "$Windows.~WS", "FileHistory", "WindowsImageBackup"),
    *("Thumbs.db", "ehthumbs.db", "desktop.ini"),
    # Linux; the servers of Nextcloud and ownCloud; GoodSync; ACDSee
    *("lost+found", "files_trashbin", "files_versions", "_gsdata_", "[Originals]"),
)
_GLOBS = (
    *("*@SynoEAStream", "*@SynoResource", "@SynoFinder-*", "Recycle Bin - Volume_?"),
    *("Network Recycle Bin ?", "_NAS_Recycle_*", "@GMT-????.??.??-??.??.??", ":2e*", "found.0??"),
    "appdata_oc??????????",
    # libraries and backups that are folders
    *("*.photoslibrary", "*.photolibrary", "*.migratedphotolibrary", "*.photoboothlibrary"),
    *("*.aplibrary", "*.migratedaplibrary", "*.apvault", "*.imovielibrary", "*.fcpbundle"),
    *("*.tvlibrary", "*.musiclibrary", "*.theater", "*.sparsebundle", "*.backupbundle"),
    *("*.lrdata", "*.lrcat-data", "*.lrlibrary", "*.cocatalog", "*.trickplay"),
    # half-done copies
    *("~$*", "*~", "*.part", "*.partial", "*.crdownload", "*.download", "*.filepart"),
    *("*.uploading", "*.!qB", "*.!sync", "*.icloud", "*.tmp", "~syncthing~*"),
)
BUILT_IN = (*_NAMES, *_GLOBS)

# A scan asks of every name: most are told apart by how they begin and end.
_BY_NAME = {name.lower(): name for name in _NAMES}
_ENDINGS = tuple(glob[1:].lower() for glob in _GLOBS if glob.startswith("*"))
_BEGINNINGS = tuple(re.split(r"[*?]", glob)[0].lower() for glob in _GLOBS if glob[0] != "*")


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
    if built_in := _built_in(name):
        return f"the name {name!r} is of a kind that is never a picture to cut ({built_in})"
    own = next((pattern for pattern in patterns if matches(pattern, path)), None)
    return "" if own is None else f"{path!r} matches {own!r} in the inbox's 'ignore'"


def _built_in(name: str) -> str:
    """Return the built-in pattern that a name falls under, or nothing."""
    lower = name.lower()
    if lower in _BY_NAME:
        return _BY_NAME[lower]
    if lower.startswith(_BEGINNINGS) or lower.endswith(_ENDINGS):
        return next((glob for glob in _GLOBS if matches(glob, name)), "")
    return ""


def is_picture_name(path: str) -> bool:
    """Whether the name ends as a picture's does."""
    stem, dot, suffix = path.rpartition("/")[2].rpartition(".")  # pathlib takes far longer
    return stem != "" and dot + suffix.lower() in PICTURE_SUFFIXES
