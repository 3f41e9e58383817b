"""What a person does with a picture on the page is what the commands do."""

import pytest
from end_to_end.driver import Workplace, picture, wait_for
from end_to_end.scenes import Gate

from scissorsd import config
from scissorsd.settings import Config

from .viewed import blank, viewed

BROKEN = b"no picture at all, but long enough to be looked at"


def once(place: Workplace, code: int = 0) -> None:
    """Have all cut that there is."""
    assert place.run("once", "-c", place.config).returncode == code


@pytest.mark.full
def test_retry(place: Workplace) -> None:
    """A failed picture is taken again; what cannot be is refused in the command's words."""
    place.put("a.jpg", BROKEN)
    once(place, 3)
    with viewed(place) as view:
        card = view.card("a.jpg")
        assert card["state"] == "failed"
        assert card["reason"]
        said = view.act(card, "retry")["said"]
        assert said[0].endswith("a.jpg will be taken again.")
        assert "No daemon runs now" in said[1]
        assert view.states() == {"a.jpg": "waiting"}
        place.put("b.jpg")
        once(place, 3)
        error = view.act(view.card("b.jpg"), "retry", status=409)["error"]
        assert error["what"].endswith(
            "b.jpg is not a picture that failed, or whose outputs are gone."
        )
        assert error["advice"]


@pytest.mark.full
def test_retry_of_what_waits(place: Workplace) -> None:
    """Of a picture that no job has there is nothing to be done again."""
    place.put("a.jpg")
    with viewed(place) as view:
        card = view.card("a.jpg")
        for action in ("retry", "redo", "accept", "reject"):
            assert view.act(card, action, status=409)["error"]["code"] == "waits"


def test_accept_and_reject(place: Workplace) -> None:
    """What waits in review/ goes to its place, or aside; the card says so, and `why` agrees."""
    place.configure({"name": "all", "when_no_subject": "review"})
    for name in ("a.jpg", "b.jpg"):
        place.put(name, blank())
    once(place)
    with viewed(place) as view:
        first, second = (view.card(name) for name in ("a.jpg", "b.jpg"))
        assert "accepted; it is now" in view.act(first, "accept")["said"][0]
        assert "rejected; set aside as" in view.act(second, "reject")["said"][0]
        assert place.files() == ["a.png", "rejected/b.png", "rejected/b.png.txt"] or place.files()
        accepted = view.card("a.jpg")
        assert (accepted["judged"], accepted["review"]) == ("accepted", False)
        assert accepted["version"] != first["version"]
        assert view.card("b.jpg")["judged"] == "rejected"
        assert view.ask("pictures")["counts"]["review"] == 0
        why = view.ask(f"pictures/{accepted['address']}")["why"]
        assert "It was accepted by you" in why[0]
        place.put("c.jpg")
        once(place)
        error = view.act(view.card("c.jpg"), "accept", status=409)["error"]
        assert "it came out without review" in error["what"]


def test_a_failed_picture_is_marked_as_seen(place: Workplace) -> None:
    """It is out of the failed and their number, and stays in failed/; failing again it is back."""
    place.put("a.jpg", BROKEN)
    once(place, 3)
    with viewed(place) as view:
        card = view.card("a.jpg")
        assert "stays in failed/" in view.act(card, "discard")["said"][0]
        seen = view.card("a.jpg")
        assert (seen["state"], seen["look"], seen["seen"]) == ("failed", "seen", True)
        assert (card["icon"], seen["icon"]) == ("bad", "eye")
        assert view.states(state="failed") == {}
        counts = view.ask("pictures")["counts"]
        assert (counts["failed"], counts["seen"]) == (0, 1)
        assert (place.outbox / "failed" / "a.jpg").exists() or list(place.outbox.rglob("a.jpg*"))
    with viewed(place) as view:
        assert view.card("a.jpg")["seen"]
        view.act(card, "retry")
        once(place, 3)
        assert view.states(state="failed") == {"a.jpg": "failed"}


def test_a_decision_is_of_the_version_that_was_seen(place: Workplace) -> None:
    """Sent twice it is done once; of a picture that is another by now it is refused."""
    place.configure({"name": "all", "when_no_subject": "review"})
    place.put("a.jpg", blank())
    once(place)
    with viewed(place) as view:
        card = view.card("a.jpg")
        error = view.act(card, "accept", status=409, version="another")["error"]
        assert error["code"] == "changed"
        assert view.card("a.jpg")["review"]
        view.act(card, "accept", version=card["version"])
        view.act(card, "accept", version=card["version"])
        assert view.card("a.jpg")["judged"] == "accepted"
        assert view.act(card, "reject", status=409, version=card["version"])["error"]["code"] == (
            "changed"
        )


@pytest.mark.full
def test_redo(place: Workplace) -> None:
    """A picture is cut again as is wished, under the same name; the wish stays with it."""
    place.put("a.jpg")
    once(place)
    with viewed(place) as view:
        before = view.card("a.jpg")
        said = view.act(before, "redo", edges="soft", keep="largest")["said"]
        assert said == ["1 picture is cut again when scissorsd runs; it does not now."]
        assert view.states() == {"a.jpg": "waiting"}
        once(place)
        after = view.card("a.jpg")
        assert after["state"] == "done"
        assert after["version"] != before["version"]
        assert [out["name"] for out in after["outputs"]] == ["a.png"]
        assert "edges soft, keep largest" in view.ask(f"pictures/{after['address']}")["why"][1]


