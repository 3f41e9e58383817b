"""What a picture is, its cutout is: colours, resolution, orientation and alpha, in numbers."""

import io
import struct
from collections.abc import Callable, Mapping
from fractions import Fraction

import numpy as np
import pillow_heif
import pytest
from drawn_profiles import (
    ADOBE_GAMMA,
    cmyk_profile,
    grey_profile,
    inked,
    lab_of,
    lab_shown,
    rgb_profile,
    shown,
    srgb,
)
from numpy.typing import NDArray
from PIL import ExifTags, Image

from scissorsd.core import cutting, masking
from scissorsd.core.formats import Format
from scissorsd.core.rules import Output
from scissorsd.pictures import reading
from scissorsd.pictures.backgrounds import load_background
from scissorsd.pictures.encoding import encode
from scissorsd.pictures.metadata import Metadata
from scissorsd.pictures.picture import Picture

pillow_heif.register_heif_opener()  # for writing, and to see what others see

LIMIT = 1_000_000
LOSSLESS: dict[str, dict[str, object]] = {"WEBP": {"lossless": True}, "JPEG": {"quality": 95}}
SOURCES = ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF")
CUTOUTS: tuple[Format, ...] = ("png", "tiff", "webp")  # which are lossless; AVIF is not
RESULTS: tuple[Format, ...] = ("png", "tiff", "webp", "avif", "jpeg")
BASE = ExifTags.Base


def encoded(image: Image.Image, name: str, options: Mapping[str, object] | None = None) -> bytes:
    """Encode a picture with Pillow."""
    buffer = io.BytesIO()
    image.save(buffer, name, **{**LOSSLESS.get(name, {}), **(options or {})})
    return buffer.getvalue()


def opened(data: bytes) -> Image.Image:
    """Decode with Pillow, as anyone else would."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def read(data: bytes) -> Picture:
    """Read a picture that no limit matters to."""
    return reading.read(data, max_pixels=LIMIT)


def cutout(picture: Picture, name: Format = "png") -> Image.Image:
    """Cut out all of a picture, and open what is written of it."""
    everything = np.full(picture.rgb.shape[:2], 255, np.uint8)
    pixels = cutting.cutout(picture.rgb, everything)
    return opened(encode(pixels, Output(format=name, quality=100), picture.metadata))


def colourful(channels: int = 3) -> NDArray[np.uint8]:
    """Draw patches of 8 by 8 pixels, which no subsampling mixes, of colours all over the range."""
    patches = np.random.default_rng(5).integers(10, 246, (6, 8, channels), np.uint8)
    return patches.repeat(8, axis=0).repeat(8, axis=1)


# --- colours ---------------------------------------------------------------------------------


@pytest.mark.parametrize("space", ["P3", "Adobe"])
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", CUTOUTS)
def test_wide_colours_stay_what_they_are(source: str, space: str, name: Format) -> None:
    """A cutout seen through its own profile is the picture seen through its own, to one step."""
    data = encoded(Image.fromarray(colourful()), source, {"icc_profile": rgb_profile(space)})
    before, after = opened(data), cutout(read(data), name)
    assert np.abs(shown(before) - shown(after)).max() <= 1
    assert np.abs(lab_shown(before) - lab_shown(after)).max() <= 1
    after.info.pop("icc_profile")
    assert np.abs(shown(before) - shown(after)).max() > 20  # the profile is what makes it so


@pytest.mark.parametrize("space", ["P3", "Adobe"])
def test_wide_colours_are_the_colours_of_their_space(space: str) -> None:
    """A cutout shows the colours that its space's definition says, not only what a library says."""
    pixels = colourful()
    profile = rgb_profile(space)
    after = cutout(read(encoded(Image.fromarray(pixels), "PNG", {"icc_profile": profile})))
    assert np.abs(lab_shown(after) - lab_of(pixels / 255, space)).max() <= 1


