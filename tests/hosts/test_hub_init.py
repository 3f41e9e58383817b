"""`scissorsd hub init`: what it writes, done twice, added to, and killed in between."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import yaml

from scissorsd.commands.hub_init import init
from scissorsd.config import parse_quantities
from scissorsd.errors import ScissorsError, UsageError
from scissorsd.hosts.joining import certificates
from scissorsd.hosts.joining.join import read
from scissorsd.hosts.watcher import ways

BROKER = "broker/rabbitmq"
FILES = {
    *("ca.key", "ca.pem", "compose.yaml", "studio.join", "watcher.join"),
    *(f"{BROKER}/{name}" for name in ("definitions.json", "enabled_plugins", "rabbitmq.conf")),
    *(f"{BROKER}/{name}" for name in ("rabbitmq-env.conf", "server.key", "server.pem")),
}


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def names(folder: Path) -> tuple[str, ...]:
    """Return the names in the server's certificate."""
    found = contents(folder)
    parts = (found[name] for name in (f"{BROKER}/server.pem", "ca.pem", f"{BROKER}/server.key"))
    return certificates.names_of(*parts)


def test_what_is_written(tmp_path: Path) -> None:
    """All files are there, secrets for their owner alone, and no secret where others look."""
    folder = tmp_path / "etc" / "hub"
    before = os.umask(0o077)
    try:
        said = "\n".join(init(folder, ["nas.local", "192.168.1.5"], 4671))
    finally:
        os.umask(before)
    found = contents(folder)
    assert set(found) == FILES
    modes = {name: (folder / name).stat().st_mode & 0o777 for name in found}
    private = {name for name, mode in modes.items() if mode == 0o600}
    assert private == {"ca.key", "studio.join", "watcher.join"}
    assert (folder / "broker").stat().st_mode & 0o777 == 0o700
    assert (folder / BROKER).stat().st_mode & 0o777 == 0o755
    assert modes[f"{BROKER}/server.key"] == 0o644
    watcher, studio = read(folder / "watcher.join"), read(folder / "studio.join")
    assert watcher.url == studio.url == "amqps://nas.local:4671/scissorsd"
    assert watcher.secret != studio.secret
    assert watcher.ca == studio.ca == found["ca.pem"].decode()
    others = b"".join(content for name, content in found.items() if not name.endswith(".join"))
    for join in (watcher, studio):
        assert join.secret not in said
        assert join.secret.encode() not in others
    assert names(folder) == ("nas.local", "192.168.1.5", "localhost", "127.0.0.1", "::1")
    assert b"4671" in found[f"{BROKER}/rabbitmq.conf"]
    hub = yaml.safe_load(found["compose.yaml"])["services"]["hub"]
    assert hub["ports"][0] == "4671:4671"
    assert hub["image"].startswith("rabbitmq:")
    assert hub["hostname"]
    assert (folder / hub["volumes"][0].partition(":")[0]).samefile(folder / BROKER)


def test_the_container_has_room(tmp_path: Path) -> None:
    """Before RabbitMQ takes no more orders, it may have all pictures that a watcher has out."""
    init(tmp_path, ["nas.local"], None)
    hub = yaml.safe_load((tmp_path / "compose.yaml").read_text())["services"]["hub"]
    at_rest, share = 150 << 20, 0.4  # measured; of its memory, RabbitMQ's default
    assert share * parse_quantities.size(f"{hub['mem_limit'][:-1]}GiB") > at_rest + ways.BYTES_OUT


def test_done_twice(tmp_path: Path) -> None:
    """Done again it changes nothing, and says what it kept."""
    init(tmp_path, ["nas.local"], None)
    before = contents(tmp_path)
    (said,) = init(tmp_path, [], None)
    assert said.startswith("kept as it was: ")
    assert "studio.join" in said
    init(tmp_path, ["nas.local"], 5671)
    assert contents(tmp_path) == before


def test_another_name_later(tmp_path: Path) -> None:
    """A name that is added is in a new certificate beside the old ones; all else stays."""
    init(tmp_path, ["nas.local"], None)
    before = contents(tmp_path)
    said = init(tmp_path, ["hub.example"], None)
    assert any("hub.example" in sentence for sentence in said)
    after = contents(tmp_path)
    changed = {name for name, content in after.items() if content != before[name]}
    assert changed == {f"{BROKER}/server.pem"}
    assert {"nas.local", "hub.example"} < set(names(tmp_path))


