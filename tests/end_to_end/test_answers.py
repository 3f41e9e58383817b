"""What `status`, `health`, `why` and `retry` answer about a real daemon."""

import io
import json
import os
import re
import signal
import socket
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from families import one_of_each_kind
from PIL import Image

from scissorsd import __version__
from scissorsd.records import status_file

from .driver import Workplace, picture, wait_for
from .mounts import variables


def nothing() -> bytes:
    """Draw a picture of nothing."""
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), "silver").save(buffer, "PNG")
    return buffer.getvalue()


# --- status and health -----------------------------------------------------------------------


def status(place: Workplace) -> dict[str, Any]:
    """Ask for the status, as a program does."""
    told: dict[str, Any] = json.loads(place.ask("status", "--json"))
    return told


def test_status(place: Workplace) -> None:
    """`status` tells mode, counts, provider and last jobs of a daemon, and counts without one."""
    place.configure({"name": "all", "model": "u2netp"})
    place.put("a.jpg")
    place.put("bad.jpg", b"not a picture")
    daemon = place.start()
    daemon.finished("a.jpg")
    daemon.wait("job.failed")
    wait_for(lambda: status(place)["providers"] and status(place)["inboxes"][0]["watch"])
    told = status(place)
    assert told["running"]
    assert told["healthy"]
    assert told["pid"] == daemon.process.pid
    assert told["config"] == str(place.config)
    assert told["version"] == told["daemon_version"] == __version__
    assert daemon.told("daemon.ready", version=__version__)
    (model,) = told["providers"]
    assert (model["model"], model["provider"], model["precision"]) == ("u2netp", "cpu", "full")
    (shop,) = told["inboxes"]
    assert (shop["name"], shop["path"]) == ("shop", str(place.inbox))
    assert (shop["watch"], shop["done"], shop["failed"]) == ("events", 1, 1)
    assert shop["verdicts"] == {"ok": 1, "doubtful": 0, "no_subject": 0}
    assert (shop["review"], shop["advice"]) == (0, "")
    assert {(job["path"], job["state"]) for job in told["jobs"]} == {
        ("a.jpg", "done"),
        ("bad.jpg", "failed"),
    }
    for_people = place.ask("status")
    assert "shop" in for_people
    assert "events" in for_people
    daemon.stop()
    told = status(place)
    assert (told["running"], told["pid"]) == (False, None)
    assert (told["inboxes"][0]["done"], told["inboxes"][0]["failed"]) == (1, 1)


@pytest.mark.full
def test_status_counts_verdicts(place: Workplace) -> None:
    """`status` counts verdicts and what went to review/, across restarts, and says what to do."""
    place.put("a.jpg")
    place.put("none.png", nothing())
    daemon = place.start()
    daemon.finished("a.jpg", "none.png")
    daemon.stop()
    (shop,) = status(place)["inboxes"]
    assert shop["verdicts"] == {"ok": 1, "doubtful": 0, "no_subject": 1}
    assert shop["review"] == 1
    assert str(place.outbox / "review") in shop["advice"]
    for_people = place.ask("status")
    assert f"scissorsd sheet {place.outbox} -c {place.config}" in for_people
    rows = [line.split() for line in for_people.splitlines()]
    assert ["verdicts", "ok", "doubtful", "no_subject", "in", "review"] in rows
    assert ["shop", "1", "0", "1", "1"] in rows


@pytest.mark.full
def test_status_tells_how_long_the_rest_takes(place: Workplace) -> None:
    """While pictures are in hand, and some have ended, `status` tells how long the rest takes."""
    for number in range(4):
        place.put(f"{number}.jpg", number=number)
    place.put("slow.jpg")
    daemon = place.start(variables=variables("decode:slow.jpg=hang", seconds="STOP_LIMIT=0.1"))
    daemon.finished(*(f"{number}.jpg" for number in range(4)))
    wait_for(lambda: status(place)["seconds_left"] is not None)
    assert 0 <= status(place)["seconds_left"] < 60
    assert " of work left" in place.ask("status")
    daemon.stop()
    assert status(place)["seconds_left"] is None