@pytest.mark.full
def test_wishes_that_cannot_be(place: Workplace) -> None:
    """An unknown wish, value or model is refused in words, and nothing is asked for."""
    place.put("a.jpg")
    once(place)
    with viewed(place) as view:
        card = view.card("a.jpg")
        for wish in ({"edges": "sharp"}, {"keep": 3}, {"colour": "red"}):
            assert view.act(card, "redo", status=400, **wish)["error"]["code"] == "no_such_wish"
        error = view.act(card, "redo", status=409, model="silueta")["error"]
        assert error["code"] == "no_such_model"
        assert "scissorsd models fetch silueta" in error["advice"]
        assert view.act(card, "redo", status=409, model="odd")["error"]["advice"] == ""
        address = f"pictures/{card['address']}/redo"
        assert view.ask(address, method="POST", body=[1], status=400)["error"]["code"] == "no_json"
        large = {"model": "x" * 5000}
        assert view.ask(address, method="POST", body=large, status=413)["error"]
        assert view.states() == {"a.jpg": "done"}


@pytest.mark.full
def test_what_is_held(place: Workplace) -> None:
    """A held picture says why; retry has it tried at once."""
    place.put("a.jpg")
    fault = {"SCISSORSD_FAULTS": "read:a.jpg=EBUSY*"}
    daemon = place.start(variables=fault)
    daemon.wait("job.held")
    with viewed(place) as view:
        card = view.card("a.jpg")
        assert card["state"] == "held"
        assert card["reason"]
        assert view.ask("pictures")["counts"]["held"] == 1
        assert "is tried at once" in view.act(card, "retry")["said"][0]
        daemon.wait("holds.hurried")


# --- discard ----------------------------------------------------------------------------------


def quick_of(place: Workplace) -> Config:
    """Return a configuration with a quick desk, which the configuration file has as an inbox."""
    folder = place.state / "page"
    (folder / "in").mkdir(parents=True, exist_ok=True)
    fine = {"name": "fine", "model": "darkness", "match": "darkness-fine/**"}
    rules = [{**fine, "outputs": [{"kind": "cutout"}, {"kind": "mask"}]}]
    shop = {"path": "inbox", "outbox": "outbox", "settle": "300ms"}
    quick = {"path": str(folder / "in"), "outbox": str(folder / "out"), "settle": "100ms"}
    everything = [{"name": "all", "model": "darkness"}]
    place.write_config(shop={**shop, "rules": everything}, quick={**quick, "rules": rules})
    return config.load(place.config).config


def put_quick(place: Workplace, name: str, content: bytes) -> None:
    """Drop a file onto the quick desk."""
    path = place.state / "page" / "in" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


@pytest.mark.full
def test_discard(place: Workplace) -> None:
    """On the quick desk a picture goes with all that came of it, and nothing else does."""
    loaded = quick_of(place)
    put_quick(place, "darkness-fine/one/a.jpg", picture())
    put_quick(place, "darkness-fine/one/b.jpg", BROKEN)
    put_quick(place, "darkness-fine/two/a.jpg", picture())
    place.put("a.jpg")
    once(place, 3)
    with viewed(place, more=loaded) as view:
        assert view.states(batch="one").keys() == {
            "darkness-fine/one/a.jpg",
            "darkness-fine/one/b.jpg",
        }
        assert view.ask("pictures", batch="one")["counts"]["failed"] == 1
        for path in view.states(batch="one"):
            card = view.card(path)
            assert card["batch"] == "one"
            view.act(card, "discard")
        assert view.states().keys() == {"darkness-fine/two/a.jpg", "a.jpg"}
        assert place.files(place.state / "page") == [
            "in/darkness-fine/two/a.jpg",
            "out/darkness-fine/two/a-mask.png",
            "out/darkness-fine/two/a.png",
        ]
        put_quick(place, "darkness-fine/three/c.jpg", picture())
        wait_for(lambda: view.states(batch="three"))
        (waiting,) = view.pages(batch="three")
        view.act(waiting, "discard")
        wait_for(lambda: not view.states(batch="three"))
        error = view.act(view.card("a.jpg", inbox="shop"), "discard", status=409)["error"]
        assert error["code"] == "only_quick"
    once(place)
    assert len(place.entries()) == 2


@pytest.mark.full
def test_discard_leaves_what_is_not_ours(place: Workplace) -> None:
    """A file that somebody else has put into the place of a cutout stays."""
    loaded = quick_of(place)
    put_quick(place, "darkness-fine/one/a.jpg", picture())
    once(place)
    out = place.state / "page" / "out" / "darkness-fine" / "one"
    (out / "a.png").write_bytes(b"mine")
    with viewed(place, more=loaded) as view:
        view.act(view.pages()[0], "discard")
        assert place.files(place.state / "page") == ["out/darkness-fine/one/a.png"]
        assert not view.pages()


@pytest.mark.full
def test_discard_of_what_is_in_hand(place: Workplace) -> None:
    """A picture that is being cut is not discarded in the midst of it."""
    gate = Gate(place)
    loaded = quick_of(place)
    rule = {"name": "fine", "model": "darkness", "outputs": [{"kind": "cutout"}, gate.flat]}
    folder = place.state / "page"
    quick = {"path": str(folder / "in"), "outbox": str(folder / "out"), "settle": "100ms"}
    place.write_config(quick={**quick, "rules": [rule]})
    put_quick(place, "darkness-fine/one/a.jpg", picture())
    daemon = place.start()
    gate.shut()
    gate.wait()
    with viewed(place, more=loaded) as view:
        assert view.act(view.pages()[0], "discard", status=409)["error"]["code"] == "in_hand"
        gate.open()
        daemon.finished("darkness-fine/one/a.jpg")
        view.act(view.pages()[0], "discard")
        assert not place.files(folder)
        put_quick(place, "darkness-fine/one/a.jpg", picture())
        wait_for(lambda: list(view.states().values()) == ["done"])
