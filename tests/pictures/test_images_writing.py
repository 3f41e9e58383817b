import io
import re
from functools import cache
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms

from scissorsd.core import cutting
from scissorsd.core.formats import Format
from scissorsd.core.rules import Output
from scissorsd.errors import HoldError, OverLimitsError, PictureError
from scissorsd.pictures import reading
from scissorsd.pictures.backgrounds import load_background, parse_colour
from scissorsd.pictures.encoding import encode
from scissorsd.pictures.metadata import Metadata
from scissorsd.pictures.picture import Picture

LIMIT = 1_000_000
FORMATS: tuple[Format, ...] = get_args(Format)
BARE = Metadata()
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" tiff:Orientation="6" exif:GPSLatitude="48,8N"/>'


def encoded(image: Image.Image, name: str, **options: object) -> bytes:
    """Encode a picture with Pillow."""
    buffer = io.BytesIO()
    image.save(buffer, name, **options)
    return buffer.getvalue()


def opened(data: bytes) -> Image.Image:
    """Decode with Pillow, as anyone else would."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def pixels(channels: int = 3) -> NDArray[np.uint8]:
    """Draw soft colours of 32 by 24, the last of four channels a ramp of alpha."""
    across = np.linspace(20, 230, 32).astype(np.uint8)
    drawn = np.stack([np.roll(across, 8 * channel) for channel in range(channels)], axis=-1)
    drawn = np.sort(drawn, axis=0)[None].repeat(24, axis=0)
    return drawn[..., 0] if channels == 1 else drawn


@cache  # a profile holds the second it was made in
def srgb() -> bytes:
    """Return an sRGB profile."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def phone_picture() -> Picture:
    """Read a JPEG as a phone writes it: on its side, with position, thumbnail and maker's notes."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.Make] = "Phone"
    exif[ExifTags.Base.XPTitle] = "Kürbis".encode("utf-16-le")
    exif[ExifTags.Base.XResolution] = exif[ExifTags.Base.YResolution] = 300
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.LensModel] = "Wide 1.8"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.MakerNote] = b"secret serial"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (48.0, 8.0, 13.0)
    image = Image.fromarray(pixels())
    data = encoded(image, "JPEG", exif=exif, xmp=XMP, icc_profile=srgb(), dpi=(300, 300))
    return reading.read(data, max_pixels=LIMIT)


@pytest.mark.parametrize("name", ["png", "webp", "avif", "tiff"])
def test_cutouts_are_written_straight(name: Format) -> None:
    """Colour and alpha of a soft edge come back as they were, in every format of a cutout."""
    drawn = np.tile(np.array((200, 100, 50, 128), np.uint8), (16, 16, 1))
    image = opened(encode(drawn, Output(format=name), BARE))
    assert image.mode == "RGBA"
    assert np.abs(np.asarray(image).astype(int) - drawn).max() <= 3


@pytest.mark.parametrize("name", ["png", "tiff"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_lossless_formats_lose_nothing(name: Format, channels: int) -> None:
    """Masks, flat pictures and cutouts come back to the bit."""
    data = encode(pixels(channels), Output(format=name), BARE)
    assert (np.asarray(opened(data)) == pixels(channels)).all()


@pytest.mark.parametrize("compression", ["fast", "small"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 9, 4), (9, 1, 3), (700, 513, 4), (3, 300_000, 4)])
def test_png_of_any_shape(shape: tuple[int, ...], compression: Literal["fast", "small"]) -> None:
    """A PNG of one row or column, of many bands or of rows longer than a band loses nothing."""
    noise = np.random.default_rng(2).integers(0, 256, shape, np.uint8)
    data = encode(noise, Output(compression=compression), BARE)
    assert (np.asarray(opened(data)) == noise).all()


def test_png_is_written_as_small_as_may_be() -> None:
    """A fast PNG of a cutout is hardly larger than Pillow's own, and a small one is no larger."""
    rows, columns = np.mgrid[:600, :800]
    noise = np.random.default_rng(3).normal(0, 3, (600, 800, 3))
    rgb = np.clip(np.stack((rows / 3, columns / 4, rows / 5), -1) + noise, 0, 255).astype(np.uint8)
    mask = np.clip(900 - 4 * np.hypot(rows - 300, columns - 400), 0, 255).astype(np.uint8)
    drawn = cutting.cutout(rgb, mask)
    fast, small = (
        len(encode(drawn, Output(compression=compression), BARE))
        for compression in ("fast", "small")
    )
    plain = io.BytesIO()
    Image.fromarray(drawn).save(plain, "PNG")
    size = plain.getbuffer().nbytes
    assert small <= size
    assert fast <= 1.15 * size


@pytest.mark.parametrize("compression", ["fast", "small"])
def test_what_a_png_cannot_carry(compression: Literal["fast", "small"]) -> None:
    """Where the encoder fails at what goes with the pixels, the picture fails with that reason."""
    nowhere = Metadata(dpi=(float("nan"), 1.0))
    with pytest.raises(PictureError, match="cannot be written as png"):
        encode(pixels(4), Output(compression=compression), nowhere)


