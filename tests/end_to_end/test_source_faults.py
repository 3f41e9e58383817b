"""Sources that cannot be moved or deleted: their outputs come out once, and they wait."""

import pytest
from families import one_of_each_kind

from .driver import Workplace, picture, wait_for
from .mounts import (
    Mounts,
    ended,
    heeds_permissions,
    identity,
    needs_mounts,
    stands,
    variables,
)

SLOWLY = "FIRST_PAUSE=300"  # so that nothing is tried again during the test


def outcome(source: str) -> list[str]:
    """Return what is in the outbox in the end."""
    return ["a.png", "processed/a.jpg"] if source == "move" else ["a.png"]


@pytest.mark.parametrize(
    "error", one_of_each_kind(["EBUSY", "EACCES", "EPERM", "EROFS"], kept=["EBUSY"])
)
@pytest.mark.parametrize("source", one_of_each_kind(["move", "delete"], kept=["move"]))
def test_cannot_be_disposed_of(place: Workplace, source: str, error: str) -> None:
    """Its outputs come out once, it is held with the reason, also after a restart, then it goes."""
    place.configure({"name": "all", "source": source})
    content = picture("a.jpg")
    file = place.put("a.jpg", content)
    daemon = place.start(variables=variables(f"{source}=EBUSY*"))
    assert f"cannot {source} {file}" in daemon.wait("job.held")["why"]
    cut = identity(place.outbox / "a.png")
    wait_for(lambda: stands(daemon, place).held)
    said = place.ask("why", file)
    assert f"what is left is to dispose of the source. cannot {source} {file}" in said
    answer = place.run("retry", file, "-c", place.config)
    assert (answer.returncode, "it is held" in answer.stderr) == (2, True)
    daemon.stop()
    assert file.read_bytes() == content
    assert place.files() == ["a.png"]
    again = place.start(variables=variables(f"{source}={error}*5"))
    again.wait("job.held")
    again.wait("job.closed", source="a.jpg")
    again.stop()
    assert identity(place.outbox / "a.png") == cut
    assert place.files() == outcome(source)
    assert place.files(place.inbox) == []
    assert not daemon.told("job.finished") + again.told("job.finished")
    assert [entry.state for entry in place.entries()] == ["done"]


@pytest.mark.full
@heeds_permissions
@pytest.mark.parametrize("source", one_of_each_kind(["move", "delete"], kept=["move"]))
def test_forbidden(unprivileged: Workplace, source: str) -> None:
    """In a folder without write permission a source stays and is said, until it may go."""
    place = unprivileged
    place.configure({"name": "all", "source": source})
    file = place.put("a.jpg")
    place.inbox.chmod(0o555)
    daemon = place.start(variables=variables())
    held = daemon.wait("job.held")["why"]
    assert f"cannot {source} {file}" in held
    assert held.endswith("Permission denied. Give the user that scissorsd runs as access.")
    cut = identity(place.outbox / "a.png")
    assert file.exists()
    place.inbox.chmod(0o755)
    daemon.wait("job.closed")
    daemon.stop()
    assert identity(place.outbox / "a.png") == cut
    assert place.files() == outcome(source)
    assert place.files(place.inbox) == []


@pytest.mark.full
@needs_mounts
def test_a_read_only_inbox_is_no_full_outbox(place: Workplace, mounts: Mounts) -> None:
    """Sources on a read-only share wait to be deleted, and the other pictures go on meanwhile."""
    rules: list[dict[str, object]] = [
        {"name": "gone", "match": "gone/**", "source": "delete"},
        {"name": "kept"},
    ]
    place.configure(*rules, rescan="1s")
    mounts.tmpfs(place.inbox)
    for number in range(3):
        place.put(f"gone/{number}.jpg", number=number)
        place.put(f"kept/{number}.jpg", number=number)
    mounts.remount(place.inbox, "ro")
    daemon = place.start(variables=variables(seconds=SLOWLY))
    assert "Read-only file system" in daemon.wait("job.held")["why"]
    daemon.finished(*(f"kept/{number}.jpg" for number in range(3)))
    wait_for(lambda: stands(daemon, place).held == 3)
    assert not stands(daemon, place).paused
    daemon.stop()
    mounts.remount(place.inbox, "rw")
    again = place.start(variables=variables())
    ended(again, *(f"gone/{number}.jpg" for number in range(3)))
    again.stop()
    assert place.files(place.inbox) == [f"kept/{number}.jpg" for number in range(3)]
    assert len(place.files()) == 6


# --- another file system ---------------------------------------------------------------------


@needs_mounts
def test_moved_to_another_file_system(place: Workplace, mounts: Mounts) -> None:
    """Between file systems a source is copied whole, with its time, and only then removed."""
    place.configure({"name": "all", "source": "move"})
    mounts.tmpfs(place.inbox)
    file = place.put("a.jpg")
    content, mtime = file.read_bytes(), file.stat().st_mtime_ns
    daemon = place.start()
    daemon.finished("a.jpg")
    daemon.stop()
    moved = place.outbox / "processed" / "a.jpg"
    assert moved.stat().st_dev != place.inbox.stat().st_dev
    assert (moved.read_bytes(), moved.stat().st_mtime_ns) == (content, mtime)
    assert place.files() == outcome("move")
    assert place.files(place.inbox) == []


@pytest.mark.full
@needs_mounts
@pytest.mark.parametrize(
    "step",
    one_of_each_kind(["move.unverified", "move.verify", "move.copied"], kept=["move.verify"]),
)
def test_a_copy_that_fails(place: Workplace, mounts: Mounts, step: str) -> None:
    """When the copy fails or is not the same, the source stays and is moved later, once."""
    place.configure({"name": "all", "source": "move"})
    mounts.tmpfs(place.inbox)
    file = place.put("a.jpg")
    content = file.read_bytes()
    daemon = place.start(variables=variables(f"{step}=EIO", seconds=SLOWLY))
    held = daemon.wait("job.held")["why"]
    assert f"cannot move {file}" in held
    assert "Input/output error" in held
    wait_for(lambda: not stands(daemon, place).working)
    cut = identity(place.outbox / "a.png")
    assert file.read_bytes() == content
    if step != "move.copied":  # there the copy is whole, and it is the original that is left
        assert place.files() == ["a.png"]
    daemon.stop()
    again = place.start(variables=variables())
    again.wait("job.closed")
    again.stop()
    assert identity(place.outbox / "a.png") == cut
    assert place.files() == outcome("move")
    assert (place.outbox / "processed" / "a.jpg").read_bytes() == content
    assert place.files(place.inbox) == []


@pytest.mark.full
@needs_mounts
def test_a_processed_folder_that_is_full(place: Workplace, mounts: Mounts) -> None:
    """Sources that find no room where they are to go stay, whole, until there is some."""
    archive = place.folder / "archive"
    place.configure({"name": "all", "source": "move", "move_to": str(archive)})
    mounts.tmpfs(archive, size="16k")
    (archive / "filler").write_bytes(bytes(12 << 10))
    content = picture("a.bmp")
    assert len(content) > 4 << 10
    file = place.put("a.bmp", content)
    daemon = place.start(variables=variables(seconds=SLOWLY))
    assert "No space left on device" in daemon.wait("job.held")["why"]
    wait_for(lambda: not stands(daemon, place).working)
    assert file.read_bytes() == content
    assert place.files(archive) == ["filler"]
    daemon.stop()
    mounts.remount(archive, "size=1m")
    again = place.start(variables=variables())
    again.wait("job.closed")
    again.stop()
    assert (archive / "a.bmp").read_bytes() == content
    assert place.files(place.inbox) == []
