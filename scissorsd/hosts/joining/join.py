"""The file by which a machine joins a hub: its address, a user, the secret, the CA that it trusts.

`scissorsd hub init` writes two: watcher.join for the daemon that owns folders and job journal, and
studio.join for every host. Whoever reads one may take part, so only its owner should.
"""

import stat
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from scissorsd import atomic
from scissorsd.core.hub_address import HubAddress, hub_address
from scissorsd.errors import ScissorsError

_FORMAT: Final = 1
_KEYS: Final = ("url", "user", "secret", "ca")
_PRIVATE: Final = 0o600
_HEAD: Final = "# By this file a machine joins scissorsd's hub. Who can read it can take part.\n"
_ADVICE: Final = "Fetch it anew from the machine on which `scissorsd hub init` has written it."


@dataclass(frozen=True, slots=True)
class Join:
    """What a machine needs to join. `ca`: certificates (PEM); '' trusts those of the system."""

    url: str
    user: str
    secret: str = field(repr=False)
    ca: str = field(repr=False, default="")

    @property
    def address(self) -> HubAddress:
        """The address, in its parts."""
        return hub_address(self.url)

    def tls(self) -> dict[str, Any] | None:
        """Return what kombu and Celery take for `ssl`: names are checked, always."""
        address = self.address
        if not address.tls:
            return None
        context = {"check_hostname": True} | ({"cadata": self.ca} if self.ca else {})
        return {"context": context, "server_hostname": address.host}


def read(path: Path) -> Join:
    """Read a join file. Raises ScissorsError, which never repeats what the file says."""
    try:
        found = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        advice = "" if isinstance(error, FileNotFoundError) else "Its owner alone may read it."
        raise ScissorsError(
            f"the join file {path} cannot be read: {error.strerror}", advice or _ADVICE
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError):
        # Without its cause: that quotes the line, which may be the secret's.
        raise ScissorsError(f"{path} is not a join file, or it is damaged", _ADVICE) from None
    if not isinstance(found, dict):
        raise ScissorsError(f"{path} is not a join file: it says nothing", _ADVICE)
    given = found.pop("format", None)
    if given != _FORMAT:
        raise ScissorsError(
            f"{path} is a join file of format {given!r}, and this scissorsd reads {_FORMAT}",
            "Use the same version of scissorsd here and where `scissorsd hub init` was run.",
        )
    wrong = [key for key in found if key not in _KEYS]
    wrong += [
        key for key in _KEYS if not isinstance(found.get(key, None if key != "ca" else ""), str)
    ]
    wrong += [key for key in ("url", "user", "secret") if found.get(key) == ""]
    if wrong:
        raise ScissorsError(f"{path}: {wrong[0]!r} is not as a join file has it", _ADVICE)
    join = Join(**found)
    try:
        hub_address(join.url)
    except ValueError as error:
        raise ScissorsError(f"{path}: url: {error}") from None
    return join


def exposed(path: Path) -> str:
    """Return a sentence if others than its owner can read a join file, else ''."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return ""  # whoever reads it says so
    if not mode & (stat.S_IRGRP | stat.S_IROTH):
        return ""
    return f"others can read the secret in {path}; chmod 600 {path}"


def write(path: Path, join: Join) -> None:
    """Write a join file, whole, for its owner alone. Raises OSError."""
    values = {"format": _FORMAT, **asdict(join)}
    text = yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    atomic.write_atomically(path, f"{_HEAD}{text}".encode(), mode=_PRIVATE)


class _Dumper(yaml.SafeDumper):
    """Writes certificates as blocks of lines."""


_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style="|" if "\n" in text else None
    ),
)
