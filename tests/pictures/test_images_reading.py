import io
import struct
import threading
import zlib
from collections.abc import Callable

import numpy as np
import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import ExifTags, Image

from scissorsd.errors import (
    CorruptPictureError,
    OverLimitsError,
    PictureError,
    TruncatedPictureError,
    UnsupportedPictureError,
)
from scissorsd.pictures import reading

pillow_heif.register_heif_opener()  # for writing only; reading asks for no registration

LIMIT = 1_000_000
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "HEIF")
FAITHFUL: dict[str, dict[str, object]] = {
    "WEBP": {"lossless": True},
    "TIFF": {"compression": "tiff_lzw"},
    "AVIF": {"quality": 95, "subsampling": "4:4:4"},
    "HEIF": {"quality": 95, "chroma": 444},
    "JPEG": {"quality": 95, "subsampling": 0},
}


def encoded(image: Image.Image, name: str, **options: object) -> bytes:
    """Encode a picture with Pillow, as faithfully as the format can."""
    buffer = io.BytesIO()
    image.save(buffer, name, **{**FAITHFUL.get(name, {}), **options})
    return buffer.getvalue()


def quarters() -> Image.Image:
    """Draw a picture of 64 by 48 whose four corners differ: red, green, blue, yellow."""
    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[:24, :32], pixels[:24, 32:] = (220, 20, 20), (20, 200, 20)
    pixels[24:, :32], pixels[24:, 32:] = (20, 20, 220), (220, 220, 20)
    return Image.fromarray(pixels)


def corners(rgb: NDArray[np.uint8]) -> str:
    """Name the colours at top left, top right, bottom left and bottom right."""
    names = {(1, 0, 0): "r", (0, 1, 0): "g", (0, 0, 1): "b", (1, 1, 0): "y"}
    points = rgb[6, 6], rgb[6, -6], rgb[-6, 6], rgb[-6, -6]
    return "".join(names[red > 120, green > 120, blue > 120] for red, green, blue in points)


def chunk(kind: bytes, content: bytes) -> bytes:
    """Draw one chunk of a PNG."""
    check = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + check


def png_header(width: int, height: int) -> bytes:
    """Draw the beginning of a PNG of that size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)


SAMPLES = {name: encoded(quarters(), name) for name in FORMATS}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_read(name: str) -> None:
    """Each of the eight formats comes out as the picture that went in, header and pixels."""
    header = reading.read_header(SAMPLES[name], max_pixels=LIMIT)
    assert header == reading.Header(name, 64, 48)
    picture = reading.read(SAMPLES[name], max_pixels=LIMIT)
    assert picture.rgb.shape == (48, 64, 3)
    assert picture.rgb.dtype == np.uint8
    assert picture.alpha is None
    inner = np.s_[4:20, 4:28]
    expected = np.asarray(quarters()).astype(int)
    assert np.abs(picture.rgb.astype(int) - expected)[inner].max() <= 6


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
@pytest.mark.parametrize(
    ("orientation", "seen"),
    [*enumerate(("rgby", "gryb", "ybgr", "byrg", "rbgy", "bryg", "ygbr", "gyrb"), start=1)],
)
def test_all_orientations_are_put_right_once(name: str, orientation: int, seen: str) -> None:
    """A picture in any of the eight orientations is read upright, whoever turns it."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    data = encoded(quarters(), name, exif=exif.tobytes())
    picture = reading.read(data, max_pixels=LIMIT)
    assert corners(picture.rgb) == seen
    assert picture.rgb.shape[:2] == ((48, 64) if orientation < 5 else (64, 48))


def test_orientation_turns_alpha_and_resolution_too() -> None:
    """What belongs to the picture's sides is turned with them."""
    turned = quarters().convert("RGBA")
    turned.putalpha(Image.fromarray(np.tile(np.arange(64, dtype=np.uint8), (48, 1))))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    picture = reading.read(encoded(turned, "PNG", exif=exif, dpi=(300, 150)), max_pixels=LIMIT)
    assert picture.alpha is not None
    assert (picture.alpha[:, 0] == np.arange(64)).all()
    assert picture.metadata.dpi == pytest.approx((150, 300), abs=0.1)


