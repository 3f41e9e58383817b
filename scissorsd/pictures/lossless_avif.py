"""AVIF without any loss, by the libavif that Pillow brings or uses.

Pillow always turns red, green and blue into the YCbCr of BT.601, which rounds. AV1 can hold them as
they are (matrix coefficients "identity": ITU-T H.273, table 4, value 0; AV1 specification, 6.4.2),
and libavif does so when it is told. Its functions are called as they stand in its `avif.h`; the
structures below are the beginnings of those there, which since version 1.0 grow only at the end.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scissorsd.machine import usable_cpus

_MAJOR = b"1."  # of libavif, whose structures these are
_RGBA = 4  # channels
_YUV444, _FULL_RANGE = 1, 1
_COLOURS, _WITH_ALPHA = 1, 0xFF  # planes to have
_PLANES = (1, 2, 0, 3)  # the channels of Y, U, V and alpha: green, blue, red, alpha
_BT709, _SRGB, _IDENTITY = 1, 13, 0
_LOSSLESS = 100
_SPEED = 8  # the lower ones buy a few percent in many times the time


class _Bytes(ctypes.Structure):
    _fields_ = (("data", ctypes.c_void_p), ("size", ctypes.c_size_t))


class _Image(ctypes.Structure):
    _fields_ = (
        ("width", ctypes.c_uint32),
        ("height", ctypes.c_uint32),
        ("depth", ctypes.c_uint32),
        ("yuv_format", ctypes.c_int),
        ("yuv_range", ctypes.c_int),
        ("chroma_position", ctypes.c_int),
        ("yuv_planes", ctypes.c_void_p * 3),
        ("yuv_row_bytes", ctypes.c_uint32 * 3),
        ("owns_yuv", ctypes.c_int),
        ("alpha_plane", ctypes.c_void_p),
        ("alpha_row_bytes", ctypes.c_uint32),
        ("owns_alpha", ctypes.c_int),
        ("alpha_premultiplied", ctypes.c_int),
        ("icc", _Bytes),
        ("primaries", ctypes.c_uint16),
        ("transfer", ctypes.c_uint16),
        ("matrix", ctypes.c_uint16),
    )


class _Encoder(ctypes.Structure):
    _fields_ = (
        ("codec", ctypes.c_int),
        ("max_threads", ctypes.c_int),
        ("speed", ctypes.c_int),
        ("keyframe_interval", ctypes.c_int),
        ("timescale", ctypes.c_uint64),
        ("repetitions", ctypes.c_int),
        ("extra_layers", ctypes.c_uint32),
        ("quality", ctypes.c_int),
        ("quality_alpha", ctypes.c_int),
    )


def encode_lossless_avif(
    pixels: NDArray[np.uint8], *, icc: bytes | None, exif: bytes, xmp: bytes | None
) -> bytes:
    """Encode (height, width, 3 or 4), of which every value comes back, also under an alpha of 0.

    `icc` None is sRGB. Raises RuntimeError with libavif's words, or where it cannot be reached.
    """
    lib = _libavif()
    height, width, channels = pixels.shape
    with _image(lib, width, height) as image, _encoder(lib) as encoder, _output(lib) as output:
        it = image.contents
        it.yuv_range, it.matrix = _FULL_RANGE, _IDENTITY
        if icc is None:
            it.primaries, it.transfer = _BT709, _SRGB
        else:
            _must(lib, lib.avifImageSetProfileICC(image, icc, len(icc)))
        if exif:
            _must(lib, lib.avifImageSetMetadataExif(image, exif, len(exif)))
        if xmp:
            _must(lib, lib.avifImageSetMetadataXMP(image, xmp, len(xmp)))
        planes = _WITH_ALPHA if channels == _RGBA else _COLOURS
        _must(lib, lib.avifImageAllocatePlanes(image, planes))
        for plane, channel in enumerate(_PLANES[:channels]):
            start, row_bytes = (
                lib.avifImagePlane(image, plane),
                lib.avifImagePlaneRowBytes(image, plane),
            )
            rows = np.ctypeslib.as_array(start, shape=(height, row_bytes))
            rows[:, :width] = pixels[..., channel]
        encoder.contents.max_threads = usable_cpus()
        encoder.contents.speed = _SPEED
        encoder.contents.quality = encoder.contents.quality_alpha = _LOSSLESS
        _must(lib, lib.avifEncoderWrite(encoder, image, ctypes.byref(output)))
        return ctypes.string_at(output.data, output.size)


@cache
def _libavif() -> Any:  # noqa: ANN401 - a library's functions
    try:
        from PIL import _avif  # noqa: PLC0415 - there is none in every Pillow

        lib = ctypes.CDLL(_avif.__file__)  # what it is linked with is found through it
        lib.avifVersion.restype = ctypes.c_char_p
        lib.avifResultToString.restype = ctypes.c_char_p
        lib.avifImageCreate.restype = ctypes.POINTER(_Image)
        lib.avifEncoderCreate.restype = ctypes.POINTER(_Encoder)
        lib.avifImagePlane.restype = ctypes.POINTER(ctypes.c_uint8)
        lib.avifImagePlaneRowBytes.restype = ctypes.c_uint32
        for function in (lib.avifImageDestroy, lib.avifEncoderDestroy, lib.avifRWDataFree):
            function.restype = None
        for function in (
            lib.avifImageSetProfileICC,
            lib.avifImageSetMetadataExif,
            lib.avifImageSetMetadataXMP,
        ):
            function.argtypes = (ctypes.POINTER(_Image), ctypes.c_char_p, ctypes.c_size_t)
    except (ImportError, OSError, AttributeError) as error:
        raise RuntimeError(f"this Pillow's libavif cannot be reached: {error}") from error
    version: bytes = lib.avifVersion()
    if not version.startswith(_MAJOR):
        raise RuntimeError(f"libavif {version.decode()} is another one than is known: 1.x")
    return lib


@contextmanager
def _image(lib: Any, width: int, height: int) -> Iterator[Any]:  # noqa: ANN401 - as above
    image = lib.avifImageCreate(width, height, 8, _YUV444)
    if not image:
        raise MemoryError
    try:
        yield image
    finally:
        lib.avifImageDestroy(image)


@contextmanager
def _encoder(lib: Any) -> Iterator[Any]:  # noqa: ANN401 - as above
    encoder = lib.avifEncoderCreate()
    if not encoder:
        raise MemoryError
    try:
        yield encoder
    finally:
        lib.avifEncoderDestroy(encoder)


@contextmanager
def _output(lib: Any) -> Iterator[_Bytes]:  # noqa: ANN401 - as above
    output = _Bytes(None, 0)
    try:
        yield output
    finally:
        lib.avifRWDataFree(ctypes.byref(output))


def _must(lib: Any, result: int) -> None:  # noqa: ANN401 - as above
    if result:
        raise RuntimeError(f"libavif: {lib.avifResultToString(result).decode()}")
