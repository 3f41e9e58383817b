"""What commands print for people is readable on a terminal of any width."""

import re

import pytest

from .driver import Workplace
from .terminals import on_terminal
from .test_cut_by_rule import emptiness

WIDTHS = (20, 30, 40, 80)


def printed(place: Workplace, width: int, *words: str) -> list[str]:
    """Run a command on a terminal so wide; give the lines that it prints, without colours."""
    with on_terminal(place, *words, width=width) as seen:
        seen.ended()
        return re.sub(r"\x1b\[[0-9;]*m", "", seen.text).splitlines()


def readable(lines: list[str], width: int) -> None:
    """See that nothing is cut short, and that only single words are longer than a line."""
    assert not [line for line in lines if "…" in line]
    for line in lines:
        assert len(line.rstrip()) <= width or len(line.split()) == 1, (width, line)


@pytest.fixture
def shop(place: Workplace) -> Workplace:
    """Set up a workplace with a long name, one picture that is cut and one that failed."""
    shop = {"path": "inbox", "outbox": "outbox", "settle": "100ms"}
    rules = [{"name": "all", "model": "darkness"}]
    place.write_config(**{"a shop with a long name": {**shop, "rules": rules}})
    place.put("a.jpg")
    place.put("bad.jpg", b"not a picture")
    assert place.run("once", "-c", place.config).returncode == 3
    return place


def test_status_on_narrow_terminals(shop: Workplace) -> None:
    """A table where it fits; where it does not, a line of words for each inbox."""
    for width in WIDTHS:
        lines = printed(shop, width, "status", "-c", str(shop.config))
        readable(lines, width)
        text = " ".join(" ".join(lines).split())
        if width == 80:
            assert "a shop with a long name - 0 0 0 1 1 0" in text
        else:
            assert "a shop with a long name: not watched; 1 done, 1 failed" in text
            assert "a shop with a long name: 1 ok" in text


@pytest.mark.full
def test_models_on_narrow_terminals(place: Workplace) -> None:
    """No column of one letter; the path of each file is whole."""
    for width in (20, 60):
        lines = printed(place, width, "models", "--models", "/m")
        readable(lines, width)
        text = " ".join(" ".join(lines).split())
        assert "/m/u2net_human_seg.onnx" in text
        assert "(not tested by this project)" in text


@pytest.mark.full
def test_doctor_on_narrow_terminals(place: Workplace) -> None:
    """What is found is broken between words."""
    (place.folder / "m").mkdir()
    readable(printed(place, 30, "doctor", "-c", str(place.config), "--models", "m"), 30)


@pytest.mark.full
def test_sentences_on_narrow_terminals(shop: Workplace) -> None:
    """What commands say is broken between words, errors and what `cut` remarks as well."""
    config = ("-c", str(shop.config))
    (shop.folder / "empty.png").write_bytes(emptiness())
    for words in (
        ("check", *config),
        ("why", "inbox/bad.jpg", *config),
        ("retry", "--failed", *config),
        ("accept", "nothing.png", *config),
        ("cut", "empty.png", "inbox/bad.jpg", "-o", "here", "--model", "u2netp"),
        ("cut", "inbox", "nowhere.jpg"),
    ):
        lines = printed(shop, 40, *words)
        assert lines
        readable(lines, 40)
    assert (shop.folder / "here" / "empty.png").exists()


@pytest.mark.full
def test_into_a_pipe_nothing_is_broken(shop: Workplace) -> None:
    """A program that reads the table gets it whole, unless it says how wide its lines are."""
    assert "a shop with a long name  -" in shop.ask("status")
    shop._environment["COLUMNS"] = "30"
    assert "not watched; 1 done" in " ".join(shop.ask("status").split())
