"""How pictures arrive in a real inbox, and that each comes out once."""

import os
import time
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image

from .driver import SIZE, Workplace, picture
from .scenes import Gate


def test_dropped_before_and_during_a_run(place: Workplace) -> None:
    """Pictures there before and ones dropped later come out, sub-folders mirrored."""
    place.configure({"name": "all", "model": "u2netp"})
    place.put("early.jpg")
    place.put("one/two/deep.png")
    daemon = place.start()
    daemon.finished("early.jpg", "one/two/deep.png")
    place.put("late.jpg")
    place.put("three/late.webp")
    daemon.finished("late.jpg", "three/late.webp")
    daemon.stop()
    assert place.files() == ["early.png", "late.png", "one/two/deep.png", "three/late.png"]
    assert len(daemon.told("job.finished")) == 4
    with Image.open(place.outbox / "one" / "two" / "deep.png") as cutout:
        assert (cutout.mode, cutout.size) == ("RGBA", SIZE)


def test_line_of_a_job(place: Workplace) -> None:
    """The one line of a job has its fixed keys, and all of a daemon's lines are log lines."""
    place.configure({"name": "all", "model": "u2netp"})
    path = place.put("a.jpg")
    daemon = place.start("run", "-c", str(place.config))
    line = daemon.wait("job.finished")
    daemon.stop()
    times = {key: line.pop(key) for key in ("wait_s", "infer_s", "total_s", "timestamp")}
    assert 0 < line.pop("doubt") < 0.1
    assert line == {
        "event": "job.finished",
        "level": "info",
        "inbox": "shop",
        "rule": "all",
        "source": "a.jpg",
        "outputs": [str(place.outbox / "a.png")],
        "model": "u2netp",
        "provider": "cpu",
        "precision": "full",
        "width": SIZE[0],
        "height": SIZE[1],
        "verdict": "ok",
    }
    assert 0 < times["infer_s"] <= times["total_s"]
    assert path.exists()
    assert daemon.noise == []
    events = [line["event"] for line in daemon.lines]
    assert events[:4] == ["session.opened", "daemon.ready", "inbox.watched", "job.finished"]
    assert events.count("job.finished") == 1
    assert events[-1] == "daemon.stopped"


def test_copied_slowly(place: Workplace) -> None:
    """A picture that is copied in small pieces is taken when it is whole, and once."""
    settle = 1.0
    place.configure(settle=settle)
    daemon = place.start()
    content = picture("slow.bmp")
    written = [time.monotonic()]
    with (place.inbox / "slow.bmp").open("wb", buffering=0) as file:
        for begin in range(0, len(content), 1000):
            file.write(content[begin : begin + 1000])
            written.append(time.monotonic())
            time.sleep(0.1)
    early = daemon.told("picture.settled")
    if max(after - before for before, after in pairwise(written)) < settle:
        assert not early
    daemon.finished("slow.bmp")
    daemon.stop()
    assert place.files() == ["slow.png"]
    assert len(daemon.told("job.finished")) == 1
    assert not daemon.told("job.failed")


def test_opened_and_closed_several_times(place: Workplace) -> None:
    """A writer that closes the file between its pieces does not get half a picture cut."""
    daemon = place.start()
    content = picture("a.png")
    for begin in range(0, len(content), 100):
        with (place.inbox / "a.png").open("ab") as file:
            file.write(content[begin : begin + 100])
    daemon.finished("a.png")
    daemon.stop()
    assert place.files() == ["a.png"]
    assert len(daemon.told("job.finished")) == 1


def test_created_empty_and_filled_later(place: Workplace) -> None:
    """An empty file waits, however long, and is cut when something is in it."""
    daemon = place.start()
    (place.inbox / "a.jpg").touch()
    place.put("meanwhile.jpg")
    daemon.finished("meanwhile.jpg")
    assert not daemon.told("picture.settled", source="a.jpg")
    (place.inbox / "a.jpg").write_bytes(picture())
    daemon.finished("a.jpg")
    daemon.stop()
    assert place.files() == ["a.png", "meanwhile.png"]


