"""EXIF's orientation: the turn and the mirroring that make a stored picture upright."""

from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFile, TiffImagePlugin

from scissorsd.core.depth import Sample

# By EXIF's number: what makes the picture upright, and where rows and columns of the upright one
# lie in the file: in each other's place (sideways), from the last to the first row, and column.
_TURNS = {
    2: (Image.Transpose.FLIP_LEFT_RIGHT, False, False, True),
    3: (Image.Transpose.ROTATE_180, False, True, True),
    4: (Image.Transpose.FLIP_TOP_BOTTOM, False, True, False),
    5: (Image.Transpose.TRANSPOSE, True, False, False),
    6: (Image.Transpose.ROTATE_270, True, True, False),
    7: (Image.Transpose.TRANSVERSE, True, True, True),
    8: (Image.Transpose.ROTATE_90, True, False, True),
}
UPRIGHT = 1


def orientation_of(value: object) -> int:
    """Return an orientation, 1 to 8, of what stands in a file; 1 where it is none."""
    return value if isinstance(value, int) and value in _TURNS else UPRIGHT


def turned_by_decoder(image: ImageFile.ImageFile) -> int | None:
    """Return the orientation that the decoder of a picture, not yet loaded, applies by itself."""
    if image.format == "HEIF":
        return orientation_of(image.info.get("original_orientation"))
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return orientation_of(image.tag_v2.get(ExifTags.Base.Orientation))
    return None


def is_sideways(orientation: int) -> bool:
    """Tell whether width and height change places."""
    return orientation in _TURNS and _TURNS[orientation][1]


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """Turn a picture as it lies in its file."""
    return image.transpose(_TURNS[orientation][0]) if orientation in _TURNS else image


def as_stored(pixels: NDArray[Sample], orientation: int) -> NDArray[Sample]:
    """Show an upright array (height × width × …) as it lies in the file.

    It is the same memory, so it may be written to.
    """
    if orientation not in _TURNS:
        return pixels
    _, sideways, upside_down, mirrored = _TURNS[orientation]
    if sideways:
        pixels = pixels.swapaxes(0, 1)
    return pixels[:: -1 if upside_down else 1, :: -1 if mirrored else 1]
