"""Join files, and the addresses of hubs."""

from pathlib import Path

import pytest

from scissorsd.core.hub_address import HubAddress, hub_address
from scissorsd.errors import ScissorsError
from scissorsd.hosts.joining.join import Join, exposed, read, write

SECRET = "s3cret: #not a comment"  # noqa: S105 - what YAML might take amiss
JOIN = Join("amqps://nas.local/scissorsd", "host", SECRET, "-----BEGIN\nfüß\n-----END\n")


def test_there_and_back(tmp_path: Path) -> None:
    """What is written is read again, to the letter, and only its owner may."""
    path = tmp_path / "studio.join"
    write(path, JOIN)
    assert read(path) == JOIN
    assert path.stat().st_mode & 0o777 == 0o600
    assert exposed(path) == ""
    path.chmod(0o640)
    assert "chmod 600" in exposed(path)


def test_the_secret_stays_inside(tmp_path: Path) -> None:
    """Neither a join's looks nor an error about its file tells the secret."""
    assert SECRET not in f"{JOIN!r}{JOIN}"
    path = tmp_path / "studio.join"
    write(path, JOIN)
    whole = path.read_text()
    for damaged in (
        whole.replace("secret: ", "secret: ["),
        whole.replace("secret:", "secrets:"),
        whole.replace("format: 1", "format: 2"),
        whole.replace("amqps://", f"amqps://host:{SECRET}@"),
        whole.replace("user: host", "user:"),
        whole.encode("utf-16").decode("latin-1"),
        "",
    ):
        path.write_text(damaged)
        with pytest.raises(ScissorsError) as told:
            read(path)
        assert SECRET not in str(told.value)
        assert str(path) in str(told.value)
        cause = told.value.__cause__
        assert cause is None or SECRET not in str(cause)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """A missing join file is told of with what to do."""
    with pytest.raises(ScissorsError, match="cannot be read: No such file") as told:
        read(tmp_path / "studio.join")
    assert "hub init" in told.value.advice


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("amqps://nas.local", HubAddress("nas.local", 5671, "scissorsd", tls=True)),
        ("amqps://NAS.local:99/a%2Fb", HubAddress("nas.local", 99, "a/b", tls=True)),
        ("amqp://127.0.0.1/x", HubAddress("127.0.0.1", 5672, "x", tls=False)),
        ("amqp://[::1]:7/", HubAddress("::1", 7, "scissorsd", tls=False)),
        ("amqp://localhost", HubAddress("localhost", 5672, "scissorsd", tls=False)),
    ],
)
def test_addresses(url: str, meant: HubAddress) -> None:
    """Port and vhost have defaults; without TLS it is this machine."""
    assert hub_address(url) == meant


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("redis://nas.local", "second time"),
        ("rediss://nas.local", "second time"),
        ("amqp://nas.local", "unencrypted"),
        ("https://nas.local", "not the address of a hub"),
        ("nas.local:5671", "not the address of a hub"),
        ("amqps:///scissorsd", "not the address of a hub"),
        ("amqps://nas.local:port", "not an address"),
        ("amqps://[nas.local", "not an address"),
        ("amqps://nas.local/x?heartbeat=1", "more than an address"),
        ("amqps://u:hidden@nas.local", "neither user nor password"),
    ],
)
def test_what_is_no_hub(url: str, told: str) -> None:
    """An address that cannot be a hub's is refused with the reason, and no secret is repeated."""
    with pytest.raises(ValueError, match=told) as refused:
        hub_address(url)
    assert "hidden" not in str(refused.value)
