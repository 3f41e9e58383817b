"""The list of pictures: what is in the journal and what waits, as real daemons leave it."""

import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest
from end_to_end.driver import Workplace, picture, wait_for
from end_to_end.scenes import Gate, unsure

from scissorsd import config
from scissorsd.records.journal_file import FILE

from .viewed import blank, viewed

DOUBT = {"when_doubtful": "review", "when_no_subject": "review"}


@pytest.mark.full
def test_nothing_was_ever_cut(place: Workplace) -> None:
    """Without a journal what lies in the inbox waits, in the order in which it came."""
    with viewed(place) as view:
        told = view.ask("pictures")
        assert (told["counts"]["waiting"], told["none"]) == (0, "")
        place.put("a.jpg")
        place.put("sub/b.jpg")
        place.put(".hidden.jpg")
        place.put("notes.txt", b"no picture")
        wait_for(lambda: len(view.pages()) == 2)
        cards = view.pages()
        assert [(c["path"], c["state"], c["place"]) for c in cards] == [
            ("sub/b.jpg", "waiting", 2),
            ("a.jpg", "waiting", 1),
        ]
        assert "when a daemon runs" in cards[0]["reason"]
        assert cards[0]["rule"] == "all"


@pytest.mark.full
def test_from_waiting_to_done(place: Workplace) -> None:
    """A picture waits, is cut, and is done, as the journal says it; the counts add up to it."""
    gate = Gate(place)
    place.configure({"name": "all", "outputs": [{"kind": "cutout"}, gate.flat]})
    place.put("a.jpg")
    with viewed(place) as view:
        assert view.states() == {"a.jpg": "waiting"}
        before = view.card("a.jpg")["version"]
        daemon = place.start()
        gate.shut()
        gate.wait()
        wait_for(lambda: view.states() == {"a.jpg": "cutting"})
        assert view.ask("pictures")["counts"] == _counts(cutting=1)
        gate.open()
        daemon.finished("a.jpg")
        card = view.card("a.jpg")
        assert (card["state"], card["verdict"], card["finishable"]) == ("done", "ok", True)
        assert [(out["n"], out["kind"], out["name"], out["there"]) for out in card["outputs"]] == [
            (0, "cutout", "a.png", True),
            (1, "flat", "a-flat.jpg", True),
        ]
        assert card["version"] != before
        assert view.ask("pictures")["counts"] == _counts(done=1)


@pytest.mark.full
def test_pages_while_pictures_are_cut(place: Workplace) -> None:
    """Of 1,200 pictures none is missed and none comes twice on a way through all pages.

    They are gone through again and again while one after the other is cut, and others come.
    """
    names = {f"{number % 7}/{number}.jpg" for number in range(1200)}
    content = picture()
    for name in sorted(names):
        place.put(name, content)
    with viewed(place) as view:
        assert {card["path"] for card in view.pages(limit=200)} == names
        place.start()
        passes, done = 0, 0
        while done < 100:
            place.put(f"late-{passes}.jpg", content)
            cards = view.pages(limit=150)
            paths = [card["path"] for card in cards]
            assert len(paths) == len(set(paths))
            assert names <= set(paths)
            done = sum(c["state"] == "done" for c in cards if c["path"] in names)
            passes += 1
        assert passes > 1


@pytest.mark.full
def test_cut_again_while_one_pages(place: Workplace) -> None:
    """A picture that is asked for again keeps its place in the list."""
    for number in range(6):
        place.put(f"{number}.jpg", number=number)
    assert place.run("once", "-c", place.config).returncode == 0
    with viewed(place) as view:
        first = view.ask("pictures", limit=3)
        view.act(view.pages()[-1], "redo")
        assert place.run("once", "-c", place.config).returncode == 0
        rest = view.ask("pictures", limit=10, before=first["next"])
        paths = [card["path"] for card in first["pictures"] + rest["pictures"]]
        assert sorted(paths) == [f"{number}.jpg" for number in range(6)]


@pytest.mark.full
def test_a_picture_that_is_replaced(place: Workplace) -> None:
    """A new version of a picture waits in the stead of the old one, and is counted once."""
    place.put("a.jpg")
    assert place.run("once", "-c", place.config).returncode == 0
    with viewed(place) as view:
        assert view.states() == {"a.jpg": "done"}
        place.put("a.jpg", number=3)
        wait_for(lambda: view.states() == {"a.jpg": "waiting"})
        assert view.ask("pictures")["counts"] == _counts(waiting=1)
        assert place.run("once", "-c", place.config).returncode == 0
        wait_for(lambda: view.states() == {"a.jpg": "done"})
        assert view.ask("pictures")["counts"] == _counts(done=1)


