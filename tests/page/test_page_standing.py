"""What the page says of the daemon, of what may be dropped where, and that something changed."""

from dataclasses import replace

import pytest
from end_to_end.driver import Workplace, wait_for

from scissorsd import config
from scissorsd.core.rules import MaskOptions, Rule
from scissorsd.page.view import events
from scissorsd.page.view.choices import named_by
from scissorsd.settings import DropLimits, Page

from .viewed import viewed


@pytest.mark.full
def test_status(place: Workplace) -> None:
    """It is told what `scissorsd status --json` tells, where the page is, and how many."""
    place.put("a.jpg")
    with viewed(place) as view:
        told = view.ask("status")
        assert (told["running"], told["healthy"], told["silent_s"]) == (False, False, None)
        assert "no daemon runs" in told["troubles"][0]
        assert told["counts"]["waiting"] == 1
        assert told["page"] == {"address": f"http://127.0.0.1:{view.port}/", "auth": "none"}
        daemon = place.start()
        daemon.finished("a.jpg")
        told = wait_for(lambda: (s := view.ask("status"))["healthy"] and s)
        assert told["counts"]["done"] == 1
        (shop,) = told["inboxes"]
        assert (shop["name"], shop["done"]) == ("shop", 1)


@pytest.mark.full
def test_choices(place: Workplace) -> None:
    """Each folder that a rule names is told, with what becomes of a picture there."""
    place.configure(
        {"name": "raw", "match": "raw/**", "skip": True},
        {"name": "shop", "match": ["products/**", "{mugs,cups}/*.jpg", "*.tif"]},
        {"name": "rest", "outputs": [{"kind": "mask"}]},
    )
    loaded = config.load(place.config).config
    (shop,) = loaded.inboxes
    rules = (
        Rule("u2netp-auto", ("u2netp-auto/**",), model="u2netp"),
        Rule("darkness-auto", ("darkness-auto/**",), model="darkness"),
        Rule("darkness-soft", ("darkness-soft/**",), model="darkness", mask=MaskOptions("soft")),
    )
    quick = replace(shop, name="quick", path=place.folder / "quick", rules=rules)
    more = replace(loaded, inboxes=(shop, quick))
    page = Page(drop_into=(), limits=DropLimits(file=1_572_864, waiting=5))
    with viewed(place, page, more) as view:
        told = view.ask("choices")
        first, second = told["inboxes"]
        assert (first["name"], first["quick"], first["drops"], first["away"]) == (
            *("shop", False, False),
            "",
        )
        assert [(f["folder"], f["rule"], f["skip"]) for f in first["folders"]] == [
            ("", "rest", False),
            ("raw", "raw", True),
            ("products", "shop", False),
            ("mugs", "shop", False),
            ("cups", "shop", False),
        ]
        assert first["folders"][0]["words"][:2] == ["cut with darkness", "out comes a mask PNG"]
        assert first["folders"][1]["words"] == ["left alone"]
        for words in first["folders"][2]["words"]:
            assert words in place.ask("check").replace("\n", " ")
        assert (second["quick"], second["drops"]) == (True, True)
        assert "quick" in second["away"]
        assert [f["folder"] for f in second["folders"]] == [rule.name for rule in rules]
        models = {model["name"]: model["here"] for model in told["models"]}
        assert models["darkness"]
        assert not models["silueta"]
        assert told["edges"] == ["soft", "fine", "auto", "best"]
        assert told["limits"] == {"file": 1_572_864, "waiting": 5}
        assert ".heic" in told["accept"]
        assert told["quick"]["edges"] == "auto"
        assert told["too_large"] == "It is larger than 1.5 MiB, the most the page takes."
        (desk,) = told["targets"]
        assert (desk["value"], desk["title"], desk["quick"]) == ("quick", "Quick desk", True)
        assert desk["words"] == told["quick"]["words"][desk["folder"]]


@pytest.mark.full
@pytest.mark.parametrize(
    ("glob", "folders"),
    [
        ("products/**", ["products"]),
        ("a/b/*.jpg", ["a/b"]),
        ("**/raw/**", ["raw"]),
        ("{a,b/c}/", ["a", "b/c"]),
        ("shop/*/new/**", ["shop"]),
        ("*.jpg", []),
        ("*/x.jpg", []),
    ],
)
def test_folders_that_a_glob_names(glob: str, folders: list[str]) -> None:
    """The folders that stand in a glob are those that may be chosen."""
    assert list(named_by(glob)) == folders


def test_events(place: Workplace) -> None:
    """Who listens is told how it stands, and of every change; the stream ends with the page."""
    with viewed(place) as view:
        stream = view.events()
        name, told = next(stream)
        assert (name, told["running"], told["counts"]["done"]) == ("standing", False, 0)
        place.put("a.jpg")
        name, told = next(stream)
        while name != "changed":
            name, told = next(stream)
        assert told["changes"] > 0
        place.start().finished("a.jpg")
        while name != "standing" or not told["running"] or not told["counts"]["done"]:
            name, told = next(stream)
        events.end(view.app.state)
        for _ in stream:
            pass


@pytest.mark.full
def test_nobody_listens(place: Workplace) -> None:
    """Without a listener nothing is looked at; one who comes later is told again."""
    with viewed(place) as view:
        for _ in range(2):
            stream = view.events()
            assert next(stream)[0] == "standing"
            stream.close()
            poller = view.app.state.poller
            wait_for(poller.task.done)
            assert poller.listeners == 0
