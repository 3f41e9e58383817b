"""What is no picture, or a hostile one: left alone or failed with its reason, and nothing stops."""

import io
import os
import random
import signal
import socket
import stat
import struct
import zlib
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from families import one_of_each_kind
from PIL import Image

from .driver import Daemon, Workplace, picture, wait_for
from .scenes import drawn, drop, number_of, peak_memory, scanned_again

# --- what is no regular file -----------------------------------------------------------------


def put_special_files(place: Workplace, prefix: str) -> None:
    """Put everything into the inbox that has a picture's name and is none."""
    inbox, outside = place.inbox, place.folder / "outside"
    (outside / "deep").mkdir(parents=True, exist_ok=True)
    (outside / "secret.jpg").write_bytes(picture())
    (outside / "deep" / "secret.jpg").write_bytes(picture())
    (inbox / f"{prefix}file.jpg").symlink_to(outside / "secret.jpg")
    (inbox / f"{prefix}relative.jpg").symlink_to("../outside/secret.jpg")
    (inbox / f"{prefix}folder").symlink_to(outside)
    (inbox / f"{prefix}folder.jpg").symlink_to(outside / "deep")
    (inbox / f"{prefix}dangling.jpg").symlink_to(place.folder / "nothing.jpg")
    (inbox / f"{prefix}self.jpg").symlink_to(f"{prefix}self.jpg")
    (inbox / f"{prefix}to.jpg").symlink_to(f"{prefix}fro.jpg")
    (inbox / f"{prefix}fro.jpg").symlink_to(f"{prefix}to.jpg")
    (inbox / f"{prefix}here").symlink_to(".")
    (inbox / f"{prefix}up").symlink_to("..")
    os.mkfifo(inbox / f"{prefix}pipe.jpg")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"/proc/self/fd/{(fd := os.open(inbox, os.O_PATH))}/{prefix}socket.jpg")
        os.close(fd)
    if os.geteuid() == 0:
        os.mknod(inbox / f"{prefix}null.jpg", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        os.mknod(inbox / f"{prefix}zero.png", 0o666 | stat.S_IFCHR, os.makedev(1, 5))
        os.mknod(inbox / f"{prefix}disk.jpg", 0o666 | stat.S_IFBLK, os.makedev(7, 200))
    (inbox / f"{prefix}a folder.jpg").mkdir()
    drop(place, f"{prefix}a folder.jpg/real.jpg", drawn(2))


@pytest.mark.full
def test_what_is_no_regular_file(place: Workplace) -> None:
    """Links, loops, pipes, sockets and devices are passed over, there before or dropped later."""
    place.configure({"name": "all", "source": "delete"}, rescan="1s")
    put_special_files(place, "old ")
    daemon = place.start()
    daemon.finished("old a folder.jpg/real.jpg")
    put_special_files(place, "new ")
    daemon.finished("new a folder.jpg/real.jpg")
    before = place.files(place.inbox)
    scanned_again(daemon)
    for name, words in (
        ("old file.jpg", "symbolic link"),
        ("new pipe.jpg", "not a regular file"),
        ("new socket.jpg", "not a regular file"),
        ("old a folder.jpg", "is a folder"),
    ):
        assert words in place.ask("why", place.inbox / name)
    daemon.stop()
    assert place.files() == ["new a folder.jpg/real.png", "old a folder.jpg/real.png"]
    assert sorted(entry.path for entry in place.entries()) == [
        "new a folder.jpg/real.jpg",
        "old a folder.jpg/real.jpg",
    ]
    assert place.files(place.inbox) == before
    assert (place.folder / "outside" / "secret.jpg").exists()


def become_link(path: Path) -> None:
    """Put a link to something outside in the place of a picture."""
    path.unlink()
    path.symlink_to(path.parent.parent / "secret.jpg")


def become_pipe(path: Path) -> None:
    """Put a FIFO in the place of a picture."""
    path.unlink()
    os.mkfifo(path)


def become_socket(path: Path) -> None:
    """Put a socket in the place of a picture."""
    path.unlink()
    with socket.socket(socket.AF_UNIX) as server:
        folder = os.open(path.parent, os.O_PATH)
        server.bind(f"/proc/self/fd/{folder}/{path.name}")
        os.close(folder)


def become_folder(path: Path) -> None:
    """Put a folder in the place of a picture."""
    path.unlink()
    path.mkdir()


CHANGES: list[Callable[[Path], None]] = [
    become_link,
    become_pipe,
    become_socket,
    become_folder,
    Path.unlink,
]


@pytest.mark.full
def test_a_picture_that_becomes_something_else(place: Workplace) -> None:
    """Settled and then a link, pipe, socket or folder: let go of, never read, no worker hangs."""
    (place.folder / "secret.jpg").write_bytes(drawn(99))
    names = [f"{number}.jpg" for number in range(len(CHANGES))]
    for number, name in enumerate(names):
        drop(place, name, drawn(number))
    daemon = place.start(variables={"SCISSORSD_FAULTS": f"read=EBUSY*{len(names)}"})
    wait_for(lambda: [entry.state for entry in place.entries()] == ["held"] * len(names))
    for name, change in zip(names, CHANGES, strict=True):
        change(place.inbox / name)
    for name in names:
        daemon.wait("job.withdrawn", source=name)
    drop(place, "after.jpg", drawn(50))
    daemon.finished("after.jpg")
    daemon.stop()
    assert place.files() == ["after.png"]
    assert [entry.path for entry in place.entries()] == ["after.jpg"]


# --- names that are never pictures -----------------------------------------------------------

FOLDERS = [
    *("@eaDir", "@SynoEAStream", "#recycle", "#snapshot", ".@__thumb", ".AppleDouble"),
    *("__MACOSX", ".Trashes", ".Trash-1000", ".Spotlight-V100", ".TemporaryItems"),
    *("$RECYCLE.BIN", "System Volume Information", "lost+found", ".stfolder", ".stversions"),
    *(".sync", ".rsync-tmp", ".~tmp~", ".fuse_hidden0001.d", "@EADIR", "x.part", "y.tmp"),
]
FILES = [
    *("._a.jpg", ".DS_Store", "Thumbs.db", "desktop.ini", "~$a.jpg", "a.jpg~", "a.jpg.part"),
    *("a.jpg.partial", "a.jpg.crdownload", "a.jpg.download", "a.jpg.filepart", "a.jpg.uploading"),
    *("a.jpg.!qB", "a.jpg.tmp", "~syncthing~a.jpg", ".syncthing.a.jpg.tmp", ".nfs000123.jpg"),
    *(".fuse_hidden0001.jpg", ".goutputstream-X1.jpg", ".a.jpg.Xy12Zw", "a.part", "THUMBS.DB"),
    *("a.jpg.PART", "a.txt", "a.jpg.txt", "stop.txt", "a", "jpg", "a.jpg.xmp", "a.psd", "a.svg"),
    *("a.eps", "a.pdf", "a.cr2", "a.jpg "),
]


LEAVINGS = [
    *(f"{folder}/a.jpg" for folder in FOLDERS),
    *(f"x/{folder}/y/a.jpg" for folder in FOLDERS),
    *FILES,
    *(f"x/{file}" for file in FILES),
]


@pytest.mark.parametrize("name", one_of_each_kind(LEAVINGS[::9], kept=[LEAVINGS[0]]))
def test_why_a_name_is_never_a_picture(place: Workplace, name: str) -> None:
    """Asked about a true picture under such a name, `why` says that it is ignored."""
    drop(place, name, picture())
    assert "It is ignored" in place.ask("why", place.inbox / name)


@pytest.mark.full
def test_names_that_are_never_pictures(place: Workplace) -> None:
    """A true picture under any name of a share's or a program's leavings is left alone."""
    place.configure({"name": "all", "source": "delete"}, rescan="1s")
    names = LEAVINGS
    half = len(names) // 2
    for name in names[::2]:
        drop(place, name, picture())
    daemon = place.start()
    for name in names[1::2]:
        drop(place, name, picture())
    scanned_again(daemon)
    drop(place, "real.jpg", picture())
    daemon.finished("real.jpg")
    daemon.stop()
    assert half > 40
    assert place.files() == ["real.png"]
    assert [line["source"] for line in daemon.told("picture.settled")] == ["real.jpg"]
    assert sorted(place.files(place.inbox)) == sorted(names)


# --- what cannot be decoded ------------------------------------------------------------------


def chunk(kind: bytes, content: bytes) -> bytes:
    """Make a chunk of a PNG."""
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def png_bomb() -> bytes:
    """Claim 60,000 by 60,000 pixels in a PNG."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 6, 0, 0, 0)
    data = zlib.compress(bytes(1_000_000), 9)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def gif_bomb(width: int = 60_000) -> bytes:
    """Claim 60,000 by 60,000 pixels in a GIF."""
    content = bytearray(picture("a.gif"))
    content[6:10] = struct.pack("<HH", width, 60_000)
    return bytes(content)


def gif_bomb_in_a_frame() -> bytes:
    """Claim a small canvas in a GIF, and 60,000 by 60,000 pixels in its first picture."""
    content = bytearray(picture("a.gif"))
    at = content.index(b"\x2c\0\0\0\0")
    content[at + 5 : at + 9] = struct.pack("<HH", 60_000, 60_000)
    return bytes(content)


def tiff_bomb() -> bytes:
    """Claim 60,000 by 60,000 pixels in a TIFF."""
    content = bytearray(picture("a.tiff"))
    (at,) = struct.unpack_from("<I", content, 4)
    (entries,) = struct.unpack_from("<H", content, at)
    for entry in range(at + 2, at + 2 + 12 * entries, 12):
        if struct.unpack_from("<H", content, entry)[0] in {256, 257}:
            struct.pack_into("<HII", content, entry + 2, 4, 1, 60_000)
    return bytes(content)


def bmp_bomb() -> bytes:
    """Claim 60,000 by 60,000 pixels in a BMP."""
    content = bytearray(picture("a.bmp"))
    content[18:26] = struct.pack("<ii", 60_000, 60_000)
    return bytes(content)


def jpeg_bomb() -> bytes:
    """Claim 60,000 by 60,000 pixels in a JPEG."""
    content = bytearray(picture("a.jpg"))
    at = content.index(b"\xff\xc0")
    content[at + 5 : at + 9] = struct.pack(">HH", 60_000, 60_000)
    return bytes(content)


def webp_bomb() -> bytes:
    """Claim 60,000 by 60,000 pixels in an extended WebP."""
    whole = picture("a.webp")
    size = (59_999).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + size + size + whole[12:]
    return b"RIFF" + struct.pack("<I", len(body)) + body


def in_boxes_bomb(name: str) -> bytes:
    """Claim 60,000 by 60,000 pixels in an AVIF or HEIC."""
    content = bytearray(picture(name))
    at = content.index(b"ispe")
    content[at + 8 : at + 16] = struct.pack(">II", 60_000, 60_000)
    return bytes(content)


CORRUPT: dict[str, tuple[dict[str, object], float]] = {  # how to save it, where to damage it
    "PNG": ({}, 0.5),
    "GIF": ({}, 0.5),
    "TIFF": ({"compression": "tiff_lzw"}, 0.5),
    "WEBP": ({"lossless": True}, 0.0),
    "HEIF": ({}, 0.0),
}


def corrupt(form: str) -> bytes:
    """Damage a picture in its middle; its length and its outline stay as they were."""
    options, where = CORRUPT[form]
    noise = Image.frombytes("RGB", (64, 48), random.Random(1).randbytes(64 * 48 * 3))  # noqa: S311 - noise
    buffer = io.BytesIO()
    noise.save(buffer, form, **options)
    content = bytearray(buffer.getvalue())
    start = {"WEBP": content.find(b"VP8L") + 40, "HEIF": content.find(b"mdat") + 4}.get(form, 0)
    start = start or int(len(content) * where)
    content[start : start + 400] = bytes(255 - byte for byte in content[start : start + 400])
    return bytes(content)


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9"/></svg>'
PHOTOSHOP = b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 9, 9, 8, 3) + bytes(4000) + b"x"
POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%id) (w) file\nshowpage\n"
BOMB = "over the limit"
NOT_READ = "not a picture that can be read"
BAD: dict[str, tuple[bytes, str]] = {
    "text.jpg": (b"this is no picture\n" * 100, "it looks like text"),
    "page.png": (b"<!doctype html><html><body>404</body></html>", "web page"),
    "drawing.png": (SVG, "SVG"),
    "drawing.jpg": (SVG, "SVG"),
    "layers.jpg": (PHOTOSHOP, "Photoshop"),
    "layers.tiff": (PHOTOSHOP, "Photoshop"),
    "print.jpg": (POSTSCRIPT, "PostScript"),
    "print.png": (POSTSCRIPT, "PostScript"),
    "document.jpg": (b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n", "PDF"),
    "archive.jpg": (b"PK\x03\x04" + bytes(range(256)), "ZIP"),
    "program.jpg": (b"\x7fELF" + bytes(range(1, 200)), NOT_READ),
    "noise.jpg": (random.Random(2).randbytes(5000), NOT_READ),  # noqa: S311 - noise
    "film.jpg": (b"\0\0\0\x18ftypmp42" + bytes(range(1, 200)), "film"),
    "two bytes.jpg": (b"XY", "text"),
    "png bomb.png": (png_bomb(), BOMB),
    "png bomb.jpg": (png_bomb(), BOMB),
    "gif bomb.gif": (gif_bomb(), BOMB),
    "gif frame bomb.gif": (gif_bomb_in_a_frame(), BOMB),
    "tiff bomb.tiff": (tiff_bomb(), BOMB),
    "bmp bomb.bmp": (bmp_bomb(), BOMB),
    "jpeg bomb.jpg": (jpeg_bomb(), BOMB),
    "webp bomb.webp": (webp_bomb(), BOMB),
    "heic bomb.heic": (in_boxes_bomb("a.heic"), BOMB),
    "avif bomb.avif": (in_boxes_bomb("a.avif"), ""),
    "large.jpg": (drawn(1) + bytes(range(256)) * 4000, "the limit is 1,000,000"),
    **{f"corrupt.{form.lower()}": (corrupt(form), "is damaged") for form in CORRUPT},
    "rubbish.png": (png_bomb()[:8] + b"rubbish" * 50, ""),
    "after the header.png": (picture("a.png")[:33] + b"rubbish!" * 50, "is damaged"),
}


@pytest.mark.full
def test_what_cannot_be_decoded(place: Workplace) -> None:
    """Foreign formats, bombs, large and damaged files fail once, at once, and come good later."""
    place.configure(rescan="1s", settle="200ms")
    place.config.write_text(place.config.read_text() + "limits: {file: 1MB}\n")
    daemon = place.start()
    place.put("good.jpg")
    daemon.finished("good.jpg")
    before = peak_memory(daemon)
    for name, (content, _) in BAD.items():
        drop(place, name, content)
    for name, (_, words) in BAD.items():
        assert words in daemon.wait("job.failed", source=name)["why"], name
    scanned_again(daemon, times=3)
    assert peak_memory(daemon) - before < 100 << 20
    failed = Counter(line["source"] for line in daemon.told("job.failed"))
    assert failed == dict.fromkeys(BAD, 1)
    assert not daemon.told("job.held")
    assert place.files() == sorted(["good.png", *(f"failed/{name}.txt" for name in BAD)])
    for name, (_, words) in BAD.items():
        reason = (place.outbox / "failed" / f"{name}.txt").read_text()
        assert words in reason
        assert str(place.inbox / name) in reason
    for number, name in enumerate(BAD):
        drop(place, name, drawn(number))
    daemon.finished(*BAD)
    daemon.stop()
    outputs = {entry.path: entry.published for entry in place.entries()}
    assert [number_of(Path(outputs[name][0])) for name in BAD] == list(range(len(BAD)))
    assert place.files(place.outbox / "failed") == []


@pytest.mark.full
def test_failed_while_no_daemon_ran_is_not_tried_again(place: Workplace) -> None:
    """After a restart what failed is left alone, and what of it has changed is taken."""
    for name in ("text.jpg", "png bomb.png", "corrupt.png"):
        drop(place, name, BAD[name][0])
    first = place.start()
    first.wait("job.failed", times=3)
    first.stop()
    drop(place, "png bomb.png", drawn(1, ".png"))
    second = place.start()
    second.finished("png bomb.png")
    second.stop()
    assert not second.told("job.failed")
    assert len(second.told("picture.settled")) == 1
    assert place.files() == [
        "failed/corrupt.png.txt",
        "failed/text.jpg.txt",
        "png bomb.png",
    ]


@pytest.mark.full
@pytest.mark.parametrize("source", one_of_each_kind(["move", "delete"], kept=["move"]))
def test_what_fails_is_set_aside_whole(place: Workplace, source: str) -> None:
    """Where a rule disposes of sources, what failed lies in failed/ byte for byte."""
    place.configure({"name": "all", "source": source})
    for name, (content, _) in BAD.items():
        drop(place, name, content)
    place.config.write_text(place.config.read_text() + "limits: {file: 1MB}\n")
    daemon = place.start()
    daemon.wait("job.failed", times=len(BAD))
    wait_for(lambda: not place.files(place.inbox))
    daemon.stop()
    failed = place.outbox / "failed"
    expected = [f"failed/{name}{end}" for name in BAD for end in ("", ".txt")]
    assert place.files() == sorted(expected)
    for name, (content, _) in BAD.items():
        assert (failed / name).read_bytes() == content


# --- faults that nobody foresaw --------------------------------------------------------------


def test_something_unforeseen(place: Workplace) -> None:
    """A picture that makes a worker raise anything fails with its reason; the daemon goes on."""
    drop(place, "bad.jpg", drawn(1))
    for number in range(2, 6):
        drop(place, f"{number}.jpg", drawn(number))
    place.configure(rescan="1s")
    daemon = place.start(variables={"SCISSORSD_FAULTS": "decode:bad.jpg=raise"})
    why = daemon.wait("job.failed", source="bad.jpg")["why"]
    assert "something unforeseen went wrong: UnforeseenError" in why
    assert "please report it" in why
    assert "Traceback" in daemon.wait("job.unforeseen", source="bad.jpg")["trace"]
    daemon.finished(*(f"{number}.jpg" for number in range(2, 6)))
    scanned_again(daemon)
    assert len(daemon.told("job.failed")) == 1
    drop(place, "bad.jpg", drawn(7))
    daemon.finished("bad.jpg")
    daemon.stop()
    assert place.files() == ["2.png", "3.png", "4.png", "5.png", "bad.png"]
    assert number_of(place.outbox / "bad.png") == 7


def test_a_decoder_that_crashes(place: Workplace) -> None:
    """A picture that crashes the process is tried three times, then fails; the rest come out."""
    drop(place, "bad.jpg", drawn(1))
    for number in range(2, 6):
        drop(place, f"{number}.jpg", drawn(number))
    faults = {"SCISSORSD_FAULTS": "decode:bad.jpg=segv*"}
    crashes = 0
    while True:
        daemon = place.start("run", "-c", str(place.config), variables=faults)
        wait_for(partial(_failed_or_died, daemon))
        if daemon.told("job.failed"):
            break
        assert daemon.exit_code() == -signal.SIGSEGV
        crashes += 1
        assert crashes <= 3
    daemon.finished(*(f"{n}.jpg" for n in range(2, 6) if not (place.outbox / f"{n}.png").exists()))
    daemon.stop()
    assert crashes == 3
    (failed,) = daemon.told("job.failed")
    assert failed["source"] == "bad.jpg"
    assert "died again and again" in failed["why"]
    wait_for(lambda: len(place.files()) == 5)
    assert place.files() == ["2.png", "3.png", "4.png", "5.png", "failed/bad.jpg.txt"]


def _failed_or_died(daemon: Daemon) -> bool:
    return bool(daemon.told("job.failed")) or daemon.process.poll() is not None
