"""ICC profiles drawn byte by byte, and what colours they stand for, reckoned without them.

Every colour space is given by its published definition, so that a test can say which colour a
number is without asking the library under test.
"""

import io
import struct
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

Floats = NDArray[np.float64]

WHITE = np.array((0.9642, 1.0, 0.8249))  # D50, as every profile's connection space has it
ADOBE_GAMMA = 563 / 256
COLOURANTS = {  # red, green and blue of each space, brought to D50
    "sRGB": ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410)),
    "P3": ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407)),
    "Adobe": (
        (0.60974, 0.31111, 0.01947),
        (0.20528, 0.62567, 0.06087),
        (0.14919, 0.06322, 0.74457),
    ),
}


# Profiles


def drawn(space: bytes, tags: Mapping[bytes, bytes]) -> bytes:
    """Draw an ICC profile of version 2.4 for that colour space."""
    at = 132 + 12 * len(tags)
    index, content = struct.pack(">I", len(tags)), b""
    for name, tag in tags.items():
        index += name + struct.pack(">II", at + len(content), len(tag))
        content += tag + bytes(-len(tag) % 4)
    kind, connection = (b"prtr", b"Lab ") if space == b"CMYK" else (b"mntr", b"XYZ ")
    header = struct.pack(
        ">I4sI4s4s4s", at + len(content), b"none", 0x02400000, kind, space, connection
    )
    header += struct.pack(">6H", 2024, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    return (header + xyz(WHITE)[8:]).ljust(128, b"\0") + index + content


def xyz(values: Sequence[float] | Floats) -> bytes:
    """Draw three numbers as a profile holds a colour."""
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))


def curve(gamma: float) -> bytes:
    """Draw a curve that is a power."""
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))


def srgb_curve() -> bytes:
    """Draw the curve of sRGB and Display P3 as a table."""
    table = np.rint(linear(np.arange(4096) / 4095, "P3") * 65535).astype(">u2")
    return b"curv" + bytes(4) + struct.pack(">I", len(table)) + table.tobytes()


def rgb_profile(name: str) -> bytes:
    """Draw the profile of one of COLOURANTS."""
    shape = curve(ADOBE_GAMMA) if name == "Adobe" else srgb_curve()
    places = zip((b"rXYZ", b"gXYZ", b"bXYZ"), COLOURANTS[name], strict=True)
    colourants = {tag: xyz(colour) for tag, colour in places}
    curves = dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), shape)
    return drawn(b"RGB ", {b"wtpt": xyz(WHITE), **colourants, **curves})


def grey_profile(gamma: float) -> bytes:
    """Draw a profile for grey of that gamma."""
    return drawn(b"GRAY", {b"wtpt": xyz(WHITE), b"kTRC": curve(gamma)})


def cmyk_profile(points: int = 9) -> bytes:
    """Draw a profile for CMYK of so many points each way, whose inks are those of `inked`."""
    steps = np.linspace(0, 1, points)
    inks = np.stack(np.meshgrid(steps, steps, steps, steps, indexing="ij"), -1).reshape(-1, 4)
    lab = lab_of(inked(inks), "sRGB")
    grid = np.rint(lab * (652.8, 256, 256) + (0, 32768, 32768)).clip(0, 65535).astype(">u2")
    identity = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    plain = struct.pack(">2H", 0, 65535)
    table = b"mft2" + bytes(4) + bytes((4, 3, points, 0)) + identity + struct.pack(">2H", 2, 2)
    tag = table + plain * 4 + grid.tobytes() + plain * 3
    return drawn(b"CMYK", {b"wtpt": xyz(WHITE), b"A2B0": tag, b"A2B1": tag})


# Colours


def linear(values: Floats, space: str) -> Floats:
    """Take the curve of a space out of values in 0..1."""
    if space == "Adobe":
        return np.asarray(values**ADOBE_GAMMA)
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def srgb(light: Floats) -> Floats:
    """Put light in 0..1 through the curve of sRGB."""
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def inked(inks: Floats) -> Floats:
    """Return the sRGB colour, 0..1, that cyan, magenta, yellow and black in 0..1 show; 0: black."""
    return np.asarray((1 - 0.8 * inks[..., :3]) * (1 - 0.7 * inks[..., 3:]))


def lab_of(values: Floats, space: str) -> Floats:
    """Return L*, a* and b* of the colours (… × 3, 0..1) of a space."""
    ratios = linear(values, space) @ np.array(COLOURANTS[space]) / WHITE
    small = ratios <= (6 / 29) ** 3
    roots = np.where(small, ratios * (29 / 6) ** 2 / 3 + 4 / 29, np.cbrt(np.maximum(ratios, 0)))
    x, y, z = np.moveaxis(roots, -1, 0)
    return np.stack((116 * y - 16, 500 * (x - y), 200 * (y - z)), axis=-1)


def shown(image: Image.Image) -> NDArray[np.int64]:
    """Show a picture as a colour-managed program does: through its own profile to 8-bit sRGB."""
    held = image.info.get("icc_profile")
    profile = ImageCms.ImageCmsProfile(
        io.BytesIO(held) if held else io.BytesIO(rgb_profile("sRGB"))
    )
    target = ImageCms.ImageCmsProfile(io.BytesIO(rgb_profile("sRGB")))
    mode = image.mode if image.mode in ("CMYK", "L") else "RGB"
    converted = ImageCms.profileToProfile(
        image.convert(mode),
        profile,
        target,
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=ImageCms.Flags.NOOPTIMIZE,
    )
    assert converted is not None
    return np.asarray(converted).astype(np.int64)


def lab_shown(image: Image.Image) -> Floats:
    """Return L*, a* and b* of a picture of RGB, to a step of 8 bits, through its own profile."""
    held = image.info.get("icc_profile")
    profile = ImageCms.ImageCmsProfile(io.BytesIO(held or rgb_profile("sRGB")))
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB", 5000))
    flags = ImageCms.Flags.NOOPTIMIZE
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    made = ImageCms.buildTransform(profile, lab, "RGB", "LAB", intent, flags)
    stored = np.asarray(made.apply(image.convert("RGB"))).astype(np.int64)
    signed = np.where(stored[..., 1:] >= 128, stored[..., 1:] - 256, stored[..., 1:])
    return np.concatenate((stored[..., :1] * 100 / 255, signed), axis=-1)
