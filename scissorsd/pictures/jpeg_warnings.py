"""What libjpeg only warns of, and Pillow keeps to itself: samples that end before the picture."""

import io

import numpy as np
from PIL import Image, JpegImagePlugin

from scissorsd.core.repairs import frame_header

_END = b"\xff\xd9"
_ROWS = 4  # the lowest: further up, colours of what is there may reach into blocks that are not
_GREYS = range(126, 130)  # what samples that are missing come out as, in each colour
_SHRUNK = 8
_ARITHMETIC = 8  # this bit of a frame header's marker
_SEQUENTIAL = (0xC0, 0xC1)  # such markers
_SCAN = b"\xff\xda"
# No marker and no code of one value: whoever still waits for samples takes these for some.
_MORE = bytes((37 * at + 11) % 251 for at in range(512))


def lower_part_is_missing(image: Image.Image, data: bytes) -> bool:
    """Tell whether the samples of a JPEG, which is loaded, ended before its last rows.

    libjpeg fills what is missing with mid-grey. Where the last rows are of that grey all across,
    more samples are put behind those that there are: a decoder that had all it needs does not
    heed them, so the picture stays the same. (Arithmetic coding cannot be told so.)
    """
    if not isinstance(image, JpegImagePlugin.JpegImageFile) or not _ends_in_grey(image):
        return False
    marker, header = frame_header(data) or (_ARITHMETIC, 0)
    if marker & _ARITHMETIC:  # its coders leave out last bytes that are 0
        return False
    end = data.find(_END, header)
    return end >= 0 and _shrunk(data) != _shrunk(data[:end] + _MORE + data[end:])


def with_its_end(data: bytes) -> bytes | None:
    """Add the two bytes at a JPEG's end where only they are missing; None where more is.

    The header was read before and is within the limits.
    """
    marker, header = frame_header(data) or (0, 0)
    scan = data.find(_SCAN, header)
    in_one_scan = scan >= 0 and data[scan + 4 : scan + 5] == data[header + 7 : header + 8]
    if marker not in _SEQUENTIAL or not in_one_scan or data.find(_END, scan) >= 0:
        return None
    whole = data + _END
    return whole if _shrunk(whole) == _shrunk(data + _MORE + _END) else None


def _ends_in_grey(image: Image.Image) -> bool:
    last = np.asarray(image.crop((0, max(0, image.height - _ROWS), image.width, image.height)))
    least, greatest = last.min(axis=(0, 1)), last.max(axis=(0, 1))
    is_grey = all(int(value) in _GREYS for value in np.atleast_1d(least))
    return is_grey and bool((least == greatest).all())


def _shrunk(data: bytes) -> bytes:
    with JpegImagePlugin.JpegImageFile(io.BytesIO(data)) as image:
        image.decodermaxblock = len(data)
        image.draft(None, (image.width // _SHRUNK, image.height // _SHRUNK))
        image.load()
        return image.tobytes()
