"""A real RabbitMQ, started, killed and wiped: Debian's package, as a child of the tests.

It has its own home, data, ports and epmd, so that it meets no other one of the machine. It runs on
the files that `scissorsd hub init` writes, with TLS at another port. Starting it takes some four
seconds of a processor and 140 MB: one serves all tests of a process, each of which has a vhost of
its own, with the users, rights and queues of `hub init`.
"""

import base64
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from scissorsd.commands.hub_init import init
from scissorsd.hosts.joining import definitions as given
from scissorsd.hosts.joining.broker_files import PAGES_PORT
from scissorsd.hosts.joining.join import Join, read, write

# Debian's in /usr/sbin change the user. To test with another RabbitMQ: its folder of scripts.
_SCRIPTS = Path(os.environ.get("RABBITMQ_SCRIPTS", "/usr/lib/rabbitmq/bin"))
_PATIENCE = 300.0  # seconds; a machine that is busy is no fault
_ADMIN = "admin"
NETWORKS = ("u2netp", "u2net")  # whose queues are there; of others the watcher declares them
# One processor, and no spinning: tests start several of them.
_SMALL = "+S 1:1 +SDcpu 1 +SDio 1 +A 1 +sbwt none +sbwtdcpu none +sbwtdio none"
# After what `hub init` has written: a door without TLS, and the pages without it, for the tests.
_MORE = """
listeners.tcp.default = 127.0.0.1:{port}
management.tcp.ip = 127.0.0.1
management.tcp.port = {pages}
load_definitions = {folder}/definitions.json
log.file = false
disk_free_limit.absolute = 1MB
"""


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens at."""
    with ExitStack() as held:
        found = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(server.getsockname()[1]) for server in found]


def server_script() -> Path:
    """Return the script that starts RabbitMQ, or skip the test that wants it."""
    script = _SCRIPTS / "rabbitmq-server"
    if script.exists():
        return script
    if found := shutil.which("rabbitmq-server"):
        return Path(found)
    pytest.skip("NO RABBITMQ HERE: hosts are not tested (on Debian: apt install rabbitmq-server)")


class Broker:
    """A RabbitMQ of our own. `folder` holds all that it writes."""

    def __init__(self, folder: Path, host: str = "localhost") -> None:
        self.folder = folder
        self._script = server_script()
        self.port, self._pages, self._nodes, self._names, tls, tls_pages = free_ports(6)
        self.written = folder / "hub"  # what `hub init` wrote, for this name or address
        init(self.written, [host], tls)
        self.joins = {
            given.WATCHER: read(self.written / "watcher.join"),
            given.HOST: read(self.written / "studio.join"),
        }
        self._hashes = {user: given.hashed(join.secret) for user, join in self.joins.items()}
        self.vhosts: dict[str, dict[str, Any]] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._epmd: subprocess.Popen[bytes] | None = None
        (folder / "home").mkdir(parents=True)
        etc = self.written / "broker" / "rabbitmq"
        conf = (etc / "rabbitmq.conf").read_text().replace("/etc/rabbitmq", str(etc))
        conf = conf.replace(str(PAGES_PORT), str(tls_pages)).replace("listeners.tcp = none\n", "")
        conf += _MORE.format(port=self.port, pages=self._pages, folder=folder)
        (folder / "rabbitmq.conf").write_text(conf)
        self._environment = {
            "PATH": f"/usr/sbin:{os.environ['PATH']}",
            "LANG": "C.UTF-8",
            "HOME": str(folder / "home"),
            "RUNNING_UNDER_SYSTEMD": "true",  # the script becomes the server, and is no parent
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_NODENAME": f"test{self._nodes}@localhost",
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(etc / "enabled_plugins"),
            "RABBITMQ_DIST_PORT": str(self._nodes),
            "ERL_EPMD_PORT": str(self._names),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                f"{_SMALL} -kernel inet_dist_use_interface {{127,0,0,1}}"
            ),
        }

    @property
    def pid(self) -> int:
        """The process of the server."""
        assert self._process is not None
        return self._process.pid

    # --- its life ---------------------------------------------------------------------------

    def start(self) -> None:
        """Start it, with the vhosts that it had; return when clients get in."""
        assert self._process is None
        self._write_definitions()
        if self._epmd is None:
            self._epmd = self._child("epmd", "-port", str(self._names), "-address", "127.0.0.1")
        self._process = self._child(str(self._script))
        deadline = time.monotonic() + _PATIENCE
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"RabbitMQ did not start:\n{self.said()}")
            time.sleep(0.02)

    def kill(self) -> None:
        """Kill it, as power loss would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Let it end as a service is stopped."""
        self._end(signal.SIGTERM)

    def wipe(self) -> None:
        """Lose its disk, while it is down."""
        assert self._process is None
        shutil.rmtree(self.folder / "data")

    def freeze(self) -> None:
        """Let it stand still, as a network that is cut does for those who wait."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def revive(self) -> None:
        """Have it up, whatever a test has done with it."""
        if self._process is not None and self._process.poll() is None:
            self.thaw()
        else:
            self._process = None
            self.start()

    def end(self) -> None:
        """Leave nothing of it running."""
        if self._process is not None:
            self.kill()
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait()
            self._epmd = None

    def said(self) -> str:
        """Return what it has printed."""
        return (self.folder / "said").read_text(errors="replace")

    def ctl(self, *arguments: str) -> str:
        """Run rabbitmqctl, which takes a second."""
        done = subprocess.run(
            [str(self._script.with_name("rabbitmqctl")), *arguments],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def _child(self, *command: str) -> "subprocess.Popen[bytes]":
        # Killed with us, however we end: pytest-timeout leaves without a word.
        bound = [shutil.which("setpriv") or "", "--pdeathsig", "KILL", "--"]
        with (self.folder / "said").open("ab") as said:
            return subprocess.Popen(
                [*(bound if bound[0] else ()), *command],
                env=self._environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )

    def _end(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)
        self._process.send_signal(number)
        self._process.wait()
        self._process = None

    def _listens(self) -> bool:
        try:
            for port in (self.port, self._pages):
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            return False
        return True

    # --- its vhosts ---------------------------------------------------------------------------

    def add(self, vhost: str, networks: Iterable[str] = NETWORKS) -> None:
        """Make a vhost with all that `hub init` gives."""
        self.vhosts[vhost] = given.definitions(self._hashes, networks, vhost)
        self.asked("POST", "definitions", self.vhosts[vhost])

    def remove(self, vhost: str) -> None:
        """Remove a vhost; whoever is connected to it is thrown out."""
        del self.vhosts[vhost]
        self.asked("DELETE", f"vhosts/{vhost}")

    def asked(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401
        """Ask RabbitMQ's own interface, as the admin."""
        key = base64.b64encode(f"{_ADMIN}:{_ADMIN}".encode()).decode()
        connection = http.client.HTTPConnection("127.0.0.1", self._pages, timeout=_PATIENCE)
        try:
            connection.request(
                method,
                f"/api/{path}",
                None if body is None else json.dumps(body),
                {"Authorization": f"Basic {key}", "Content-Type": "application/json"},
            )
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        assert answer.status < 300, f"{method} {path}: {answer.status} {text}"
        return json.loads(text) if text else None

    def _write_definitions(self) -> None:
        """Write what it loads at its start, as a hub of `hub init` loads its own after a loss."""
        admin = {"name": _ADMIN, "password_hash": given.hashed(_ADMIN), "tags": "administrator"}
        admin["hashing_algorithm"] = "rabbit_password_hashing_sha256"
        whole: dict[str, list[Any]] = {"users": [admin]}
        written = json.loads((self.written / "broker/rabbitmq/definitions.json").read_bytes())
        for each in (written, *self.vhosts.values()):
            for kind, rows in each.items():
                whole.setdefault(kind, []).extend(
                    row for row in rows if row not in whole.get(kind, [])
                )
        (self.folder / "definitions.json").write_text(json.dumps(whole))


@dataclass(slots=True)
class Hub:
    """A vhost on the broker: what one test has. The broker may be killed; it is started again."""

    broker: Broker
    vhost: str
    folder: Path  # for the join files
    joins: dict[str, Join] = field(init=False)

    def __post_init__(self) -> None:
        self.joins = {
            user: replace(join, url=self.url, ca="") for user, join in self.broker.joins.items()
        }

    @property
    def url(self) -> str:
        """Its address, which holds no secret."""
        return f"amqp://127.0.0.1:{self.broker.port}/{self.vhost}"

    @property
    def watcher_join(self) -> Path:
        """A join file for a daemon."""
        return self._written("watcher.join", given.WATCHER)

    @property
    def studio_join(self) -> Path:
        """A join file for hosts."""
        return self._written("studio.join", given.HOST)

    def _written(self, name: str, user: str) -> Path:
        path = self.folder / name
        write(path, self.joins[user])
        return path

    def queues(self) -> dict[str, int]:
        """Return how many messages each queue has, those in hand included; as the broker counts.

        Its counts may be five seconds old.
        """
        rows = self.broker.asked("GET", f"queues/{self.vhost}")
        return {row["name"]: row.get("messages", 0) for row in rows}

    def count(self, queue: str) -> int:
        """Return how many messages wait in a queue now, without those in hand."""
        from kombu import Connection  # noqa: PLC0415 - where it is not installed nothing else fails

        join = self.joins[given.WATCHER]
        with Connection(join.url, userid=join.user, password=join.secret) as connection:
            _, messages, _ = connection.default_channel.queue_declare(queue, passive=True)
            return int(messages)

    def alarm(self, *, on: bool = True) -> None:
        """Let the broker be out of memory, as it believes; publishers are blocked meanwhile."""
        self.broker.ctl("set_vm_memory_high_watermark", "0.0000001" if on else "0.4")

    def drop_connections(self) -> None:
        """Cut all connections to this vhost, as a network that is lost for a moment."""
        for row in self.broker.asked("GET", f"vhosts/{self.vhost}/connections"):
            with suppress(AssertionError):  # gone meanwhile
                self.broker.asked("DELETE", f"connections/{quote(row['name'])}")


def temporary_folder() -> tempfile.TemporaryDirectory[str]:
    """Return a folder for a broker: not pytest's, whose long path is no use to Erlang."""
    return tempfile.TemporaryDirectory(prefix="scissorsd-rabbitmq-", ignore_cleanup_errors=True)