@pytest.mark.parametrize("name", ["webp", "avif"])
@pytest.mark.parametrize("shape", [(1, 1, 4), (33, 7, 4), (65, 301, 3)])
def test_lossless_is_lossless(name: Format, shape: tuple[int, ...]) -> None:
    """Every value comes back to anyone who decodes it, also a colour under an alpha of 0."""
    noise = np.random.default_rng(4).integers(0, 256, shape, np.uint8)
    noise[..., -1] *= noise[..., -1] > 90
    data = encode(noise, Output(format=name, quality="lossless"), BARE)
    assert np.array_equal(np.asarray(opened(data)), noise)
    if shape[2] == 4:
        read = reading.read(data, max_pixels=LIMIT)
        assert read.alpha is not None
        assert np.array_equal(np.dstack((read.rgb, read.alpha)), noise)


@pytest.mark.parametrize("name", ["webp", "avif"])
def test_what_goes_with_lossless_pixels(name: Format) -> None:
    """Profile, EXIF and XMP go with them as with others."""
    picture = phone_picture()
    output = Output(format=name, metadata="keep", quality="lossless")
    image = opened(encode(picture.rgb, output, picture.metadata))
    assert np.array_equal(np.asarray(image), picture.rgb)
    assert image.info["icc_profile"] == srgb()
    assert image.getexif()[ExifTags.Base.Make] == "Phone"
    assert ExifTags.Base.Orientation not in image.getexif()
    assert b"xmpmeta" in image.info["xmp"]


def test_webp_of_full_quality_is_lossless() -> None:
    """Quality 100 is taken at its word where the format can."""
    data = encode(pixels(4), Output(format="webp", quality=100), BARE)
    drawn = pixels(4)
    assert (np.asarray(opened(data)) == drawn).all()


@pytest.mark.parametrize("name", ["jpeg", "webp", "avif"])
def test_quality_is_quality(name: Format) -> None:
    """More quality is more bytes."""
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    low, high = (
        len(encode(noise, Output(format=name, quality=quality), BARE)) for quality in (30, 95)
    )
    assert low < high


@pytest.mark.parametrize("name", FORMATS)
def test_what_a_shop_gets_says_nothing_of_where(name: Format) -> None:
    """Without a word in the rule no position, no XMP, no maker and no thumbnail is published."""
    picture = phone_picture()
    data = encode(picture.rgb, Output(format=name), picture.metadata)
    assert not re.search(rb"GPS|Phone|Wide|secret|xmp|photoshop", data)
    exif = opened(data).getexif()
    assert ExifTags.IFD.GPSInfo not in exif
    assert ExifTags.IFD.Exif not in exif


@pytest.mark.parametrize("name", FORMATS)
def test_profile_and_resolution_are_kept(name: Format) -> None:
    """Colour profile and dots per inch are in every result, in whatever field its format has."""
    picture = phone_picture()
    data = encode(picture.rgb, Output(format=name), picture.metadata)
    again = reading.read(data, max_pixels=LIMIT).metadata
    assert again.icc == srgb()
    assert again.dpi == pytest.approx((300, 300), abs=0.1)


@pytest.mark.parametrize("name", FORMATS)
def test_metadata_is_kept_where_the_rule_says_so(name: Format) -> None:
    """`metadata: keep` keeps what is still true: position and lens, but not the orientation."""
    picture = phone_picture()
    output = Output(format=name, metadata="keep")
    data = encode(picture.rgb, output, picture.metadata)
    image = opened(data)
    exif = image.getexif()
    assert exif[ExifTags.Base.Make] == "Phone"
    assert exif[ExifTags.Base.XPTitle] == "Kürbis".encode("utf-16-le")
    assert exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.LensModel] == "Wide 1.8"
    assert exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] == (48.0, 8.0, 13.0)
    assert exif.get(ExifTags.Base.Orientation, 1) == 1
    assert b"secret serial" not in data
    assert b"GPSLatitude" in image.info.get("xmp", b"")
    assert reading.read(data, max_pixels=LIMIT).rgb.shape == (32, 24, 3)