@pytest.mark.full
def test_moved_away_and_dropped_anew(place: Workplace) -> None:
    """Where sources are moved away, the very file dropped anew waits; what was moved does not."""
    place.configure({"name": "all", "source": "move"})
    place.put("a.jpg")
    assert place.run("once", "-c", place.config).returncode == 0
    with viewed(place) as view:
        assert view.states() == {"a.jpg": "done"}
        shutil.copy2(place.outbox / "processed" / "a.jpg", place.inbox / "a.jpg")
        wait_for(lambda: view.states() == {"a.jpg": "waiting"})
        assert view.ask("pictures")["counts"] == _counts(waiting=1)


@pytest.mark.full
def test_filters(place: Workplace) -> None:
    """The list is narrowed by inbox, state and what is searched, and the counts likewise."""
    rules = [{"name": "all", "model": "darkness"}]
    place.write_config(
        shop={"path": "inbox", "outbox": "outbox", "settle": "300ms", "rules": rules},
        phone={"path": "phone", "outbox": "phone-out", "settle": "300ms", "rules": rules},
    )
    (place.folder / "phone").mkdir()
    place.put("products/Mütze.jpg")
    place.put("mug_1.jpg")
    place.put("broken.jpg", b"no picture at all, but long enough to be looked at")
    (place.folder / "phone" / "mug.jpg").write_bytes(picture())
    assert place.run("once", "-c", place.config).returncode == 3
    with viewed(place) as view:
        assert sorted(view.states(inbox="phone")) == ["mug.jpg"]
        assert view.states(state="failed") == {"broken.jpg": "failed"}
        assert sorted(view.states(state=["failed", "done"], inbox="shop")) == [
            "broken.jpg",
            "mug_1.jpg",
            "products/Mütze.jpg",
        ]
        assert view.ask("pictures", state="review")["none"] == "Nothing waits for review."
        assert view.ask("pictures", state=["failed", "held"])["none"] == "Nothing has failed."
        assert view.ask("pictures", q="nowhere")["none"].startswith("No picture fits the search")
        assert sorted(view.states(q="MUG")) == ["mug.jpg", "mug_1.jpg"]
        assert sorted(view.states(q="mug_")) == ["mug_1.jpg"]
        assert sorted(view.states(q="MÜTZE")) == ["products/Mütze.jpg"]
        assert sorted(view.states(q="mu\u0308tze")) == ["products/Mütze.jpg"]
        assert view.ask("pictures", q="mug")["counts"] == _counts(done=2)
        assert view.ask("pictures", inbox="shop")["counts"] == _counts(done=2, failed=1)
        assert view.ask("pictures", q="mütz", inbox="shop")["counts"] == _counts(done=1)
        assert view.ask("pictures", status=404, inbox="nowhere")["error"]["code"] == "no_such_inbox"
        assert view.ask("pictures", status=400, state="odd")["error"]["code"] == "no_such_state"
        assert view.ask("pictures", status=400, before="odd")["error"]["code"] == "no_cursor"
        assert view.ask("pictures", status=400, limit="-1")["error"]["code"] == "no_number"


def test_the_worst_first(place: Workplace) -> None:
    """What waits for a person comes without a subject first; of equals the oldest."""
    place.configure({"name": "all", **DOUBT})
    for name in ("b.jpg", "a.jpg"):
        place.put(name, blank())
        assert place.run("once", "-c", place.config).returncode == 0
    place.put("good.jpg")
    assert place.run("once", "-c", place.config).returncode == 0
    with viewed(place) as view:
        cards = view.pages(state="review", limit=1)
        assert [card["path"] for card in cards] == ["b.jpg", "a.jpg"]
        assert {card["verdict"] for card in cards} == {"no_subject"}
        assert all(card["review"] and card["state"] == "done" for card in cards)
        assert cards[0]["reason"] == "No subject was found in it."
        assert [out["name"] for out in cards[0]["outputs"]] == ["b.png"]
        assert view.ask("pictures")["counts"] == {**_counts(done=3), "review": 2}


