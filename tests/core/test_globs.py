import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scissorsd.core.globs import matches


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("products/**", "products/a.jpg"),
        ("products/**", "products/2024/may/a.jpg"),
        ("products/", "products/2024/a.jpg"),
        ("**/raw/*.jpg", "raw/a.jpg"),
        ("**/raw/*.jpg", "2024/may/raw/a.jpg"),
        ("a/**/b.jpg", "a/b.jpg"),
        ("a/**/b.jpg", "a/x/y/b.jpg"),
        ("{**/raw,drafts}/*", "2024/raw/a.jpg"),
        ("*.jpg", "deep/down/a.JPG"),
        ("IMG_????.jpg", "img_0042.jpg"),
        ("*.{jpg,png}", "a.png"),
        ("{drafts,old/{a,b}}/*", "old/b/x.jpg"),
        ("shot[0-9].jpg", "shot7.jpg"),
        ("shot[!0-9].jpg", "shotx.jpg"),
        ("[]x].jpg", "].jpg"),
        ("[a&&b||c~~d].jpg", "&.jpg"),
        ("[+--].jpg", "-.jpg"),
        ("[[]x].jpg", "[x].jpg"),
        ("(1)+$^.jpg", "(1)+$^.jpg"),
        ("a[1.jpg", "a[1.jpg"),
        ("a{1.jpg", "a{1.jpg"),
        ("a[].jpg", "a[].jpg"),
        ("a[!].jpg", "a[!].jpg"),
        ("a[z-a].jpg", "a[z-a].jpg"),
        ("a}b,c.jpg", "a}b,c.jpg"),
        ("*.jpg", "two\nlines.jpg"),
        ("*.jpg", "not\udcffutf8.jpg"),
    ],
)
def test_matches(pattern: str, path: str) -> None:
    """Each wildcard takes what its documentation promises, and odd patterns mean themselves."""
    assert matches(pattern, path)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("products/**", "products"),
        ("products/**", "old/products/a.jpg"),
        ("products/*", "products/2024/a.jpg"),
        ("a?b", "a/b"),
        ("a[+-9]b.jpg", "a/b.jpg"),
        ("a[/]b", "a/b"),
        ("a[!x]b", "a/b"),
        ("shot[!0-9].jpg", "shot7.jpg"),
        ("[!]x].jpg", "].jpg"),
        ("x**/b", "xb"),
        ("*.jpg", "a.jpg.part"),
        ("*.jpg", "a.jpg\n"),
        (r".*\.jpg", "a.jpg"),
        ("a.jpg", "aXjpg"),
    ],
)
def test_does_not_match(pattern: str, path: str) -> None:
    """No wildcard but `**` crosses a folder, and nothing of a regular expression is understood."""
    assert not matches(pattern, path)


def test_composed_letters() -> None:
    """A folder's name matches however its letters are composed, on either side."""
    composed, apart = (unicodedata.normalize(form, "Entwürfe") for form in ("NFC", "NFD"))
    assert composed != apart
    assert matches(f"{composed}/**", f"{apart}/a.jpg")
    assert matches(f"{apart}/**", f"{composed}/a.jpg")


NAMES = st.text("ab.", min_size=1, max_size=4)
PATHS = st.lists(NAMES, min_size=1, max_size=4)
PIECES = st.one_of(st.just("**"), st.text("ab.*?", min_size=1, max_size=4))
PATTERNS = st.lists(PIECES, min_size=2, max_size=4).filter(
    lambda pieces: not any("**" in piece and piece != "**" for piece in pieces)
)


def name_fits(pattern: str, name: str) -> bool:
    """Match one name, character by character, as slowly as can be."""
    if not pattern:
        return not name
    if pattern[0] == "*":
        return any(name_fits(pattern[1:], name[n:]) for n in range(len(name) + 1))
    return bool(name) and pattern[0] in {"?", name[0]} and name_fits(pattern[1:], name[1:])


def path_fits(pattern: list[str], path: list[str]) -> bool:
    """Match folder by folder: "**" stands for any number of names, at the end for at least one."""
    if not pattern:
        return not path
    if pattern == ["**"]:
        return bool(path)
    if pattern[0] == "**":
        return any(path_fits(pattern[1:], path[n:]) for n in range(len(path) + 1))
    return bool(path) and name_fits(pattern[0], path[0]) and path_fits(pattern[1:], path[1:])


@given(PATTERNS, PATHS)
@example(["**", "a"], ["a"])
@example(["a", "**"], ["a", "b", "c"])
@example(["**", "**"], ["a"])
def test_agrees_with_a_naive_matcher(pattern: list[str], path: list[str]) -> None:
    """On patterns with folders the compiled glob says what a naive matcher says."""
    assert matches("/".join(pattern), "/".join(path)) == path_fits(pattern, path)


@given(st.text("ab.*?", min_size=1, max_size=5), PATHS)
def test_a_name_alone_is_found_at_any_depth(pattern: str, path: list[str]) -> None:
    """A pattern without a slash is matched against the last name, wherever it lies."""
    if "**" not in pattern:
        assert matches(pattern, "/".join(path)) == name_fits(pattern, path[-1])


@given(st.text(max_size=12), st.text(max_size=12))
def test_no_pattern_is_refused(pattern: str, path: str) -> None:
    """Whatever a person writes for a glob, it is answered, with no error and no warning."""
    assert matches(pattern, path) in {True, False}


@given(st.text("ab[]{}!-,\\^&~|", min_size=1, max_size=10))
def test_brackets_in_names(name: str) -> None:
    """Odd brackets and braces are answered as well, and a star still takes any name with them."""
    matches(name, name)
    assert matches("*", name)
