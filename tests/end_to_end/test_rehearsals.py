"""`check` tells beforehand what a real daemon then does, and waits for no share that hangs."""

import signal

import pytest

from .driver import Workplace, picture
from .mounts import Mounts, needs_bindfs

NAMES = ("a.jpg", "a.webp", "products/b.jpg", "c.jpg", "drafts/d.jpg", "e.txt")


def told(place: Workplace, *names: str) -> tuple[list[str], list[str]]:
    """Return the outputs, and the places for sources, that `check` tells of pictures."""
    lines = place.ask("check", *(place.inbox / name for name in names)).splitlines()
    outputs: list[str] = []
    moved: list[str] = []
    for line in lines:
        what, would, end = line.strip().removesuffix(".").partition(" would be ")
        if would:
            which = moved if end.startswith("moved to ") else outputs
            which.append(end.removeprefix("moved to ").removeprefix(f"{place.outbox}/"))
            assert what.startswith("It")
    return sorted(outputs), sorted(moved)


@pytest.mark.full
def test_what_is_told_comes_to_be(place: Workplace) -> None:
    """Told while nothing is there, and again once it is, the names are those that come out."""
    place.configure(
        {"name": "drafts", "match": "drafts/**", "skip": True},
        {
            "name": "products",
            "match": "products/**",
            "source": "move",
            "outputs": [{"kind": "cutout"}, {"kind": "mask", "folder": "masks"}],
        },
        {"name": "rest", "outputs": [{"format": "webp", "name": "{stem}-{rule}"}]},
    )
    place.outbox.mkdir()
    (place.outbox / "c-rest.webp").write_bytes(b"somebody's own")
    before = told(place, *NAMES)
    assert not place.state.exists()
    first = [name for name in NAMES if name != "a.webp"]
    for name in first:
        place.put(name, picture() if name.endswith("txt") else None)
    assert told(place, *NAMES) == before
    assert "  drafts: 1, left alone" in place.ask("check").splitlines()
    assert "3 pictures are left to be cut; how long that takes is unknown" in place.ask("check")
    daemon = place.start()
    daemon.finished("a.jpg", "products/b.jpg", "c.jpg")
    place.put("a.webp")  # only now: of two that want one name the first to come has it
    daemon.finished("a.webp")
    assert "Nothing is left to be cut." in place.ask("check")
    daemon.stop()
    outputs, moved = before
    came = [name for name in place.files() if name != "c-rest.webp"]
    assert came == sorted(outputs + moved)
    assert told(place, "a.jpg", "a.webp", "c.jpg")[0] == [
        name for name in outputs if name.endswith("webp")
    ]


@pytest.mark.full
@needs_bindfs
def test_a_share_that_hangs(place: Workplace, mounts: Mounts) -> None:
    """`check`, with pictures and without, tells of an inbox that hangs, and of the others."""
    behind, share = place.folder / "behind", place.folder / "share"
    behind.mkdir()
    rules = [{"name": "all", "model": "darkness"}]
    place.write_config(
        slow={"path": "share", "outbox": "slow", "rules": rules},
        shop={"path": "inbox", "outbox": "outbox", "rules": rules},
    )
    server = mounts.through_bindfs(behind, share)
    (behind / "a.jpg").write_bytes(picture())
    place.put("b.jpg")
    server.send_signal(signal.SIGSTOP)
    try:
        lines = place.ask("check").splitlines()
        assert "  the inbox does not answer now: nothing of it is taken until it does" in lines
        assert "slow: The inbox 'slow' does not answer now." in lines
        assert "shop: 1 picture now" in lines
        lines = place.ask("check", share / "a.jpg", place.inbox / "b.jpg").splitlines()
        assert "  The inbox 'slow' does not answer now." in lines
        assert f"  Its cutout would be {place.folder}/slow/a.png." in lines
        assert f"  Its cutout would be {place.outbox}/b.png." in lines
    finally:
        server.send_signal(signal.SIGCONT)
