"""Clients that speak to remove.bg or to rembg's server, unmodified but for the address.

Those that name api.remove.bg in their code reach us by what docs/moving-from-removebg.md says: a
line in a file of hosts (here of a mount namespace of their own) and Caddy with its own authority.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from end_to_end.driver import DEADLINE, NOTHING, Workplace, wait_for
from PIL import Image

from .calling import SIZE, Server, photograph, serving

MANUAL = Path(__file__).parents[2] / "docs" / "moving-from-removebg.md"
HOST = "api.remove.bg"
WRITTEN = "127.0.0.1:8000"  # where the page is, there
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "scissorsd-tests"
REQUESTS = """
import sys, requests
response = requests.post(
    sys.argv[1],
    files={"image_file": open(sys.argv[2], "rb")},
    data={"size": "auto"},
    headers={"X-Api-Key": "INSERT_YOUR_API_KEY_HERE"},
)
response.raise_for_status()
open(sys.argv[3], "wb").write(response.content)
"""
FETCH = """
const fs = require("fs");
const [address, from, to] = process.argv.slice(-3);
async function removeBg() {
  const formData = new FormData();
  formData.append("size", "auto");
  formData.append("image_file", new Blob([fs.readFileSync(from)]));
  const response = await fetch(address, {
    method: "POST",
    headers: { "X-Api-Key": "INSERT_YOUR_API_KEY_HERE" },
    body: formData,
  });
  if (!response.ok) throw new Error(`${response.status}: ${response.statusText}`);
  fs.writeFileSync(to, Buffer.from(await response.arrayBuffer()));
}
removeBg();
"""
OF_NPM = """
const { removeBackgroundFromImageFile, removeBackgroundFromImageBase64 } = require("remove.bg");
const fs = require("fs");
const [from, to] = process.argv.slice(-2);
const options = { apiKey: "KEY", size: "full", type: "auto", outputFile: to };
(async () => {
  const one = await removeBackgroundFromImageFile({ path: from, ...options });
  const base64img = fs.readFileSync(from, { encoding: "base64" });
  const two = await removeBackgroundFromImageBase64({ base64img, ...options, bg_color: "red" });
  console.log([one.resultWidth, one.creditsCharged, one.detectedType, two.resultWidth].join(" "));
  await removeBackgroundFromImageFile({ path: from, ...options, size: "huge" }).catch((errors) =>
    console.log(errors[0].code || JSON.parse(errors).errors[0].code));
})();
"""
OF_PYPI = """
import base64, os, sys
from removebg import RemoveBg
client = RemoveBg("KEY", "errors.log")
client.remove_background_from_img_file(sys.argv[1], size="full")
os.rename(sys.argv[1] + "_no_bg.png", sys.argv[2])
encoded = base64.b64encode(open(sys.argv[1], "rb").read()).decode()
client.remove_background_from_base64_img(encoded, size="full", new_file_name="two", bg_color="red")
"""
OF_RUBYGEMS = """
require "remove_bg"
result = RemoveBg.from_file(ARGV[0], api_key: "KEY", size: "full", format: "png")
result.save(ARGV[1])
account = RemoveBg.account_info(api_key: "KEY")
puts [result.width, result.height, result.type, account.credits.total.to_i].join(" ")
begin
  RemoveBg.from_file(ARGV[0], api_key: "KEY", size: "huge")
rescue RemoveBg::ClientHttpError => error
  puts error.message
end
"""


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run one daemon for all clients."""
    place = Workplace(tmp_path_factory.mktemp("clients"), tmp_path_factory.mktemp("none"))
    with serving(place, hosts=[HOST], proxies=["127.0.0.1"]) as server:
        (place.folder / "a.png").write_bytes(photograph())
        yield server
    place.close()


def run(*command: str | Path, cwd: Path, variables: Mapping[str, str] = NOTHING) -> str:
    """Run a client to its end; give what it says."""
    answer = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout.strip()


