"""How files leave the page: as a picture of a known kind, or not at all.

The kind is what the first bytes say. Nothing is sent that a browser could take for a page of ours:
no SVG, no HTML, no PDF; and what is sent is shut into a sandbox.
"""

import hashlib
import unicodedata
from collections.abc import Mapping
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.types import Receive, Scope, Send

from scissorsd.core.formats import Format
from scissorsd.core.signatures import PictureFormat, foreign, recognise
from scissorsd.page.answers import Refusal
from scissorsd.page.outputs.places import Opened

TYPES: Mapping[PictureFormat, str] = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "TIFF": "image/tiff",
    "BMP": "image/bmp",
    "GIF": "image/gif",
    "AVIF": "image/avif",
    "HEIF": "image/heic",
}
TYPES_MADE: Mapping[Format, str] = {
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "avif": "image/avif",
    "tiff": "image/tiff",
}
_HEAD = 1 << 16  # bytes in which every kind is known
_SAFE = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",  # asked for again each time; the same is not sent again
}


class _Sent(FileResponse):
    """A file that is open already; it is closed when it was sent, or when it cannot be."""

    def __init__(self, opened: Opened, headers: Mapping[str, str], media_type: str) -> None:
        super().__init__(
            f"/proc/self/fd/{opened.file.fileno()}",  # this very file, whatever has its name now
            headers=headers,
            media_type=media_type,
            stat_result=opened.status,
        )
        self._file = opened.file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._file.close()


def file(request: Request, opened: Opened) -> Response:
    """Send a file's own bytes, or those that are asked for by Range."""
    status = opened.status
    etag = f'"{status.st_size:x}-{status.st_mtime_ns:x}"'
    try:
        head = opened.file.read(_HEAD)
    except OSError as error:
        opened.file.close()
        what = f"{opened.name} cannot be read: {error.strerror}."
        raise Refusal(503, "unreadable", what) from error
    kind = recognise(head) or recognise(head.lstrip())
    if kind is None:
        opened.file.close()
        raise Refusal(415, "no_picture", f"{opened.name} is not a picture: {_looks(head)}.")
    if is_known(request, etag):
        opened.file.close()
        return unchanged(etag)
    name, download = opened.path.name, bool(request.query_params.get("download"))
    headers = headers_for(etag, name, download=download)
    return _Sent(opened, headers, TYPES[kind])


def content(
    request: Request, data: bytes, media_type: str, *, etag: str, name: str, download: bool = False
) -> Response:
    """Send what was made here."""
    if is_known(request, etag):
        return unchanged(etag)
    headers = headers_for(etag, name, download=download)
    return Response(data, headers=headers, media_type=media_type)


def headers_for(etag: str, name: str, *, download: bool) -> dict[str, str]:
    """Return what goes before every file."""
    return {**_SAFE, "ETag": etag, "Content-Disposition": disposition(name, download=download)}


def is_known(request: Request, etag: str) -> bool:
    """Whether the browser has this very version already."""
    known = request.headers.get("if-none-match", "")
    return etag in [tag.strip().removeprefix("W/") for tag in known.split(",")] or known == "*"


def unchanged(etag: str) -> Response:
    """Say that what the browser has is still right."""
    return Response(status_code=304, headers={**_SAFE, "ETag": etag})


def etag_of(*parts: object) -> str:
    """Make an ETag of what decides how something looks."""
    return f'"{hashlib.sha256(repr(parts).encode()).hexdigest()[:32]}"'


def disposition(name: str, *, download: bool) -> str:
    """Return Content-Disposition with a name of any letters, as RFC 6266 and 8187 have it."""
    shown = "attachment" if download else "inline"
    tidy = unicodedata.normalize(
        "NFC", name.encode("utf-8", "surrogateescape").decode(errors="replace")
    )
    tidy = "".join("_" if unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp"} else c for c in tidy)
    plain = unicodedata.normalize("NFKD", tidy).encode("ascii", "ignore").decode()
    plain = "".join("_" if c in '"\\%;/' else c for c in plain).strip() or "picture"
    value = f'{shown}; filename="{plain}"'
    return value if plain == tidy else f"{value}; filename*=UTF-8''{quote(tidy, safe='')}"


def _looks(head: bytes) -> str:
    if not head:
        return "the file is empty"
    what = foreign(head)
    return what if what.startswith("its") else f"it looks like {what}"
