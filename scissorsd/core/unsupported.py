"""What kind of JPEG or TIFF a file is, where it is one that may be whole and yet cannot be read."""

import struct

from scissorsd.core.repairs import frame_header
from scissorsd.core.signatures import PictureFormat
from scissorsd.core.tiff_directory import tag_values

_COMPRESSION = 259  # a TIFF's tag
_READ = {1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946, 34925, 50000}  # what TIFFs are compressed by
_NAMED = {
    33003: "JPEG 2000",
    33005: "JPEG 2000",
    34712: "JPEG 2000",
    34661: "JBIG",
    34887: "LERC",
    34892: "lossy JPEG",
    50001: "WebP",
    50002: "JPEG XL",
    52546: "JPEG XL",
}
_BITS, _LAYERS = 8, (1, 3, 4)


def oddity(data: bytes, name: PictureFormat) -> str:
    """Say what is unusual about a file that would not decode; nothing where it is as most are."""
    try:
        if name == "JPEG":
            return _of_a_jpeg(data)
        return _of_a_tiff(data) if name == "TIFF" else ""
    except (struct.error, IndexError):
        return ""


def _of_a_jpeg(data: bytes) -> str:
    frame = frame_header(data)
    if frame is None:
        return ""
    marker, at = frame
    bits, layers = data[at + 2], data[at + 7]
    kind = marker & 3  # ITU-T T.81, table B.1: the same four for Huffman and arithmetic coding
    if kind == 3:  # noqa: PLR2004 - see above
        return "it is a lossless JPEG"
    if marker & 4:
        return "it is a hierarchical JPEG"
    if bits != _BITS:
        return f"it has {bits} bits of a sample"
    return "" if layers in _LAYERS else f"it has {layers} colours of a pixel"


def _of_a_tiff(data: bytes) -> str:
    (code, *_) = tag_values(data, _COMPRESSION) or (1,)
    if code in _READ:
        return ""
    return f"it is compressed by {_NAMED.get(code, f'method {code}')}"
