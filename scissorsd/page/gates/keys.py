"""The key of the page: a file that only the daemon's user reads, and the cookie made from it."""

import hashlib
import hmac
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from scissorsd import atomic
from scissorsd.errors import ScissorsError

FILE = "page.key"
_BYTES = 32
_SIGNED = b"scissorsd page cookie"
_PRIVATE = 0o600


@dataclass(slots=True)
class Keys:
    """The key in a state folder. It is read anew when the file is another one (`page key --new`).

    Any thread may use it.
    """

    state: Path
    _read: tuple[tuple[int, int], str] | None = None  # of which file (inode, mtime_ns), the key

    @property
    def cookie_name(self) -> str:
        """The cookie's name. Cookies know no ports: two pages on one machine have two names."""
        mark = hashlib.sha256(os.fsencode(self.state)).hexdigest()[:8]
        return f"scissorsd-{mark}"

    def cookie(self) -> str:
        """Return the cookie's value, which does not tell the key."""
        return hmac.new(self._current().encode(), _SIGNED, hashlib.sha256).hexdigest()

    def is_right(self, key: str) -> bool:
        """Whether this is the key."""
        return hmac.compare_digest(key.strip().encode("utf-8", "replace"), self._current().encode())

    def is_cookie(self, value: str) -> bool:
        """Whether this cookie was made from the key."""
        return hmac.compare_digest(value.encode("utf-8", "replace"), self.cookie().encode())

    def _current(self) -> str:
        path = self.state / FILE
        try:
            stat = path.stat()
            stamp = stat.st_ino, stat.st_mtime_ns
            read = self._read
            if read is None or read[0] != stamp:
                read = self._read = stamp, path.read_text("ascii").strip()
        except FileNotFoundError:
            return make(self.state)  # taken away: nobody who had it comes in any more
        except (OSError, ValueError) as error:
            raise _unreadable(path, error) from error
        if not read[1]:
            raise _unreadable(path, ValueError("it is empty"))
        return read[1]


def key_of(state: Path) -> str:
    """Return the key, or '' where none has been made."""
    path = state / FILE
    try:
        return path.read_text("ascii").strip()
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def make(state: Path, *, anew: bool = False) -> str:
    """Make the key where there is none, or in any case a new one; return it.

    With a new one the old one is worth nothing, and neither is any cookie made from it.
    """
    path, key = state / FILE, secrets.token_urlsafe(_BYTES)
    content = f"{key}\n".encode()
    try:
        state.mkdir(parents=True, exist_ok=True)
        if anew:
            atomic.write_atomically(path, content, mode=_PRIVATE)
            return key
        draft = atomic.temporary(state, FILE)
        try:
            atomic.write_atomically(draft, content, mode=_PRIVATE)
            with suppress(FileExistsError):  # another process was first: its key is the key
                path.hardlink_to(draft)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise ScissorsError(
            f"the key of the page cannot be written to {path}: {error.strerror or error}",
            "Give the user that scissorsd runs as write access to the state folder.",
        ) from error
    return key_of(state)


def _unreadable(path: Path, error: Exception) -> ScissorsError:
    why = error.strerror if isinstance(error, OSError) else str(error)
    return ScissorsError(
        f"the key of the page in {path} cannot be read: {why}",
        "It belongs to the user that scissorsd runs as. Delete it, and a new one is made.",
    )
