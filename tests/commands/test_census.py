import threading
from collections.abc import Iterator
from pathlib import Path
from time import time

import pytest

from scissorsd.commands import census
from scissorsd.config import from_values
from scissorsd.core.rules import plan
from scissorsd.folders import scanning
from scissorsd.records.journal import Journal
from scissorsd.settings import Config

RULES = [
    {"name": "drafts", "match": "drafts/**", "skip": True},
    {"name": "products", "match": "products/**"},
    {"name": "jpegs", "match": "*.jpg"},
]
UNKNOWN = "how long that takes is unknown: nothing was ever cut here."


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Return a configuration of two inboxes, whose folders are there."""
    inboxes = {}
    for name in ("shop", "phone"):
        (tmp_path / name).mkdir()
        inboxes[name] = {"path": name, "outbox": f"{name}-out", "rules": RULES}
    (tmp_path / "state").mkdir()
    return from_values({"state": "state", "inboxes": inboxes}, base=tmp_path).config


def put(config: Config, *names: str, inbox: int = 0) -> None:
    """Put files into an inbox."""
    for name in names:
        path = config.inboxes[inbox].path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"a picture")


def journal_as(config: Config, state: str, *names: str, seconds: float = 3.0) -> None:
    """Journal pictures of the first inbox as cut or failed, one after the other, just now."""
    inbox = config.inboxes[0]
    journal = Journal(config.state)
    for number, name in enumerate(names):
        source = scanning.sight(inbox.path, name)
        assert source is not None
        job = plan(
            inbox.path,
            inbox.outbox,
            source,
            inbox.rules[1],
            inbox_name="shop",
            date="",
            taken=lambda _: False,
        )
        begun = journal.begin(job)
        assert begun is not None
        if state == "done":
            places = [str(inbox.outbox / planned.path) for planned in begun.outputs]
            journal.published(begun, places, verdict="ok", provider="cpu")
            journal.finish(begun)
        else:
            journal.fail(begun, "it is no picture", [])
        ended = time() + number * seconds
        with journal.file.transaction("test"):
            journal.file.update(begun.id, begun_at=ended - seconds, ended_at=ended)
    journal.close()


def said(config: Config) -> list[str]:
    """Return what is said."""
    return list(census.count(config))


def test_by_rule(config: Config) -> None:
    """What lies in each inbox is counted by rule; what is ignored is not; unknown is unknown."""
    put(config, "a.jpg", "products/b.jpg", "products/c.png", "drafts/d.jpg", "e.png")
    put(config, ".hidden.jpg", "f.jpg.part", "notes.txt")
    put(config, "a.jpg", inbox=1)
    assert said(config) == [
        "shop: 5 pictures now",
        "  drafts: 1, left alone",
        "  products: 2 to be cut",
        "  jpegs: 1 to be cut",
        "  under no rule: 1, left alone",
        "phone: 1 picture now",
        "  jpegs: 1 to be cut",
        f"4 pictures are left to be cut; {UNKNOWN}",
    ]


def test_what_is_known(config: Config) -> None:
    """What the journal knows as cut or failed is told apart, and the rest goes by its pace."""
    names = [f"products/{number}.jpg" for number in range(50)]
    put(config, *names)
    journal_as(config, "done", *names[:10])
    journal_as(config, "failed", names[10])
    assert said(config) == [
        "shop: 50 pictures now",
        "  products: 10 cut, 1 failed, 39 to be cut",
        "phone: 0 pictures now",
        "39 pictures are left to be cut: about 2 min, at the pace of the last 11.",
    ]


def test_what_has_changed_is_to_be_cut(config: Config) -> None:
    """A picture that was replaced since it was cut is one that is left."""
    put(config, "products/a.jpg", "products/b.jpg")
    journal_as(config, "done", "products/a.jpg", "products/b.jpg")
    assert said(config)[-1] == "Nothing is left to be cut."
    (config.inboxes[0].path / "products" / "a.jpg").write_bytes(b"another picture")
    assert said(config)[1] == "  products: 1 cut, 1 to be cut"


def test_failures_alone_tell_no_pace(config: Config) -> None:
    """Where nothing was ever cut, only failed, how long the rest takes is unknown."""
    put(config, "products/a.jpg", "products/b.jpg")
    journal_as(config, "failed", "products/a.jpg")
    assert said(config)[-1] == f"1 picture is left to be cut; {UNKNOWN}"


def test_away(config: Config) -> None:
    """An inbox that is not there, or may not be looked at, is told of; the others are counted."""
    config.inboxes[0].path.rmdir()
    put(config, "a.jpg", inbox=1)
    first, second, *_, last = said(config)
    away = f"{config.inboxes[0].path}: No such file or directory"
    assert first == f"shop: The inbox 'shop' is away: {away}."
    assert second == "phone: 1 picture now"
    assert last == f"At least 1 picture is left to be cut; {UNKNOWN}"
    (config.inboxes[1].path / "a.jpg").unlink()
    assert said(config)[-1] == "Nothing of what could be counted is left to be cut."


def test_a_part_that_cannot_be_looked_at(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be counted is told of beside what could."""

    def scan(root: Path, **options: object) -> Iterator[object]:
        unseen = options["unseen"]
        assert callable(unseen)
        unseen("secret", PermissionError(13, "Permission denied"))
        yield scanning.sight(root, "a.jpg")

    put(config, "a.jpg")
    monkeypatch.setattr(census.scanning, "scan", scan)  # type: ignore[attr-defined]
    put(config, "a.jpg", inbox=1)
    assert said(config)[2] == "shop: Some of it cannot be looked at: secret: Permission denied."


def test_a_scan_that_comes_to_a_halt(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """A share that hangs in the middle of a scan is given up; what came before is counted."""
    never = threading.Event()

    def scan(root: Path, **_: object) -> Iterator[object]:
        yield scanning.sight(root, "a.jpg")
        never.wait()

    put(config, "a.jpg")
    put(config, "a.jpg", inbox=1)
    monkeypatch.setattr(census.scanning, "scan", scan)  # type: ignore[attr-defined]
    monkeypatch.setattr(census, "_PATIENCE", 0.2)
    first, _, third, *_ = said(config)
    assert first == "shop: 1 picture now"
    assert third == "shop: The inbox 'shop' does not answer any more; there may be more."


def test_nothing_is_changed(config: Config) -> None:
    """Counting leaves the state folder as it is, also without a journal."""
    assert said(config)[-1] == "Nothing is left to be cut."
    assert not list(config.state.iterdir())
    put(config, "products/a.jpg")
    journal_as(config, "done", "products/a.jpg")
    before = {path: path.stat().st_mtime_ns for path in config.state.iterdir()}
    said(config)
    assert {path: path.stat().st_mtime_ns for path in config.state.iterdir()} == before
