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

from scissorsd.core.depth import DEEP, STEP, Samples, grey, shallow
from scissorsd.core.profiles import SRGB_GREY

_DEEP_MODES = ("I", "F")
_WITHOUT_ALPHA = {"1": "L", "LA": "L", "RGBA": "RGB", "RGBX": "RGB"}
_PLAIN = Samples()
_RGB, _GREY, _CMYK = "RGB ", "GRAY", "CMYK"  # colour spaces, as profiles name them


@dataclass(frozen=True, slots=True, eq=False)
class Colours:
    """A picture as RGB, its alpha as L (None: opaque throughout), and the profile of the RGB.

    `grey` (height, width) is what a grey picture of more than 8 bits is at 16, in that profile.
    """

    rgb: Image.Image
    alpha: Image.Image | None
    profile: bytes | None
    grey: NDArray[np.uint16] | None = None


def to_rgb(image: Image.Image, profile: bytes | None, samples: Samples = _PLAIN) -> Colours:
    """Bring a decoded picture of any mode to 8-bit RGB and alpha.

    `samples` is what the file declares. Greys deeper than 8 bits, and signed ones, which decoders
    leave as they are, are scaled (`depth.grey`, which raises UnknownScaleError). A profile that is
    broken, or is for another kind of picture, is left aside.
    """
    image = _settle_transparency(image, samples.bits)
    alpha = _alpha(image)
    if image.mode.startswith(_DEEP_MODES) or (samples.sort == "signed" and image.mode == "L"):
        return from_grey(grey(image, samples), alpha, profile)
    if image.mode in _WITHOUT_ALPHA:
        image = image.convert(_WITHOUT_ALPHA[image.mode])
    if image.mode == "LAB":
        lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        rgb = _through(image, lab, _srgb())
        return Colours(rgb or image.getchannel("L").convert("RGB"), alpha, None)
    opened = _open(profile)
    kind = opened.profile.xcolor_space if opened else ""
    if opened and kind == _GREY and image.mode == "L":
        curve = _curve(opened)
        shades = image if curve is None else image.point(shallow(curve[::STEP]).tolist())
        return Colours(shades.convert("RGB"), alpha, None)
    if opened and kind == _CMYK and image.mode == "CMYK":
        rgb = _through(image, opened, _srgb())
        return Colours(rgb or image.convert("RGB"), alpha, None)
    return Colours(_plain_rgb(image), alpha, profile if kind == _RGB else None)


def from_grey(
    values: NDArray[np.uint16], alpha: Image.Image | None, profile: bytes | None
) -> Colours:
    """Bring grey values of 16 bits to RGB; through a profile for grey before any bit is lost."""
    opened = _open(profile)
    kind = opened.profile.xcolor_space if opened else ""
    if opened and kind == _GREY:
        curve = _curve(opened)
        values = values if curve is None else curve[values]
    rgb = Image.fromarray(shallow(values)).convert("RGB")
    return Colours(rgb, alpha, profile if kind == _RGB else None, values)


def in_srgb(colours: Colours) -> Colours:
    """Bring colours through their profile to sRGB, at 8 bits."""
    return Colours(between(colours.rgb, colours.profile, None), colours.alpha, None)


def _curve(profile: ImageCms.ImageCmsProfile) -> NDArray[np.uint16] | None:
    """Measure what sRGB shows for each of 65,536 greys of a profile, exact to one step of them."""
    every = Image.fromarray(np.arange(DEEP + 1, dtype=np.uint16)[None])
    try:
        transform = ImageCms.buildTransform(
            profile,
            ImageCms.ImageCmsProfile(io.BytesIO(SRGB_GREY)),
            "I;16",
            "I;16",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.NOOPTIMIZE,  # else LittleCMS interpolates between a few hundred
        )
        curve: NDArray[np.uint16] = np.asarray(transform.apply(every))[0]
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None
    return curve


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


def _plain_rgb(image: Image.Image) -> Image.Image:
    return image if image.mode == "RGB" else image.convert("RGB")


def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def is_readable(profile: bytes) -> bool:
    """Tell whether a colour profile is one, and whole."""
    return _open(profile) is not None


def _open(profile: bytes | None) -> ImageCms.ImageCmsProfile | None:
    if not profile:
        return None
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        is_named = bool(opened.profile.xcolor_space)  # which may be no text
    except (OSError, TypeError, ValueError):
        return None
    return opened if is_named else None


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
