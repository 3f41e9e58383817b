"""Running the programs of systemd."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator


def systemd_version() -> int | None:
    """Return the version of systemd, or None where there is no systemctl."""
    answer = run("systemctl", "--version")
    version = re.match(r"systemd (\d+)", answer.stdout) if answer else None
    return int(version[1]) if version else None


def run_and_tell(*words: str) -> Iterator[str]:
    """Run a command; yield a sentence that it ran, or why it did not."""
    done = run(*words)
    line = shlex.join(words)
    if done is None:
        yield f"WARNING: {words[0]} is not here, so do by hand what it would do: {line}"
    elif done.returncode:
        yield f"WARNING: `{line}` failed: {done.stderr.strip() or done.returncode}"
    else:
        yield f"ran {line}"


def run(*words: str) -> "subprocess.CompletedProcess[str] | None":
    """Run a program of systemd; None where it is not installed."""
    if shutil.which(words[0]) is None:
        return None
    return subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603
