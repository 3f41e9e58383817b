"""Whole files that decoders stumble over, and damaged ones that they take for whole."""

import io
import shutil
import struct
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from drawn_files import chunk
from PIL import Image, ImageDraw

from scissorsd.core.repairs import mended
from scissorsd.errors import (
    CorruptPictureError,
    OverLimitsError,
    TruncatedPictureError,
    UnsupportedPictureError,
)
from scissorsd.pictures import reading
from scissorsd.pictures.decoders import opened
from scissorsd.pictures.picture import Picture

LIMIT = 10_000_000
SIZE = WIDTH, HEIGHT = 160, 120
CJPEG = shutil.which("cjpeg")


def drawn(*, grey_below: bool = False) -> Image.Image:
    """Draw a picture with something in every part of it, or with mid-grey below its middle."""
    noise = np.random.default_rng(3).integers(0, 90, (HEIGHT, WIDTH, 3), np.uint8)
    picture = Image.fromarray(noise + np.uint8(60))
    ImageDraw.Draw(picture).ellipse((40, 10, 120, 110), fill="firebrick")
    if grey_below:
        picture.paste((128, 128, 128), (0, HEIGHT // 2, WIDTH, HEIGHT))
    return picture


def encoded(name: str, picture: Image.Image | None = None, **options: object) -> bytes:
    """Encode the drawing, or another picture."""
    buffer = io.BytesIO()
    (picture or drawn()).save(buffer, name, **options)
    return buffer.getvalue()


def jpeg(picture: Image.Image | None = None, **options: object) -> bytes:
    """Encode as a JPEG that hides little."""
    return encoded("JPEG", picture, quality=95, **options)


def read(data: bytes) -> Picture:
    """Read a picture that no limit matters to."""
    return reading.read(data, max_pixels=LIMIT)


def frame(data: bytes) -> int:
    """Find where the frame header of a JPEG lies."""
    return data.index(b"\xff\xc2" if b"\xff\xc2" in data[:700] else b"\xff\xc0")


def height_behind(data: bytes) -> bytes:
    """Move the height of a JPEG behind its samples."""
    at = frame(data) + 5
    behind = b"\xff\xdc\0\4" + data[at : at + 2]
    return data[:at] + b"\0\0" + data[at + 2 : -2] + behind + data[-2:]


WHOLE: dict[str, Callable[[bytes], bytes]] = {
    "a line first": lambda data: b"\r\n" + data,
    "a mark of UTF-8 first": lambda data: b"\xef\xbb\xbf" + data,
    "much behind": lambda data: data + b"and more" * 999,
    "zeros behind": lambda data: data + bytes(5000),
}


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"])
@pytest.mark.parametrize("how", WHOLE)
def test_what_stands_around_a_picture_costs_nothing(name: str, how: str) -> None:
    """Blanks before a file and whatever is behind it do not make it a damaged one."""
    data = encoded(name)
    changed = WHOLE[how](data)
    assert reading.read_header(changed, max_pixels=LIMIT).format == name
    assert (read(changed).rgb == read(data).rgb).all()


def test_blanks_before_nothing_known_are_left() -> None:
    """Only what is a picture behind them loses its first blanks."""
    for data in (b"\r\n\r\nsome text", b" ", b""):
        assert mended(data) is data


@pytest.mark.parametrize("blank", [b"", b"\n"])
def test_a_height_behind_the_samples(blank: bytes) -> None:
    """A JPEG that says its height last (DNL) is read as the one that says it first."""
    picture = read(blank + height_behind(jpeg()))
    assert (picture.rgb == read(jpeg()).rgb).all()
    assert not picture.flaw


@pytest.mark.parametrize("change", [2, 1, 0])
def test_the_byte_that_fills_a_webp_up(change: int) -> None:
    """A WebP without the byte after a chunk of odd length, counted or not, is whole."""
    for number in range(20):
        whole = encoded("WEBP", drawn().rotate(number), quality=80, exif=b"Exif\0\0MM" + b"x" * 7)
        length = struct.unpack_from("<I", whole, 4)[0]
        if whole.endswith(b"x\0"):
            break
    short = whole[:4] + struct.pack("<I", length - change + 1) + whole[8:-1]
    assert (read(short).rgb == read(whole).rgb).all()


def test_apples_png() -> None:
    """The PNG that Apple's tools make has its right colours, straight alpha, and its size."""
    pixels = np.asarray(drawn().convert("RGBA")).copy()
    pixels[:60, :, 3] = 128
    multiplied = pixels.astype(float)
    multiplied[..., :3] *= pixels[..., 3:] / 255
    stored = np.rint(multiplied).astype(np.uint8)[..., [2, 1, 0, 3]]
    rows = b"".join(b"\0" + row.tobytes() for row in stored)
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    samples = deflate.compress(rows) + deflate.flush()
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"CgBI", b"\x50\0\x20\6")
    data += chunk(b"IHDR", struct.pack(">IIBBBBB", *SIZE, 8, 6, 0, 0, 0))
    data += chunk(b"IDAT", samples[:500]) + chunk(b"IDAT", samples[500:]) + chunk(b"IEND", b"")
    assert reading.read_header(data, max_pixels=LIMIT) == reading.Header("PNG", *SIZE)
    picture = read(data)
    assert np.abs(picture.rgb.astype(int) - pixels[..., :3]).max() <= 1
    assert picture.alpha is not None
    assert (picture.alpha == pixels[..., 3]).all()
    with pytest.raises(OverLimitsError):
        reading.read_header(data, max_pixels=100)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({1: 0xC3}, "it is a lossless JPEG"),
        ({1: 0xC5}, "it is a hierarchical JPEG"),
        ({4: 12}, "it has 12 bits of a sample"),
        ({9: 2}, "it has 2 colours of a pixel"),
    ],
)
def test_kinds_of_jpeg_that_are_not_read(changes: dict[int, int], words: str) -> None:
    """A JPEG of a kind that no decoder here knows is named, and not called damaged."""
    data = bytearray(jpeg())
    at = frame(bytes(data))
    for offset, value in changes.items():
        data[at + offset] = value
    with pytest.raises(UnsupportedPictureError, match=words) as caught:
        read(bytes(data))
    assert "save it as an 8-bit PNG" in caught.value.advice


