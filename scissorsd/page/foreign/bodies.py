"""The fields of a request: multipart, form-urlencoded or JSON.

What may be long goes to the disk as it comes, into files that have no name: however a call ends,
nothing of it stays. All else is short, and is held to that.
"""

import json
import mmap
import re
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, QuerystringParser, parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from scissorsd.page.answers import Refusal
from scissorsd.page.foreign.fields import AS_BASE64, LONGEST_TEXT, PIECE, Form, Upload, too_large

_HALF_AN_ESCAPE = re.compile(rb"%[0-9A-Fa-f]?$")
_LONGEST_ESCAPE = len(r"\u002b")


@asynccontextmanager
async def read_form(
    request: Request, folder: Path, long: Collection[str], most: int
) -> AsyncIterator[Form]:
    """Read the fields of a request; the files are there until the block ends.

    `most` bytes may a file have. Raises Refusal, and ClientDisconnect.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    declared = int(request.headers.get("content-length", "0"))
    if declared > (most * AS_BASE64) * len(long) + LONGEST_TEXT:
        raise too_large(most)
    form = Form(folder, long, most)
    with form.open_files:
        try:
            await run_in_threadpool(folder.mkdir, parents=True, exist_ok=True)
            match kind:
                case b"multipart/form-data":
                    await _parsed(request, form, _multipart(form, options.get(b"boundary", b"")))
                case b"application/x-www-form-urlencoded":
                    await _parsed(request, form, _urlencoded(form))
                case b"application/json":
                    await _json(request, form)
                case _:
                    raise Refusal(
                        400,
                        "missing_source",
                        "no image given",
                        "Send the parameters as multipart/form-data, as a form, or as JSON, and "
                        "say which as Content-Type.",
                    )
        except OSError as error:
            what = f"there is no room for this in {folder}: {error.strerror or error}"
            raise Refusal(507, "disk_full", what) from error
        yield form


async def _parsed(
    request: Request, form: Form, parser: MultipartParser | QuerystringParser
) -> None:
    try:
        async for data in request.stream():
            parser.write(data)
            await form.write()
        parser.finalize()
    except FormParserError as error:
        raise Refusal(
            400, "malformed_body", "the body of this call is malformed", str(error)
        ) from (error)
    await form.write(at_least=0)


def _multipart(form: Form, boundary: bytes) -> MultipartParser:
    """Return a parser that fills a form."""
    if not boundary:
        raise Refusal(400, "malformed_body", "the body of this call has no boundary")
    headers: dict[bytes, bytes] = {}
    header, value = bytearray(), bytearray()
    name = ""
    into: Upload | bytearray = bytearray()

    def on_part_begin() -> None:
        headers.clear()

    def on_header_field(data: bytes, start: int, end: int) -> None:
        form.add(header, data[start:end])

    def on_header_value(data: bytes, start: int, end: int) -> None:
        form.add(value, data[start:end])

    def on_header_end() -> None:
        headers[bytes(header).lower()] = bytes(value)
        header.clear()
        value.clear()

    def on_headers_finished() -> None:
        nonlocal name, into
        _, options = parse_options_header(headers.get(b"content-disposition", b""))
        name = options.get(b"name", b"").decode("utf-8", "replace")
        filename = options.get(b"filename", b"").decode("utf-8", "replace")
        into = form.new(filename) if name in form.long else bytearray()

    def on_part_data(data: bytes, start: int, end: int) -> None:
        form.add(into, data[start:end])

    def on_part_end() -> None:
        form.put(name, into if isinstance(into, Upload) else bytes(into))

    return MultipartParser(
        boundary,
        {
            "on_part_begin": on_part_begin,
            "on_header_field": on_header_field,
            "on_header_value": on_header_value,
            "on_header_end": on_header_end,
            "on_headers_finished": on_headers_finished,
            "on_part_data": on_part_data,
            "on_part_end": on_part_end,
        },
    )


def _urlencoded(form: Form) -> QuerystringParser:
    """Return a parser that fills a form."""
    name, half = bytearray(), b""
    into: Upload | bytearray | None = None

    def on_field_start() -> None:
        nonlocal into, half
        name.clear()
        into, half = None, b""

    def on_field_name(data: bytes, start: int, end: int) -> None:
        form.add(name, data[start:end])

    def begun() -> Upload | bytearray:
        return form.new() if _unquoted(bytes(name)).decode() in form.long else bytearray()

    def on_field_data(data: bytes, start: int, end: int) -> None:
        nonlocal into, half
        into = begun() if into is None else into
        whole = half + data[start:end]
        match = _HALF_AN_ESCAPE.search(whole)
        half = match[0] if match else b""
        form.add(into, _unquoted(whole.removesuffix(half)))

    def on_field_end() -> None:
        if into is not None:
            form.add(into, half)
            asked = _unquoted(bytes(name)).decode("utf-8", "replace")
            form.put(asked, into if isinstance(into, Upload) else bytes(into))

    return QuerystringParser(
        {
            "on_field_start": on_field_start,
            "on_field_name": on_field_name,
            "on_field_data": on_field_data,
            "on_field_end": on_field_end,
        }
    )


def _unquoted(data: bytes) -> bytes:
    return unquote_to_bytes(data.replace(b"+", b" "))


# --- JSON ------------------------------------------------------------------------------------


async def _json(request: Request, form: Form) -> None:
    body = form.new()
    async for data in request.stream():
        form.add(body, data)
        await form.write()
    await form.write(at_least=0)
    if body.size:
        await run_in_threadpool(_take_json, form, body)


def _take_json(form: Form, body: Upload) -> None:
    """Take the long strings out of the text without reading it whole, and parse what is left."""
    body.file.flush()
    with mmap.mmap(body.file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        left, at, long = bytearray(), 0, dict[str, tuple[int, int]]()
        for name, start, end in _long_strings(text, form.long):
            left += text[at:start]
            long[name], at = (start, end), end
            if len(left) > LONGEST_TEXT:
                break
        if len(text) - at + len(left) > LONGEST_TEXT:
            raise Refusal(400, "too_long", "the parameters of this call are too long")
        left += text[at:]
        for name, value in _object(bytes(left)).items():
            if name in form.long:
                if name not in long or value != "":
                    raise Refusal(400, "malformed_body", f"{name} is no text")
                form.put(name, _copied(form, text, *long[name]))
            else:
                form.put(name, _said(name, value).encode())


def _long_strings(text: mmap.mmap, names: Collection[str]) -> Iterator[tuple[str, int, int]]:
    """Yield the name of each long field, and where its string begins and ends.

    Base64 has no quotes: the next one ends it.
    """
    wanted = b"|".join(re.escape(name.encode()) for name in names)
    pattern = re.compile(rb'"(' + wanted + rb')"\s*:\s*"')
    at = 0
    while match := pattern.search(text, at):
        end = text.find(b'"', match.end())
        if end < 0:
            return
        yield match[1].decode(), match.end(), end
        at = end


def _copied(form: Form, text: mmap.mmap, start: int, end: int) -> Upload:
    """Copy a string of JSON; .NET, PHP and MIME escape signs of base64, or put breaks into it."""
    upload, at = form.new(), start
    while at < end:
        piece = text[at : min(at + PIECE, end)]
        escape = piece.rfind(b"\\", max(1, len(piece) - _LONGEST_ESCAPE + 1))
        if escape > 0 and at + len(piece) < end:
            piece = piece[:escape]  # which may be cut in two
        at += len(piece)
        try:
            upload.file.write(json.loads(b'"' + piece + b'"', strict=False).encode())
        except ValueError as error:
            what = "the body of this call is no JSON"
            raise Refusal(400, "malformed_body", what, str(error)) from error
    upload.size = upload.file.tell()
    return upload


def _object(text: bytes) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        what = "the body of this call is no JSON"
        raise Refusal(400, "malformed_body", what, str(error)) from error
    if not isinstance(values, dict):
        raise Refusal(400, "malformed_body", "the body of this call is no JSON object")
    return values


def _said(name: str, value: object) -> str:
    """Return a value of JSON as a form would have it."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case str() | int() | float():
            return str(value)
    raise Refusal(400, f"invalid_{name[:40]}", f"invalid {name[:40]} parameter given")
