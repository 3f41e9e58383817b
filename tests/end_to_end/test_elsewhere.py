"""Outputs that go to a folder outside of the outbox, on another disk."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from families import one_of_each_kind

from .deaths import doomed, fault, repaired
from .driver import Workplace
from .test_review import nothing

STEPS = (
    "write:a-mask.png",
    "write.done:a-mask.png",
    "journal.stamp.done",
    "publish.done:a.png",
    "publish.done:a-mask.png",
    "journal.published",
    "journal.published.done",
)


def outputs(web: Path, **cutout: object) -> dict[str, object]:
    """Return a rule that makes a cutout, and a mask elsewhere."""
    mask: Mapping[str, object] = {"kind": "mask", "folder": str(web)}
    return {"name": "all", "outputs": [{"kind": "cutout", **cutout}, mask]}


def test_a_folder_elsewhere(place: Workplace, other_disk: Path) -> None:
    """What lies there is known as what lies in the outbox is: told, cut again, adopted, moved."""
    web = other_disk / "web"
    place.configure(outputs(web))
    place.put("one/a.jpg")
    repaired(place)
    assert place.files() == ["one/a.png"]
    assert place.files(web) == ["one/a-mask.png"]
    before = (web / "one/a-mask.png").stat().st_ino
    assert "It was cut on" in place.ask("why", web / "one/a-mask.png")
    assert str(web / "one/a-mask.png") in place.ask("check", place.inbox / "one/a.jpg")
    # cut again in its place
    place.configure(outputs(web, crop="subject"))
    place.ask("recut", "--stale")
    repaired(place)
    assert place.files(web) == ["one/a-mask.png"]
    assert (web / "one/a-mask.png").stat().st_ino != before
    # the journal is lost
    shutil.rmtree(place.state)
    assert "1 adopted" in place.ask("adopt")
    assert "It was cut on" in place.ask("why", web / "one/a-mask.png")
    # the folder is called otherwise
    said = place.ask("move", web, other_disk / "site")
    assert "1 picture is known under" in said
    assert "folder of outputs of shop, all" in said
    web.rename(other_disk / "site")
    place.configure(outputs(other_disk / "site", crop="subject"))
    assert "It was cut on" in place.ask("why", other_disk / "site/one/a-mask.png")
    # what is no longer made goes
    place.configure({"name": "all", "outputs": [{"kind": "cutout"}]})
    place.ask("recut", "--stale")
    repaired(place)
    assert place.files() == ["one/a.png"]
    assert place.files(other_disk) == []


@pytest.mark.parametrize("step", one_of_each_kind(STEPS, kept=["publish.done:a-mask.png"]))
def test_killed_at_each_step(place: Workplace, other_disk: Path, step: str) -> None:
    """Whenever the program dies, each file is there once in the end, and nothing unfinished."""
    place.configure(outputs(other_disk / "web"))
    place.put("a.jpg")
    doomed(place, fault(step))
    repaired(place)
    assert place.files() == ["a.png"]
    assert place.files(other_disk) == ["web/a-mask.png"]


@pytest.mark.parametrize("step", [None, pytest.param("back.copied", marks=pytest.mark.full)])
def test_accepted_onto_another_disk(place: Workplace, other_disk: Path, step: str | None) -> None:
    """What waits in review/ goes where it belongs, whole, and can be rejected from there."""
    place.configure(outputs(other_disk / "web"))
    place.put("a.png", nothing())
    repaired(place)
    waiting = ["review/a-mask.png", "review/a.png", "review/a.png.txt"]
    below = str(other_disk / "web").lstrip("/")
    waiting[0] = f"review/{below}/a-mask.png"
    assert sorted(place.files()) == sorted(waiting)
    if step is not None:
        accepting = place.start(
            *("accept", "-c", str(place.config), "review/a.png"),
            variables={"SCISSORSD_FAULTS": fault(step)},
        )
        assert accepting.exit_code() == -9
        daemon = place.start()
        daemon.wait("review.accepted")
        daemon.stop()
    else:
        assert "accepted" in place.ask("accept", "review/a.png")
    assert place.files() == ["a.png"]
    assert place.files(other_disk) == ["web/a-mask.png"]
    assert "rejected" in place.ask("reject", other_disk / "web/a-mask.png")
    assert place.files(other_disk) == []
    assert sorted(place.files()) == sorted(["rejected/a.png", f"rejected/{below}/a-mask.png"])
    # again, onto what was accepted before
    assert "accepted" in place.ask("accept", "a.png")
    assert place.files(other_disk) == ["web/a-mask.png"]