def test_a_compression_that_is_not_read() -> None:
    """A TIFF compressed by what libtiff lacks here is a kind, and not damage."""
    data = encoded("TIFF")
    entry = struct.pack("<HHI", 259, 3, 1)
    at = data.index(entry) + len(entry)
    changed = data[:at] + struct.pack("<H", 50001) + data[at + 2 :]
    with pytest.raises(UnsupportedPictureError, match="it is compressed by WebP"):
        read(changed)


def test_a_claim_that_no_file_keeps() -> None:
    """Where so few bytes cannot hold so many pixels, nobody is told to raise a limit."""
    data = jpeg()
    at = frame(data) + 5
    with pytest.raises(OverLimitsError) as caught:
        read(data[:at] + b"\xff\xff\xff\xff" + data[at + 4 :])
    assert "it is damaged" in caught.value.advice
    with pytest.raises(OverLimitsError) as caught:
        reading.read(data, max_pixels=100)
    assert "raise the limit" in caught.value.advice


def test_a_png_that_went_through_as_text() -> None:
    """Bytes that a transfer as text has changed are recognised as that."""
    with pytest.raises(UnsupportedPictureError, match="sent as text"):
        read(encoded("PNG").replace(b"\r\n", b"\n"))


def test_rubbish_behind_a_signature_is_no_picture_on_its_way() -> None:
    """What follows a PNG's first bytes is its header, or there is nothing to wait for."""
    with pytest.raises(CorruptPictureError):
        read(encoded("PNG")[:8] + b"rubbish" * 50)
    with pytest.raises(TruncatedPictureError):
        read(encoded("PNG")[:14])


def test_a_jpeg_of_no_height_is_damaged() -> None:
    """What claims no pixels says so in words."""
    data = jpeg()
    at = frame(data) + 5
    with pytest.raises(CorruptPictureError, match="claims no pixels"):
        read(data[:at] + b"\0\0" + data[at + 2 :])


def test_a_jpeg_is_decoded_in_one_piece() -> None:
    """Arithmetic coding cannot wait for the next 64 KiB: the decoder is given all at once."""
    data = jpeg()
    with opened(data, "JPEG", LIMIT) as image:
        assert image.decodermaxblock == len(data)


