"""`cut` with `-`: a picture from standard input, the one file that is made to standard output."""

import os
import select
from collections.abc import Iterator, Sequence
from pathlib import Path

from scissorsd.core.rules import Output
from scissorsd.errors import OverLimitsError, PictureError, UsageError

STREAM = Path("-")
_PIECE = 1 << 20  # bytes


def resolved(pictures: Sequence[Path], out: Path | None) -> Path | None:
    """Return where the results go: without -o, those of standard input to standard output.

    Raises UsageError where a stream is asked for that cannot be one.
    """
    if STREAM in pictures:
        if len(pictures) > 1:
            raise UsageError("- is one picture, from standard input; no others go beside it")
        if os.isatty(0):
            raise UsageError(
                "- is a picture from standard input, which is a terminal",
                "Send it the bytes of one: scissorsd cut - < cat.jpg > cat.png",
            )
        out = out or STREAM
    if out == STREAM and os.isatty(1):
        raise UsageError(
            "the result is the bytes of a picture, and standard output is a terminal",
            "Send it to a file or a program (> cat.png), or name a file (-o cat.png).",
        )
    return out


def refuse_several(pictures: Sequence[Path], outputs: Sequence[Output], out: Path | None) -> None:
    """Raise UsageError where more is made than a stream takes, or what has no name."""
    if out == STREAM and len(pictures) > 1:
        raise UsageError(
            f"standard output takes one result, and there are {len(pictures)} pictures"
        )
    if out == STREAM and len(outputs) > 1:
        kinds = ", ".join(output.kind for output in outputs)
        raise UsageError(f"standard output takes one result, and these would be made: {kinds}")
    is_a_file = out is not None and bool(out.suffix) and not out.is_dir() and len(outputs) == 1
    if STREAM in pictures and out != STREAM and not is_a_file:
        raise UsageError(
            "a picture from standard input has no name to call its result by",
            "Name one file (-o cat.png), or leave -o out for standard output.",
        )


def read_input(limit: int | None) -> bytes:
    """Return what comes from standard input, in bytes; raises PictureError where that cannot be.

    `limit` is the most that is taken, in bytes.
    """
    content = bytearray()
    for piece in _pieces():
        content += piece
        if limit is not None and len(content) > limit:
            raise OverLimitsError(f"it has more than {limit:,} bytes, the limit (limits: file)")
    if not content:
        raise PictureError("nothing came", "See that what goes before it in the pipe succeeds.")
    return bytes(content)


def _pieces() -> Iterator[bytes]:
    try:
        while True:
            select.select([0], [], [])  # whoever opened it may have asked not to wait
            piece = os.read(0, _PIECE)
            if not piece:
                return
            yield piece
    except OSError as error:
        raise PictureError(f"it cannot be read: {error.strerror}") from error


def said(picture: Path) -> str:
    """Name a picture in a sentence."""
    return "standard input" if picture == STREAM else str(picture)
