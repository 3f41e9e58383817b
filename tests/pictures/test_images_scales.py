"""What is black, white and opaque in a file: as it says, and never guessed from one value."""

import io
import struct
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from scissorsd.errors import UnsupportedPictureError
from scissorsd.pictures import reading
from scissorsd.pictures.picture import Picture

LIGHT = np.linspace(0, 1, 256)[None].repeat(4, axis=0)


def read(data: bytes) -> Picture:
    """Read a picture that no limit matters to."""
    return reading.read(data, max_pixels=10_000_000)


def by_tifffile(values: NDArray[Any], **options: Any) -> bytes:  # noqa: ANN401 - the library's
    """Write a TIFF by another library, which knows every sort of sample."""
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, values, photometric="minisblack", **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "values",
    [
        np.array([[-5, 0, 5]], np.float32),
        np.array([[7, 7]], np.float32) * 1e6,
        np.array([[0, 100_000, 200_000]], np.int32),
    ],
)
def test_greys_without_a_scale_are_refused(values: NDArray[np.generic]) -> None:
    """Where nothing tells what is white, nobody guesses it: no black picture, and no inverted."""
    with pytest.raises(UnsupportedPictureError, match="what is white is not known"):
        read(by_tifffile(values))


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize(
    "values",
    [
        (LIGHT * (2**32 - 1)).astype(np.uint32),
        (LIGHT * (2**31 - 1)).astype(np.int32),
        (LIGHT * 32767).astype(np.int16),
        (LIGHT * 65535 - 32768).astype(np.int16),
        (LIGHT * 255 - 128).astype(np.int8),
        LIGHT.astype(np.float32),
    ],
    ids=["uint32", "int32", "int16", "int16 about 0", "int8", "float32"],
)
def test_every_sort_of_grey_tiff(values: NDArray[Any], compression: str | None) -> None:
    """Signed and unsigned, whole and floating point: each is as bright as it says."""
    rgb = read(by_tifffile(values, compression=compression)).rgb
    assert np.abs(rgb[..., 1] - np.arange(256)).max() <= 1


def test_a_highlight_changes_nothing() -> None:
    """One value above white is clipped, and the others stay what they are."""
    light = LIGHT.astype(np.float32).repeat(40, axis=0)
    light[5, :3] = 1.02, 3, 1e30
    rgb = read(by_tifffile(light)).rgb
    assert np.abs(rgb[10:, :, 1] - np.arange(256)).max() == 0
    assert (rgb[5, :3] == 255).all()


@pytest.mark.parametrize("kind", ["float16", "float64", "uint64"])
def test_samples_that_no_decoder_knows_are_refused(kind: str) -> None:
    """What Pillow cannot read is refused as a kind, not as damage."""
    with pytest.raises(UnsupportedPictureError, match="this kind of TIFF file"):
        read(by_tifffile((LIGHT * 200).astype(kind)))


def v5(pixels: NDArray[np.uint8]) -> bytes:
    """Draw a BMP of 32 bits whose header calls the fourth byte alpha: height × width × 4."""
    height, width = pixels.shape[:2]
    header = struct.pack("<IiiHHI", 124, width, -height, 1, 32, 3).ljust(40, b"\0")
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    head = (header + masks + b"BGRs").ljust(124, b"\0")
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, 14 + len(head)) + head + pixels.tobytes()


def test_an_alpha_that_nobody_wrote_is_none() -> None:
    """A BMP whose alpha is 0 throughout is opaque; with any other alpha it is what it says."""
    pixels = np.full((4, 4, 4), 200, np.uint8)
    pixels[..., 3] = 0
    assert read(v5(pixels)).alpha is None
    pixels[1, 1, 3] = 9
    alpha = read(v5(pixels)).alpha
    assert alpha is not None
    assert alpha.max() == 9


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_tiff_that_does_not_say_what_its_fourth_sample_is(kind: type) -> None:
    """There too an alpha of 0 throughout is none; in a file that calls it alpha it is."""
    pixels: NDArray[Any] = np.full((4, 4, 4), 200, kind)
    pixels[..., 3] = 0
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, photometric="rgb", extrasamples=["unassalpha"])
    said = buffer.getvalue()
    silent = said.replace(struct.pack("<HH", 338, 3), struct.pack("<HH", 65000, 3))
    for deep in (False, True):
        picture = reading.read(silent, max_pixels=100, deep=deep)
        assert picture.alpha is None
        assert picture.deep_alpha is None
    alpha = read(said).alpha
    assert alpha is not None
    assert not alpha.any()