@pytest.mark.skipif(CJPEG is None, reason="libjpeg-turbo's cjpeg is not here")
@pytest.mark.parametrize("options", [["-arithmetic"], ["-arithmetic", "-progressive"]])
def test_arithmetic_coding(options: list[str], tmp_path: Path) -> None:
    """A JPEG of more than 64 KiB that is coded arithmetically is read, and has no flaw."""
    noise = np.random.default_rng(3).integers(0, 256, (300, 400, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.ppm")
    command = [str(CJPEG), *options, "-quality", "98", str(tmp_path / "noise.ppm")]
    data = subprocess.run(command, check=True, capture_output=True).stdout
    assert len(data) > 1 << 17
    picture = read(data)
    assert picture.rgb.shape == (300, 400, 3)
    assert not picture.flaw


# --- what libjpeg only warns of --------------------------------------------------------------


def broken_off(data: bytes, share: float) -> bytes:
    """Leave out the last of a JPEG's samples, and end it as if it were whole."""
    first = data.index(b"\xff\xda") + 20
    end = first + int((len(data) - first) * share)
    while data[end - 1] == 0xFF:
        end -= 1
    return data[:end] + b"\xff\xd9"


KINDS: dict[str, Callable[..., bytes]] = {
    "plain": jpeg,
    "all colours": lambda picture=None: jpeg(picture, subsampling=0),
    "own tables": lambda picture=None: jpeg(picture, optimize=True),
    "restarts": lambda picture=None: jpeg(picture, restart_marker_rows=2),
    "grey": lambda picture=None: jpeg((picture or drawn()).convert("L")),
    "inks": lambda picture=None: jpeg((picture or drawn()).convert("CMYK")),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.02, 0.5, 0.8])
def test_a_jpeg_whose_lower_part_is_missing(kind: str, share: float) -> None:
    """A file that ends in the middle of its samples, and ends well, is given with its flaw."""
    assert "lower part" in read(broken_off(KINDS[kind](), share)).flaw
    assert "lower part" in read(broken_off(KINDS[kind](drawn(grey_below=True)), share / 2)).flaw


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_that_is_grey_below(kind: str) -> None:
    """The same grey, where it was drawn, is no flaw; no more is a white ground."""
    grey = Image.new("RGB", SIZE, (128, 128, 128))
    white = drawn()
    white.paste("white", (0, 60, *SIZE))
    for picture in (drawn(), drawn(grey_below=True), grey, white):
        assert not read(KINDS[kind](picture)).flaw
    progressive = jpeg(drawn(grey_below=True), progressive=True)
    assert not read(progressive).flaw


def test_a_progressive_jpeg_that_ends_in_its_first_pass() -> None:
    """Of a progressive JPEG that much is seen: its first pass ended before the last rows."""
    assert "lower part" in read(broken_off(jpeg(progressive=True), 0.005)).flaw


def test_only_the_end_mark_is_missing() -> None:
    """A JPEG that lacks nothing but its last two bytes is whole; one that lacks more is not."""
    for kind in KINDS.values():
        data = kind()
        assert (read(data[:-2]).rgb == read(data).rgb).all()
        with pytest.raises(TruncatedPictureError):
            read(data[: len(data) // 2])
    with pytest.raises(TruncatedPictureError):
        read(jpeg(progressive=True)[:-2])


def short_png(picture: Image.Image, share: float) -> bytes:
    """Write a PNG whose samples end early, and that ends well, its sums being right."""
    whole = io.BytesIO()
    picture.save(whole, "PNG")
    data = whole.getvalue()
    begin = data.index(b"IDAT") + 4
    samples = zlib.decompress(data[begin : data.index(b"IEND") - 8])
    kept = zlib.compress(samples[: int(len(samples) * share)])
    return data[: begin - 8] + chunk(b"IDAT", kept) + chunk(b"IEND", b"")


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "1"])
def test_a_png_whose_samples_end_early(mode: str) -> None:
    """A PNG that holds fewer rows than it says is given with its flaw; black rows are none."""
    assert "lower part" in read(short_png(drawn().convert(mode), 0.6)).flaw
    black_below = drawn()
    black_below.paste((0, 0, 0), (0, HEIGHT // 2, WIDTH, HEIGHT))
    assert not read(short_png(black_below.convert(mode), 1)).flaw
