"""What `doctor` says of the hub."""

from dataclasses import replace
from pathlib import Path

import pytest
from kombu import Connection

from scissorsd.commands import doctor_hosts
from scissorsd.config import load
from scissorsd.hosts.joining.definitions import HOST, WATCHER
from scissorsd.hosts.joining.join import Join, write
from scissorsd.hosts.messages import names

from .broker import NETWORKS, Hub

CONFIG = """
state: {folder}/state
hosts: {{hub: "{hub}", join: {folder}/watcher.join}}
inboxes:
  shop: {{path: {folder}/in, outbox: {folder}/out, rules: [{{name: all, model: {network}}}]}}
"""


@pytest.fixture(autouse=True)
def no_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    """No host is listened for: there is none."""
    monkeypatch.setattr("scissorsd.hosts.watcher.trial_orders.LISTEN", 0.0)


def found(folder: Path, join: Join, network: str = NETWORKS[0]) -> list[str]:
    """Return what is found with a join file."""
    for name in ("in", "out"):
        (folder / name).mkdir(exist_ok=True)
    write(folder / "watcher.join", join)
    path = folder / "scissorsd.yaml"
    path.write_text(CONFIG.format(folder=folder, hub=join.url, network=network))
    findings = doctor_hosts.examine(load(path).config)
    said = [f"{each.grade} {each.message}" for each in findings]
    assert f"ok inbox shop: hosts look for {folder}/in as " in said[0]
    return said[1:]


def test_a_hub_that_works(hub: Hub, tmp_path: Path) -> None:
    """Over TLS, as `hub init` has it, and on this machine without."""
    said, nobody = found(tmp_path, hub.broker.joins[WATCHER])
    assert nobody == "note no host is there"
    assert said.startswith("ok hub: localhost:")
    assert "RabbitMQ 3." in said or "RabbitMQ 4." in said
    assert "certificate lasts until 20" in said
    assert found(tmp_path, hub.joins[WATCHER])[0].startswith("ok hub: 127.0.0.1:")


def test_what_is_wrong(hub: Hub, tmp_path: Path) -> None:
    """The wrong join file, a secret that is not taken, a queue that is missing or another one."""
    (said,) = found(tmp_path, hub.joins[HOST])
    assert "does not allow that to the user 'host'" in said
    (said,) = found(tmp_path, replace(hub.joins[WATCHER], secret="guessed"))  # noqa: S106
    assert "does not take the secret" in said
    (said,) = found(tmp_path, hub.joins[WATCHER], "silueta")
    assert "lacks what it should have" in said
    join = hub.joins[WATCHER]
    with Connection(join.url, userid=join.user, password=join.secret) as connection:
        queue = names.orders_queue("silueta")
        connection.default_channel.queue_declare(queue, durable=True, auto_delete=False)
    (said,) = found(tmp_path, join, "silueta")
    assert "is not as it should be" in said


def test_others_can_read_the_secret(hub: Hub, tmp_path: Path) -> None:
    """A join file that others can read is told of, and the hub is looked at all the same."""
    found(tmp_path, hub.joins[WATCHER])
    (tmp_path / "watcher.join").chmod(0o644)
    said = list(doctor_hosts.examine(load(tmp_path / "scissorsd.yaml").config))
    assert [each.grade for each in said] == ["ok", "note", "ok", "note"]


@pytest.mark.parametrize("missing", ["celery", "cryptography"])
def test_a_library_is_missing(
    hub: Hub, tmp_path: Path, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the extra is not installed, that is what is said."""
    monkeypatch.setattr("scissorsd.hosts.joining.installed.NEEDED", (missing, f"{missing}_not"))
    (said,) = found(tmp_path, hub.joins[WATCHER])
    assert f"several hosts need {missing}_not" in said
