"""Colour that a file names otherwise than by a profile: seen through what comes out, in numbers."""

import io
import struct
import zlib

import numpy as np
import pillow_heif
import pytest
from drawn_profiles import linear, rgb_profile, shown
from numpy.typing import NDArray
from PIL import Image

from scissorsd.core.hdr import pq_value
from scissorsd.core.rules import Output
from scissorsd.errors import UnsupportedPictureError
from scissorsd.pictures import reading
from scissorsd.pictures.encoding import encode

TO_BT2020 = np.array(((0.6274, 0.3293, 0.0433), (0.0691, 0.9195, 0.0114), (0.0164, 0.0880, 0.8956)))
TO_P3 = np.array(((0.8225, 0.1774, 0.0), (0.0332, 0.9669, 0.0), (0.0171, 0.0724, 0.9108)))


def drawn() -> NDArray[np.uint8]:
    """Draw patches of all sorts of colours, which no subsampling mixes, and white."""
    patches = np.random.default_rng(5).integers(0, 256, (6, 8, 3), np.uint8)
    patches[0, :2] = 255
    return np.asarray(patches.repeat(16, axis=0).repeat(16, axis=1), np.uint8)


def in_pq(scale: int = 65535) -> NDArray[np.uint16]:
    """Return these colours in BT.2020 and PQ, their white at 203 cd/m²."""
    light = np.clip(linear(drawn() / 255, "sRGB") @ TO_BT2020.T, 0, 1)
    return np.rint(pq_value(light * 203 / 10_000) * scale).astype(np.uint16)


def in_p3() -> NDArray[np.uint8]:
    """Return these colours in Display P3."""
    light = np.clip(linear(drawn() / 255, "sRGB") @ TO_P3.T, 0, 1)
    curved = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(curved * 255), np.uint8)


def chunk(kind: bytes, content: bytes) -> bytes:
    """Draw a PNG's chunk."""
    check = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + check


def png(pixels: NDArray[np.uint8] | NDArray[np.uint16], *more: bytes) -> bytes:
    """Draw a PNG of grey or colours, with more chunks before the pixels."""
    height, width = pixels.shape[:2]
    kind = 0 if pixels.ndim == 2 else 2
    header = struct.pack(">IIBBBBB", width, height, 8 * pixels.itemsize, kind, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(f">u{row.itemsize}").tobytes() for row in pixels)
    parts = chunk(b"IHDR", header), *more, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def palette_png(pixels: NDArray[np.uint8], *more: bytes) -> bytes:
    """Draw a PNG whose colours are in a palette."""
    palette, indices = np.unique(pixels.reshape(-1, 3), axis=0, return_inverse=True)
    height, width = pixels.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    rows = indices.reshape(height, width).astype(np.uint8)
    content = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    parts = chunk(b"IHDR", header), *more, chunk(b"PLTE", palette.tobytes())
    return b"\x89PNG\r\n\x1a\n" + b"".join((*parts, chunk(b"IDAT", content), chunk(b"IEND", b"")))


def cicp(primaries: int, transfer: int, matrix: int = 0, full: int = 1) -> bytes:
    """Draw a PNG's code points."""
    return chunk(b"cICP", bytes((primaries, transfer, matrix, full)))


def avif(pixels: NDArray[np.uint8], primaries: int, transfer: int) -> bytes:
    """Draw an AVIF of that colour."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "AVIF", quality=100, subsampling="4:4:4")
    data = buffer.getvalue()
    at = data.index(b"colrnclx") + 8
    return data[:at] + struct.pack(">2H", primaries, transfer) + data[at + 4 :]


def heic(pixels: NDArray[np.uint16], primaries: int, transfer: int, mode: str = "RGB;16") -> bytes:
    """Draw a HEIC of 10 bits and that colour, without any loss to its colour's resolution."""
    buffer = io.BytesIO()
    pillow_heif.encode(
        mode,
        (pixels.shape[1], pixels.shape[0]),
        pixels.astype("<u2").tobytes(),
        buffer,
        quality=100,
        chroma=444,
        color_primaries=primaries,
        transfer_characteristics=transfer,
        matrix_coefficients=9,
        full_range_flag=1,
    )
    return buffer.getvalue()


def far(data: bytes) -> tuple[float, int]:
    """Say how far a cutout of the picture, seen as a browser does, is from what was drawn."""
    picture = reading.read(data, max_pixels=1_000_000)
    encoded = encode(picture.rgb, Output(format="png"), picture.metadata)
    with Image.open(io.BytesIO(encoded)) as image:
        off = np.abs(shown(image) - drawn())
    return float(off.mean()), int(off.max())


