"""Folders that are moved or renamed while no daemon runs: `scissorsd move`."""

import json
from pathlib import Path

import pytest

from .deaths import finished, repaired
from .driver import Workplace


def scanned(place: Workplace) -> list[str]:
    """Run a daemon over a scan; return what it cut."""
    daemon = place.start()
    daemon.wait("inbox.scanned")
    daemon.stop()
    return sorted(finished(daemon))


def test_a_shop_moves(place: Workplace) -> None:
    """A folder with inbox and outbox is moved: all stays known there, and nothing is cut again."""
    shop, new = place.folder / "shop", place.folder / "a new/shop"
    (shop / "inbox").mkdir(parents=True)
    place.inbox = shop / "inbox"
    place.outbox = shop / "outbox"
    rules = ({"name": "moved", "match": "m*", "source": "move"}, {"name": "kept"})
    place.configure(*rules, path="shop/inbox", outbox="shop/outbox")
    place.put("kept.jpg")
    place.put("moved.jpg", number=1)
    repaired(place, jobs=2)

    running = place.start()
    refused = place.run("move", shop, new, "-c", place.config)
    assert refused.returncode == 1
    assert "another scissorsd" in refused.stderr
    assert "Stop it, move the folder, name it anew in the configuration" in refused.stderr
    running.stop()

    said = place.ask("move", "shop/", "a new/shop")
    assert f"inbox {shop}/inbox → {new}/inbox" in said
    assert f"outbox {shop}/outbox → {new}/outbox" in said
    assert f"2 pictures are known under {new} now." in said
    assert f"Nothing is at {new} yet" in said
    assert f"{place.config} still names {shop} (path of shop, outbox of shop)" in said
    assert "it was moved before" in place.ask("move", shop, new)

    new.parent.mkdir()
    shop.rename(new)
    place.inbox, place.outbox = new / "inbox", new / "outbox"
    place.configure(*rules, path=str(new / "inbox"), outbox=str(new / "outbox"))
    assert "still names" in place.ask("move", new, shop)
    assert "still names" not in place.ask("move", shop, new)
    assert scanned(place) == []
    assert place.files() == ["kept.png", "moved.png", "processed/moved.jpg"]
    assert str(new / "outbox/kept.png") in place.ask("why", place.inbox / "kept.jpg")
    assert str(new / "outbox/processed/moved.jpg") in place.ask("why", place.outbox / "moved.png")
    place.put("kept.jpg", number=2)  # whose names are still its own
    repaired(place, jobs=3)
    assert place.files() == ["kept.png", "moved.png", "processed/moved.jpg"]


@pytest.mark.full
def test_the_folders_of_watch(place: Workplace) -> None:
    """Folders without a configuration are found again, also when neither is where it was."""
    place.put("a.jpg")
    options = ("--model", "u2netp", "--providers", "cpu", "--precision", "full")
    assert place.run("once", place.inbox, place.outbox, *options).returncode == 0
    (state,) = (place.folder / "home/state/scissorsd").iterdir()
    new = place.folder / "new"
    new.mkdir()
    for folder in (place.inbox, place.outbox):
        folder.rename(new / folder.name)
    asked = place.run("move", place.folder, new)
    assert asked.returncode == 0, asked.stderr
    assert "1 picture is known under" in asked.stdout
    kept = json.loads((state / "command-line.json").read_text())["inboxes"]["inbox"]
    assert Path(kept["path"]) == new / "inbox"
    again = place.run("once", new / "inbox", new / "outbox", *options)
    assert "Nothing to do" in again.stderr
    assert place.run("move", place.folder / "elsewhere", new).stdout.startswith("Nothing is known")


@pytest.mark.full
def test_what_is_no_move(place: Workplace) -> None:
    """Without a journal, or from a path to the same one, it is said in words."""
    asked = place.run("move", place.inbox, "new", "-c", place.config)
    assert asked.returncode == 2
    assert "nothing was ever cut" in asked.stderr
    place.put("a.jpg")
    repaired(place)
    for old, new in ((place.inbox, "inbox/"), ("/", place.inbox), (place.inbox / "part", "new")):
        asked = place.run("move", old, new, "-c", place.config)
        assert asked.returncode == 2
        assert "Traceback" not in asked.stderr
