"""16 bits of a sample: into the picture, and out into what is written."""

import io
import tracemalloc
import zlib
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Literal

import numpy as np
import pytest
import tifffile
from drawn_files import Deep, chunk, lzw, png, read_png, tiff
from drawn_profiles import grey_profile, lab_shown, rgb_profile, srgb
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from scissorsd.core import depth
from scissorsd.core.formats import Format
from scissorsd.core.masking import Judgement
from scissorsd.core.rules import Length, Output
from scissorsd.errors import PictureError, TruncatedPictureError
from scissorsd.pictures import reading
from scissorsd.pictures.cutting_out import Cut, render
from scissorsd.pictures.encoding import encode, wants_16_bits
from scissorsd.pictures.metadata import Metadata
from scissorsd.pictures.picture import Picture

LIMIT = 10_000_000
WIDTH, HEIGHT = 67, 41  # neither a multiple of anything


def read(data: bytes) -> Picture:
    """Read a picture with all of its bits."""
    return reading.read(data, max_pixels=LIMIT, deep=True)


def noise(samples: int) -> Deep:
    """Draw samples of which every bit matters."""
    shape = (HEIGHT, WIDTH, samples)
    return np.random.default_rng(7).integers(0, 65536, shape, np.uint16)


def assert_holds(picture: Picture, pixels: Deep) -> None:
    """Check both depths of a picture against the samples of its file: grey or RGB, and alpha."""
    samples = pixels.shape[-1]
    rgb = pixels[..., :3] if samples > 2 else pixels[..., :1].repeat(3, axis=-1)
    assert picture.deep is not None
    assert picture.deep.dtype == np.uint16
    assert picture.deep.shape == picture.rgb.shape
    assert (picture.deep == rgb).all()
    assert np.abs(picture.rgb.astype(int) - rgb / 257).max() < 1
    if samples in {2, 4}:
        assert picture.alpha is not None
        assert picture.deep_alpha is not None
        assert (picture.deep_alpha == pixels[..., -1]).all()
        assert np.abs(picture.alpha.astype(int) - pixels[..., -1] / 257).max() < 1
    else:
        assert picture.deep_alpha is None