def adobe_without_profile(name: str) -> bytes:
    """Write a picture as a camera set to Adobe RGB does: the space is named in EXIF only."""
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ColorSpace] = 0xFFFF
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.IFD.Interop] = {1: "R03"}
    return encoded(Image.fromarray(colourful()), name, {"exif": exif.tobytes()})


@pytest.mark.parametrize("name", ["JPEG", "PNG"])
def test_a_camera_that_only_names_adobe_rgb(name: str) -> None:
    """A picture that EXIF says is Adobe RGB is shown as Adobe RGB."""
    data = adobe_without_profile(name)
    stored = np.asarray(opened(data).convert("RGB")) / 255
    assert np.abs(lab_shown(cutout(read(data))) - lab_of(stored, "Adobe")).max() <= 1


@pytest.mark.parametrize("name", ["HEIF", "AVIF"])
def test_a_phone_that_only_names_display_p3(name: str) -> None:
    """A HEIC or AVIF whose code points say Display P3 is shown as Display P3."""
    data = encoded(Image.fromarray(colourful()), name, {"quality": 95})
    at = data.index(b"colrnclx") + 8
    data = data[:at] + struct.pack(">2H", 12, 13) + data[at + 4 :]
    stored = np.asarray(opened(data).convert("RGB")) / 255
    assert np.abs(lab_shown(cutout(read(data))) - lab_of(stored, "P3")).max() <= 1


@pytest.mark.parametrize("name", ["HEIF", "AVIF"])
def test_other_code_points_are_left_alone(name: str) -> None:
    """A HEIC or AVIF of sRGB, which says so in code points, carries no profile."""
    assert read(encoded(Image.fromarray(colourful()), name)).metadata.icc is None


@pytest.mark.parametrize(
    ("name", "options", "steps"),
    [("TIFF", {}, 2), ("TIFF", {"compression": "tiff_lzw"}, 2), ("JPEG", {"quality": 100}, 5)],
)
def test_print_files_show_their_inks(name: str, options: Mapping[str, object], steps: int) -> None:
    """CMYK comes out as the sRGB of what its profile's inks show; JPEG's own loss comes on top."""
    inks = colourful(4)
    image = Image.fromarray(inks, "CMYK")
    data = encoded(image, name, {**options, "icc_profile": cmyk_profile()})
    picture = read(data)
    assert picture.metadata.icc is None
    assert np.abs(picture.rgb - inked(inks / 255) * 255).max() <= steps
    after = cutout(picture)
    assert np.abs(shown(opened(data)) - shown(after)).max() <= 2  # tables are interpolated
    assert np.abs(lab_shown(after) - lab_of(picture.rgb / 255, "sRGB")).max() <= 1


@pytest.mark.parametrize("name", ["JPEG", "TIFF"])
def test_print_files_without_a_profile(name: str) -> None:
    """CMYK that nothing more is known of is taken for inks that swallow all of their light."""
    inks = colourful(4)
    picture = read(encoded(Image.fromarray(inks, "CMYK"), name, {}))
    rest = 255 - inks.astype(int)
    expected = rest[..., :3] * rest[..., 3:] / 255
    assert np.abs(picture.rgb - expected).max() <= (6 if name == "JPEG" else 1)


@pytest.mark.parametrize("name", ["JPEG", "PNG", "TIFF"])
@pytest.mark.parametrize("gamma", [1.0, 1.8, ADOBE_GAMMA])
def test_greys_show_their_light(name: str, gamma: float) -> None:
    """Every grey of a profile's gamma comes out as the sRGB value of the same light, to a step."""
    greys = np.arange(256, dtype=np.uint8).repeat(64).reshape(128, 128)
    options = {"icc_profile": grey_profile(gamma), "quality": 100}
    data = encoded(Image.fromarray(greys), name, options)
    picture = read(data)
    stored = np.asarray(opened(data)) / 255
    exact = round(gamma * 256) / 256  # as a profile holds it
    assert np.abs(picture.rgb - srgb(stored**exact)[..., None] * 255).max() <= 1
    assert picture.metadata.icc is None


