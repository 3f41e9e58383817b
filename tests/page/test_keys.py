"""The key of the page and its cookie."""

import stat
import threading
from pathlib import Path

import pytest

from scissorsd.errors import ScissorsError
from scissorsd.page.gates import keys
from scissorsd.page.gates.keys import Keys


def test_the_file_is_private(tmp_path: Path) -> None:
    """The key is of 32 random bytes, in a file that only its owner reads; it is made once."""
    key = keys.make(tmp_path)
    path = tmp_path / keys.FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(key) == 43
    assert keys.make(tmp_path) == keys.key_of(tmp_path) == key
    assert sorted(tmp_path.iterdir()) == [path]


def test_two_make_it_at_once(tmp_path: Path) -> None:
    """Of several processes that make the key at once, all get the same one."""
    made: list[str] = []
    threads = [threading.Thread(target=lambda: made.append(keys.make(tmp_path))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 16
    assert len(set(made)) == 1


def test_a_new_key_ends_cookies(tmp_path: Path) -> None:
    """After `--new` neither the old key nor a cookie made from it is worth anything."""
    old = keys.make(tmp_path)
    page = Keys(tmp_path)
    cookie = page.cookie()
    assert page.is_right(old)
    assert page.is_cookie(cookie)
    assert old not in cookie
    new = keys.make(tmp_path, anew=True)
    assert not page.is_right(old)
    assert not page.is_cookie(cookie)
    assert page.is_right(new)


@pytest.mark.parametrize("wrong", ["", "x", "ß€\udc80", "\ud800"])
def test_what_is_no_key(tmp_path: Path, wrong: str) -> None:
    """Whatever else is given is wrong, and no fault."""
    keys.make(tmp_path)
    assert not Keys(tmp_path).is_right(wrong)
    assert not Keys(tmp_path).is_cookie(wrong)


def test_an_empty_file_lets_nobody_in(tmp_path: Path) -> None:
    """A key file that holds nothing is told of; an empty key does not open the page."""
    (tmp_path / keys.FILE).touch()
    with pytest.raises(ScissorsError, match="empty"):
        Keys(tmp_path).is_right("")
