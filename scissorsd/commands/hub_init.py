"""`scissorsd hub init`: the folder of a hub, from which its broker and every machine are set up.

  FOLDER/ca.key             the CA's key: needed again only for another --host
  FOLDER/ca.pem
  FOLDER/watcher.join       for the daemon that owns the folders
  FOLDER/studio.join        for every further host
  FOLDER/compose.yaml       the broker as a container
  FOLDER/broker/            for its owner alone, so that what is in it needs no owner:
    rabbitmq/               RabbitMQ's /etc/rabbitmq, which the container's own user reads

What is there is kept, whoever wrote it; what is missing is made, each file whole. So it can be done
again, be killed and be done again. The secrets are written before what is made of them.
"""

import fcntl
import ipaddress
import json
import os
import pwd
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from shlex import quote
from typing import Final

from scissorsd import atomic
from scissorsd.core import hub_address
from scissorsd.errors import ScissorsError, UsageError
from scissorsd.hosts.joining import broker_files, certificates, join
from scissorsd.hosts.joining.definitions import HOST, WATCHER, definitions, hashed, is_of
from scissorsd.service.unit import ACCOUNT

_FILES: Final = {WATCHER: "watcher.join", HOST: "studio.join"}
_PRIVATE: Final = 0o600
_OPEN: Final = 0o644
_SECRET: Final = 32  # bytes
_NAME: Final = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?", re.IGNORECASE)
_OWN_NAMES: Final = ("localhost", "127.0.0.1", "::1")


def init(folder: Path, names: Sequence[str], port: int | None) -> list[str]:
    """Make all that is missing in a hub's folder; return what was done, and what to do next."""
    for name in names:
        _check_name(name)
    try:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        with _alone(folder):
            return _Folder(folder).fill(names, port)
    except OSError as error:
        where = error.filename or folder
        raise ScissorsError(
            f"the hub's files cannot be written: {where}: {error.strerror}",
            "Run it as a user that may write there, as root for a folder in /etc.",
        ) from error


def _check_name(name: str) -> None:
    """See that it is a host name or an address: raises UsageError."""
    if _NAME.fullmatch(name):
        return
    try:
        ipaddress.ip_address(name)
    except ValueError:
        raise UsageError(
            f"--host {name!r} is no host name",
            "Give the name, or the address, by which hosts reach this machine: nas.local",
        ) from None


def _in_address(name: str) -> str:
    return f"[{name}]" if ":" in name else name


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait until no other init works on the folder."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)