@pytest.mark.parametrize("source", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_a_turned_picture_is_never_turned_twice(source: str) -> None:
    """Through every format in and out, with its metadata, a picture is turned exactly once."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 8
    exif[ExifTags.Base.Artist] = "A. Nyone"
    data = encoded(Image.fromarray(pixels()), source, exif=exif.tobytes(), xmp=XMP)
    picture = reading.read(data, max_pixels=LIMIT)
    for name in FORMATS:
        output = Output(format=name, metadata="keep", quality=95)
        image = opened(encode(picture.rgb, output, picture.metadata))
        assert image.size == (24, 32)
        assert image.getexif().get(ExifTags.Base.Orientation, 1) == 1
        assert image.getexif()[ExifTags.Base.Artist] == "A. Nyone"


def test_a_tiffs_own_tags_do_not_become_metadata() -> None:
    """What a TIFF says of its strips and sizes is not carried into another file."""
    data = encoded(Image.fromarray(pixels()), "TIFF", tiffinfo={ExifTags.Base.Software: "Scanner"})
    picture = reading.read(data, max_pixels=LIMIT)
    kept = Image.Exif()
    kept.load(picture.metadata.exif or b"")
    assert dict(kept) == {ExifTags.Base.Software: "Scanner"}


def test_masks_carry_no_colour_profile() -> None:
    """A grey file with an RGB profile would be refused elsewhere; resolution it may have."""
    data = encode(pixels(1), Output(kind="mask"), Metadata(icc=srgb(), dpi=(240, 240)))
    image = opened(data)
    assert "icc_profile" not in image.info
    assert image.info["dpi"] == pytest.approx((240, 240), abs=0.1)


def test_metadata_too_long_for_a_jpeg_is_left_behind() -> None:
    """A packet that does not fit a JPEG's segment costs itself, not the picture."""
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = "x" * 70_000
    metadata = Metadata(exif=exif.tobytes(), xmp=b"y" * 70_000)
    data = encode(pixels(), Output(format="jpeg", metadata="keep"), metadata)
    assert opened(data).size == (32, 24)


@pytest.mark.parametrize("broken", [b"Exif\0\0MM", b"Exif\0\0II*\0\xff\xff\xff\xff", b"\xff" * 40])
def test_broken_metadata_costs_nothing_but_itself(broken: bytes) -> None:
    """A picture whose EXIF is damaged is read as it stands."""
    picture = reading.read(encoded(Image.fromarray(pixels()), "PNG", exif=broken), max_pixels=LIMIT)
    assert (picture.rgb == pixels()).all()
    assert picture.metadata.exif is None


@pytest.mark.parametrize(("name", "length"), [("webp", 16_384), ("jpeg", 65_501), ("avif", 32_769)])
def test_too_long_for_the_format_says_what_to_choose(name: Format, length: int) -> None:
    """A picture that the format cannot hold is refused with advice, and png holds it."""
    drawn = np.zeros((1, length, 3), np.uint8)
    with pytest.raises(OverLimitsError, match=f"more than {name} can hold") as caught:
        encode(drawn, Output(format=name), BARE)
    assert "png" in caught.value.advice
    assert opened(encode(drawn, Output(), BARE)).size == (length, 1)


@pytest.mark.parametrize(("name", "length"), [("webp", 16_383), ("jpeg", 65_500), ("avif", 32_768)])
def test_the_longest_sides_are_really_written(name: Format, length: int) -> None:
    """What is just within the limit is written, and can be read again."""
    drawn = np.zeros((16, length, 3), np.uint8)
    data = encode(drawn, Output(format=name), BARE)
    assert reading.read(data, max_pixels=2**21).rgb.shape == drawn.shape


def test_what_an_encoder_cannot_do_is_a_picture_error() -> None:
    """An encoder's refusal is not mistaken for a disk that fails."""
    with pytest.raises(PictureError, match="cannot be written as jpeg"):
        encode(pixels(4), Output(format="jpeg"), BARE)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("white", (255, 255, 255)),
        ("RebeccaPurple", (102, 51, 153)),
        ("#f80", (255, 136, 0)),
        ("#ff8800", (255, 136, 0)),
        ("beach.jpg", None),
        ("", None),
        ("rgb(1, 2, 300)", None),
    ],
)
def test_colours_have_names_and_numbers(spec: str, expected: tuple[int, int, int] | None) -> None:
    """A background is a colour by name or hex, or else no colour at all."""
    assert parse_colour(spec) == expected


def test_backgrounds_cover_and_are_cut_at_the_centre(tmp_path: Path) -> None:
    """A wide background fills a tall picture: scaled by height, both sides cut alike."""
    wide = np.zeros((40, 120, 3), np.uint8)
    wide[:, 40:80] = (0, 200, 0)
    path = tmp_path / "wide.png"
    path.write_bytes(encoded(Image.fromarray(wide), "PNG"))
    background = load_background(path, 80, 60, LIMIT)
    assert background.shape == (80, 60, 3)
    assert (background == (0, 200, 0)).all()


def test_a_clear_background_stands_on_white(tmp_path: Path) -> None:
    """Transparent parts of a background picture are white, not whatever colour lies under them."""
    path = tmp_path / "clear.png"
    path.write_bytes(encoded(Image.new("RGBA", (4, 4), (9, 9, 9, 0)), "PNG"))
    assert (load_background(path, 8, 8, LIMIT) == 255).all()


@pytest.mark.parametrize("content", [None, b"", b"just text, no picture"])
def test_a_missing_background_holds(tmp_path: Path, content: bytes | None) -> None:
    """Without its background a picture waits: it is not the picture that failed."""
    path = tmp_path / "beach.jpg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(HoldError, match=r"background picture .*beach\.jpg cannot be read"):
        load_background(path, 8, 8, LIMIT)
