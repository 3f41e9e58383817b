"""Plain values with bytes among them, as they travel: MessagePack.

Names of files need not be UTF-8: unlike kombu's own, this packs the surrogates that stand in them.
"""

from base64 import b64decode, b64encode
from typing import Any

import msgpack
from kombu import serialization

NAME = "msgpack"  # as kombu calls it
CONTENT_TYPE = "application/x-msgpack"


def pack(value: object) -> bytes:
    """Return a plain value as bytes."""
    packed: bytes = msgpack.packb(value, unicode_errors="surrogatepass")
    return packed


def unpack(data: bytes) -> Any:  # noqa: ANN401 - what is plain
    """Return the plain value that bytes stand for; raises ValueError where they are none."""
    try:
        return msgpack.unpackb(data, unicode_errors="surrogatepass")
    except msgpack.UnpackException as error:
        raise ValueError(str(error)) from error


def to_line(value: object) -> bytes:
    """Return a plain value as a line of bytes, with its end."""
    return b64encode(pack(value)) + b"\n"


def of_line(line: bytes) -> Any:  # noqa: ANN401 - what is plain
    """Return the plain value that a line stands for; raises ValueError where it is none."""
    return unpack(b64decode(line, validate=False))


def teach_kombu() -> None:
    """Have kombu, and with it Celery, pack and unpack so."""
    serialization.register(NAME, pack, unpack, CONTENT_TYPE, "binary")
