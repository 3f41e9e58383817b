"""The fields of a call: short ones are texts, long ones lie on the disk in files without a name."""

import re
import tempfile
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import AsyncIterator, Collection
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from starlette.concurrency import run_in_threadpool

from scissorsd.config.parse_quantities import said_size
from scissorsd.page.answers import Refusal

PIECE = 1 << 20  # bytes that are read or written at once
LONGEST_TEXT = 1 << 16  # bytes of all short fields together
AS_BASE64 = 1.4  # times as long, with line breaks
_DATA_URL = re.compile(rb"\s*data:[^,]{0,100},")
_NO_BASE64 = re.compile(rb"\s+")
_URL_SAFE = bytes.maketrans(b"-_", b"+/")


@dataclass(slots=True)
class Upload:
    """A field on the disk."""

    file: BinaryIO
    filename: str = ""
    size: int = 0

    @property
    def path(self) -> Path:
        """A path by which all that was written can be read, while the file is open here."""
        self.file.flush()
        return Path(f"/proc/self/fd/{self.file.fileno()}")

    def head(self, count: int) -> bytes:
        """Return how it begins."""
        self.file.seek(0)
        return self.file.read(count)

    def whole(self) -> bytes:
        """Return all of it."""
        return self.head(-1)

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield it from the beginning."""
        await run_in_threadpool(self.file.seek, 0)
        while piece := await run_in_threadpool(self.file.read, PIECE):
            yield piece


@dataclass(slots=True)
class Form:
    """What a request has brought; an empty field is as good as none."""

    folder: Path
    long: Collection[str]  # the names of fields that go to the disk
    most: int  # bytes of one of these
    texts: dict[str, str] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)
    open_files: ExitStack = field(default_factory=ExitStack)
    unwritten: list[tuple[Upload, bytes]] = field(default_factory=list)
    held: int = 0  # bytes of what is unwritten
    short: int = 0  # bytes of the short fields

    def new(self, filename: str = "") -> Upload:
        """Open a file without a name; it is closed with the form."""
        file = tempfile.TemporaryFile(dir=self.folder)  # noqa: SIM115 - closed with the form
        return Upload(self.open_files.enter_context(file), filename)

    def put(self, name: str, value: bytes | Upload) -> None:
        """Take a field that is whole."""
        if not (value.size if isinstance(value, Upload) else value):
            return
        if name in self.texts or name in self.uploads:
            raise Refusal(400, "duplicate_parameter", f"{name[:40]} was given twice")
        if isinstance(value, Upload):
            self.uploads[name] = value
        else:
            self.texts[name] = value.decode("utf-8", "replace").strip()

    def add(self, to: Upload | bytearray, data: bytes) -> None:
        """Add to a field that comes."""
        if isinstance(to, bytearray):
            self.short += len(data)
            if self.short > LONGEST_TEXT:
                raise Refusal(400, "too_long", "the parameters of this call are too long")
            to += data
            return
        to.size += len(data)
        if to.size > self.most * AS_BASE64:
            raise too_large(self.most)
        self.unwritten.append((to, data))
        self.held += len(data)

    async def write(self, *, at_least: int = PIECE) -> None:
        """Write what has come, once it is worth it."""
        if self.unwritten and self.held >= at_least:
            await run_in_threadpool(self._write)

    def _write(self) -> None:
        for upload, data in self.unwritten:
            upload.file.write(data)
        self.unwritten.clear()
        self.held = 0


def too_large(most: int) -> Refusal:
    """Return the answer to a file that is larger than is taken."""
    return Refusal(400, "file_too_large", "file too large", f"File exceeds limit of {_size(most)}")


def _size(most: int) -> str:
    return f"{said_size(most)} (page.limits.file)"


def decoded(form: Form, encoded: Upload) -> Upload:
    """Decode a field that is in base64, piece by piece; spaces may stand for +, as in a form.

    Raises Refusal. For a thread.
    """
    result, half, is_first = form.new(), b"", True
    encoded.file.seek(0)
    try:
        while piece := encoded.file.read(PIECE):
            if is_first:
                piece, is_first = _DATA_URL.sub(b"", piece, count=1), False
            half += _NO_BASE64.sub(b"", piece.replace(b" ", b"+")).translate(_URL_SAFE)
            whole = len(half) - len(half) % 4
            result.file.write(a2b_base64(half[:whole], strict_mode=True) if whole else b"")
            half = half[whole:]
        result.file.write(a2b_base64(half + b"=" * (-len(half) % 4), strict_mode=True))
    except Base64Error as error:
        what = "there was an error reading the image"
        raise Refusal(400, "failed_to_read_image", what, f"It is no base64: {error}") from error
    result.size = result.file.tell()
    if result.size > form.most:
        raise too_large(form.most)
    return result
