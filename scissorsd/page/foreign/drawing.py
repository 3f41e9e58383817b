"""The picture that a call gets, made of the whole cutout by the pipeline's own functions."""

import io
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scissorsd.core import cutting
from scissorsd.core.canvas import Frame, placed, subject_box
from scissorsd.core.resizing import filled
from scissorsd.core.rules import Output
from scissorsd.core.shadows import is_cut_off, shadow
from scissorsd.errors import HoldError, PictureError
from scissorsd.page.answers import Refusal
from scissorsd.page.foreign.geometry import frame_of, region_of
from scissorsd.page.foreign.removebg_words import Asked
from scissorsd.pictures.backgrounds import load_background
from scissorsd.pictures.encoding import encode
from scissorsd.pictures.metadata import Metadata
from scissorsd.pictures.picture import Picture
from scissorsd.pictures.reading import read, read_header

Pixels = NDArray[np.uint8]

_OPAQUE = 255
_WHITE = 255, 255, 255
_BAND = 64  # rows
_AROUND = 16  # pixels about the subject that a JPEG's blocks mix with it
_ZIPPED = Output(kind="flat", format="jpeg", quality=95)
_MASK = Output(kind="mask", format="png")
_FORMATS = {
    "png": (Output(kind="flat", format="png"), "image/png"),
    "jpg": (Output(kind="flat", format="jpeg"), "image/jpeg"),
    "webp": (Output(kind="flat", format="webp"), "image/webp"),
}


@dataclass(frozen=True, slots=True)
class Drawn:
    """A result: its bytes, its size in pixels, and where the subject lies in it."""

    data: bytes
    media_type: str
    width: int
    height: int
    subject: tuple[int, int, int, int]  # top, left, width, height


def draw(cutout: bytes, asked: Asked, backdrop: Path | None, *, max_pixels: int) -> Drawn:
    """Make what a call asks for. Raises Refusal in the contract's codes, and PictureError."""
    picture = read(cutout, max_pixels=max_pixels)
    mask = _mask(picture, asked)
    box = subject_box(mask)
    if box is None:
        raise no_foreground()
    height, width = mask.shape
    place = frame_of(height, width, box, asked)
    if place.width * place.height > max_pixels:
        why = f"The result would have {place.width * place.height / 1e6:.1f} megapixels."
        raise Refusal(400, "resolution_too_high", "image resolution too high", why)
    is_whole = (place.width, place.height, place.scale) == (
        width,
        height,
        1.0,
    ) and asked.roi is None
    as_it_is = is_whole and place.region == (0, 0, width, height)
    if as_it_is and _asks_for_nothing(asked, backdrop) and mask.min() < _OPAQUE:
        return Drawn(cutout, "image/png", width, height, _lies(place))
    rgb, cover = placed(picture.rgb, mask, place)
    data, media_type = _encoded(picture, mask, rgb, cover, asked, backdrop, max_pixels)
    return Drawn(data, media_type, place.width, place.height, _lies(place))


def pixels_of_backdrop(backdrop: Path, max_pixels: int) -> int:
    """Return how many pixels a picture to lay behind has; raises Refusal where it is none."""
    try:
        header = read_header(backdrop.read_bytes(), max_pixels=max_pixels)
    except PictureError as error:
        raise _unreadable(error.what) from error
    return header.width * header.height


def _unreadable(why: str) -> Refusal:
    return Refusal(400, "failed_to_read_bg_image", "the bg_image_file cannot be read", why)


def no_foreground() -> Refusal:
    """Return the answer where nothing was found."""
    what = "could not identify foreground in image"
    return Refusal(400, "unknown_foreground", what, "No subject was found in it.")


def _mask(picture: Picture, asked: Asked) -> Pixels:
    height, width = picture.rgb.shape[:2]
    alpha = picture.alpha
    mask = np.full((height, width), _OPAQUE, np.uint8) if alpha is None else alpha
    if asked.roi is None:
        return mask
    left, top, right, bottom = region_of(height, width, asked.roi)
    inside = np.zeros_like(mask)
    inside[top:bottom, left:right] = mask[top:bottom, left:right]
    return inside


def _asks_for_nothing(asked: Asked, backdrop: Path | None) -> bool:
    is_plain = not (asked.only_alpha or asked.colour or backdrop or asked.shadow)
    return is_plain and asked.format in {"auto", "png"}


