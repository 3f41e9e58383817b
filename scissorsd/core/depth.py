"""Samples of 16 bits: scaled, joined from bytes, and brought to 8 bits and back.

Everywhere 0 stands for none and the greatest value (255, 65535) for all of a colour or of alpha.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Sample = TypeVar("Sample", bound=np.uint8 | np.uint16)
Pixels = NDArray[np.uint8 | np.uint16]

DEEP = 65_535  # the greatest value of 16 bits
STEP = 257  # of them to one of 8 bits: 255 × 257 = 65535
_ROWS = 64  # worked on at a time
DEEP_BITS = 16
_BRIGHT = 99  # per cent of what is not black are darker
_SAMPLED = 1_000_000  # so many values tell how bright a picture is
_STRAY = 0.01  # so large a part of a picture may lie below black, and is clipped
_BEYOND = 0.5  # and so large a part above white

Sort = Literal["unsigned", "signed", "float"]


class UnknownScaleError(ValueError):
    """What the values of a picture stand for is not known; `least` and `most` of them are told."""

    def __init__(self, least: float, most: float) -> None:
        super().__init__(f"its samples go from {least:g} to {most:g}: what is white is not known")


@dataclass(frozen=True, slots=True)
class Samples:
    """What a file says of its samples: their bits, what they are, and whether 0 is white."""

    bits: int = 8
    white_is_zero: bool = False
    sort: Sort = "unsigned"


def deepened(values: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """Return 8-bit values at 16 bits: the same part of the full scale, exactly."""
    deep = values.astype(np.uint16)
    deep *= STEP
    return deep


def shallow(values: Pixels) -> NDArray[np.uint8]:
    """Return values at 8 bits: the nearest part of the full scale; what is at 8 bits, as it is."""
    if values.dtype == np.uint8:
        return cast("NDArray[np.uint8]", values)
    return _NEAREST[values]


_NEAREST = np.rint(np.arange(DEEP + 1) / STEP).astype(np.uint8)


def joined(high: NDArray[np.uint8], low: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """Join the high and the low bytes of samples."""
    values = high.astype(np.uint16)
    values <<= 8
    values |= low
    return values


def filled(values: Pixels, bits: int) -> NDArray[np.uint16]:
    """Return values that lie in so many of the highest of 16 bits, 8 or more, at all of them.

    Their highest bits are repeated below: 0 stays 0, and the greatest becomes the greatest.
    """
    if values.dtype == np.uint8:
        return deepened(values.astype(np.uint8))
    deep = values.astype(np.uint16)
    deep |= deep >> np.uint16(bits)
    return deep


def grey(image: Image.Image, samples: Samples) -> NDArray[np.uint16]:
    """Scale a grey picture that is no plain `L` (`I;16`, `I`, `F`, signed) to 16: height × width.

    What lies beyond the full scale is clipped, and what is no number is black. Raises
    UnknownScaleError where neither `samples` nor the values tell the full scale.
    """
    values: NDArray[Any] = np.asarray(image)
    if image.mode == "I" and samples.sort == "unsigned" and samples.bits > DEEP_BITS:
        values = values.view(np.uint32)  # Pillow takes their bits for signed
    elif image.mode == "L":
        values = values.view(np.int8)
    if samples.sort == "signed":
        unsigned = _unsigned(values, samples.bits)
        if _jumps(unsigned) < _jumps(values):  # some programs only call them signed
            values, samples = unsigned, replace(samples, sort="unsigned")
    by_its_bits = image.mode.startswith("I;16")
    black, white = (0.0, 2.0**samples.bits - 1) if by_its_bits else _scale(values, samples)
    if by_its_bits and white == DEEP:
        exact = values.astype(np.uint16)
        return DEEP - exact if samples.white_is_zero else exact
    is_wide = values.dtype.kind in "iu" and samples.bits > DEEP_BITS
    scaled: NDArray[np.floating] = values.astype(np.float64 if is_wide else np.float32)
    np.clip(scaled, black, white, out=scaled)
    if samples.white_is_zero:
        black, white = white, black
    np.subtract(scaled, black, out=scaled)
    np.multiply(scaled, DEEP / (white - black), out=scaled)
    np.nan_to_num(scaled, copy=False)
    rounded: NDArray[np.uint16] = np.rint(scaled, out=scaled).astype(np.uint16)
    return rounded


def _unsigned(values: NDArray[Any], bits: int) -> NDArray[Any]:
    """Take the bits of signed samples for unsigned ones."""
    if values.dtype.itemsize == 1:
        return values.view(np.uint8)
    return values.view(np.uint32) & np.uint32(2**bits - 1)


def _jumps(values: NDArray[Any]) -> float:
    """Add up how far neighbours are from each other: far, where samples are taken for others."""
    some = values[:: max(1, values.size // _SAMPLED)].astype(np.float64)
    return float(np.abs(np.diff(some, axis=1)).sum())


def _scale(values: NDArray[Any], samples: Samples) -> tuple[float, float]:
    """Find black and white of samples whose bits alone do not tell: all but unsigned 16.

    White is 1 in floating point by convention, and else the most that the bits hold. But programs
    also write the values of 8 or 16 bits so. Therefore white is the one in whose reach lies what
    is bright in the picture, the 99th percentile of all above black; one value, however large,
    changes nothing. Black is 0, and in signed samples the least where many are below 0.
    """
    step = max(1, int((values.size / _SAMPLED) ** 0.5))
    seen = values[::step, ::step].astype(np.float64)
    seen = seen[np.isfinite(seen)]
    if not seen.size:
        return 0.0, 1.0
    whites = _whites(values, samples)
    if samples.sort == "signed" and np.mean(seen < 0) > _STRAY:
        full, least, _ = whites[-1]
        if np.percentile(np.abs(seen), _BRIGHT) >= least:
            return -full - 1, full
    light = seen[seen > 0]
    bright = float(np.percentile(light, _BRIGHT)) if light.size else 0.0
    for white, least, most in whites:
        stray, beyond = np.mean(seen < -white / 10), np.mean(seen > white)
        if least <= bright <= most and stray <= _STRAY and beyond <= _BEYOND:
            return 0.0, white
    raise UnknownScaleError(float(seen.min()), float(seen.max()))


def _whites(values: NDArray[Any], samples: Samples) -> tuple[tuple[float, float, float], ...]:
    """Return each white that may be, and the least and the greatest that is bright with it.

    That is from an eighth to a tenth more; down to 0 for the smallest; for 1, highlights may be
    eight times as bright; for 32 bits nothing else comes near.
    """
    of_8, of_16 = (255.0, 0.0, 280.0), (65535.0, 8192.0, 72_000.0)
    if values.dtype.kind == "f":
        return (1.0, 0.0, 8.0), (255.0, 32.0, 280.0), of_16
    full = 2.0 ** (samples.bits - (samples.sort == "signed")) - 1
    if values.dtype.itemsize == 1:
        return ((full, 0.0, full),)
    if samples.bits == DEEP_BITS:
        return of_8, (full, 4096.0, full)
    return (of_8, of_16) if samples.bits < DEEP_BITS else (of_8, of_16, (full, 2.0**20, full))


def deep_mask(
    mask: NDArray[np.uint8],
    alpha: NDArray[np.uint8] | None = None,
    deep_alpha: NDArray[np.uint16] | None = None,
) -> NDArray[np.uint16]:
    """Return a mask (255 for 1) at 16 bits: the picture's own alpha, which is in it, then exactly.

    `alpha` and `deep_alpha` are that alpha at both depths; all are height × width.
    """
    if alpha is None or deep_alpha is None:
        return deepened(mask)
    deep = np.empty(mask.shape, np.uint16)
    for top in range(0, len(mask), _ROWS):
        rows = slice(top, top + _ROWS)
        # What was 1 before alpha was in it is alpha; what is no part of alpha stays what it is.
        share = mask[rows] / np.maximum(alpha[rows], 1).astype(np.float64)
        exact = np.minimum(np.rint(share * deep_alpha[rows]), DEEP)
        deep[rows] = np.where(alpha[rows] == 0, deepened(mask[rows]), exact)
    return deep


def straightened(samples: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Take alpha out of colours that are multiplied with it: … × 4, red, green, blue and alpha.

    Where alpha is 0 no colour is known: it is 0.
    """
    alpha = samples[..., 3:]
    straight = samples * (np.float32(DEEP) / np.maximum(alpha, 1))
    np.rint(np.minimum(straight, DEEP, out=straight), out=straight)
    straight *= alpha != 0
    straight[..., 3:] = alpha
    return straight.astype(np.uint16)
