"""What a browser loads asks for nothing from elsewhere, and works under any path."""

import re
from pathlib import Path

import pytest

import scissorsd.page
from scissorsd.page.view import cards

STATIC = Path(scissorsd.page.__file__).parent / "static"
FILES = sorted(STATIC.iterdir())
MOST = 60_000  # bytes of all files: they may become fewer, not more


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_addresses_are_relative_and_of_this_page(path: Path) -> None:
    """No address names a host or begins at its root, so that any proxy may strip any prefix."""
    text = path.read_text(encoding="utf-8").replace("http://www.w3.org/", "")
    assert not re.findall(r"https?://", text)
    assert not re.findall(r"""(?:href|src|action)="/|["'`]/(?:api|static|login)|url\(/""", text)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_nothing_is_needed_that_the_policy_forbids(path: Path) -> None:
    """No markup is made of text, and no script or style stands in the page itself."""
    text = path.read_text(encoding="utf-8")
    forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function"
    assert not re.findall(forbidden, text)
    assert not re.findall(r"<style|<script(?![^>]* src=)|\sstyle=\"|\son[a-z]+=\"", text)


def test_the_page_stays_light() -> None:
    """All that a browser loads before pictures, unminified."""
    assert sum(path.stat().st_size for path in FILES) <= MOST


def test_every_icon_that_is_shown_is_drawn() -> None:
    """Each icon that a script, a card or the page names is in the page's sprite, and no other."""
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    drawn = set(re.findall(r'<path id="i-([a-z]+)"', page))
    scripts = "".join(path.read_text(encoding="utf-8") for path in STATIC.glob("*.js"))
    called = set(re.findall(r'(?:icon|button)\("([a-z]+)"|icon: "([a-z]+)"', scripts))
    called = {name for pair in called for name in pair if name}
    view = Path(cards.__file__).read_text(encoding="utf-8")
    (by_look,) = re.findall(r"_ICONS = \{(.*?)\}", view, re.DOTALL)
    called |= set(re.findall(r': "([a-z]+)"', by_look))
    called |= set(re.findall(r'"icon": "([a-z]+)"', view))
    assert called | set(re.findall(r'data-icon="([a-z]+)"', page)) <= drawn
    assert all(f'"{name}"' in page.partition("<header")[2] + scripts + view for name in drawn)
