"""Background pictures that came over the hub: kept in memory, and lent as files.

A rule names a background by its path. The watcher's path means nothing here, so the rule gets that
of a file in memory (memfd_create(2)), which is gone with the order, however this process ends.
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from scissorsd.errors import HoldError

_MOST = 128 << 20  # bytes
_MOST_COUNT = 32  # whose SHA-256 are told every few seconds


class Backgrounds:
    """Those that came last. Any thread may call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, bytes] = OrderedDict()  # by SHA-256, the last used at the end

    def known(self) -> list[str]:
        """Return the SHA-256 of each."""
        with self._lock:
            return list(self._kept)

    def take(self, came: Mapping[str, bytes], wanted: Mapping[str, str]) -> dict[str, bytes]:
        """Keep those that came, and return those that are `wanted` (path, SHA-256), by path.

        Raises KeyError with the path of one that neither came nor is here.
        """
        with self._lock:
            self._kept |= came
            found = {}
            for path, sha256 in wanted.items():
                if sha256 not in self._kept:
                    raise KeyError(path)
                self._kept.move_to_end(sha256)
                found[path] = self._kept[sha256]
            while len(self._kept) > _MOST_COUNT or sum(map(len, self._kept.values())) > _MOST:
                self._kept.popitem(last=False)
            return found


@contextmanager
def as_files(contents: Mapping[str, bytes]) -> Iterator[dict[str, str]]:
    """Give each content a file within the `with` block; return their paths, by the same keys."""
    with ExitStack() as opened:
        files = {}
        for key, content in contents.items():
            try:
                number = os.memfd_create("background")
                opened.callback(os.close, number)
                files[key] = f"/proc/self/fd/{number}"
                Path(files[key]).write_bytes(content)
            except OSError as error:
                raise HoldError(f"a background picture cannot be kept: {error.strerror}") from error
        yield files