def _lies(place: Frame) -> tuple[int, int, int, int]:
    left, top, right, bottom = (round(edge) for edge in place.subject)
    left, top = max(0, left), max(0, top)
    return top, left, min(right, place.width) - left, min(bottom, place.height) - top


def _encoded(
    picture: Picture,
    whole: Pixels,
    rgb: Pixels,
    mask: Pixels,
    asked: Asked,
    backdrop: Path | None,
    max_pixels: int,
) -> tuple[bytes, str]:
    metadata = picture.metadata
    if asked.only_alpha:
        output, media_type = _FORMATS["png" if asked.format == "auto" else asked.format]
        grey = mask if asked.format != "webp" else np.repeat(mask[..., None], 3, axis=2)
        return encode(grey, output, metadata), media_type
    dark = None
    if asked.shadow and not is_cut_off(whole):
        dark = np.minimum(shadow(mask) * asked.shadow, _OPAQUE).astype(np.uint8)
    pixels = _laid_on(rgb, mask, dark, asked, _behind(backdrop, mask, metadata, max_pixels))
    if asked.format == "zip":
        return _zipped(pixels, metadata), "application/zip"
    is_opaque = pixels.shape[2] == 3  # noqa: PLR2004 - colours
    chosen = ("jpg" if is_opaque else "png") if asked.format == "auto" else asked.format
    if chosen == "jpg" and not is_opaque:
        pixels = cutting.flat(pixels[..., :3], pixels[..., 3], _WHITE)
    output, media_type = _FORMATS[chosen]
    return encode(pixels, output, metadata), media_type


def _behind(
    backdrop: Path | None, mask: Pixels, metadata: Metadata, max_pixels: int
) -> Pixels | None:
    if backdrop is None:
        return None
    height, width = mask.shape
    try:
        return load_background(backdrop, height, width, max_pixels, metadata.icc)
    except HoldError as error:
        raise _unreadable(error.what.partition(": ")[2]) from error


def _laid_on(
    rgb: Pixels, mask: Pixels, dark: Pixels | None, asked: Asked, behind: Pixels | None
) -> Pixels:
    """Lay the subject on its shadow and its background: RGB, or RGBA where something is clear."""
    if behind is not None:
        return cutting.flat(rgb, mask, behind, dark)
    if asked.colour is not None and asked.colour[3] == _OPAQUE:
        return cutting.flat(rgb, mask, asked.colour[:3], dark)
    result = cutting.cutout(rgb, mask)
    if dark is not None:
        slide_under(result, (0, 0, 0), dark)
    if asked.colour is not None:
        veil = np.full(mask.shape, asked.colour[3], np.uint8)
        slide_under(result, asked.colour[:3], veil)
    return result if result[..., 3].min() < _OPAQUE else result[..., :3]


def slide_under(pixels: Pixels, colour: tuple[int, int, int], alpha: Pixels) -> None:
    """Put a colour of some alpha under RGBA with straight alpha, in place (Porter and Duff)."""
    for top in range(0, len(pixels), _BAND):
        band = pixels[top : top + _BAND]
        over = band[..., 3].astype(np.float32) / _OPAQUE
        under = alpha[top : top + _BAND].astype(np.float32) / _OPAQUE * (1 - over)
        together = over + under
        share = np.divide(over, together, out=np.zeros_like(over), where=together > 0)[..., None]
        mixed = band[..., :3] * share + np.array(colour, np.float32) * (1 - share)
        mixed[together == 0] = 0
        band[..., :3] = np.rint(mixed)
        band[..., 3] = np.rint(together * _OPAQUE)


def _zipped(pixels: Pixels, metadata: Metadata) -> bytes:
    """Return colours and alpha apart; colours go on beyond the subject's edge, for the JPEG."""
    rgb = np.ascontiguousarray(pixels[..., :3])
    alpha = np.full(rgb.shape[:2], _OPAQUE, np.uint8)
    if pixels.shape[2] > 3:  # noqa: PLR2004 - colours
        alpha = np.ascontiguousarray(pixels[..., 3])
        rgb = np.where(alpha[..., None] == 0, filled(rgb, alpha, _AROUND), rgb)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("color.jpg", encode(rgb, _ZIPPED, metadata))
        archive.writestr("alpha.png", encode(alpha, _MASK, replace(metadata, icc=None)))
    return buffer.getvalue()
