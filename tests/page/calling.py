"""Calls of the interfaces of others, as clients make them, on a daemon that cuts in no time."""

import http.client
import io
import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

import numpy as np
from end_to_end.driver import DEADLINE, Daemon, Workplace
from end_to_end.pages import Page, with_page
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from scissorsd.page.foreign.removebg_words import Asked, asked_in

from . import page_server

SIZE = 800, 600
THING = 300, 150, 499, 449  # where the subject lies: left, top, right, bottom, all inclusive
REMOVEBG = "/v1.0/removebg"
REMBG = "/api/remove"
NOTHING: Mapping[str, str] = MappingProxyType({})
File = tuple[str, bytes]  # a name, and what is in it


def photograph(size: tuple[int, int] = SIZE) -> bytes:
    """Draw a dark box on white."""
    image = Image.new("RGB", size, "white")
    scale = size[0] / SIZE[0]
    ImageDraw.Draw(image).rectangle([edge * scale for edge in THING], (20, 20, 60))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def blank() -> bytes:
    """Draw nothing."""
    buffer = io.BytesIO()
    Image.new("RGB", (96, 72), "white").save(buffer, "PNG")
    return buffer.getvalue()


def cutout() -> bytes:
    """Return the cutout of the photograph as the desk has it."""
    pixels = np.zeros((SIZE[1], SIZE[0], 4), np.uint8)
    left, top, right, bottom = THING
    pixels[top : bottom + 1, left : right + 1] = (20, 20, 60, 255)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def asked(**words: str) -> Asked:
    """Return what the parameters of a call ask for, which gets the picture's own size."""
    return asked_in(words, has_backdrop=False, full=True)


class Answer(page_server.Answer):
    """What came back of a call."""

    @property
    def json(self) -> Any:  # noqa: ANN401 - what JSON holds
        """What it holds."""
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, str]:
        """The one error, as remove.bg tells it."""
        (error,) = self.json["errors"]
        assert set(error) <= {"title", "code", "detail"}
        return dict(error)

    @property
    def image(self) -> Image.Image:
        """The picture."""
        assert self.status == 200, self.body[:500]
        return Image.open(io.BytesIO(self.body))

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """The picture's pixels."""
        return np.asarray(self.image)


def multipart(fields: Mapping[str, str | bytes | File]) -> tuple[str, bytes]:
    """Return the type and the body of a form with files."""
    mark = secrets.token_hex(8)
    parts = []
    for name, value in fields.items():
        filename, content = value if isinstance(value, tuple) else ("", value)
        data = content.encode() if isinstance(content, str) else content
        is_file = isinstance(value, tuple)
        more = f'; filename="{filename}"\r\nContent-Type: image/png' if is_file else ""
        head = f'--{mark}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'
        parts.append(head.encode() + data + b"\r\n")
    return f"multipart/form-data; boundary={mark}", b"".join([*parts, f"--{mark}--\r\n".encode()])


def urlencoded(fields: Mapping[str, str]) -> tuple[str, bytes]:
    """Return the type and the body of a form without files."""
    return "application/x-www-form-urlencoded", urlencode(fields).encode()


def as_json(fields: Mapping[str, Any]) -> tuple[str, bytes]:
    """Return the type and the body of a call in JSON."""
    return "application/json", json.dumps(fields).encode()


@dataclass(frozen=True)
class Server:
    """A daemon with a page."""

    place: Workplace
    daemon: Daemon
    page: Page

    def ask(
        self,
        method: str,
        path: str,
        body: tuple[str, bytes] | None = None,
        headers: Mapping[str, str] = NOTHING,
    ) -> Answer:
        """Ask for something, on a connection of its own."""
        connection = self.begin(method, path, body, headers)
        try:
            answer = connection.getresponse()
            met = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, met, answer.read())
        finally:
            connection.close()

    def begin(
        self,
        method: str,
        path: str,
        body: tuple[str, bytes] | None = None,
        headers: Mapping[str, str] = NOTHING,
    ) -> http.client.HTTPConnection:
        """Ask, and do not wait for the answer."""
        connection = self.page.connect()
        connection.timeout = DEADLINE
        kind, data = body or ("", b"")
        more = {"Content-Type": kind} if body else {}
        connection.request(method, path, data or None, {**more, **headers})
        return connection

    def call(self, *, accept: str = "*/*", **fields: str | bytes | File) -> Answer:
        """Call remove.bg's interface with the photograph, or another file."""
        whole: dict[str, str | bytes | File] = {"image_file": ("a.png", photograph()), **fields}
        return self.ask("POST", REMOVEBG, multipart(whole), {"Accept": accept})

    def on_the_desk(self) -> list[str]:
        """Return what lies on the quick desk."""
        folder = self.place.state / "page"
        return [*self.place.files(folder / "in"), *self.place.files(folder / "out")]


@contextmanager
def serving(
    place: Workplace, *, seconds: str = "CALL_FORGET=0.1", **page: object
) -> Iterator[Server]:
    """Start a daemon whose quick desk cuts by `darkness`, as no other network is there."""
    models = place.folder / "no-networks"
    models.mkdir(exist_ok=True)
    variables = {"U2NET_HOME": str(models), "SCISSORSD_SECONDS": seconds}
    daemon, at = with_page(place, variables=variables, **page)
    yield Server(place, daemon, at)
    daemon.stop()
