"""Plain values with bytes among them, as they travel: MessagePack.

Names of files need not be UTF-8: unlike kombu's own, this packs the surrogates that stand in them.
"""

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


def teach_kombu() -> None:
    """Have kombu, and with it Celery, pack and unpack so."""
    serialization.register(NAME, pack, unpack, CONTENT_TYPE, "binary")