def test_only_the_first_picture_of_an_animation_is_read() -> None:
    """An animated GIF is its first frame."""
    frames = [Image.new("RGB", (20, 10), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert (reading.read(data, max_pixels=LIMIT).rgb == (255, 0, 0)).all()


def test_a_phones_many_pictures_in_one_are_a_jpeg() -> None:
    """A multi-picture file, as phones and cameras write it, is read as the JPEG it begins with."""
    frames = [Image.new("RGB", (20, 10), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], "MPO", save_all=True, append_images=frames[1:])
    assert reading.read_header(data, max_pixels=LIMIT).format == "JPEG"
    assert reading.read(data, max_pixels=LIMIT).rgb[5, 5, 0] > 240


@pytest.mark.parametrize("name", FORMATS)
def test_every_cut_is_a_missing_end(name: str) -> None:
    """Wherever a file breaks off it is truncated, or nothing of its pixels is missing."""
    data = SAMPLES[name]
    whole = reading.read(data, max_pixels=LIMIT).rgb
    for end in (*range(0, len(data), max(1, len(data) // 60)), len(data) - 1):
        try:
            rgb = reading.read(data[:end], max_pixels=LIMIT).rgb
        except TruncatedPictureError:
            continue
        assert (rgb == whole).all()


@pytest.mark.parametrize("name", ["JPEG", "PNG", "HEIF"])
def test_a_file_with_an_empty_tail_is_still_being_written(name: str) -> None:
    """A file that has its size but not yet its content is truncated, not damaged or half grey."""
    data = SAMPLES[name]
    half = data[: len(data) // 2].ljust(len(data) + 1000, b"\0")
    with pytest.raises(TruncatedPictureError):
        reading.read(half, max_pixels=LIMIT)


@pytest.mark.parametrize("data", [b"", b"\x89PNG", b"RIFF", bytes(9000), b"\0\0\0\x18ftyp"])
def test_hardly_begun_files_are_truncated(data: bytes) -> None:
    """Nothing, a few bytes or mere reserved room may still become a picture."""
    with pytest.raises(TruncatedPictureError):
        reading.read_header(data, max_pixels=LIMIT)


def test_damage_is_told_from_a_missing_end() -> None:
    """A whole file with broken content is corrupt: there is nothing to wait for."""
    data = bytearray(SAMPLES["PNG"])
    data[data.index(b"IDAT") + 12] ^= 0xFF
    with pytest.raises(CorruptPictureError, match="PNG file is damaged"):
        reading.read(bytes(data), max_pixels=LIMIT)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"This is not a picture at all.\n", "it looks like text"),
        (b"%PDF-1.7 and so on", "it looks like a PDF document"),
        (b"\xde\xad\xbe\xef\x01\x02\x03\x04\x05", "its first bytes are de ad be ef"),
    ],
)
def test_other_files_are_unsupported(data: bytes, words: str) -> None:
    """A file of another kind under a picture's name is refused in words for a person."""
    with pytest.raises(UnsupportedPictureError, match=words) as caught:
        reading.read_header(data, max_pixels=LIMIT)
    assert "JPEG" in caught.value.advice


def test_kinds_of_pixels_that_no_decoder_knows_are_unsupported() -> None:
    """A TIFF of three floats per pixel is no damage, but nothing that can be read."""
    data = bytearray(encoded(Image.new("RGB", (4, 4)), "TIFF", compression=None))
    at = data.index(struct.pack("<HHI", 262, 3, 1))
    data[at + 8] = 32803 & 0xFF
    with pytest.raises(UnsupportedPictureError, match="kind of TIFF"):
        reading.read(bytes(data), max_pixels=LIMIT)


def bomb(name: str) -> bytes:
    """Draw a small file whose header claims billions of pixels."""
    if name == "PNG":
        return png_header(60_000, 60_000) + chunk(b"IDAT", zlib.compress(bytes(1000)))
    if name == "GIF":
        frame = b"!\xf9\4\x08\0\0\0\0," + struct.pack("<HHHHB", 0, 0, 60_000, 60_000, 0)
        return b"GIF89a" + struct.pack("<HHBBB", 9, 9, 0, 0, 0) + frame + b"\2\1\0\0;"
    if name == "WEBP":
        body = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + b"\xff\x3e\0" * 2
        return b"RIFF" + struct.pack("<I", len(body)) + body
    data = bytearray(encoded(Image.new("RGB", (8, 8)), name))
    if name == "JPEG":
        at = data.index(b"\xff\xc0")
        struct.pack_into(">HH", data, at + 5, 60_000, 60_000)
    else:
        struct.pack_into("<ii", data, 18, 60_000, 60_000)
    return bytes(data)


@pytest.mark.parametrize("name", ["PNG", "GIF", "WEBP", "JPEG", "BMP"])
@pytest.mark.parametrize("reader", [reading.read_header, reading.read])
def test_bombs_are_refused_by_their_header(name: str, reader: Callable[..., object]) -> None:
    """Billions of claimed pixels are refused before anything is decoded or reserved."""
    with pytest.raises(OverLimitsError, match=r"megapixels, over the limit of 1\.0"):
        reader(bomb(name), max_pixels=LIMIT)


def test_a_small_tiff_may_not_have_a_huge_tile() -> None:
    """The size of a tile, for which libtiff reserves memory, is limited like the picture's."""
    tags = (
        (256, 8),
        (257, 8),
        (258, 8),
        (259, 5),
        (262, 1),
        (277, 1),
        (322, 65_536),
        (323, 65_536),
    )
    entries = [*tags, (324, 8), (325, 8)]
    page = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    data = b"II*\0" + struct.pack("<IH", 8, len(entries)) + page + bytes(400)
    with pytest.raises(OverLimitsError):
        reading.read(data, max_pixels=LIMIT)


def test_the_limit_itself_is_allowed() -> None:
    """A picture of exactly the limit is read; one pixel less of a limit refuses it."""
    assert reading.read(SAMPLES["PNG"], max_pixels=64 * 48).rgb.size
    with pytest.raises(OverLimitsError):
        reading.read(SAMPLES["PNG"], max_pixels=64 * 48 - 1)


def test_limits_hold_for_each_thread_by_itself() -> None:
    """Pictures read at the same time under different limits do not share them."""
    refused: list[bool] = []

    def look(limit: int) -> None:
        for _ in range(50):
            try:
                reading.read(SAMPLES["PNG"], max_pixels=limit)
                refused.append(limit < LIMIT)
            except OverLimitsError:
                refused.append(limit == LIMIT)

    threads = [threading.Thread(target=look, args=(limit,)) for limit in (10, LIMIT) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == [False] * 200


@pytest.mark.parametrize("name", FORMATS)
def test_hostile_bytes_raise_nothing_else(name: str) -> None:
    """Whatever bytes of a file are changed, it is read or refused with an error of ours."""
    sample = SAMPLES[name]

    @settings(deadline=None, max_examples=60, database=None)
    @given(
        st.lists(
            st.tuples(st.integers(0, len(sample) - 1), st.integers(0, 255)), min_size=1, max_size=6
        ),
        st.integers(0, 64),
    )
    def read(changes: list[tuple[int, int]], missing: int) -> None:
        data = bytearray(sample)
        for at, value in changes:
            data[at] = value
        try:
            picture = reading.read(bytes(data[: len(data) - missing]), max_pixels=LIMIT)
        except PictureError as error:
            assert error.what  # noqa: PT017 - which error it is depends on the bytes
        else:
            assert picture.rgb.ndim == 3

    read()
