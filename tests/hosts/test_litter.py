"""What hosts have staged and nobody took: what is removed, and what is not."""

from pathlib import Path

from end_to_end.driver import wait_for

from scissorsd.hosts.watcher.litter import Litter

OUT = ".scissorsd-0a1b-7-3-0a0a0a0a-0123456789abcdef.tmp"
LITTER = ".scissorsd-0a1b-7-2-0a0a0a0a-0123456789abcdef.tmp"
OTHERS = (
    ".scissorsd-0a1b-7-0123456789abcdef.tmp",  # this machine's own
    ".scissorsd-ffff-7-2-0a0a0a0a-0123456789abcdef.tmp",  # of another watcher
    "7.png",
)


def test_only_what_is_nobodys_is_removed(tmp_path: Path) -> None:
    """A temporary goes whose order is not out in this turn; all else stays."""
    for name in (OUT, LITTER, *OTHERS):
        (tmp_path / name).touch()
    litter = Litter("0a1b", lambda job, turn: (job, turn) == (7, 3))
    litter.may_lie_in([tmp_path, tmp_path / "gone"])
    litter.start()
    wait_for(lambda: not (tmp_path / LITTER).exists())
    litter.stop()
    litter.join()
    assert {path.name for path in tmp_path.iterdir()} == {OUT, *OTHERS}
