"""Bodies of calls, as they come in pieces: long fields go to the disk, short ones stay short."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.types import Message

from scissorsd.page.answers import Refusal
from scissorsd.page.foreign import bodies, fields

from .calling import as_json, multipart, urlencoded

LONG = ("image_file", "image_file_b64")
DATA = bytes(range(256)) * 40
BASE64 = base64.b64encode(DATA).decode()
MOST = 1 << 20


def read(
    body: tuple[str, bytes], folder: Path, *, piece: int = 7, most: int = MOST
) -> tuple[dict[str, str], dict[str, bytes]]:
    """Read a body that comes in such pieces: the texts, and the files with base64 undone."""
    kind, data = body

    async def pieces() -> AsyncIterator[Message]:
        for at in range(0, len(data), piece):
            more = at + piece < len(data)
            yield {"type": "http.request", "body": data[at : at + piece], "more_body": more}

    async def all_of_it() -> tuple[dict[str, str], dict[str, bytes]]:
        stream = pieces()
        scope = {"type": "http", "headers": [(b"content-type", kind.encode())]}
        request = Request(scope, lambda: anext(stream))
        async with bodies.read_form(request, folder, LONG, most) as form:
            files = {}
            for name, upload in form.uploads.items():
                whole = fields.decoded(form, upload) if name == "image_file_b64" else upload
                files[name] = whole.whole()
            return form.texts, files

    with ThreadPoolExecutor(1) as thread:  # that of the tests may have a browser's loop
        return thread.submit(asyncio.run, all_of_it()).result()


@pytest.mark.parametrize("piece", [1, 7, 10**6])
def test_every_kind_of_body(tmp_path: Path, piece: int) -> None:
    """Multipart, form and JSON give the same, however they are cut; what is empty is not there."""
    words = {"size": "full", "bg_color": "", "crop_margin": "10% 5px"}
    told = {"size": "full", "crop_margin": "10% 5px"}
    form = multipart({**words, "image_file": ("a.jpg", DATA)})
    assert read(form, tmp_path, piece=piece) == (told, {"image_file": DATA})
    whole = {**words, "image_file_b64": BASE64}
    for body in (multipart(whole), urlencoded(whole), as_json(whole)):
        assert read(body, tmp_path, piece=piece) == (told, {"image_file_b64": DATA})


def test_base64_as_it_is_sent(tmp_path: Path) -> None:
    """Line breaks, escapes of .NET and PHP, a data URL, no padding, + as a space: all decode."""
    lines = base64.encodebytes(DATA).decode()
    escaped = json.dumps({"image_file_b64": "@"}).replace(
        "@", BASE64.replace("+", r"\u002B").replace("/", r"\/")
    )
    for body in (
        as_json({"image_file_b64": lines}),
        ("application/json", escaped.encode()),
        as_json({"image_file_b64": f"data:image/png;base64,{BASE64}"}),
        as_json({"image_file_b64": BASE64.rstrip("=")}),
        ("application/x-www-form-urlencoded", b"image_file_b64=" + BASE64.encode()),
    ):
        assert read(body, tmp_path)[1] == {"image_file_b64": DATA}, body[1][:60]


def test_values_of_json(tmp_path: Path) -> None:
    """Truth and numbers are as a form has them, and null is nothing."""
    told = read(as_json({"crop": True, "scale": None, "type_level": 1}), tmp_path)
    assert told == ({"crop": "true", "type_level": "1"}, {})


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (as_json({"size": ["full"]}), "invalid_size"),
        (("application/json", b"[1]"), "malformed_body"),
        (("application/json", b'{"size": '), "malformed_body"),
        (("application/json", b'{"image_file_b64": 5}'), "malformed_body"),
        (("application/json", b'{"x": {"image_file_b64": "QQ=="}}'), "invalid_x"),
        (as_json({"image_file_b64": "no base64!"}), "failed_to_read_image"),
        (as_json({"size": "x" * 70_000}), "too_long"),
        (multipart({"size": "x" * 70_000}), "too_long"),
        (("multipart/form-data; boundary=x", b"--y\r\n"), "malformed_body"),
        (("multipart/form-data", b""), "malformed_body"),
        (("application/x-www-form-urlencoded", b"size=full&size=hd"), "duplicate_parameter"),
        (("image/png", b"x"), "missing_source"),
        (("", b"x"), "missing_source"),
    ],
)
def test_what_cannot_be_read(tmp_path: Path, body: tuple[str, bytes], code: str) -> None:
    """It is told in one word for programs."""
    with pytest.raises(Refusal) as refused:
        read(body, tmp_path)
    assert (refused.value.status, refused.value.code) == (400, code)


def test_what_is_too_large(tmp_path: Path) -> None:
    """A file over the limit is refused as it comes, and nothing stays of it."""
    for body in (multipart({"image_file": ("a", DATA * 3)}), as_json({"image_file_b64": BASE64})):
        with pytest.raises(Refusal) as refused:
            read(body, tmp_path, most=5000)
        assert refused.value.code == "file_too_large"
    assert list(tmp_path.iterdir()) == []