@pytest.mark.parametrize("missing", sorted(FILES))
def test_one_file_is_missing(tmp_path: Path, missing: str) -> None:
    """What is missing is made so that it fits the rest; a lost secret is not replaced unasked."""
    init(tmp_path, ["nas.local"], None)
    before = contents(tmp_path)
    (tmp_path / missing).unlink()
    if missing.endswith(".join"):
        with pytest.raises(ScissorsError, match=f"{missing} is missing"):
            init(tmp_path, [], None)
        assert missing not in contents(tmp_path)
        return
    init(tmp_path, [], None)
    after = contents(tmp_path)
    if missing == "ca.key":  # kept elsewhere, perhaps; without it there are no more certificates
        assert set(after) == FILES - {missing}
        with pytest.raises(ScissorsError, match=r"ca\.key is missing"):
            init(tmp_path, ["another.example"], None)
        return
    assert set(after) == FILES
    remade = {name for name, content in after.items() if content != before[name]}
    key, certificate = (f"{BROKER}/server.{ending}" for ending in ("key", "pem"))
    of_chance = {key: {key, certificate}, certificate: {certificate}}
    of_chance[f"{BROKER}/definitions.json"] = {f"{BROKER}/definitions.json"}  # its salt
    assert remade == of_chance.get(missing, set())
    assert names(tmp_path)[0] == "nas.local"


KILLED = """
import os, sys
from pathlib import Path
from scissorsd.commands.hub_init import init
left = int(sys.argv[2])
rename = os.replace
def counted(self, target):
    global left
    if not left:
        os.kill(os.getpid(), 9)
    left -= 1
    rename(self, target)
Path.replace = counted
init(Path(sys.argv[1]), ["nas.local"], None)
"""


@pytest.mark.parametrize(
    "after", [pytest.param(n, marks=[pytest.mark.full] * (n != 5)) for n in range(11)]
)
def test_killed_in_between(tmp_path: Path, after: int) -> None:
    """Killed before any of its files, and done again, it has all, each fitting the others."""
    folder = tmp_path / "hub"
    ended = subprocess.run([sys.executable, "-c", KILLED, folder, str(after)], check=False)
    assert ended.returncode == -9
    written = {name: c for name, c in contents(folder).items() if not name.endswith(".tmp")}
    assert len(written) == after
    init(folder, ["nas.local"], None)
    found = contents(folder)
    assert set(found) == FILES
    assert {name: found[name] for name in written} == written
    assert len(init(folder, [], None)) == 1  # nothing more to make, and nothing that does not fit


def test_two_at_once(tmp_path: Path) -> None:
    """Of two that run at the same time the second keeps what the first has made."""
    told: list[list[str]] = []
    both = [
        threading.Thread(target=lambda: told.append(init(tmp_path, ["nas.local"], None)))
        for _ in range(2)
    ]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert min(len(said) for said in told) == 1
    assert set(contents(tmp_path)) == FILES


def test_what_does_not_fit(tmp_path: Path) -> None:
    """Files that do not fit together are told of, and left as they are."""
    init(tmp_path, ["nas.local"], None)
    with pytest.raises(UsageError, match="at port 5671"):
        init(tmp_path, [], 9999)
    path = tmp_path / BROKER / "definitions.json"
    value = json.loads(path.read_bytes())
    value["users"][1]["password_hash"] = value["users"][0]["password_hash"]
    path.write_text(json.dumps(value))
    with pytest.raises(ScissorsError, match="do not have the same secret"):
        init(tmp_path, [], None)
    path.write_text("{")
    with pytest.raises(ScissorsError, match="not what RabbitMQ loads"):
        init(tmp_path, [], None)
    path.unlink()
    (tmp_path / BROKER / "server.key").write_text("no key")
    with pytest.raises(ScissorsError, match="damaged"):
        init(tmp_path, [], None)


@pytest.mark.parametrize("name", ["", "nas local", "amqps://nas", "nas:5671", "*.local", "näs"])
def test_names_that_are_none(tmp_path: Path, name: str) -> None:
    """What cannot be a host in an address is refused before a file is written."""
    with pytest.raises(UsageError, match="no host name"):
        init(tmp_path / "hub", [name], None)
    assert not (tmp_path / "hub").exists()


def test_a_name_is_needed(tmp_path: Path) -> None:
    """The first time one has to say by which name hosts reach the hub."""
    with pytest.raises(UsageError, match="--host NAME"):
        init(tmp_path / "hub", [], None)


def test_an_address_of_ipv6(tmp_path: Path) -> None:
    """An address of IPv6 stands in brackets where it has to."""
    init(tmp_path, ["fd00::5"], None)
    join = read(tmp_path / "studio.join")
    assert join.url == "amqps://[fd00::5]:5671/scissorsd"
    assert join.address.host == names(tmp_path)[0] == "fd00::5"


def test_on_the_command_line(tmp_path: Path) -> None:
    """The command says what it made and what comes next; without a name it ends with 2."""
    command = [sys.executable, "-m", "scissorsd", "hub", "init", str(tmp_path / "hub")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "--host NAME is missing" in ended.stderr
    command += ["--host", "nas.local", "--host", "10.0.0.5"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert f"made {tmp_path}/hub/studio.join" in said
    assert "scissorsd worker studio.join" in said
    assert "for nas.local, 10.0.0.5, localhost" in said
    for line in (tmp_path / "hub" / "studio.join").read_text().splitlines():
        assert not line.startswith("secret: ") or line.removeprefix("secret: ") not in said