@pytest.mark.parametrize(
    ("data", "mean", "most"),
    [
        pytest.param(heic(in_pq(), 9, 16), 1.0, 12, id="HEIC, 10 bits"),
        pytest.param(avif(in_pq(255).astype(np.uint8), 9, 16), 5.0, 60, id="AVIF, by its 8 bits"),
        pytest.param(png(in_pq(), cicp(9, 16)), 0.5, 2, id="PNG, 16 bits"),
        pytest.param(png(in_pq(255).astype(np.uint8), cicp(9, 16)), 1.5, 24, id="PNG, 8 bits"),
        pytest.param(palette_png(in_pq(255).astype(np.uint8), cicp(9, 16)), 1.5, 24, id="palette"),
        pytest.param(png(in_pq(), cicp(9, 16, matrix=9)), 0.5, 2, id="a matrix in a PNG"),
        pytest.param(
            png(in_pq(), cicp(9, 16), chunk(b"sRGB", b"\0"), chunk(b"gAMA", b"\0\0\xb1\x8f")),
            *(0.5, 2),
            id="cICP before the rest",
        ),
    ],
)
def test_pq_is_shown_as_the_screen_shows_it(data: bytes, mean: float, most: int) -> None:
    """A picture of common range, stored as HDR with white at 203 cd/m², comes out as it was."""
    picture = reading.read(data, max_pixels=1_000_000)
    assert picture.metadata.icc is None
    assert far(data)[0] <= mean
    assert far(data)[1] <= most


@pytest.mark.parametrize(
    ("data", "mean", "most"),
    [
        pytest.param(png(in_pq(), cicp(9, 16)), 60, 257, id="PNG"),
        pytest.param(heic(in_pq(), 9, 16), 257, 12 * 257, id="HEIC, 10 bits"),
    ],
)
def test_sixteen_bits_of_pq_become_sixteen_of_srgb(data: bytes, mean: int, most: int) -> None:
    """A deep output of a deep HDR picture has all its bits, and the small copy is shown too."""
    picture = reading.read(data, max_pixels=1_000_000, deep=True)
    assert picture.deep is not None
    off = picture.deep.astype(int) - drawn().astype(int) * 257
    assert np.abs(off).max() <= most
    assert len(np.unique(picture.deep)) > 256 or np.abs(off).mean() < mean
    assert abs(picture.small.mean() - drawn().mean()) < 2


def test_grey_pq_and_alpha_are_read() -> None:
    """Grey of 16 bits in PQ is shown; alpha beside colours of 10 bits is kept as it is."""
    greys = np.rint(pq_value(linear(np.arange(256) / 255, "sRGB") * 203 / 10_000) * 65535)
    grey = png(greys.astype(np.uint16)[None].repeat(4, axis=0), cicp(9, 16))
    rgb = reading.read(grey, max_pixels=1_000_000).rgb
    assert np.abs(rgb[0].astype(int) - np.arange(256)[:, None]).max() <= 1
    with_alpha = np.concatenate((in_pq(), np.full((*in_pq().shape[:2], 1), 30_000, np.uint16)), 2)
    picture = reading.read(heic(with_alpha, 9, 16, "RGBA;16"), max_pixels=1_000_000)
    assert picture.alpha is not None
    assert np.abs(picture.alpha.astype(int) - 117).max() <= 2
    assert np.abs(picture.rgb.astype(int) - drawn()).mean() <= 2


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(png(in_p3(), cicp(12, 13)), id="PNG"),
        pytest.param(palette_png(in_p3(), cicp(12, 13)), id="palette"),
        pytest.param(
            png(
                in_p3(),
                chunk(
                    b"cHRM",
                    struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000),
                ),
                chunk(b"gAMA", struct.pack(">I", 45455)),
            ),
            id="cHRM and gAMA",
        ),
        pytest.param(avif(in_p3(), 12, 13), id="AVIF"),
        pytest.param(heic(in_p3().astype(np.uint16) * 257, 12, 13), id="HEIC, 10 bits"),
    ],
)
def test_wide_colours_by_numbers_stay_what_they_are(data: bytes) -> None:
    """Display P3 named by code points or by its primaries is seen through the profile it gets."""
    mean, _ = far(data)
    assert mean <= 2
    assert reading.read(data, max_pixels=1_000_000).metadata.icc is not None


@pytest.mark.parametrize(("gamma", "exponent"), [(100_000, 1.0), (55_556, 1.8), (40_000, 2.5)])
@pytest.mark.parametrize("is_grey", [False, True])
def test_a_gamma_of_its_own_is_seen(gamma: int, exponent: float, *, is_grey: bool) -> None:
    """A PNG's gAMA, in grey and in colours, decides how light its middle is."""
    values = np.arange(256, dtype=np.uint8)[None].repeat(4, axis=0)
    pixels = values if is_grey else np.stack((values,) * 3, axis=-1)
    picture = reading.read(
        png(pixels, chunk(b"gAMA", struct.pack(">I", gamma))), max_pixels=1_000_000
    )
    encoded = encode(picture.rgb, Output(format="png"), picture.metadata)
    with Image.open(io.BytesIO(encoded)) as image:
        seen = shown(image)[0, :, 1]
    light = (np.arange(256) / 255) ** exponent
    there = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255
    assert np.abs(seen - there)[16:].max() <= 3