class _Folder:
    """A hub's folder, and what was done in it so far."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.broker = folder / "broker" / "rabbitmq"
        self.kept: list[str] = []
        self.made: list[str] = []

    def fill(self, names: Sequence[str], port: int | None) -> list[str]:
        """Make what is missing; see that what is there fits together."""
        for where in (self.folder, self.broker):  # what one that was killed had begun to write
            for draft in atomic.temporaries(where, "*"):
                draft.unlink()
        joins = self._known_joins()
        if not joins and not names:
            raise UsageError("--host NAME is missing: by which name do hosts reach the hub?")
        first = next(iter(joins.values())).address if joins else None
        host = first.host if first else names[0]
        if first and port not in {None, first.port}:
            raise UsageError(
                f"the hub in {self.folder} is at port {first.port}: its join files say so",
                f"Begin anew in an empty folder for port {port}; all hosts then need its file.",
            )
        port = first.port if first else port or hub_address.PORT
        self.broker.parent.mkdir(mode=0o700, exist_ok=True)
        self.broker.mkdir(exist_ok=True)
        self.broker.chmod(0o755)  # whatever the umask: the container's user goes in here

        ca = self._certificates(names, host, next((j.ca for j in joins.values()), ""))
        url = f"amqps://{_in_address(host)}:{port}/{hub_address.VHOST}"
        for user, name in _FILES.items():
            if user not in joins:
                joins[user] = join.Join(url, user, secrets.token_urlsafe(_SECRET), ca)
                join.write(self.folder / name, joins[user])
                self.made.append(name)
                if user == WATCHER:
                    _give_to_service(self.folder / name)
            else:
                self.kept.append(name)
        self._make("broker/rabbitmq/definitions.json", lambda: _definitions(joins), _OPEN)
        for name, text in (
            ("broker/rabbitmq/rabbitmq.conf", broker_files.configuration(port)),
            ("broker/rabbitmq/rabbitmq-env.conf", broker_files.ENVIRONMENT),
            ("broker/rabbitmq/enabled_plugins", broker_files.PLUGINS),
            ("compose.yaml", broker_files.compose(port)),
        ):
            self._make(name, text.encode, _OPEN)
        return self._told(url)

    def _known_joins(self) -> dict[str, join.Join]:
        """Return the join files that are there. One that is lost is not made anew unasked."""
        joins = {
            user: join.read(self.folder / name)
            for user, name in _FILES.items()
            if (self.folder / name).exists()
        }
        path = self.broker / "definitions.json"
        if not path.exists():
            return joins
        try:
            users = json.loads(path.read_bytes())["users"]
            known = {user["name"]: user["password_hash"] for user in users}
        except (ValueError, KeyError, TypeError) as error:
            raise ScissorsError(
                f"{path} is not what RabbitMQ loads: {error}",
                "Move it away; it is then made anew from the join files.",
            ) from error
        for user, name in _FILES.items():
            if user not in joins:
                raise ScissorsError(
                    f"{self.folder / name} is missing, and nothing else holds its secret",
                    "Put it back from a copy, or from a machine that has it. For a new secret "
                    f"move {path} away too: then whoever has the old file is locked out.",
                )
            if not is_of(joins[user].secret, known.get(user, "")):
                raise ScissorsError(
                    f"{self.folder / name} and {path} do not have the same secret",
                    f"Move {path} away; it is then made anew from the join files.",
                )
        return joins

    def _certificates(self, names: Sequence[str], host: str, trusted: str) -> str:
        """See that CA, key and certificate are there, and the certificate for all names.

        `trusted`: the CA that is in join files, if there are any.
        """
        if not trusted and not (self.folder / "ca.pem").exists():
            self._make("ca.key", certificates.new_key, _PRIVATE)
        ca_key = self._content("ca.key")
        self._make("ca.pem", lambda: trusted.encode() or certificates.new_ca(ca_key), _OPEN)
        ca = self._content("ca.pem")
        self._make("broker/rabbitmq/server.key", certificates.new_key, _OPEN)
        key = self._content("broker/rabbitmq/server.key")
        name = "broker/rabbitmq/server.pem"
        known = self._content(name)
        try:
            old = certificates.names_of(known, ca, key) if known else ()
            wanted = tuple(dict.fromkeys((*old, host, *names, *_OWN_NAMES)))
            if old == wanted:
                self.kept.append(name)
            else:
                if not ca_key or not certificates.is_of_key(ca, ca_key):
                    raise ScissorsError(
                        f"{self.folder / 'ca.key'} is missing, or not the key of ca.pem, and a "
                        "certificate is to be made",
                        "Put it back from its copy. Without it begin in an empty folder; all "
                        "hosts then need its file.",
                    )
                made = certificates.new_certificate(ca_key, key, wanted)
                atomic.write_atomically(self.folder / name, made, mode=_OPEN)
                self.made.append(f"{name} (for {', '.join(wanted)})")
        except ValueError as error:
            raise ScissorsError(
                f"a key or certificate in {self.folder} is damaged: {error}",
                "Put ca.key, ca.pem and those in broker/rabbitmq back from a copy.",
            ) from error
        return ca.decode("ascii")

    def _content(self, name: str) -> bytes:
        try:
            return (self.folder / name).read_bytes()
        except FileNotFoundError:
            return b""

    def _make(self, name: str, content: Callable[[], bytes], mode: int) -> None:
        """Write a file if it is not there."""
        path = self.folder / name
        if path.exists():
            self.kept.append(name)
            return
        atomic.write_atomically(path, content(), mode=mode)
        self.made.append(name)

    def _told(self, url: str) -> list[str]:
        said = [f"made {self.folder / name}" for name in self.made]
        if self.kept:
            said.append(f"kept as it was: {', '.join(self.kept)}")
        return [*said, *self._next_steps(url)] if self.made else said

    def _next_steps(self, url: str) -> list[str]:
        key, compose = "/etc/rabbitmq/server.key", quote(str(self.folder / "compose.yaml"))
        watcher, studio = (self.folder / name for name in _FILES.values())
        return [
            "",
            "Next, the broker, as a container:",
            f"  docker compose -f {compose} up -d --force-recreate",
            "or by Debian's package, where it serves nothing else:",
            "  apt install rabbitmq-server",
            f"  cp -r {quote(f'{self.broker}/.')} /etc/rabbitmq",
            f"  chown root:rabbitmq {key} && chmod 640 {key}",
            "  systemctl restart rabbitmq-server",
            f"In the configuration of the daemon, whose user must be able to read {watcher.name}:",
            f'  hosts: {{hub: "{url}", join: {json.dumps(str(watcher))}}}',
            f"On every further host, with {studio} copied there (it is secret):",
            f"  scissorsd worker {studio.name}",
        ]


def _give_to_service(path: Path) -> None:
    """Give a file to the account of the daemon's service, if there is one."""
    if os.geteuid() == 0:
        with suppress(KeyError):
            account = pwd.getpwnam(ACCOUNT)
            os.chown(path, account.pw_uid, account.pw_gid)


def _definitions(joins: dict[str, join.Join]) -> bytes:
    hashes = {user: hashed(joins[user].secret) for user in _FILES}
    return f"{json.dumps(definitions(hashes), indent=1)}\n".encode()
