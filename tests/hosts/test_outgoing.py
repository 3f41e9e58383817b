"""Whose an outbox is into which hosts write."""

from pathlib import Path

import pytest

from scissorsd import atomic
from scissorsd.errors import HoldError
from scissorsd.folders import publishing
from scissorsd.hosts.watcher.outgoing import OWNER, claim


def test_an_outbox_is_claimed_once_and_again_when_the_note_is_gone(tmp_path: Path) -> None:
    """To claim what is one's own changes nothing, and a note that was removed is made anew."""
    for _ in range(2):
        claim(tmp_path, "one")
        claim(tmp_path, "one")
        assert [path.name for path in tmp_path.iterdir()] == [OWNER]
        assert (tmp_path / OWNER).read_text() == "one\n"
        (tmp_path / OWNER).unlink()


def test_an_outbox_of_another_is_refused(tmp_path: Path) -> None:
    """What another has claimed stays as it is, and the message names the file to remove."""
    claim(tmp_path, "one")
    with pytest.raises(HoldError, match=r"job journal one; this one is two") as held:
        claim(tmp_path, "two")
    assert str(tmp_path / OWNER) in held.value.advice
    assert (tmp_path / OWNER).read_text() == "one\n"


def test_a_claim_that_is_cut_short_leaves_the_outbox_to_be_claimed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the note is whole it has no name: no empty one is ever taken for another's."""

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(publishing, "commit", die)
        with pytest.raises(KeyboardInterrupt):
            claim(tmp_path, "one")
    assert not (tmp_path / OWNER).exists()
    claim(tmp_path, "one")
    assert (tmp_path / OWNER).read_text() == "one\n"


def test_what_a_death_left_of_a_claim_is_removed(tmp_path: Path) -> None:
    """A note that was being written when the daemon died does not lie in the outbox for ever."""
    left = atomic.temporary(tmp_path, "0a1b-owner")
    left.touch()
    claim(tmp_path, "0a1b")
    assert [path.name for path in tmp_path.iterdir()] == [OWNER]