# --- reading ---------------------------------------------------------------------------------


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("samples", [1, 2, 3, 4])
def test_png(samples: int, interlaced: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Every bit of a PNG is read: grey, RGB, with and without alpha, interlaced or not."""
    data = png(noise(samples), interlaced=interlaced)
    assert reading.read_header(data, max_pixels=LIMIT).bits == 16
    assert_holds(read(data), noise(samples))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("samples", [1, 3, 4])
@pytest.mark.parametrize(("compression", "predictor"), [(None, 1), ("zlib", 1), ("zlib", 2)])
@pytest.mark.parametrize("layout", [{}, {"rowsperstrip": 5}, {"tile": (16, 32)}])
def test_tiff(
    samples: int,
    order: Literal["<", ">"],
    compression: str | None,
    predictor: int,
    layout: dict[str, object],
) -> None:
    """Every bit of a TIFF is read: both orders of bytes, strips and tiles, deflate, differences."""
    options = {"byteorder": order, "compression": compression, "predictor": predictor, **layout}
    data = by_tifffile(noise(samples), planar=False, **options)
    assert reading.read_header(data, max_pixels=LIMIT).bits == 16
    assert_holds(read(data), noise(samples))


def by_tifffile(
    pixels: Deep,
    *,
    planar: bool = False,
    **options: Any,  # noqa: ANN401 - the library's own
) -> bytes:
    """Write a TIFF by another library."""
    samples = pixels.shape[-1]
    options.setdefault("photometric", "rgb" if samples > 1 else "minisblack")
    if samples == 4 and options["photometric"] == "rgb":
        options.setdefault("extrasamples", ["unassalpha"])
    if planar:
        options["planarconfig"] = "separate"
        pixels = np.moveaxis(pixels, -1, 0)
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels[..., 0] if samples == 1 else pixels, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("layout", [{}, {"rowsperstrip": 5}, {"tile": (16, 32)}])
def test_tiff_in_planes(
    order: Literal["<", ">"], compression: str | None, layout: dict[str, object]
) -> None:
    """A TIFF whose red, green and blue lie apart is read, which Pillow takes for 8 bits."""
    options = {"byteorder": order, "compression": compression, **layout}
    data = by_tifffile(noise(3), planar=True, **options)
    assert_holds(read(data), noise(3))
    shallow = reading.read(data, max_pixels=LIMIT)
    assert shallow.deep is None
    assert np.abs(shallow.rgb - noise(3) / 257).max() <= 0.5


@pytest.mark.parametrize("predictor", [1, 2])
@pytest.mark.parametrize("order", ["<", ">"])
def test_tiff_by_lzw(order: str, predictor: int) -> None:
    """A TIFF compressed by LZW, as scanners and Photoshop write it, is read."""
    pixels = noise(3)
    differences = pixels.copy()
    if predictor == 2:
        differences[:, 1:] -= pixels[:, :-1]
    stored = differences.astype(order + "u2")
    strips = [lzw(stored[top : top + 9].tobytes()) for top in range(0, HEIGHT, 9)]
    tags = {258: [16] * 3, 259: [5], 262: [2], 277: [3], 278: [9], 317: [predictor]}
    assert_holds(read(tiff((WIDTH, HEIGHT), strips, tags, order)), pixels)


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_tiff_of_multiplied_alpha(compression: str | None, planar: bool) -> None:  # noqa: FBT001
    """Colours that a file multiplied with alpha are taken out of it, as exactly as they can be."""
    rng = np.random.default_rng(8)
    straight = rng.integers(0, 65536, (HEIGHT, WIDTH, 3), np.uint16)
    alpha = rng.integers(0, 65536, (HEIGHT, WIDTH, 1), np.uint16)
    alpha[:4] = 0
    stored = np.concatenate((np.rint(straight * (alpha / 65535)).astype(np.uint16), alpha), axis=-1)
    options = {"extrasamples": ["assocalpha"], "compression": compression}
    picture = read(by_tifffile(stored, planar=planar, **options))
    assert picture.deep is not None
    assert picture.deep_alpha is not None
    assert (picture.deep_alpha == alpha[..., 0]).all()
    off = np.abs(picture.deep.astype(int) - straight) * (alpha / 65535)
    assert off[4:].max() <= 1  # half a step when stored, half when taken out again
    assert (picture.deep[:4] == 0).all()


@pytest.mark.parametrize("order", ["<", ">"])
def test_every_level_survives(order: Literal["<", ">"]) -> None:
    """All 65,536 levels go in and come out of both formats, in each colour."""
    levels = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    pixels = np.stack((levels, levels[::-1], levels.T), axis=-1)
    opaque = np.full((256, 256, 1), 65535, np.uint16)
    for data in (png(pixels), by_tifffile(pixels, byteorder=order, compression="zlib")):
        picture = read(data)
        assert picture.deep is not None
        cutout = np.concatenate((picture.deep, opaque), axis=-1)
        written = encode(cutout, Output(depth="same"), picture.metadata)
        assert (read_png(written) == cutout).all()
        written = encode(cutout, Output(format="tiff", depth="same"), picture.metadata)
        assert (tifffile.imread(io.BytesIO(written)) == cutout).all()


@pytest.mark.parametrize("gamma", [1.0, 1.8])
@pytest.mark.parametrize("samples", [1, 2])
def test_greys_go_through_their_profile_before_a_bit_is_lost(samples: int, gamma: float) -> None:
    """Each of 65,536 greys comes out as the sRGB value of its light, to one step of 16 bits."""
    levels = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1).repeat(samples, axis=-1)
    profile = chunk(b"iCCP", b"grey\0\0" + zlib.compress(grey_profile(gamma)))
    picture = read(png(levels, profile))
    assert picture.deep is not None
    assert picture.metadata.icc is None
    light = (levels[..., :1] / 65535) ** (round(gamma * 256) / 256)
    assert np.abs(picture.deep - srgb(light) * 65535).max() <= 1
    assert np.abs(picture.rgb - srgb(light) * 255).max() <= 0.51  # and dark ones are not banded


def test_deep_colours_keep_their_profile() -> None:
    """16 bits of Display P3 are the same colours as in the file, seen through the profile."""
    pixels = noise(3)
    icc = rgb_profile("P3")
    picture = read(png(pixels, chunk(b"iCCP", b"p3\0\0" + zlib.compress(icc))))
    assert picture.metadata.icc == icc
    written = encode(picture.deep, Output(format="tiff"), picture.metadata)  # type: ignore[arg-type]
    with tifffile.TiffFile(io.BytesIO(written)) as file:
        (page,) = file.pages
        assert page.tags["InterColorProfile"].value == icc  # type: ignore[union-attr]
        assert (page.asarray() == pixels).all()
    image = Image.open(io.BytesIO(written))
    source = Image.fromarray((pixels >> 8).astype(np.uint8))
    source.info["icc_profile"] = icc
    assert np.abs(lab_shown(image) - lab_shown(source)).max() <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("samples", [1, 2, 3, 4])
def test_deep_pictures_are_turned(samples: int, orientation: int) -> None:
    """16 bits lie as the 8 of the same picture do, in all eight orientations, in both formats."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    files = [png(noise(samples), chunk(b"eXIf", exif.tobytes()[6:]))]
    if samples != 2:
        extra = [(274, 3, 1, orientation, False)]
        files.append(by_tifffile(noise(samples), extratags=extra))
    for data in files:
        picture = read(data)
        upright = (HEIGHT, WIDTH) if orientation < 5 else (WIDTH, HEIGHT)
        assert picture.deep is not None
        assert picture.deep.shape[:2] == picture.rgb.shape[:2] == upright
        assert np.abs(picture.deep / 257 - picture.rgb).max() < 1
        corner = {1: (0, 0), 2: (0, -1), 3: (-1, -1), 4: (-1, 0)}  # where the first pixel goes
        corner |= {5: (0, 0), 6: (0, -1), 7: (-1, -1), 8: (-1, 0)}
        assert (
            picture.deep[corner[orientation]] == noise(samples)[0, 0][: 3 if samples > 2 else 1]
        ).all()
        if samples in {2, 4}:
            assert picture.alpha is not None
            assert picture.deep_alpha is not None
            assert np.abs(picture.deep_alpha / 257 - picture.alpha).max() < 1
            assert picture.deep_alpha[corner[orientation]] == noise(samples)[0, 0, -1]


@pytest.mark.parametrize("deep", [False, True])
def test_a_transparent_colour_is_found_exactly(deep: bool) -> None:  # noqa: FBT001
    """Only the very colour is transparent, not one that differs in its last bit."""
    pixels = np.array([[(1000, 2000, 3000), (1000, 2000, 3001)]], np.uint16)
    key = np.array((1000, 2000, 3000), ">u2").tobytes()
    picture = reading.read(png(pixels, chunk(b"tRNS", key)), max_pixels=LIMIT, deep=deep)
    assert picture.alpha is not None
    assert picture.alpha.tolist() == [[0, 255]]
    if deep:
        assert picture.deep_alpha is not None
        assert picture.deep_alpha.tolist() == [[0, 65535]]
    else:
        assert picture.deep is None


def test_a_transparent_grey_is_found_exactly() -> None:
    """The same of a grey picture."""
    pixels = np.array([[[1000], [1001]]], np.uint16)
    picture = read(png(pixels, chunk(b"tRNS", (1000).to_bytes(2, "big"))))
    assert picture.deep_alpha is not None
    assert picture.deep_alpha.tolist() == [[0, 65535]]


def test_a_wholly_opaque_alpha_is_none_at_both_depths() -> None:
    """An alpha channel that says nothing is not carried along."""
    pixels = noise(4)
    pixels[..., 3] = 65535
    picture = read(png(pixels))
    assert picture.alpha is None
    assert picture.deep_alpha is None
    assert picture.deep is not None


def test_twelve_bits_fill_all_sixteen() -> None:
    """The white of 12 bits is the white of 16."""
    values = np.array([0, 1, 2048, 4095])
    packed = int("".join(f"{value:012b}" for value in values), 2).to_bytes(6, "big")
    data = tiff((4, 1), [packed], {258: [12], 259: [1], 262: [1], 277: [1], 278: [1]})
    assert reading.read_header(data, max_pixels=LIMIT).bits == 12
    picture = read(data)
    assert picture.deep is not None
    assert (picture.deep[0, :, 0] == np.rint(values * 65535 / 4095)).all()


def test_greys_with_black_at_the_top_are_turned_over_at_sixteen_bits() -> None:
    """A scan that says that 0 is white is read as such."""
    picture = read(
        by_tifffile(noise(1)).replace(b"\x06\x01\x03\0\1\0\0\0\1", b"\x06\x01\x03\0\1\0\0\0\0")
    )
    assert picture.deep is not None
    assert (picture.deep == 65535 - noise(1)).all()


def test_floats_are_read_deep() -> None:
    """Light from 0 to 1 in floating point comes out in 16 bits."""
    light = np.linspace(0, 1, 65536, dtype=np.float32).reshape(256, 256)
    buffer = io.BytesIO()
    Image.fromarray(light).save(buffer, "TIFF")
    picture = read(buffer.getvalue())
    assert picture.deep is not None
    assert (picture.deep[..., 0].ravel() == np.arange(65536)).all()


@pytest.mark.parametrize("planar", [False, True])
def test_what_cannot_be_read_deep_is_read_all_the_same(planar: bool) -> None:  # noqa: FBT001
    """CMYK of 16 bits comes out in 8, rightly, whichever way its inks lie."""
    inks = noise(4)
    picture = read(by_tifffile(inks, planar=planar, photometric="separated"))
    assert picture.deep is None
    rest = 1 - inks / 65535
    assert np.abs(picture.rgb - rest[..., :3] * rest[..., 3:] * 255).max() < 3


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF", "GIF"])
def test_eight_bits_are_not_made_more(name: str) -> None:
    """A picture of 8 bits has no more, however it is asked."""
    buffer = io.BytesIO()
    Image.new("RGB", (9, 9), "red").save(buffer, name)
    assert reading.read_header(buffer.getvalue(), max_pixels=LIMIT).bits == 8
    assert read(buffer.getvalue()).deep is None


@pytest.mark.parametrize("samples", [1, 2, 3, 4])
def test_nobody_asked(samples: int) -> None:
    """Unless it is asked for, the 8 bits are all that is read, and they are the same."""
    files = (
        [png(noise(samples))]
        if samples == 2
        else [png(noise(samples)), by_tifffile(noise(samples))]
    )
    for data in files:
        shallow = reading.read(data, max_pixels=LIMIT)
        assert shallow.deep is None
        assert shallow.deep_alpha is None
        assert (shallow.rgb == read(data).rgb).all()


@pytest.mark.parametrize("samples", [2, 3, 4])
def test_every_cut_of_a_deep_file_is_told(samples: int) -> None:
    """A deep picture that breaks off is truncated, or nothing of its pixels is missing."""
    data = png(noise(samples))
    whole = read(data).deep
    assert whole is not None
    for end in (*range(0, len(data), len(data) // 20), len(data) - 1):
        try:
            picture = read(data[:end])
        except TruncatedPictureError:
            continue
        assert picture.deep is not None
        assert (picture.deep == whole).all()


def deep_files() -> dict[str, bytes]:
    """Write a file of each kind that is read in a way of its own."""
    return {
        "grey with alpha": png(noise(2)),
        "colour": png(noise(3)),
        "multiplied": by_tifffile(noise(4), extrasamples=["assocalpha"], compression="zlib"),
        "planes": by_tifffile(noise(3), planar=True),
    }


DEEP_FILES = deep_files()


@pytest.mark.parametrize("kind", DEEP_FILES)
def test_hostile_bytes_raise_nothing_else(kind: str) -> None:
    """Whatever bytes of a deep file's head or tail are changed, it is read or refused in order."""
    sample = DEEP_FILES[kind]
    near = st.one_of(st.integers(0, 400), st.integers(len(sample) - 400, len(sample) - 1))

    @settings(deadline=None, max_examples=150, database=None)
    @given(st.lists(st.tuples(near, st.integers(0, 255)), min_size=1, max_size=6))
    def look(changes: list[tuple[int, int]]) -> None:
        data = bytearray(sample)
        for at, value in changes:
            data[at] = value
        with suppress(PictureError):
            picture = read(bytes(data))
            assert picture.deep is None or picture.deep.shape == picture.rgb.shape

    look()


# --- writing ---------------------------------------------------------------------------------


@pytest.mark.parametrize("compression", ["fast", "small"])
@pytest.mark.parametrize(
    "shape", [(1, 1), (41, 67), (1, 9, 4), (9, 1, 3), (41, 67, 3), (41, 67, 4)]
)
def test_png_is_written_deep(shape: tuple[int, ...], compression: Literal["fast", "small"]) -> None:
    """A PNG of 16 bits loses nothing, whatever its shape, fast or small; others read it."""
    pixels = np.random.default_rng(9).integers(0, 65536, shape, np.uint16)
    icc, dpi = rgb_profile("P3"), (300.0, 150.0)
    data = encode(pixels, Output(compression=compression), Metadata(icc=icc, dpi=dpi))
    assert (read_png(data).reshape(shape) == pixels).all()
    image = Image.open(io.BytesIO(data))
    image.load()
    assert image.info["dpi"] == pytest.approx(dpi, abs=0.02)
    assert image.info.get("icc_profile") == (None if pixels.ndim == 2 else icc)


@pytest.mark.parametrize("shape", [(700, 513, 4), (3, 90_000, 4)])
@pytest.mark.parametrize("compression", ["fast", "small"])
def test_png_of_many_bands(shape: tuple[int, ...], compression: Literal["fast", "small"]) -> None:
    """Where a picture is filtered in parts, the parts fit together."""
    pixels = np.random.default_rng(9).integers(0, 65536, shape, np.uint16)
    picture = read(encode(pixels, Output(compression=compression), Metadata()))
    assert picture.deep is not None
    assert (picture.deep == pixels[..., :3]).all()
    assert picture.deep_alpha is not None
    assert (picture.deep_alpha == pixels[..., 3]).all()


def test_small_is_smaller() -> None:
    """What takes longer gives a smaller file, and both are far smaller than the samples."""
    rows, columns = np.mgrid[:200, :300]
    rng = np.random.default_rng(3).normal(0, 40, (200, 300, 3))
    smooth = np.stack((rows * 160, columns * 110, (rows + columns) * 60), -1) + rng
    pixels = np.clip(smooth, 0, 65535).astype(np.uint16)
    fast, small = (
        len(encode(pixels, Output(compression=compression), Metadata()))
        for compression in ("fast", "small")
    )
    assert small < fast < 0.7 * pixels.nbytes


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(1, 1), (41, 67), (41, 67, 3), (41, 67, 4), (700, 513, 4)])
def test_tiff_is_written(shape: tuple[int, ...], kind: type[np.uint8 | np.uint16]) -> None:
    """A TIFF of either depth is read to the bit by another library, which finds alpha straight."""
    pixels = np.random.default_rng(9).integers(0, np.iinfo(kind).max, shape, kind, endpoint=True)
    data = encode(pixels, Output(format="tiff"), Metadata(dpi=(300.0, 150.5)))
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        (page,) = file.pages
        assert isinstance(page, tifffile.TiffPage)
        assert (page.asarray() == pixels).all()
        assert page.bitspersample == 8 * pixels.itemsize
        assert page.extrasamples == ((2,) if shape[-1] == 4 else ())  # 2: unassociated
        assert page.get_resolution("inch") == pytest.approx((300, 150.5))


@pytest.mark.parametrize("name", ["png", "tiff"])
def test_deep_files_keep_their_metadata(name: Format) -> None:
    """EXIF goes into files of 16 bits as into those of 8."""
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "A. Nyone"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.LensModel] = "Wide 1.8"
    metadata = Metadata(icc=rgb_profile("Adobe"), dpi=(300, 300), exif=exif.tobytes())
    data = encode(noise(4), Output(format=name, metadata="keep"), metadata)
    found = Image.open(io.BytesIO(data)).getexif()
    assert found[ExifTags.Base.Artist] == "A. Nyone"
    assert found.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.LensModel] == "Wide 1.8"
    assert_holds(read(data), noise(4))


