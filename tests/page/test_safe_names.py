"""Names as people and attackers send them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scissorsd.core.ignored_names import why_ignored
from scissorsd.page.drops.safe_names import LONGEST, numbered, safe_name, safe_path


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("mug.jpg", "mug.jpg"),
        ("Ünï çödé 🐈.jpg", "Ünï çödé 🐈.jpg"),
        ("u\N{COMBINING DIAERESIS}ber.jpg", "über.jpg"),
        (".hidden.jpg", "hidden.jpg"),
        ("...", ""),
        ("..", ""),
        (" . ", ""),
        ("trailing. . ", "trailing"),
        ("  both  .jpg ", "both.jpg"),
        ("tab\tand\nline.jpg", "tabandline.jpg"),
        ("nul\0byte.jpg", "nulbyte.jpg"),
        ("back\\slash.jpg", "backslash.jpg"),
        ("\u202egpj.exe", "gpj.exe"),
        ("cat\u2066\u2069.jpg", "cat.jpg"),
        ("<img src=x onerror=alert(1)>.png", "<img src=x onerror=alert(1)>.png"),
        ("CON.png", "CON_.png"),
        ("con", "con_"),
        ("Aux.tar.png", "Aux_.tar.png"),
        ("LPT¹.png", "LPT¹_.png"),
        ("CONSOLE.png", "CONSOLE.png"),
        (".jpg", "jpg"),
        ("", ""),
    ],
)
def test_a_name_is_made_safe(sent: str, kept: str) -> None:
    """What no file system and no screen can bear goes; all else stays as it was sent."""
    assert safe_name(sent) == kept


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../x.jpg", "x.jpg"),
        ("/etc/x.jpg", "etc/x.jpg"),
        ("a/./b/../x.jpg", "a/b/x.jpg"),
        ("a//b.jpg", "a/b.jpg"),
        ("products/.git/x.jpg", "products/git/x.jpg"),
        ("..", ""),
        ("a/" * 30 + "x.jpg", "a/" * 16 + "x.jpg"),
    ],
)
def test_no_path_leads_out(sent: str, kept: str) -> None:
    """What would lead out of an inbox, or is no name, falls away."""
    assert safe_path(sent) == kept


@pytest.mark.parametrize("stem", ["x" * 251, "ü" * 200, "🐈" * 100])
def test_a_long_name_is_cut_and_keeps_its_ending(stem: str) -> None:
    """A name of 255 bytes becomes one of 200, still a picture's, and two of them stay two."""
    one, other = safe_name(f"{stem}.jpg"), safe_name(f"{stem}y.jpg")
    assert max(len(one.encode()), len(other.encode())) <= LONGEST
    assert one.endswith(".jpg")
    assert one != other
    assert len(numbered(one, 1000).encode()) <= LONGEST


def test_the_next_name_has_a_number() -> None:
    """mug.jpg, mug-2.jpg, mug-3.jpg."""
    assert [numbered("mug.jpg", n) for n in (1, 2, 3)] == ["mug.jpg", "mug-2.jpg", "mug-3.jpg"]


@given(st.text())
def test_whatever_is_sent_is_one_name_or_none(sent: str) -> None:
    """No text becomes a path, a hidden file, or a name that a second look would change."""
    name = safe_name(sent)
    assert "/" not in name
    assert not name.startswith(".")
    assert len(name.encode()) <= LONGEST
    assert "dot" not in why_ignored(name, ()) if name else True
    assert safe_name(name) == name
