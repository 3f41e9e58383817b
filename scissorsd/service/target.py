"""Whose service it is, and where its files go."""

import os
import shlex
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from scissorsd.errors import UsageError
from scissorsd.settings import DEFAULT_CONFIG

SYSTEM = Path("/")
DAEMON = "scissorsd"
WORKER = "scissorsd-worker"


@dataclass(frozen=True, slots=True)
class Target:
    """Whose service it is, and where its files go: below `root`, "/" but in tests and images."""

    personal: bool = False
    root: Path = SYSTEM
    name: str = DAEMON

    @property
    def unit_name(self) -> str:
        """Return the file name of the unit."""
        return f"{self.name}.service"

    @property
    def live(self) -> bool:
        """Whether this machine's own service manager is meant."""
        return self.root == SYSTEM

    @property
    def unit(self) -> Path:
        """Where the unit goes."""
        if self.personal:
            return self.at(_own_settings() / "systemd" / "user" / self.unit_name)
        return self.at(Path("/etc/systemd/system") / self.unit_name)

    @property
    def beside(self) -> tuple[Path, ...]:
        """Where sysusers.d and tmpfiles.d look; one user's service needs neither."""
        names = () if self.personal else ("sysusers.d", "tmpfiles.d")
        return tuple(self.at(Path("/etc") / name / "scissorsd.conf") for name in names)

    @property
    def default_config(self) -> Path:
        """Where the configuration is expected."""
        return _own_settings() / "scissorsd" / "scissorsd.yaml" if self.personal else DEFAULT_CONFIG

    def systemctl(self, *words: str) -> str:
        """Return a systemctl command as a person types it."""
        return shlex.join(["systemctl", *(["--user"] if self.personal else []), *words])

    def command(self, *words: str) -> str:
        """Return a `scissorsd service` command as a person types it."""
        words = (*words, *(["--user"] if self.personal else []))
        return shlex.join([*program(), "service", *words])

    def at(self, path: Path) -> Path:
        """Return where a file of the machine lies below the root."""
        return self.root / path.relative_to("/")


def _own_settings() -> Path:
    try:
        return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    except RuntimeError as error:
        raise UsageError(
            "there is no home folder for a service of your own", "Set HOME, or leave out --user."
        ) from error


def program() -> tuple[str, ...]:
    """Return the command that starts this installation, wherever it is called from."""
    script = Path(sysconfig.get_path("scripts")) / "scissorsd"
    return (str(script),) if script.exists() else (sys.executable, "-m", "scissorsd")