def program(name: str) -> str:
    """Return where a program is; skip where it is not."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"there is no {name} here (on Debian: apt install {name})")
    return found


def is_cut(picture: Path) -> bool:
    """Whether this is the cutout."""
    with Image.open(picture) as image:
        return image.size == SIZE and image.getpixel((0, 0)) == (0, 0, 0, 0)


def is_red(picture: Path) -> bool:
    """Whether this is the thing on red."""
    with Image.open(picture) as image:
        red, green, blue = np.asarray(image)[0, 0]
    return bool(red > 250 and green < 5 and blue < 5)


def test_curl(here: Server, tmp_path: Path) -> None:
    """remove.bg's own curl line, and that of rembg's manual."""
    curl, picture = program("curl"), here.place.folder / "a.png"
    address = f"{here.page.address}v1.0/removebg"
    form = ["-F", f"image_file=@{picture}", "-F", "size=auto", "-f", address]
    run(curl, "-H", "X-API-Key: KEY", *form, "-o", "no-bg.png", cwd=tmp_path)
    assert is_cut(tmp_path / "no-bg.png")
    rembg = f"{here.page.address}api/remove"
    run(curl, "-s", "-f", "-F", f"file=@{picture}", rembg, "-o", "no-bg.png", cwd=tmp_path)
    assert is_cut(tmp_path / "no-bg.png")


@pytest.mark.parametrize("library", ["requests", "httpx"])
def test_python(here: Server, tmp_path: Path, library: str) -> None:
    """remove.bg's own sample for Python, with requests, and with httpx."""
    address = f"{here.page.address}v1.0/removebg"
    picture = here.place.folder / "a.png"
    script = REQUESTS.replace("requests", library)
    run(sys.executable, "-c", script, address, picture, "no-bg.png", cwd=tmp_path)
    assert is_cut(tmp_path / "no-bg.png")


def test_fetch(here: Server, tmp_path: Path) -> None:
    """remove.bg's own sample for Node."""
    node = program("node")
    address = f"{here.page.address}v1.0/removebg"
    picture = here.place.folder / "a.png"
    run(node, "-e", FETCH, "--", address, picture, "no-bg.png", cwd=tmp_path)
    assert is_cut(tmp_path / "no-bg.png")


# --- clients that name the host in their code ----------------------------------------------------


@dataclass(frozen=True)
class Disguise:
    """A namespace in which api.remove.bg is this machine, and the authority that it trusts."""

    hosts: Path
    authority: Path

    def run(self, *command: str | Path, cwd: Path, variables: Mapping[str, str] = NOTHING) -> str:
        """Run a client there."""
        trust = ("NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
        trusted = dict.fromkeys(trust, str(self.authority))
        script = 'mount --bind "$0" /etc/hosts && exec "$@"'
        inside = ("unshare", "--mount", "sh", "-c", script, self.hosts)
        return run(*inside, *command, cwd=cwd, variables={**trusted, **variables})


@pytest.fixture(scope="module")
def disguised(here: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Disguise]:
    """Run Caddy as the manual says, on an address of this machine that nobody else listens at."""
    if os.geteuid() != 0:
        pytest.skip("only root may have a file of hosts of his own")
    caddy = program("caddy")
    folder = tmp_path_factory.mktemp("caddy")
    at = f"127.{os.getpid() % 250 + 1}.{os.getpid() // 250 % 250}.7"
    (folder / "hosts").write_text(f"127.0.0.1 localhost\n{at} {HOST}\n")
    (folder / "Caddyfile").write_text(caddyfile(folder, at, urlsplit(here.page.address).netloc))
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    command = [caddy, "run", "--config", "Caddyfile", "--adapter", "caddyfile"]
    with running(command, folder, environment, at):
        authority = folder / "pki" / "authorities" / "local" / "root.crt"
        wait_for(authority.exists)
        yield Disguise(folder / "hosts", authority)


def caddyfile(folder: Path, at: str, upstream: str) -> str:
    """Return the manual's configuration, on another address, and with its files in a folder."""
    (site,) = re.findall(r"^```caddy\n(.*?)^```", MANUAL.read_text(), re.MULTILINE | re.DOTALL)
    assert site.startswith(f"{HOST} {{\n")
    assert WRITTEN in site
    options = (
        f"admin off\nskip_install_trust\nauto_https disable_redirects\nstorage file_system {folder}"
    )
    site = site.replace(WRITTEN, upstream).replace("{\n", f"{{\n    bind {at}\n", 1)
    return f"{{\n{options}\n}}\n{site}"


@contextmanager
def running(
    command: list[str], folder: Path, environment: Mapping[str, str], at: str
) -> Iterator[None]:
    """Run a proxy until the block ends."""
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=said, stderr=said)
    try:
        wait_for(lambda: process.poll() is not None or listens(at))
        assert process.poll() is None, (folder / "said").read_text()
        yield
    finally:
        process.terminate()
        process.wait()


