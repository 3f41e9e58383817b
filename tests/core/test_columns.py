import pytest
from hypothesis import given
from hypothesis import strategies as st

from scissorsd.core.columns import clusters, columns, hanging, padded, shorten, wrapped

FAMILY = "\N{MAN}\u200d\N{WOMAN}\u200d\N{GIRL}"


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("", 0),
        ("girl.png", 8),
        ("Äpfel", 5),
        ("A\u0308pfel", 5),
        ("写真.jpg", 8),
        ("ｗｉｄｅ", 8),
        ("🍏", 2),
        ("❤\ufe0f", 2),
        ("🇨🇭", 2),
        (FAMILY, 6),
    ],
)
def test_columns(text: str, width: int) -> None:
    """East Asian letters and emoji take two columns, accents none; of a joined emoji all parts."""
    assert columns(text) == width


def test_what_belongs_together_is_not_parted() -> None:
    """An accent stays with its letter, and a joined emoji is whole."""
    assert list(clusters(f"e\u0301a{FAMILY}b")) == ["e\u0301", "a", FAMILY, "b"]


@pytest.mark.parametrize(
    ("text", "room", "short"),
    [
        ("girl.png", 8, "girl.png"),
        ("a very long name of a picture 0042.jpg", 20, "a very long n…42.jpg"),
        ("写真写真写真.jpg", 9, "写真写…pg"),
        ("girl.png", 1, "…"),
        ("girl.png", 0, ""),
    ],
)
def test_shorten(text: str, room: int, short: str) -> None:
    """The middle goes; beginning and ending stay."""
    assert shorten(text, room) == short


@given(st.text(alphabet="ab 写🍏e\u0301\u200d\ufe0f", max_size=30), st.integers(0, 40))
def test_shortened_is_never_too_long(text: str, room: int) -> None:
    """Whatever a name is made of, what is left of it fits."""
    assert columns(shorten(text, room)) <= room
    assert columns(shorten(text, room, dots="...")) <= room


def test_wrapped() -> None:
    """Lines are broken between words, and a path that is longer than a line stays whole."""
    assert wrapped("cannot read /srv/shop/inbox/mug.jpg now", 12) == [
        "cannot read",
        "/srv/shop/inbox/mug.jpg",
        "now",
    ]
    assert wrapped("", 10) == [""]
    assert wrapped("写真 写真", 6) == ["写真", "写真"]


def test_hanging() -> None:
    """Each line of a text is broken for itself, and what follows stands further in than it."""
    text = "scissorsd: a.jpg: its end is missing\n  Copy it again."
    assert hanging(text, 20) == [
        "scissorsd: a.jpg:",
        "  its end is missing",
        "  Copy it again.",
    ]
    assert hanging(text, 100) == text.split("\n")
    assert hanging("  a  /srv/shop/inbox/mug.jpg", 12) == ["  a", "    /srv/shop/inbox/mug.jpg"]


def test_padded() -> None:
    """Spaces fill up to a column, whatever letters stand before them."""
    assert padded("写真", 6) == "写真  "
    assert padded("long", 2) == "long"
