"""No two processes claim the same inbox and outbox."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scissorsd.folders.claims import Claims
from scissorsd.folders.real_paths import Location, locate

pytestmark = pytest.mark.skipif(not Path("/proc/self/mountinfo").exists(), reason="only on Linux")


def test_a_pair_is_claimed_once(tmp_path: Path) -> None:
    """Who claims a pair keeps it until it lets go; others are told which process has it."""
    (tmp_path / "in").mkdir()
    (tmp_path / "link").symlink_to(tmp_path)
    paths = [tmp_path / "in", tmp_path / "link" / "in", tmp_path / "out", tmp_path / "out2"]
    before = locate(paths)
    inbox, alias, outbox, other = (before[path] for path in paths)
    mine, theirs = Claims(), Claims()
    assert mine.take(inbox, outbox) == ""
    assert mine.take(inbox, outbox) == ""
    assert theirs.take(alias, outbox) == f"process {os.getpid()}"
    assert theirs.take(inbox, other) == ""
    (tmp_path / "out").mkdir()  # an outbox that is made later is the same
    made = locate([tmp_path / "out"])[tmp_path / "out"]
    assert theirs.take(inbox, made) == f"process {os.getpid()}"
    mine.keep([(inbox, made)])
    assert theirs.take(alias, made) == f"process {os.getpid()}"
    mine.keep([])
    assert theirs.take(alias, made) == ""
    theirs.close()
    mine.close()


def test_claimed_and_released_at_once(tmp_path: Path) -> None:
    """Threads that claim and release the same pair together, and a close, leave nothing claimed."""
    (tmp_path / "in").mkdir()
    paths = [tmp_path / "in", tmp_path / "out"]
    inbox, outbox = locate(paths).values()
    claims = Claims()

    def again_and_again(_: int) -> None:
        for _ in range(300):
            claims.take(inbox, outbox)
            claims.keep(())

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(again_and_again, range(4))) == [None] * 4
    claims.close()
    assert claims.take(inbox, outbox) == ""
    theirs = Claims()
    assert theirs.take(inbox, outbox) == ""
    theirs.close()


def test_what_hangs_is_not_claimed(tmp_path: Path) -> None:
    """Of a folder that cannot be looked at nothing is claimed, and nothing is refused."""
    unknown = Location(tmp_path, tmp_path)
    mine, theirs = Claims(), Claims()
    assert mine.take(unknown, unknown) == theirs.take(unknown, unknown) == ""