@pytest.mark.full
def test_status_of_an_inbox_that_is_away(place: Workplace) -> None:
    """An inbox that is not there is told of as away, with the reason, and is not healthy."""
    place.inbox.rmdir()
    daemon = place.start()
    daemon.wait("inbox.away")
    wait_for(lambda: status(place)["inboxes"][0]["away"])
    told = status(place)
    away = f"{place.inbox}: No such file or directory"
    assert told["inboxes"][0]["away"] == away
    assert not told["healthy"]
    assert told["troubles"] == [f"inbox shop is away: {away}"]
    daemon.stop()


def test_health(place: Workplace) -> None:
    """`health` is 1 with a reason without a daemon, 0 with one, and 1 again when it was killed."""

    def health() -> tuple[int, str]:
        answer = place.run("health", "-c", place.config)
        return answer.returncode, answer.stdout.strip()

    none = (1, f"no daemon runs on the state folder {place.state}")
    assert health() == none
    daemon = place.start()
    wait_for(lambda: health() == (0, ""))
    daemon.kill()
    assert health() == none


def test_a_daemon_of_a_newer_version(place: Workplace) -> None:
    """What another version tells beyond what this one knows of is passed over."""
    daemon = place.start()
    wait_for(lambda: status_file.read(place.state))
    daemon.stop()
    told = status_file.read(place.state)
    path = place.state / status_file.FILE
    values = json.loads(path.read_text())
    for part in (values, *values["inboxes"], *values["providers"]):
        part["colour"] = "blue"
    path.write_text(json.dumps(values))
    assert status_file.read(place.state) == told
    for odd in ("[]", '"x"', '{"inboxes": [1], "providers": []}', "{"):
        path.write_text(odd)
        assert status_file.read(place.state) is None


