"""What `hosts:` may say, and that nothing of it is there where it is not said."""

import subprocess
import sys
from pathlib import Path

import pytest

from scissorsd.config import describe, from_values
from scissorsd.errors import ConfigError
from scissorsd.settings import Config

HUB = {"hub": "amqps://nas.local:5671/scissorsd", "join": "watcher.join"}
WITHOUT = """
import pkgutil, sys, scissorsd, importlib
for room in ("commands", "config", "daemon", "records"):
    package = importlib.import_module(f"scissorsd.{room}")
    for module in pkgutil.iter_modules(package.__path__):
        if module.name not in ("worker", "hub_init", "doctor", "doctor_hosts"):
            importlib.import_module(f"scissorsd.{room}.{module.name}")
from scissorsd.commands.hub_of import hub_of
from scissorsd.config import from_values
from pathlib import Path
shop = {"path": "in", "outbox": "out"}
assert hub_of(from_values({"state": "s", "inboxes": {"shop": shop}}, base=Path("/")).config) is None
names = ("celery", "kombu", "amqp", "msgpack", "scissorsd.hosts")
print("LOADED:", *(name for name in names if name in sys.modules))
"""


def configured(tmp_path: Path, **hosts: object) -> Config:
    """Return a configuration with these hosts."""
    shop = {"path": "in", "outbox": "out"}
    values = {"state": "s", "inboxes": {"shop": shop}, "hosts": {**HUB, **hosts}}
    return from_values(values, base=tmp_path).config


def test_without_hosts_nothing_is_imported() -> None:
    """A daemon without `hosts:` loads neither Celery nor anything of ours that needs it."""
    said = subprocess.run(
        [sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True, timeout=300
    )
    assert said.stdout.splitlines()[-1].strip() == "LOADED:"


def test_what_is_left_open(tmp_path: Path) -> None:
    """A hub and a join file are enough; `check` says what they come to."""
    config = configured(tmp_path)
    assert config.hosts is not None
    assert config.hosts.join == tmp_path / "watcher.join"
    assert (config.hosts.here, config.hosts.ahead, config.hosts.lease) == (None, 2, 900.0)
    assert "other machines cut over amqps://nas.local:5671/scissorsd" in describe(config)
    assert "only what no host can" in describe(configured(tmp_path, here=0))
    assert "go pictures of up to 12MiB" in describe(config)
    assert "pictures of up to" not in describe(configured(tmp_path, bytes=0))


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"hub": "redis://nas.local"}, "RabbitMQ does neither"),
        ({"hub": "amqp://nas.local"}, "write amqps://"),
        ({"hub": "amqps://me:secret@nas.local"}, "the join file has them"),
        ({"here": -1}, "is neither auto nor a number"),
        ({"here": "some"}, "is neither auto nor a number"),
        ({"lost_after": "1s"}, "6s"),
        ({"lease": "1s"}, "1m"),
        ({"ahead": 0}, "1"),
        ({"bytes": "65MiB"}, "64MiB"),
        ({"bytes": -1}, "bytes"),
    ],
)
def test_what_is_refused(tmp_path: Path, wrong: dict[str, object], why: str) -> None:
    """What cannot be is refused with a sentence that says why."""
    with pytest.raises(ConfigError, match=why):
        configured(tmp_path, **wrong)