@pytest.mark.parametrize(
    "more",
    [
        (chunk(b"gAMA", struct.pack(">I", 45455)),),
        (chunk(b"sRGB", b"\0"), chunk(b"gAMA", struct.pack(">I", 100_000))),
        (chunk(b"gAMA", struct.pack(">I", 0)),),
        (chunk(b"cHRM", bytes(32)),),
        (cicp(1, 13),),
        (cicp(2, 2),),
        (cicp(1, 1),),
    ],
)
def test_what_is_srgb_gets_no_profile(more: tuple[bytes, ...]) -> None:
    """The usual numbers, sRGB over a gamma, and numbers that mean nothing leave a picture alone."""
    picture = reading.read(png(drawn(), *more), max_pixels=1_000_000)
    assert picture.metadata.icc is None
    assert (picture.rgb == drawn()).all()


def test_a_profile_comes_after_cicp_and_before_the_rest() -> None:
    """Of a PNG's ways to name its colour the first in the standard's order counts (4.3)."""
    profile = chunk(b"iCCP", b"P3\0\0" + zlib.compress(rgb_profile("P3")))
    linear_light = chunk(b"gAMA", struct.pack(">I", 100_000))
    with_profile = reading.read(png(in_p3(), profile, linear_light), max_pixels=1_000_000)
    assert with_profile.metadata.icc == rgb_profile("P3")
    with_both = reading.read(png(drawn(), cicp(1, 13), profile), max_pixels=1_000_000)
    assert with_both.metadata.icc is None


def unnamed(data: bytes) -> bytes:
    """Take the code points out of the stream's header, where the encoder put those of sRGB."""
    bits = f"{int.from_bytes(data, 'big'):0{8 * len(data)}b}"
    stored, silent = (f"1{first:08b}{second:08b}{9:08b}" for first, second in ((1, 13), (2, 2)))
    assert bits.count(stored) == 1
    return int(bits.replace(stored, silent), 2).to_bytes(len(data), "big")


def test_deep_colours_that_are_not_named_are_a_guess_that_is_told() -> None:
    """A HEIC of 10 bits that says nothing is taken for sRGB, with a word."""
    named = heic(in_p3().astype(np.uint16) * 257, 12, 13)
    silent = unnamed(heic(in_p3().astype(np.uint16) * 257, 2, 2))
    assert reading.read(named, max_pixels=1_000_000).metadata.remarks == ()
    (remark,) = reading.read(silent, max_pixels=1_000_000).metadata.remarks
    assert remark.startswith("taken for sRGB")
    assert reading.read(avif(drawn(), 2, 2), max_pixels=1_000_000).metadata.remarks == ()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (png(drawn(), cicp(9, 16, full=0)), "narrow range"),
        (png(drawn(), cicp(9, 9)), "logarithmic"),
        (avif(drawn(), 9, 10), "logarithmic"),
    ],
)
def test_what_is_not_shown_right_is_refused_in_words(data: bytes, words: str) -> None:
    """Values that nothing here shows as they are meant are an error that says which."""
    with pytest.raises(UnsupportedPictureError, match=words):
        reading.read(data, max_pixels=1_000_000)


def bmp(pixels: NDArray[np.uint8], space: bytes, *fields: int, profile: bytes = b"") -> bytes:
    """Draw a BMP of the fifth version: endpoints and gammas, or a profile behind the pixels."""
    height, width = pixels.shape[:2]
    rows = b"".join(
        row[:, ::-1].tobytes() + bytes(-3 * width % 4) for row in pixels[::-1].astype(np.uint8)
    )
    numbers = (*fields, *(0,) * (12 - len(fields)))
    header = struct.pack("<IiiHHIIiiII16x", 124, width, height, 1, 24, 0, len(rows), 0, 0, 0, 0)
    header += space + struct.pack("<12I", *numbers)
    header += struct.pack("<4I", 4, 124 + len(rows), len(profile), 0)
    length = 14 + len(header) + len(rows) + len(profile)
    return struct.pack("<2sIII", b"BM", length, 0, 138) + header + rows + profile


P3_POINTS = tuple(
    round(value * (1 << 30)) for value in (0.68, 0.32, 0.0, 0.265, 0.69, 0.045, 0.15, 0.06, 0.79)
)


@pytest.mark.parametrize(
    "data",
    [
        bmp(in_p3(), bytes(4), *P3_POINTS, *(round(2.2 * 65536),) * 3),
        bmp(in_p3(), b"DEBM", profile=rgb_profile("P3")),
    ],
)
def test_a_bmp_with_colours_of_its_own_keeps_them(data: bytes) -> None:
    """Endpoints and gamma in the header, and a profile behind the pixels, are both followed."""
    assert far(data)[0] <= 1.5


@pytest.mark.parametrize(
    "data",
    [
        bmp(drawn(), bytes(4)),
        bmp(drawn(), b"BGRs"),
        bmp(drawn(), b"KNIL", profile=b"/etc/passwd"),
        bmp(drawn(), b"DEBM", profile=b"")[: -0 or None],
    ],
)
def test_a_bmp_that_names_nothing_is_srgb(data: bytes) -> None:
    """Fields of zeros, sRGB by name, a link to a profile and an empty one change nothing."""
    picture = reading.read(data, max_pixels=1_000_000)
    assert picture.metadata.icc is None
    assert (picture.rgb == drawn()).all()