def test_temporary_name_and_then_the_real_one(place: Workplace) -> None:
    """An upload under a temporary name is left alone until it gets its real one."""
    daemon = place.start()
    part = place.inbox / "a.jpg.part"
    part.write_bytes(picture())
    place.put("meanwhile.jpg")
    daemon.finished("meanwhile.jpg")
    assert {line["source"] for line in daemon.told("picture.settled")} == {"meanwhile.jpg"}
    part.rename(place.inbox / "a.jpg")
    daemon.finished("a.jpg")
    daemon.stop()
    assert place.files() == ["a.png", "meanwhile.png"]


def test_moved_in_from_outside(place: Workplace) -> None:
    """A file renamed in, a hard link, a whole folder and a late file in it all come out."""
    outside = place.folder / "outside"
    outside.mkdir()
    (outside / "moved.jpg").write_bytes(picture(number=1))
    (outside / "linked.jpg").write_bytes(picture(number=2))
    (outside / "shoot" / "day one").mkdir(parents=True)
    (outside / "shoot" / "day one" / "a.jpg").write_bytes(picture(number=3))
    daemon = place.start()
    (outside / "moved.jpg").rename(place.inbox / "moved.jpg")
    (place.inbox / "linked.jpg").hardlink_to(outside / "linked.jpg")
    (outside / "shoot").rename(place.inbox / "shoot")
    daemon.finished("moved.jpg", "linked.jpg", "shoot/day one/a.jpg")
    place.put("shoot/day one/late.jpg")
    daemon.finished("shoot/day one/late.jpg")
    daemon.stop()
    assert place.files() == [
        "linked.png",
        "moved.png",
        "shoot/day one/a.png",
        "shoot/day one/late.png",
    ]


def test_two_pictures_that_want_one_name(place: Workplace) -> None:
    """`a.jpg` and `a.png`, dropped together, both come out and both are moved away."""
    place.configure({"name": "all", "source": "move"})
    place.put("a.jpg", number=1)
    place.put("a.png", number=2)
    daemon = place.start()
    daemon.finished("a.jpg", "a.png")
    daemon.stop()
    cutouts = place.files()[:2]
    assert cutouts in (["a-png.png", "a.png"], ["a-jpg.png", "a.png"])
    assert place.files(place.outbox / "processed") in (
        ["a-png.png", "a.jpg"],
        ["a-jpg.jpg", "a.png"],
    )
    assert place.files(place.inbox) == []


def test_replaced_by_another(place: Workplace) -> None:
    """A picture that is replaced is cut again, over its own output."""
    place.put("a.jpg", number=1)
    daemon = place.start()
    daemon.finished("a.jpg")
    first = (place.outbox / "a.png").read_bytes()
    place.put("a.jpg", number=20)
    daemon.wait("job.finished", source="a.jpg", times=2)
    daemon.stop()
    assert place.files() == ["a.png"]
    assert (place.outbox / "a.png").read_bytes() != first


def test_touched_only(place: Workplace) -> None:
    """A picture whose attributes are touched while it is known is not cut again."""
    path = place.put("a.jpg")
    daemon = place.start()
    daemon.finished("a.jpg")
    path.chmod(0o600)
    path.rename(place.inbox / "b.part")
    (place.inbox / "b.part").rename(path)
    place.put("meanwhile.jpg")
    daemon.finished("meanwhile.jpg")
    daemon.stop()
    assert len(daemon.told("job.finished")) == 2


@pytest.mark.parametrize("name", [b"caf\xe9 \xff.jpg", b"-rf $(touch x); 'a' \"b\".jpg"])
def test_awkward_names(place: Workplace, name: bytes) -> None:
    """Names that are not UTF-8 or full of shell characters come out and can be logged."""
    place.put(os.fsdecode(name))
    daemon = place.start()
    daemon.wait("job.finished")
    place.put("after.jpg")
    daemon.finished("after.jpg")
    daemon.stop()
    assert set(place.files()) == {"after.png", os.fsdecode(name[:-4] + b".png")}