@pytest.mark.parametrize("space", ["P3", "Adobe"])
def test_a_background_keeps_its_colour_behind_a_wide_picture(space: str, tmp_path: object) -> None:
    """A background picture of sRGB looks the same behind a picture of another space."""
    path = f"{tmp_path}/behind.png"
    behind = Image.fromarray((colourful() // 2 + 64).astype(np.uint8))
    behind.save(path)
    icc = rgb_profile(space)
    loaded = Image.fromarray(load_background(path, behind.height, behind.width, LIMIT, icc))
    loaded.info["icc_profile"] = icc
    assert np.abs(shown(loaded) - shown(behind)).max() <= 3


# --- resolution ------------------------------------------------------------------------------


def resolution_in_exif(across: float, down: float, unit: int | None = 2) -> bytes:
    """Write EXIF that says a resolution and nothing else."""
    exif = Image.Exif()
    exif[BASE.XResolution], exif[BASE.YResolution] = Fraction(across), Fraction(down)
    if unit is not None:
        exif[BASE.ResolutionUnit] = unit
    return exif.tobytes()


@pytest.mark.parametrize("source", ["JPEG", "PNG", "TIFF", "BMP"])
@pytest.mark.parametrize("dpi", [(300, 300), (300, 150), (72, 72)])
def test_resolution_of_a_formats_own_field(source: str, dpi: tuple[int, int]) -> None:
    """Dots per inch are read from the format's own field, across and down apart."""
    picture = read(encoded(Image.new("RGB", (9, 7)), source, {"dpi": dpi}))
    assert picture.metadata.dpi == pytest.approx(dpi, abs=0.02)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    ("unit", "dots"), [(2, (240, 120)), (None, (240, 120)), (3, (609.6, 304.8))]
)
def test_resolution_of_exif_alone(source: str, unit: int | None, dots: tuple[float, float]) -> None:
    """Where only EXIF says it, it is read from there, in dots per inch or per centimetre."""
    exif = resolution_in_exif(240, 120, unit)
    picture = read(encoded(Image.new("RGB", (9, 7)), source, {"exif": exif}))
    assert picture.metadata.dpi == pytest.approx(dots)


@pytest.mark.parametrize("source", SOURCES)
def test_no_resolution_is_none(source: str) -> None:
    """A picture that says no resolution has none, whatever its decoder makes up."""
    assert read(encoded(Image.new("RGB", (9, 7)), source)).metadata.dpi is None
    exif = Image.Exif()
    exif[BASE.Artist] = "A. Nyone"
    data = encoded(Image.new("RGB", (9, 7)), source, {"exif": exif.tobytes()})
    assert read(data).metadata.dpi is None


@pytest.mark.parametrize("source", SOURCES)
def test_a_shape_of_pixels_is_no_resolution(source: str) -> None:
    """Numbers without a unit say how wide a pixel is for its height, not how many make an inch."""
    exif = resolution_in_exif(2, 1, unit=1)
    assert read(encoded(Image.new("RGB", (9, 7)), source, {"exif": exif})).metadata.dpi is None


@pytest.mark.parametrize("dpi", [(300.0, 300.0), (300.0, 150.0), (72.0, 96.0), (118.11, 118.11)])
@pytest.mark.parametrize("name", RESULTS)
def test_resolution_is_written(name: Format, dpi: tuple[float, float]) -> None:
    """Every format that is written says the resolution, as exactly as it can, to anyone."""
    pixels = np.zeros((7, 9, 3), np.uint8)
    data = encode(pixels, Output(format=name), Metadata(dpi=dpi))
    exact = 0.5 if name == "jpeg" else 0.02  # a JPEG's are whole numbers
    assert read(data).metadata.dpi == pytest.approx(dpi, abs=exact)
    other = opened(data)
    exif = other.getexif()
    said = other.info.get("dpi", (exif.get(BASE.XResolution), exif.get(BASE.YResolution)))
    assert [float(value) for value in said] == pytest.approx(dpi, abs=exact)


# --- orientation -----------------------------------------------------------------------------

TURNED: dict[
    int, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
] = {  # what a program must do to a picture of each orientation, in numpy's words
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
    8: np.rot90,
}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("orientation", TURNED)
def test_orientations(source: str, orientation: int) -> None:
    """All eight orientations: pixels lie as they should, and the resolution's axes with them."""
    exif = Image.Exif()
    exif[BASE.Orientation] = orientation
    exif[BASE.XResolution], exif[BASE.YResolution], exif[BASE.ResolutionUnit] = 300, 150, 2
    pixels = colourful()
    options: dict[str, object] = {"exif": exif.tobytes(), "quality": 95}
    picture = read(encoded(Image.fromarray(pixels), source, options))
    upright = TURNED[orientation](pixels)
    assert picture.rgb.shape == upright.shape
    off = np.abs(picture.rgb.astype(int) - upright)
    assert off.mean() < (0.01 if source in {"PNG", "TIFF"} else 8)  # turned wrong: 60 and more
    dpi = (300, 150) if orientation < 5 else (150, 300)
    assert picture.metadata.dpi == pytest.approx(dpi)


@pytest.mark.parametrize("source", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", TURNED)
def test_orientations_of_alpha(source: str, orientation: int) -> None:
    """Alpha is turned with its picture."""
    exif = Image.Exif()
    exif[BASE.Orientation] = orientation
    pixels = colourful(4)
    options = {"exif": exif.tobytes(), "exact": True}
    picture = read(encoded(Image.fromarray(pixels), source, options))
    assert picture.alpha is not None
    assert (picture.alpha == TURNED[orientation](pixels)[..., 3]).all()
    assert (picture.rgb == TURNED[orientation](pixels)[..., :3]).all()


# --- alpha -----------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("name", CUTOUTS)
def test_alpha_is_multiplied_with_the_mask(source: str, name: Format) -> None:
    """A picture's own alpha and the mask are multiplied; colours stay straight, as they were."""
    pixels = np.zeros((64, 256, 4), np.uint8)
    pixels[..., :3] = (200, 100, 50)
    pixels[..., 3] = np.arange(256)
    picture = read(encoded(Image.fromarray(pixels), source, {"exact": True}))
    mask = np.arange(0, 256, 4, dtype=np.uint8)[:, None].repeat(256, axis=1)
    within = masking.within(mask, picture.alpha)
    drawn = cutting.cutout(picture.rgb, within)
    output = Output(format=name, quality=100)
    image = opened(encode(drawn, output, picture.metadata))
    assert image.mode == "RGBA"
    seen = np.asarray(image)
    exact = mask.astype(float) * np.arange(256) / 255
    assert np.abs(seen[..., 3] - exact).max() <= 0.5
    assert (seen[..., :3][seen[..., 3] > 0] == (200, 100, 50)).all()


@pytest.mark.parametrize("name", CUTOUTS)
def test_a_cutout_lies_on_another_colour_as_straight_alpha_says(name: Format) -> None:
    """Another program that lays a cutout on a colour gets the mixture, not a dark rim."""
    drawn = np.tile(np.array((200, 100, 50, 128), np.uint8), (16, 16, 1))
    image = opened(encode(drawn, Output(format=name, quality=100), Metadata()))
    under = Image.new("RGBA", image.size, (0, 0, 255, 255))
    mixed = np.asarray(Image.alpha_composite(under, image)).astype(int)
    expected = np.array((200, 100, 50)) * 128 / 255 + np.array((0, 0, 255)) * 127 / 255
    assert np.abs(mixed[..., :3] - expected).max() <= 1