def test_the_greatest_doubt_first(place: Workplace) -> None:
    """Of what is doubtful the greatest doubt comes first, what an older version cut last."""
    place.configure({"name": "all", **DOUBT})
    for name, columns in (("some", 15), ("old", 25), ("most", 30), ("less", 10)):
        place.put(f"{name}.png", unsure(columns))
    place.put("none.png", unsure(0))
    assert place.run("once", "-c", place.config).returncode == 0
    with closing(sqlite3.connect(place.state / FILE)) as db, db:
        db.execute("UPDATE jobs SET numbers = '' WHERE path = ?", (b"old.png",))
    with viewed(place) as view:
        cards = view.pages(state="review", limit=1)
        assert [card["path"] for card in cards] == ["most.png", "some.png", "less.png", "old.png"]
        assert {card["verdict"] for card in cards} == {"doubtful"}
        assert cards[0]["doubt"] > cards[1]["doubt"] > cards[2]["doubt"] > 0.1
        assert cards[0]["reason"].startswith(
            f"Its mask is doubtful. The network is unsure about {100 * cards[0]['doubt']:.1f}"
        )
        assert (cards[3]["doubt"], cards[3]["reason"]) == (None, "Its mask is doubtful.")
        assert view.card("none.png")["doubt"] < 0.1
        for cursor in ("r.1", "r.1.2.x", f"r.1.2.{'9' * 5000}"):
            refused = view.ask("pictures", status=400, state="review", before=cursor)
            assert refused["error"]["code"] == "no_cursor"


@pytest.mark.full
def test_names_that_are_not_utf8(place: Workplace) -> None:
    """A name whose bytes are no UTF-8 is shown escaped, and found by the address of its card."""
    odd = os.fsdecode(b"caf\xe9 #1.jpg")
    (place.inbox / odd).write_bytes(picture())
    with viewed(place) as view:
        (card,) = view.pages()
        assert card["path"] == r"caf\xe9 #1.jpg"
        assert card["address"] == "shop/caf%E9%20%231.jpg"
        assert view.ask(f"pictures/{card['address']}")["state"] == "waiting"
        assert place.run("once", "-c", place.config).returncode == 0
        answer = view.ask(f"pictures/{card['address']}")
        assert answer["state"] == "done"
        assert answer["why"][0].startswith("It was cut on")
        assert view.ask("pictures/shop/none.jpg", status=404)["error"]["code"] == "no_such_picture"
        assert view.ask("pictures/nowhere/a.jpg", status=404)["error"]["code"] == "no_such_picture"


@pytest.mark.full
def test_a_journal_that_is_restored(place: Workplace) -> None:
    """A journal that is put into the place of another while the page runs is what is shown."""
    place.put("a.jpg")
    assert place.run("once", "-c", place.config).returncode == 0
    place.ask("backup", place.folder / "kept.sqlite")
    place.put("b.jpg", number=2)
    assert place.run("once", "-c", place.config).returncode == 0
    with viewed(place) as view:
        assert view.states() == {"a.jpg": "done", "b.jpg": "done"}
        for part in place.state.glob(f"{FILE}*"):
            part.rename(place.state / f"aside-{part.name}")
        wait_for(lambda: view.states() == {"a.jpg": "waiting", "b.jpg": "waiting"})
        (place.folder / "kept.sqlite").rename(place.state / FILE)
        wait_for(lambda: view.states() == {"a.jpg": "done", "b.jpg": "waiting"})


@pytest.mark.full
def test_an_inbox_by_another_name(place: Workplace) -> None:
    """Pictures are known by the inbox's new name, and by its folder's new spelling."""
    place.put("a.jpg")
    assert place.run("once", "-c", place.config).returncode == 0
    (place.folder / "link").symlink_to(place.inbox)
    loaded = config.load(place.config).config
    (shop,) = loaded.inboxes
    renamed = replace(shop, name="store", path=place.folder / "link")
    with viewed(place, more=replace(loaded, inboxes=(renamed,))) as view:
        (card,) = view.pages()
        assert (card["inbox"], card["state"]) == ("store", "done")
        assert view.ask(f"pictures/{card['address']}")["why"]


@pytest.mark.full
def test_outputs_that_are_gone(place: Workplace) -> None:
    """A card says which of its files are no longer there."""
    place.put("a.jpg")
    assert place.run("once", "-c", place.config).returncode == 0
    (place.outbox / "a.png").unlink()
    with viewed(place) as view:
        (card,) = view.pages()
        assert [out["there"] for out in card["outputs"]] == [False]
        assert card["reason"] == "What came of it is no longer there."
        assert not card["finishable"]


def _counts(**some: int) -> dict[str, int]:
    states = ("waiting", "cutting", "done", "review", "failed", "seen", "held")
    return {**dict.fromkeys(states, 0), **some}
