import pytest

from scissorsd.core.ignored_names import _NAMES, BUILT_IN, is_picture_name, why_ignored

LEAVINGS = [
    "@eaDir",
    "@SynoEAStream",
    "#recycle",
    "#snapshot",
    ".@__thumb",
    ".AppleDouble",
    "._a.jpg",
    "__MACOSX",
    ".Trashes",
    ".Trash-1000",
    ".Spotlight-V100",
    ".TemporaryItems",
    ".DS_Store",
    "Thumbs.db",
    "thumbs.db",
    "desktop.ini",
    "$RECYCLE.BIN",
    "lost+found",
    ".stfolder",
    ".stversions",
    ".sync",
    "~$a.jpg",
    "a.jpg~",
    "a.jpg.part",
    "a.partial",
    "a.crdownload",
    "a.jpg.download",
    "a.filepart",
    "a.uploading",
    "a.!qB",
    "a.tmp",
    ".~tmp~",
    "~syncthing~a.jpg",
    ".syncthing.a.jpg.tmp",
    ".nfs000012",
    ".fuse_hidden0001",
    ".goutputstream-X",
    ".rsync-tmp",
    ".a.jpg.Xy12zQ",
]
OTHER_SYSTEMS = {
    "Synology": ["@tmp", "@sharebin", "@appstore", "@database", "a.jpg@SynoResource", "@S2S"],
    "QNAP": ["@Recycle", "@Recently-Snapshot", "@Transcode", ".@upload_cache", ".qsync"],
    "other NAS": [".Recycle.Bin", "trashbox", "Recycle Bin", "Recycle Bin - Volume_1", ".recycle"],
    "snapshots": [".zfs", ".snapshot", ".snapshots", "~snapshot", "@GMT-2026.11.28-12.00.00"],
    "macOS": ["Network Trash Folder", "Temporary Items", "Photos Library.photoslibrary"],
    "Macs of old": ["My.aplibrary", "iPhoto Library.migratedphotolibrary", ":2eDS_Store"],
    "backups": ["Mac.sparsebundle", "Backups.backupdb", "WindowsImageBackup", "FileHistory"],
    "Windows": ["RECYCLER", "RECYCLED", "$RECYCLE.BIN", "$Extend", "found.000", "FOUND.012"],
    "Lightroom": ["Catalog Previews.lrdata", "Catalog Smart Previews.lrdata", "L.lrlibrary"],
    "others": ["Shoot.cocatalog", ".BridgeCache", ".picasaoriginals", "files_trashbin"],
    "clouds": [".dropbox.cache", "appdata_oc1a2b3c4d5e", ".tmp.driveupload", "a.jpg.icloud"],
}


@pytest.mark.parametrize("name", [*LEAVINGS, "System Volume Information"])
def test_leavings_are_ignored(name: str) -> None:
    """What file systems, shares and half-done copies leave is ignored, at any depth."""
    assert name in why_ignored(name, ())
    assert name in why_ignored(f"2024/may/{name}", ())
    assert name in why_ignored(f"2024/{name}/a.jpg", ())


@pytest.mark.parametrize("name", [name for names in OTHER_SYSTEMS.values() for name in names])
def test_bins_snapshots_and_libraries_are_ignored(name: str) -> None:
    """What other systems keep for themselves is ignored with all in it, in either case."""
    for written in (name, name.upper(), name.lower()):
        assert written in why_ignored(f"2024/{written}/deep/a.jpg", ())


def test_a_picture_may_be_called_like_a_bin() -> None:
    """Only a folder's whole name counts: a picture of the same name, or a longer one, is taken."""
    for name in _NAMES:
        assert why_ignored(f"{name}.jpg", ()) == ""
        assert why_ignored(f"my {name}/a.jpg", ()) == ""
        assert why_ignored(f"{name}s of May/a.jpg", ()) == ""


@pytest.mark.parametrize(
    "path",
    [
        *("a.jpg", "2024/IMG_1234.JPG", "a.part.jpg", "tmp/a.jpg", "a~b.jpg", "part", "#1.jpg"),
        *("$.jpg", "tmp", "recycle/a.jpg", "trash/a.jpg", "Originals/a.jpg", "@client/a.jpg"),
        *("previews/a.jpg", "found.jpg", "photoslibrary/a.jpg", "Capture One/a.jpg", "@GMT/a.jpg"),
    ],
)
def test_pictures_are_not(path: str) -> None:
    """An ordinary picture is taken, even where its name looks a little like a leaving."""
    assert why_ignored(path, ()) == ""


def test_own_patterns() -> None:
    """The inbox's own globs are judged against the whole path of the file and of its folders."""
    patterns = ("*.draft.*", "old/**", "scrap")
    assert "'*.draft.*'" in why_ignored("shop/a.draft.jpg", patterns)
    assert "'old/**'" in why_ignored("old/a.jpg", patterns)
    assert "'scrap' matches 'scrap'" in why_ignored("scrap/deep/a.jpg", patterns)
    assert why_ignored("shop/old/a.jpg", patterns) == ""


def test_folders_are_judged_anew_for_other_patterns() -> None:
    """A folder that one inbox ignores is not ignored in another."""
    assert why_ignored("raw/a.jpg", ["raw"])
    assert why_ignored("raw/a.jpg", []) == ""


def test_the_reason_names_the_pattern() -> None:
    """Every built-in pattern that matches is named to the person who asks why."""
    for pattern in BUILT_IN:
        assert f"({pattern})" in why_ignored(pattern.replace("*", "x"), ())


def test_names_that_are_not_text() -> None:
    """A name that is not UTF-8 is judged like any other."""
    assert why_ignored("caf\udce9/a.jpg", ()) == ""
    assert why_ignored("caf\udce9.tmp", ())


def test_picture_names() -> None:
    """A picture is known by its last extension, in either case."""
    assert is_picture_name("shop/IMG.HEIC")
    assert is_picture_name("a.b.jpeg")
    assert not is_picture_name("a.jpg.txt")
    assert not is_picture_name("jpg")
    assert not is_picture_name("a.jpg/readme")
