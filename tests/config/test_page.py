"""`page:` in a configuration, and the quick desk that comes with it."""

from pathlib import Path
from typing import Any, get_args

import pytest

from scissorsd.config import describe, from_values
from scissorsd.config.quick_desk import EDGES_IN_ORDER, with_quick_desk
from scissorsd.core.rules import Edges, choose
from scissorsd.errors import ConfigError
from scissorsd.settings import Config, DropLimits, Page


def values(page: object, **inboxes: object) -> dict[str, Any]:
    """Return a configuration with this page and an inbox, shop."""
    shop = {"path": "in", "outbox": "out"}
    return {"state": "state", "models": "models", "inboxes": {"shop": shop, **inboxes}} | (
        {"page": page} if page is not None else {}
    )


def loaded(base: Path, page: object, **inboxes: object) -> Config:
    """Load it."""
    return from_values(values(page, **inboxes), base=base).config


def problems(base: Path, page: object, **inboxes: object) -> str:
    """Return what is wrong with it."""
    with pytest.raises(ConfigError) as error:
        loaded(base, page, **inboxes)
    return "\n".join(error.value.problems)


def test_without_the_key_there_is_no_page_and_no_quick_desk(tmp_path: Path) -> None:
    """Nothing listens unless it is told to."""
    config = loaded(tmp_path, None)
    assert config.page is None
    assert [inbox.name for inbox in config.inboxes] == ["shop"]


def test_an_empty_page_has_every_default(tmp_path: Path) -> None:
    """`page: {}` is the page on this machine alone."""
    assert loaded(tmp_path, {}).page == Page()


def test_all_that_may_be_said_of_it(tmp_path: Path) -> None:
    """Every key arrives as what it means."""
    page = {
        "listen": "unix:/run/page.sock",
        "auth": "proxy",
        "hosts": "NAS.home",
        "proxies": ["172.18.0.1/16", "::1"],
        "metrics_from": "192.168.1.5/24",
        "drop_into": "shop",
        "quick": False,
        "keep": "2d",
        "limits": {"file": "1MiB", "waiting": 5, "room": "1GiB"},
        "path": "/tools/scissors/",
    }
    assert loaded(tmp_path, page).page == Page(
        listen="unix:/run/page.sock",
        auth="proxy",
        hosts=("nas.home",),
        proxies=("172.18.0.0/16", "::1/128"),
        metrics_from=("192.168.1.0/24",),
        drop_into=("shop",),
        quick=False,
        keep=2 * 86400.0,
        limits=DropLimits(1 << 20, 5, 1 << 30),
        path="/tools/scissors",
    )


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ({"listen": "8000"}, "'8000' is no address to listen at; write host:port"),
        ({"listen": "localhost:99999"}, "is no address to listen at"),
        ({"listen": "[::g]:80"}, "is no address to listen at"),
        ({"listen": "[1::2::3]:80"}, "has a wrong IPv6 address"),
        ({"listen": "unix:page.sock"}, "write its whole path"),
        ({"auth": "proxy"}, "page.auth: proxy needs proxies"),
        ({"proxies": ["nas"]}, "'nas' is no network"),
        ({"metrics_from": ["nas"]}, "'nas' is no network"),
        ({"hosts": ["http://nas"]}, "is no host's name"),
        ({"drop_into": ["shpo"]}, "'shpo' is no inbox (did you mean 'shop'?)"),
        ({"drop_into": ["quick"], "quick": False}, "'quick' is no inbox"),
        ({"keep": "1h"}, "page.keep: '1h' is too little"),
        ({"path": "a b"}, "is no path to stand before every address"),
        ({"limits": {"waiting": 0}}, "at least 1"),
    ],
)
def test_what_cannot_be_is_said(tmp_path: Path, page: object, said: str) -> None:
    """Each mistake is a sentence about the value."""
    assert said in problems(tmp_path, page)


def test_an_inbox_of_a_user_cannot_be_the_quick_desk(tmp_path: Path) -> None:
    """Two inboxes of one name would be one to every command; without the desk it may be."""
    mine = {"path": "mine", "outbox": "mine-out"}
    assert "the page's own desk" in problems(tmp_path, {}, quick=mine)
    inboxes = loaded(tmp_path, {"quick": False}, quick=mine).inboxes
    assert [(inbox.name, inbox.quick) for inbox in inboxes] == [("shop", False), ("quick", False)]


def test_a_page_that_is_open_to_all_is_warned_of(tmp_path: Path) -> None:
    """`auth: none` where others reach it is legal, and probably not meant."""
    open_to_all = values({"listen": "0.0.0.0:8000", "auth": "none"})
    assert "open to other machines" in from_values(open_to_all, base=tmp_path).warnings[0]
    for page in ({"auth": "none"}, {"listen": "0.0.0.0:8000"}):
        assert from_values(values(page), base=tmp_path).warnings == ()


def test_a_folder_of_the_quick_desk_is_a_choice(tmp_path: Path) -> None:
    """MODEL-EDGES/ is a rule for each network that can be had; the first is what `cut` has."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "silueta.onnx").touch()
    config = loaded(tmp_path, {})
    quick = config.inboxes[-1]
    assert (quick.path, quick.outbox) == (
        tmp_path / "state" / "page" / "in",
        tmp_path / "state" / "page" / "out",
    )
    assert quick.rules[0].name == "u2net-auto"
    assert {rule.model for rule in quick.rules} == {"u2net", "u2netp", "silueta"}
    rule = choose(quick.rules, "u2netp-soft/x1/mug.jpg")
    assert rule is not None
    assert (rule.model, rule.mask.edges, rule.source) == ("u2netp", "soft", "keep")
    assert choose(quick.rules, "mug.jpg") is None
    assert with_quick_desk(config) == config


def test_every_kind_of_edges_is_offered() -> None:
    """A new kind would be missing on the quick desk otherwise."""
    assert set(EDGES_IN_ORDER) == set(get_args(Edges))


def test_check_tells_of_it(tmp_path: Path) -> None:
    """Where it listens, what it asks for, and what may be dropped; not twenty generated rules."""
    said = describe(loaded(tmp_path, {"listen": "0.0.0.0:8000"}))
    assert "page: listens at 0.0.0.0:8000; it asks for the key" in said
    assert "pictures of up to 64MiB may be dropped into shop, quick" in said
    assert "keeps pictures and cutouts for 7d; u2net or u2netp" in said
    assert "u2netp-soft" not in said
