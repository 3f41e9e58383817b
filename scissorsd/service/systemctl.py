"""The programs of systemd."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator


def systemd_version() -> int | None:
    """Ask systemctl for its version; None where there is none."""
    said = run("systemctl", "--version")
    found = re.match(r"systemd (\d+)", said.stdout) if said else None
    return int(found[1]) if found else None


def run_and_tell(*words: str) -> Iterator[str]:
    """Run a command and tell that it was, or what it said against it."""
    said = run(*words)
    line = shlex.join(words)
    if said is None:
        yield f"WARNING: {words[0]} is not here, so do by hand what it would do: {line}"
    elif said.returncode:
        yield f"WARNING: `{line}` failed: {said.stderr.strip() or said.returncode}"
    else:
        yield f"ran {line}"


def run(*words: str) -> "subprocess.CompletedProcess[str] | None":
    """Run a program of systemd; None where it is not installed."""
    if shutil.which(words[0]) is None:
        return None
    return subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603
