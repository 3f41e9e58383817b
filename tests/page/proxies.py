"""nginx and Caddy before a page, configured as docs/page.md says."""

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from end_to_end.driver import wait_for

from .browser import free_port

PREFIX = "/tools/scissors"
_MANUAL = Path(__file__).parents[2] / "docs" / "page.md"
_WRITTEN = "127.0.0.1:8000"  # where the page is, there
_NGINX = """
daemon off;
{user}
pid nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server {{
        listen {listen};
        {location}
    }}
}}
"""
_CADDY = """
{{
    admin off
    auto_https disable_redirects
    skip_install_trust
    storage file_system {folder}
}}
{site}
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """A proxy, and how it is configured."""

    program: str
    strips: bool  # the prefix off of every address
    https: bool = False

    @property
    def path(self) -> str:
        """What `page.path` has to be."""
        return "" if self.strips else PREFIX


@contextmanager
def before(kind: Kind, upstream: str, folder: Path) -> Iterator[str]:
    """Run a proxy before the page at `upstream` (HOST:PORT); give its origin."""
    program = shutil.which(kind.program, path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip(f"there is no {kind.program} here (on Debian: apt install {kind.program})")
    folder.mkdir()
    listen = f"127.0.0.1:{free_port()}"
    origin = f"{'https' if kind.https else 'http'}://{listen}"
    if kind.program == "nginx":
        (folder / "conf").write_text(_nginx(kind, listen, upstream))
        command = [program, "-p", str(folder), "-c", "conf", "-e", "stderr"]
    else:
        (folder / "Caddyfile").write_text(_caddy(kind, origin, upstream, folder))
        command = [program, "run", "--config", "Caddyfile", "--adapter", "caddyfile"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    with (folder / "said").open("wb") as said:
        proxy = subprocess.Popen(command, cwd=folder, env=environment, stdout=said, stderr=said)
    try:
        wait_for(lambda: proxy.poll() is not None or _listens(listen))
        assert proxy.poll() is None, (folder / "said").read_text()
        yield origin
    finally:
        proxy.terminate()
        proxy.wait()


def _listens(address: str) -> bool:
    host, _, port = address.partition(":")
    try:
        socket.create_connection((host, int(port))).close()
    except ConnectionRefusedError:
        return False
    return True


def _written(language: str) -> str:
    """Return the configuration that the manual gives."""
    (found,) = re.findall(
        rf"^```{language}\n(.*?)^```", _MANUAL.read_text(), re.MULTILINE | re.DOTALL
    )
    assert _WRITTEN in found
    assert f"{PREFIX}/" in found
    return str(found)


def _nginx(kind: Kind, listen: str, upstream: str) -> str:
    location = _written("nginx")
    if not kind.strips:
        assert f"{_WRITTEN}/;" in location
        location = location.replace(f"{_WRITTEN}/;", f"{_WRITTEN};")
    user = "user root;" if os.geteuid() == 0 else ""
    location = location.replace(_WRITTEN, upstream)
    return _NGINX.format(user=user, listen=listen, location=location)


def _caddy(kind: Kind, origin: str, upstream: str, folder: Path) -> str:
    name, _, rest = _written("caddy").partition(" {\n")
    assert name == "pictures.example"
    if not kind.strips:
        assert "handle_path" in rest
        rest = rest.replace("handle_path", "handle")
    tls = "    tls internal\n" if kind.https else ""
    site = f"{origin} {{\n{tls}{rest.replace(_WRITTEN, upstream)}"
    return _CADDY.format(folder=folder, site=site)