def test_a_tiff_says_what_it_cannot_carry() -> None:
    """A resolution that is no number is a reason, not a crash."""
    nowhere = Metadata(dpi=(float("nan"), 1.0))
    with pytest.raises(PictureError, match="cannot be written as tiff"):
        encode(noise(4), Output(format="tiff"), nowhere)


# --- which outputs are deep ------------------------------------------------------------------


@pytest.mark.parametrize("name", ["png", "tiff", "webp", "avif", "jpeg"])
@pytest.mark.parametrize("wanted", ["8", "16", "same"])
@pytest.mark.parametrize("source", [8, 16])
def test_wants_deep(name: Format, wanted: Literal["8", "16", "same"], source: int) -> None:
    """16 is always deep, same is where the source is, in the formats that can hold it."""
    picture = read(png(noise(3)))
    if source == 8:
        picture = reading.read(png(noise(3)), max_pixels=LIMIT)
    expected = name in {"png", "tiff"} and (wanted == "16" or (wanted == "same" and source == 16))
    assert wants_16_bits(Output(format=name, depth=wanted), picture) is expected


def test_alpha_and_mask_are_multiplied_at_sixteen_bits() -> None:
    """A deep cutout's alpha is its own times the mask, and its colours are as they were."""
    pixels = noise(4)
    picture = read(png(pixels))
    assert picture.alpha is not None
    mask = np.where(np.arange(WIDTH) < 30, 255, 128).astype(np.uint8)[None].repeat(HEIGHT, axis=0)
    within = (mask.astype(np.uint16) * picture.alpha + 127) // 255
    alpha = depth.deep_mask(within.astype(np.uint8), picture.alpha, picture.deep_alpha)
    seen = picture.alpha > 0  # what is less than a step of 8 bits is gone
    exact = np.where(seen, pixels[..., 3] * (mask / 255), 0)
    assert (alpha[:, :30] == exact[:, :30]).all()  # where the mask is 1 nothing is rounded
    assert np.abs(alpha - exact)[picture.alpha > 1].max() <= 257  # else to a step of 8 bits
    assert picture.deep is not None
    cutout = np.concatenate((picture.deep, alpha[..., None]), axis=-1)
    for name in ("png", "tiff"):
        again = read(encode(cutout, Output(format=name), picture.metadata))
        assert again.deep is not None
        assert (again.deep == pixels[..., :3]).all()
        assert again.deep_alpha is not None
        assert (again.deep_alpha == alpha).all()


