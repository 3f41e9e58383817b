import io
import struct

import numpy as np
import pytest
from PIL import Image

from scissorsd.core import signatures
from scissorsd.core.signatures import PictureFormat

TINY = Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3))


def encoded(name: str, image: Image.Image = TINY) -> bytes:
    """Encode a picture with Pillow."""
    buffer = io.BytesIO()
    image.save(buffer, name)
    return buffer.getvalue()


def ftyp(*brands: bytes) -> bytes:
    """Draw the first box of a HEIF or AVIF file."""
    box = b"ftyp" + brands[0] + bytes(4) + b"".join(brands[1:])
    return struct.pack(">I", 4 + len(box)) + box


def tiff(*tags: tuple[int, int, int], after: bytes = b"") -> bytes:
    """Draw a TIFF's first page of single values: tag, type, value."""
    page = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + page + bytes(4) + after


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF"])
def test_formats_are_told_by_their_bytes(name: PictureFormat) -> None:
    """What Pillow writes is recognised, whole in outline, and not whole without its last half."""
    data = encoded(name)
    assert signatures.recognise(data) == name
    assert not signatures.ends_early(data, name)
    assert signatures.ends_early(data[: len(data) // 2], name)


@pytest.mark.parametrize(
    ("brands", "name"),
    [
        ((b"heic", b"mif1", b"heic"), "HEIF"),
        ((b"mif1", b"mif1", b"heic"), "HEIF"),
        ((b"mif1", b"avif", b"miaf"), "AVIF"),
        ((b"avif", b"mif1"), "AVIF"),
        ((b"isom", b"mp42"), None),
        ((b"crx ", b"isom"), None),
    ],
)
def test_phones_files_are_told_by_their_brands(brands: tuple[bytes, ...], name: str | None) -> None:
    """HEIF and AVIF share one container and are told apart by its brands, films kept out."""
    assert signatures.recognise(ftyp(*brands)) == name


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"%PDF-1.7", "PDF"),
        (b"8BPS\0\1", "Photoshop"),
        (b"<?xml version='1.0'?><svg/>", "SVG"),
        (b"<!DOCTYPE html><p>404 Not Found", "web page"),
        ("Grüße".encode() * 300, "text"),
        (b"\x00\x01\x02\x03rest", "first bytes are 00 01 02 03"),
        (ftyp(b"isom"), "film"),
        (ftyp(b"crx "), "raw"),
        (b"II*\0\x10\0\0\0CR\2\0", "raw"),
    ],
)
def test_other_files_are_named(data: bytes, words: str) -> None:
    """A person is told what the file is instead, where a glance can say so."""
    assert signatures.recognise(data) is None
    assert words in signatures.foreign(data)


def test_raw_files_are_no_pictures() -> None:
    """A camera's raw file is a TIFF whose first page is a thumbnail: that must not be cut."""
    nef = tiff((254, 4, 1), (330, 4, 200))
    dng = tiff((254, 4, 0), (50706, 1, 1))
    page = tiff((254, 4, 0), (256, 3, 8))
    assert [signatures.recognise(data) for data in (nef, dng, page)] == [None, None, "TIFF"]


def test_sizes_are_read_without_a_decoder() -> None:
    """Formats whose decoders reserve memory at once tell their size to a few byte reads."""
    wide = TINY.resize((300, 200))
    for name in ("PNG", "WEBP", "GIF"):
        assert signatures.declared_size(encoded(name, wide), name) == (300, 200)
    for options in ({"lossless": True}, {"lossless": True, "exif": b"Exif\0\0"}):
        buffer = io.BytesIO()
        wide.save(buffer, "WEBP", **options)
        assert signatures.declared_size(buffer.getvalue(), "WEBP") == (300, 200)
    assert signatures.declared_size(b"GIF89a", "GIF") is None


def test_a_gif_is_as_large_as_its_first_picture() -> None:
    """A small canvas does not hide a huge picture that stands out over it."""
    descriptor = b"," + struct.pack("<HHHHB", 0, 0, 60000, 50000, 0)
    data = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0, 0, 0) + b"!\xf9\4\x08\0\0\0\0" + descriptor
    assert signatures.declared_size(data, "GIF") == (60000, 50000)


def test_room_reserved_for_a_file_is_not_its_end() -> None:
    """A copy that sets the final size first is seen to be unfinished by its empty tail."""
    data = encoded("JPEG")
    assert signatures.ends_early(data[:-100] + bytes(4096), "JPEG")
    assert signatures.is_hollow(bytes(4096))
    assert not signatures.is_hollow(data)


def test_damage_in_the_middle_is_not_a_missing_end() -> None:
    """A file that is whole in outline is not waited for."""
    damaged = bytearray(encoded("PNG"))
    damaged[60] ^= 0xFF
    assert not signatures.ends_early(bytes(damaged), "PNG")
    assert not signatures.ends_early(b"\xff\xd8\xff\xe0\0\4ab" + b"no marker", "JPEG")
    assert not signatures.ends_early(b"\0\0\0\4ftypheic", "HEIF")