def test_truncated_picture_that_is_completed(place: Workplace) -> None:
    """Half a picture is held, not failed, and comes out when the rest of it has come."""
    content = picture("a.png")
    half = place.inbox / "a.png"
    half.write_bytes(content[: len(content) // 2])
    daemon = place.start()
    daemon.wait("job.held", source="a.png")
    half.write_bytes(content)
    daemon.finished("a.png")
    daemon.stop()
    assert place.files() == ["a.png"]
    assert not daemon.told("job.failed")


def test_failed_picture(place: Workplace) -> None:
    """What is no picture fails with its reason, without stopping the rest, and can come good."""
    place.put("bad.jpg", b"this is no picture")
    place.put("good.jpg")
    daemon = place.start()
    daemon.wait("job.failed", source="bad.jpg")
    daemon.finished("good.jpg")
    assert place.files() == ["failed/bad.jpg.txt", "good.png"]
    place.put("bad.jpg")
    daemon.finished("bad.jpg")
    daemon.stop()
    assert place.files() == ["bad.png", "good.png"]
    assert len(daemon.told("job.failed")) == 1


def test_links_lead_nowhere(place: Workplace) -> None:
    """Symbolic links and FIFOs in an inbox are left alone, and the rest goes on."""
    secret = place.folder / "secret"
    secret.mkdir()
    (secret / "a.jpg").write_bytes(picture())
    (place.inbox / "link.jpg").symlink_to(secret / "a.jpg")
    (place.inbox / "folder").symlink_to(secret)
    os.mkfifo(place.inbox / "pipe.jpg")
    daemon = place.start()
    place.put("real.jpg")
    daemon.finished("real.jpg")
    daemon.stop()
    assert place.files() == ["real.png"]


def test_polling(place: Workplace) -> None:
    """With watch: polling, pictures are found without events."""
    place.configure(watch="polling")
    daemon = place.start()
    assert daemon.wait("inbox.watched")["mode"] == "polling"
    place.put("one/a.jpg")
    daemon.finished("one/a.jpg")
    daemon.stop()
    assert place.files() == ["one/a.png"]


@pytest.mark.full
def test_inbox_that_goes_and_comes_back(place: Workplace) -> None:
    """An inbox that is gone is away while the others go on, and resumes by itself."""
    (place.folder / "second").mkdir()
    rules = [{"name": "all", "model": "darkness"}]
    common = {"settle": "300ms", "rescan": "1s", "rules": rules}
    place.write_config(
        shop={"path": "inbox", "outbox": "outbox", **common},
        second={"path": "second", "outbox": "outbox2", **common},
    )
    place.put("a.jpg")
    daemon = place.start()
    daemon.finished("a.jpg")
    place.inbox.rename(place.folder / "unplugged")
    daemon.wait("inbox.away", inbox="shop")
    (place.folder / "second" / "b.jpg").write_bytes(picture())
    daemon.finished("b.jpg")
    (place.folder / "unplugged").rename(place.inbox)
    daemon.wait("inbox.back", inbox="shop")
    place.put("c.jpg")
    daemon.finished("c.jpg")
    daemon.stop()
    assert place.files() == ["a.png", "c.png"]
    assert len(daemon.told("job.finished")) == 3
    assert len(daemon.told("inbox.away")) == 1


def test_models_are_not_ours_to_change(place: Workplace, models_folder: Path) -> None:
    """A daemon leaves nothing in the folder of the models."""
    place.configure({"name": "all", "model": "u2netp"})
    before = sorted(path.name for path in models_folder.iterdir())
    daemon = place.start()
    daemon.stop()
    assert sorted(path.name for path in models_folder.iterdir()) == before


def test_inboxes_take_turns(place: Workplace) -> None:
    """Where two have a backlog and there is one worker, it goes from one to the other."""
    gate = Gate(place)
    phone = place.folder / "phone"
    phone.mkdir()
    rule = {"name": "all", "model": "darkness"}
    options = {"settle": "100ms"}
    place.write_config(
        {"workers": 1},
        shop={
            "path": "inbox",
            "outbox": "outbox",
            **options,
            "rules": [{**rule, "outputs": [gate.flat]}],
        },
        phone={"path": "phone", "outbox": "phone-out", "rules": [rule], **options},
    )
    daemon = place.start()
    gate.shut()
    place.put("first.jpg")
    gate.wait()
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        place.put(name)
        (phone / name).write_bytes(picture(name))
    daemon.wait("picture.settled", times=7)
    gate.open()
    daemon.wait("job.finished", times=7)
    turns = [line["inbox"] for line in daemon.told("job.finished")[1:]]
    assert turns == ["phone", "shop"] * 3
    daemon.stop()
