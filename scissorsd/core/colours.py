"""From whatever a decoder gives to 8-bit RGB and an alpha channel, through the colour profile.

RGB pictures keep their values, and their profile goes with them. Grey, CMYK and Lab pictures with
a profile of their own kind are converted through it to sRGB, and then carry no profile: a picture
without one is taken for sRGB everywhere.
"""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

_DEEP_MODES = ("I", "F")
_FULL_SCALES = {"I": (65535.0,), "F": (1.0, 255.0, 65535.0)}
_WITHOUT_ALPHA = {"1": "L", "LA": "L", "RGBA": "RGB", "RGBX": "RGB"}
_KINDS = {"RGB": "RGB ", "L": "GRAY", "CMYK": "CMYK"}  # Pillow's mode: the profile's colour space


@dataclass(frozen=True, slots=True, eq=False)
class Colours:
    """A picture as RGB, its alpha as L (None: opaque throughout), and the profile of the RGB."""

    rgb: Image.Image
    alpha: Image.Image | None
    profile: bytes | None


def to_rgb(
    image: Image.Image, profile: bytes | None, bits: int = 8, *, white_is_zero: bool = False
) -> Colours:
    """Bring a decoded picture of any mode to 8-bit RGB and alpha.

    `bits` is the depth that the file declares for one sample. Greys deeper than 8 bits, which
    decoders leave as they are, are scaled and never clipped: 16-bit ones (`I;16`) by that depth;
    `I` and `F` by the first of the full scales 65535 (for `F`, 1 and 255 come before it) that holds
    every value, else from their least to their greatest value. `white_is_zero` concerns only them.
    A profile that is broken, or is for another kind of picture, is left aside.
    """
    image = _settle_transparency(image, bits)
    alpha = _alpha(image)
    if image.mode.startswith(_DEEP_MODES):
        image = _shallow(image, bits, white_is_zero=white_is_zero)
    if image.mode in _WITHOUT_ALPHA:
        image = image.convert(_WITHOUT_ALPHA[image.mode])
    if image.mode == "LAB":
        lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        rgb = _through(image, lab, _srgb())
        return Colours(rgb or image.getchannel("L").convert("RGB"), alpha, None)
    opened = _open(profile)
    kind = opened.profile.xcolor_space if opened else ""
    if opened and kind == _KINDS.get(image.mode) and image.mode != "RGB":
        rgb = _through(image, opened, _srgb())
        return Colours(rgb or image.convert("RGB"), alpha, None)
    return Colours(_plain_rgb(image), alpha, profile if kind == _KINDS["RGB"] else None)


def between(image: Image.Image, source: bytes | None, target: bytes | None) -> Image.Image:
    """Bring an RGB picture from one profile to another; None is sRGB."""
    if source == target:
        return image
    return _through(image, _open(source) or _srgb(), _open(target) or _srgb()) or image


def _settle_transparency(image: Image.Image, bits: int) -> Image.Image:
    """Make alpha a channel where the file gives it as a colour or in the palette."""
    key = image.info.get("transparency")
    if key is None and image.mode in ("RGBa", "La", "PA"):
        return image.convert("LA" if image.mode == "La" else "RGBA")
    if key is None or image.mode.startswith(_DEEP_MODES):
        return image
    if image.mode == "P":
        return image.convert("RGBA")
    image.info["transparency"] = _key_at_8_bits(image.mode, key, bits)
    return image.convert("LA" if image.mode in ("1", "L") else "RGBA")


def _key_at_8_bits(mode: str, key: int | tuple[int, ...], bits: int) -> int | tuple[int, ...]:
    """Scale a transparent colour, which a PNG gives at the file's own depth, as its samples are."""
    if mode == "1":
        return key
    if isinstance(key, tuple):
        return tuple(value >> max(0, bits - 8) for value in key)
    return int(key * 255 // (2**bits - 1))


def _alpha(image: Image.Image) -> Image.Image | None:
    if image.mode in ("LA", "RGBA"):
        alpha = image.getchannel("A")
        return None if alpha.getextrema() == (255, 255) else alpha
    key = image.info.get("transparency")
    if isinstance(key, int) and image.mode.startswith("I"):
        return Image.fromarray(np.where(np.asarray(image) == key, 0, 255).astype(np.uint8))
    return None


def _shallow(image: Image.Image, bits: int, *, white_is_zero: bool) -> Image.Image:
    """Scale a grey picture of more than 8 bits to L."""
    values = np.asarray(image)
    black, white = (0.0, 2.0**bits - 1) if image.mode.startswith("I;16") else _range(image)
    if white_is_zero:
        black, white = white, black
    scaled = values.astype(np.float32)
    scaled -= black
    scaled *= 255 / (white - black)
    np.nan_to_num(scaled, copy=False)
    np.clip(scaled, 0, 255, out=scaled)
    return Image.fromarray(np.rint(scaled, out=scaled).astype(np.uint8))


def _range(image: Image.Image) -> tuple[float, float]:
    values: NDArray[np.generic] = np.asarray(image)
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    least, greatest = float(finite.min()), float(finite.max())
    for white in _FULL_SCALES[image.mode]:
        if least >= 0 and greatest <= white:
            return 0.0, white
    return least, greatest if greatest > least else least + 1


def _plain_rgb(image: Image.Image) -> Image.Image:
    return image if image.mode == "RGB" else image.convert("RGB")


def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def _open(profile: bytes | None) -> ImageCms.ImageCmsProfile | None:
    try:
        return ImageCms.ImageCmsProfile(io.BytesIO(profile)) if profile else None
    except (OSError, TypeError, ValueError):
        return None


def _through(
    image: Image.Image, source: ImageCms.ImageCmsProfile, target: ImageCms.ImageCmsProfile
) -> Image.Image | None:
    try:
        return ImageCms.profileToProfile(
            image,
            source,
            target,
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None