def test_a_daemon_that_hangs(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon whose control loop stands still is not healthy, and is again when it goes on."""
    daemon = place.start()
    wait_for(lambda: not status_file.troubles(place.state))
    daemon.send(signal.SIGSTOP)
    with monkeypatch.context() as patch:
        patch.setattr(status_file, "FRESH", 0.5)
        (trouble,) = wait_for(lambda: status_file.troubles(place.state))
    assert trouble.startswith("the control loop has been silent for")
    daemon.send(signal.SIGCONT)
    wait_for(lambda: not status_file.troubles(place.state))
    daemon.stop()


@pytest.mark.full
def test_a_refused_reload_is_told_of(place: Workplace) -> None:
    """A refused reload is told by `status`, `health` and systemd, of the bad file too."""
    address, heard = f"scissorsd-test-{os.getpid()}", list[str]()
    systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    systemd.bind(f"\0{address}")
    listen = iter(lambda: systemd.recv(1000).decode(), "STATUS=the end")
    listener = Thread(target=lambda: heard.extend(listen))
    listener.start()
    daemon = place.start(variables={"NOTIFY_SOCKET": f"@{address}"})
    good = place.config.read_text()
    place.config.write_text(f"{good}    settle: soon\n  colour: red\n")
    daemon.send(signal.SIGHUP)
    daemon.wait("config.kept")
    wait_for(lambda: "was refused" in place.run("status", "-c", place.config).stdout)
    for where in (("-c", place.config), ("--state", place.state)):
        if "--state" in where:
            place.config.write_text(good)  # corrected, and not loaded anew yet
        said = place.run("status", *where)
        assert said.returncode == 0
        assert said.stdout.startswith("running since")
        lines = r"watching; a changed configuration was refused at \d\d:\d\d \(lines? \d+"
        assert re.search(lines, said.stdout)
        assert str(place.config) in said.stdout
        told = json.loads(place.run("status", "--json", *where).stdout)
        assert told["healthy"]
        assert told["refused"]["problems"]
        assert bool(told["mistakes"]) == ("-c" in where)
        healthy = place.run("health", *where)
        assert healthy.returncode == 0
        assert "note: a changed configuration was refused at" in healthy.stdout
    daemon.send(signal.SIGHUP)
    daemon.wait("config.reloaded")
    wait_for(lambda: status(place)["refused"] is None)
    systemd.sendto(b"STATUS=the end", f"\0{address}")
    listener.join()
    reloads = [text for text in heard if text.startswith("READY=1\n")]
    assert "STATUS=watching; a changed configuration was refused at" in reloads[-2]
    assert reloads[-1] == "READY=1\nSTATUS=watching"
    systemd.close()
    assert place.run("health", "-c", place.config).stdout == ""
    daemon.stop()


@pytest.mark.full
@pytest.mark.parametrize(
    "broken", one_of_each_kind(["inboxes: [", "inboxes: 1\n", None], kept=["inboxes: ["])
)
def test_status_of_a_file_that_makes_no_sense(place: Workplace, broken: str | None) -> None:
    """The daemon on a file that is broken beyond reading is found by the state that it names."""
    daemon = place.start()
    wait_for(lambda: not status_file.troubles(place.state))
    place.config.write_text(f"state: 'state'  # here\n{broken}" if broken else "")
    said = place.run("status", "-c", place.config)
    if broken:
        assert said.stdout.startswith("running since")
        assert f"{place.config}:" in said.stdout
        assert "shop" in said.stdout
    else:
        assert said.returncode == 78
    daemon.stop()
    assert place.run("status", "-c", place.config).returncode == 78


# --- why -------------------------------------------------------------------------------------


def test_why(place: Workplace) -> None:
    """`why` says of every kind of file why it was cut, failed, is held or left alone."""
    rules: list[dict[str, object]] = [
        {"name": "drafts", "match": "drafts/**", "skip": True},
        {"name": "photos", "match": ["*.jpg", "*.png"]},
    ]
    place.configure(*rules, ignore=["*.wip.*"])
    content = picture("half.png")
    place.put("good.jpg")
    place.put("bad.jpg", b"not a picture")
    place.put("half.png", content[: len(content) // 2])
    place.put("drafts/draft.jpg")
    place.put("a.wip.jpg")
    place.put("other.webp")
    (place.inbox / "up.jpg.part").write_bytes(b"some")
    (place.inbox / "empty.jpg").touch()
    (place.inbox / "notes.txt").touch()
    (place.inbox / "link.jpg").symlink_to(place.inbox / "good.jpg")
    daemon = place.start()
    daemon.finished("good.jpg")
    daemon.wait("job.failed", source="bad.jpg")
    daemon.wait("job.held", source="half.png")

    def why(path: Path) -> str:
        return place.ask("why", path)

    # Soon, since after seven looks it has failed; in between it is in hand.
    wait_for(lambda: "tried again, less and less often" in why(place.inbox / "half.png"))
    expected = {
        "good.jpg": ("It was cut on", "'photos'", "verdict ok", str(place.outbox / "good.png")),
        "bad.jpg": ("It failed on", "scissorsd retry", str(place.outbox / "failed/bad.jpg.txt")),
        "drafts/draft.jpg": ("'drafts'", "skip: true"),
        "a.wip.jpg": ("It is ignored", "'*.wip.*'"),
        "other.webp": ("no rule of the inbox 'shop' matches",),
        "up.jpg.part": ("It is ignored", "*.part"),
        "empty.jpg": ("'photos'", "It is empty"),
        "notes.txt": ("does not end as a picture's does",),
        "link.jpg": ("symbolic link",),
        "drafts": ("is a folder",),
        "nothing.jpg": ("There is no file",),
    }
    for name, parts in expected.items():
        said = why(place.inbox / name)
        assert all(part in said for part in parts), f"{name}: {said}"
    said = why(place.outbox / "good.png")
    assert f"belongs to {place.inbox / 'good.jpg'}" in said
    said = why(place.outbox / "failed" / "bad.jpg.txt")
    assert f"belongs to {place.inbox / 'bad.jpg'}" in said
    assert "lies in no inbox" in why(place.folder / "elsewhere.jpg")
    daemon.stop()
    (place.inbox / "later.jpg").write_bytes(picture())
    assert "when a daemon runs" in why(place.inbox / "later.jpg")


@pytest.mark.full
def test_why_of_a_picture_that_was_moved(place: Workplace) -> None:
    """Of a picture that was cut and moved away, `why` tells what became of it, at both places."""
    place.configure({"name": "all", "source": "move"})
    place.put("a.jpg")
    daemon = place.start()
    daemon.finished("a.jpg")
    daemon.stop()
    said = place.ask("why", place.inbox / "a.jpg")
    assert "It was cut on" in said
    assert "There is no file" in said
    assert "belongs to" in place.ask("why", place.outbox / "processed" / "a.jpg")


# --- retry -----------------------------------------------------------------------------------


def test_retry(place: Workplace) -> None:
    """A failed picture that is kept in place is taken again by the daemon when asked for."""
    place.put("a.jpg")
    text = place.config.read_text()
    place.config.write_text(text + "limits: {file: 1KiB}\n")
    daemon = place.start()
    daemon.wait("job.failed", source="a.jpg")
    note = place.outbox / "failed" / "a.jpg.txt"
    assert "limit" in note.read_text()
    place.config.write_text(text)
    daemon.send(signal.SIGHUP)
    daemon.wait("config.reloaded")
    assert place.ask("retry", place.inbox / "a.jpg") == (
        f"{place.inbox / 'a.jpg'} will be taken again.\n"
    )
    daemon.finished("a.jpg")
    daemon.stop()
    assert place.files() == ["a.png"]
    assert [entry.state for entry in place.entries()] == ["done"]


@pytest.mark.full
def test_retry_of_moved_pictures(place: Workplace) -> None:
    """Failed pictures that were set aside go back into the inbox and come out at the next start."""
    place.configure({"name": "all", "source": "move"})
    text = place.config.read_text()
    place.config.write_text(text + "limits: {file: 1KiB}\n")
    place.put("one/a.jpg")
    place.put("b.jpg")
    daemon = place.start()
    daemon.wait("job.failed", times=2)
    daemon.stop()
    assert place.files() == [
        "failed/b.jpg",
        "failed/b.jpg.txt",
        "failed/one/a.jpg",
        "failed/one/a.jpg.txt",
    ]
    place.config.write_text(text)
    said = place.ask("retry", "--failed")
    assert f"{place.inbox / 'b.jpg'} will be taken again." in said
    assert "No daemon runs now" in said
    assert place.files() == []
    again = place.start()
    again.finished("one/a.jpg", "b.jpg")
    again.stop()
    assert place.files() == ["b.png", "one/a.png", "processed/b.jpg", "processed/one/a.jpg"]


@pytest.mark.full
def test_retry_where_one_cannot_be_put_back(place: Workplace) -> None:
    """Where a new file has taken the place of one that failed, the others are taken again."""
    place.configure({"name": "all", "source": "move"})
    names = [os.fsdecode(b"caf\xe9.jpg"), "b.jpg", "c.jpg"]
    for name in names:
        place.put(name, b"not a picture")
    daemon = place.start()
    daemon.wait("job.failed", times=3)
    daemon.stop()
    place.put("b.jpg")
    said = place.ask("retry", "--failed").splitlines()
    assert f"{place.inbox / 'b.jpg'} cannot be put back: a file of that name is there." in said
    assert rf"{place.inbox}/caf\xe9.jpg will be taken again." in said
    assert place.files(place.inbox) == sorted(names)
    assert place.files() == ["failed/b.jpg", "failed/b.jpg.txt"]


@pytest.mark.full
def test_retry_by_the_place_where_it_was_set_aside(place: Workplace) -> None:
    """A failed picture can be named by its path in failed/ too."""
    place.configure({"name": "all", "source": "move"})
    place.put("a.jpg", b"not a picture")
    daemon = place.start()
    daemon.wait("job.failed")
    place.ask("retry", place.outbox / "failed" / "a.jpg")
    daemon.wait("job.failed", times=2)
    daemon.stop()
    assert place.files() == ["failed/a.jpg", "failed/a.jpg.txt"]


@pytest.mark.full
def test_retry_of_what_did_not_fail(place: Workplace) -> None:
    """What did not fail cannot be retried; without anything failed, `--failed` says so."""
    place.put("a.jpg")
    daemon = place.start()
    daemon.finished("a.jpg")
    daemon.stop()
    answer = place.run("retry", place.inbox / "a.jpg", "-c", place.config)
    assert answer.returncode == 2
    assert "is not a picture that failed" in answer.stderr
    assert place.ask("retry", "--failed") == "No picture has failed.\n"
    assert place.run("retry", "-c", place.config).returncode == 2