# --- memory ----------------------------------------------------------------------------------


def most_memory(function: Callable[[], object], pixels: int) -> float:
    """Return the most memory that arrays and bytes took meanwhile, in bytes per pixel."""
    function()
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1] / pixels
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("samples", "shallow", "deep"),
    [
        (1, 8.5, 12.5),  # grey at 16 bits, and the 8 twice while they are joined
        (3, 6.5, 11.0),  # the 8, and the 16
        (4, 7.5, 14.0),  # with alpha
    ],
)
def test_copies_of_a_deep_picture(samples: int, shallow: float, deep: float) -> None:
    """16 bits cost what they take and little besides, and nothing where nobody asked."""
    side = 1500
    ramp = np.arange(side * side, dtype=np.uint32).reshape(side, side, 1) // 35
    pixels = ramp.astype(np.uint16).repeat(samples, axis=-1)
    data = encode(pixels[..., 0] if samples == 1 else pixels, Output(), Metadata())
    taken = [
        most_memory(partial(reading.read, data, max_pixels=LIMIT, deep=is_deep), side * side)
        for is_deep in (False, True)
    ]
    assert taken[0] < shallow, taken
    assert taken[1] < deep, taken


@pytest.mark.parametrize(
    "output",
    [
        Output(depth="16", outline=Length(8)),
        Output(kind="comparison", depth="16", colour="as_is"),
        Output(kind="comparison", depth="16"),
    ],
)
def test_what_is_made_of_deep_colours(output: Output) -> None:
    """An outline and a comparison of 16 bits have the levels of the picture, and take no more."""
    side = 1500
    ramp = np.arange(side * side, dtype=np.uint32).reshape(side, side, 1) // 35
    data = encode(ramp.astype(np.uint16).repeat(3, axis=-1), Output(), Metadata())
    picture = reading.read(data, max_pixels=LIMIT, deep=True)
    mask = np.zeros((side, side), np.uint8)
    mask[200:-200, 200:-200] = 255
    cut = Cut(mask, Judgement("ok", 1.0, 0.5, 0.0), "cpu", "full", 0.0)
    make = partial(render, picture, cut, output, max_pixels=LIMIT)
    made = reading.read(make(), max_pixels=LIMIT, deep=True)
    assert made.deep is not None
    assert len(np.unique(made.deep)) > 20_000
    held = 3 + 6 + 1  # the picture itself, at 8 and at 16 bits, and its mask
    assert most_memory(make, side * side) + held < 36