def listens(at: str) -> bool:
    """Whether somebody listens for https at an address."""
    try:
        socket.create_connection((at, 443)).close()
    except OSError:
        return False
    return True


def fetched(name: str, command: list[str | Path]) -> Path:
    """Return a folder of packages that is filled once; skip where it cannot be."""
    folder = CACHE / name
    if not folder.exists():
        draft = CACHE / f"{name}-{os.getpid()}"
        draft.mkdir(parents=True)
        answer = subprocess.run(
            [*command, draft], cwd=draft, capture_output=True, text=True, check=False
        )
        if answer.returncode:
            shutil.rmtree(draft)
            pytest.skip(f"{name} cannot be fetched here: {answer.stderr.strip()[-200:]}")
        draft.rename(folder)
    return folder


@pytest.mark.full
def test_npms_remove_bg(here: Server, disguised: Disguise, tmp_path: Path) -> None:
    """The package remove.bg of npm: a file, base64 as JSON, what it says of them, an error."""
    npm, node = program("npm"), program("node")
    folder = fetched(
        "npm-remove.bg-1.3.0", [npm, "install", "--silent", "remove.bg@1.3.0", "--prefix"]
    )
    picture = here.place.folder / "a.png"
    there = {"NODE_PATH": str(folder / "node_modules")}
    said = disguised.run(
        node, "-e", OF_NPM, "--", picture, tmp_path / "no-bg.png", cwd=tmp_path, variables=there
    )
    assert said.splitlines() == ["800 0 other 800", "invalid_size"]
    assert is_red(tmp_path / "no-bg.png")  # the second


@pytest.mark.full
def test_pypis_removebg(here: Server, disguised: Disguise, tmp_path: Path) -> None:
    """The package removebg of PyPI: a file, and base64 in a form."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "removebg==0.4"]
    folder = fetched("pypi-removebg-0.4", [*pip, "--target"])
    picture = shutil.copy(here.place.folder / "a.png", tmp_path)
    there = {"PYTHONPATH": str(folder)}
    disguised.run(
        sys.executable, "-c", OF_PYPI, picture, "no-bg.png", cwd=tmp_path, variables=there
    )
    assert is_cut(tmp_path / "no-bg.png")
    assert is_red(tmp_path / "two")


@pytest.mark.full
def test_rubys_remove_bg(here: Server, disguised: Disguise, tmp_path: Path) -> None:
    """The gem remove_bg, installed or fetched: a file, the account, an error as it reads it."""
    ruby, there = program("ruby"), dict[str, str]()
    is_here = subprocess.run([ruby, "-rremove_bg", "-e", ""], capture_output=True, check=False)
    if is_here.returncode:
        install = [program("gem"), "install", "--no-document", "--silent", "remove_bg"]
        folder = str(fetched("gem-remove_bg", [*install, "--install-dir"]))
        there = {"GEM_HOME": folder, "GEM_PATH": folder}
    picture = here.place.folder / "a.png"
    said = disguised.run(
        ruby, "-e", OF_RUBYGEMS, picture, "no-bg.png", cwd=tmp_path, variables=there
    )
    assert said.splitlines()[0] == "800 600 other 1000000"
    assert "size" in said.splitlines()[1]
    assert is_cut(tmp_path / "no-bg.png")
