"""One folder is one state, however it is spelled: nothing is cut twice, nothing works twice."""

import json
import signal
from pathlib import Path

import pytest
from families import one_of_each_kind

from scissorsd.records import lock, respelling, status_file
from scissorsd.records.journal import Journal

from .driver import Daemon, Workplace, picture, wait_for
from .mounts import Mounts, needs_mounts

OPTIONS = ("--model", "u2netp", "--edges", "soft", "--providers", "cpu", "--precision", "full")
NOTHING_TO_DO = "Nothing to do"


@pytest.fixture
def spellings(place: Workplace) -> list[tuple[str, str]]:
    """Return inbox and outbox, spelled in several ways; `place` is where commands run."""
    (place.folder / "elsewhere").mkdir()
    (place.folder / "elsewhere" / "link").symlink_to(place.folder)
    return [
        ("inbox/../inbox/", "./outbox"),
        (f"{place.folder}/elsewhere/link/inbox", f"{place.folder}/elsewhere/link/outbox"),
        (f"{place.folder}//inbox/.", "elsewhere/../outbox/"),
    ]


def states(place: Workplace) -> list[Path]:
    """Return the state folders of the user."""
    return sorted((place.folder / "home" / "state" / "scissorsd").iterdir())


def once(place: Workplace, *arguments: str | Path) -> str:
    """Run `once` with success; give its last word."""
    answer = place.run("once", *arguments)
    assert answer.returncode == 0, answer.stderr
    return answer.stderr.splitlines()[-1]


@pytest.mark.full
def test_once_by_every_spelling(place: Workplace, spellings: list[tuple[str, str]]) -> None:
    """What was cut by one spelling of the folders is known by all others."""
    place.put("a.png")
    assert once(place, place.inbox, place.outbox, *OPTIONS) == "1 cut, 0 not"
    for inbox, outbox in spellings:
        assert NOTHING_TO_DO in once(place, inbox, outbox, *OPTIONS), inbox
    assert place.files() == ["a.png"]
    assert len(states(place)) == 1


@pytest.mark.full
@needs_mounts
def test_once_through_other_mounts(place: Workplace, mounts: Mounts) -> None:
    """The same folders at another place, mounted there, are the same folders."""
    place.put("a.png")
    assert once(place, place.inbox, place.outbox, *OPTIONS) == "1 cut, 0 not"
    mounts.bind(place.inbox, place.folder / "other-inbox")
    assert NOTHING_TO_DO in once(place, "other-inbox", "outbox", *OPTIONS)
    mounts.bind(place.outbox, place.folder / "other-outbox")
    assert NOTHING_TO_DO in once(place, "other-inbox", "other-outbox", *OPTIONS)
    assert place.files() == ["a.png"]
    assert len(states(place)) == 1


@pytest.mark.full
def test_the_state_of_an_older_scissorsd_is_found(place: Workplace) -> None:
    """A state whose folder, command line and journal have a spelling with a link is adopted."""
    place.put("a.png")
    once(place, place.inbox, place.outbox, *OPTIONS)
    (place.folder / "link").symlink_to(place.folder)
    (state,) = states(place)
    old = state.rename(state.with_name("inbox-0123456789ab"))
    spelled = {"path": f"{place.folder}/link/inbox", "outbox": f"{place.folder}/link/outbox"}
    values = json.loads((old / "command-line.json").read_text())
    values["inboxes"]["inbox"] |= spelled
    (old / "command-line.json").write_text(json.dumps(values))
    respell(old, place.folder, place.folder / "link")

    assert NOTHING_TO_DO in once(place, place.inbox, place.outbox, *OPTIONS)
    place.put("a.png", number=3)
    assert once(place, place.inbox, place.outbox, *OPTIONS) == "1 cut, 0 not"
    assert place.files() == ["a.png"]  # its own name is still its own
    assert states(place) == [old]


def respell(state: Path, old: Path, new: Path) -> None:
    """Give every path in a journal another beginning, as another spelling would have written it."""
    journal = Journal(state)
    respelling.respell_inbox(journal.file, old / "inbox", new / "inbox")
    respelling.respell_outbox(journal.file, old / "outbox", new / "outbox")
    journal.close()


@pytest.mark.full
def test_a_configuration_that_is_spelled_otherwise(place: Workplace) -> None:
    """After the paths in the file were spelled otherwise, all is known, and every answer given."""
    (place.folder / "link").symlink_to(place.folder)
    rule = {"source": "keep"}
    place.put("a.png")
    place.put("bad.jpg", b"not a picture")
    place.configure(rule, path="link/inbox", outbox="link/outbox")
    assert place.run("once", "-c", place.config).returncode == 3
    place.configure(rule)
    told = json.loads(place.ask("status", "--json"))  # before any daemon has read the new file
    assert (told["inboxes"][0]["done"], told["inboxes"][0]["failed"]) == (1, 1)
    assert "It was cut on" in place.ask("why", place.inbox / "a.png")
    assert "belongs to" in place.ask("why", place.outbox / "a.png")
    assert "2 not" not in place.run("once", "-c", place.config).stderr
    assert {entry.inbox for entry in place.entries()} == {str(place.inbox)}
    assert "will be taken again" in place.ask("retry", place.folder / "link/inbox/bad.jpg")
    place.put("a.png", number=5)
    place.run("once", "-c", place.config)
    assert place.files() == ["a.png", "failed/bad.jpg.txt"]


def test_a_reload_that_only_spells_otherwise(place: Workplace) -> None:
    """A reload that spells the folders otherwise cuts nothing again."""
    (place.folder / "link").symlink_to(place.folder)
    place.put("a.png")
    daemon = place.start()
    daemon.finished("a.png")
    place.configure(path="link/inbox", outbox="link/outbox")
    daemon.send(signal.SIGHUP)
    daemon.wait("config.reloaded")
    place.put("b.png")
    daemon.finished("b.png")
    daemon.stop()
    assert place.files() == ["a.png", "b.png"]
    assert len(daemon.told("job.finished")) == 2


@pytest.mark.full
def test_answers_by_every_spelling(place: Workplace, spellings: list[tuple[str, str]]) -> None:
    """`why` and `sheet` know the pictures and the outbox by all their spellings."""
    place.put("one/a.png")
    once(place, place.inbox, place.outbox, *OPTIONS)
    for inbox, outbox in spellings[:2]:
        said = place.run("why", f"{inbox}/one/a.png").stdout
        assert said.startswith("It was cut on"), said
        assert "belongs to" in place.run("why", f"{outbox}/one/a.png").stdout
        sheet = place.run("sheet", f"{outbox}/one", "-o", place.folder / "sheet.png")
        assert sheet.stdout.splitlines()[-1] == "1 cutout: 1 ok", sheet.stderr


# --- two at once -----------------------------------------------------------------------------


@pytest.mark.full
def test_two_on_the_same_folders(place: Workplace) -> None:
    """While a daemon works on two folders nothing else does, by no spelling and no state folder."""
    (place.folder / "link").symlink_to(place.folder)
    daemon = place.start()
    place.write_config({"state": "state2"}, other={"path": "link/inbox", "outbox": "link/outbox"})
    for command in (
        ("once", "-c", place.config),
        ("once", "link/inbox", "outbox", *OPTIONS),
        ("watch", "inbox", "link/outbox", *OPTIONS, "--state", "state3"),
    ):
        answer = place.run(*command)
        assert answer.returncode == 1
        assert f"another scissorsd (process {daemon.process.pid}) cuts what is in" in answer.stderr
    assert once(place, "inbox", "outbox2", *OPTIONS)  # into another outbox it may
    daemon.kill()
    assert NOTHING_TO_DO in once(place, "-c", place.config)  # and a claim ends with its process


@pytest.mark.full
def test_a_reload_onto_the_folders_of_another(place: Workplace, models_folder: Path) -> None:
    """An inbox that another process works on is barred after a reload, until that one ends."""
    (place.folder / "second").mkdir()
    second = Workplace(place.folder / "second", models_folder)
    other = second.start(variables={"SCISSORSD_SECONDS": "LOOK_AGAIN=0.1"})
    first = place.start()
    try:
        shop = {"outbox": str(place.outbox), "settle": "1s", "rules": [{"model": "darkness"}]}
        second.write_config(shop={"path": str(place.inbox), **shop})
        other.send(signal.SIGHUP)
        told = other.wait("inbox.barred")
        assert told["why"] == f"another scissorsd (process {first.process.pid}) works on it."
        assert health_of(second) == [f"inbox shop: nothing of it is taken: {told['why'][:-1]}"]
        first.stop()
        other.wait("inbox.unbarred")
        place.put("a.png")
        other.finished("a.png")
    finally:
        second.close()


def health_of(place: Workplace) -> list[str]:
    """Return the troubles that `health` tells of."""
    return wait_for(lambda: status_file.troubles(place.state))


# --- several states --------------------------------------------------------------------------


@pytest.mark.full
def test_status_after_two_outboxes(place: Workplace) -> None:
    """With several states `status` has a line for each, and shows in full the one that runs."""
    place.put("a.png")
    once(place, "inbox", "out1", *OPTIONS)
    once(place, "inbox", "out2", *OPTIONS)
    lines = place.run("status").stdout.splitlines()
    assert [line.split(": ")[:2] for line in lines] == [
        [f"{place.inbox} → {place.folder / out}", line.split(": ")[1]]
        for out, line in zip(("out2", "out1"), lines, strict=True)
    ]
    assert all("not running; last job " in line and "a.png" in line for line in lines)
    told = json.loads(place.run("status", "--json").stdout)
    assert [state["inboxes"][0]["done"] for state in told["states"]] == [1, 1]
    assert place.run("health").returncode == 1
    said = place.run("why", place.inbox / "a.png").stdout
    assert said.count("It was cut on") == 2
    said = place.run("why", place.folder / "out1" / "a.png").stdout
    assert said.count("It was cut on") == 1

    daemon = watch(place, "inbox", "out1")
    lines = place.run("status").stdout.splitlines()
    assert lines[0].startswith("running since")
    assert lines[-1].startswith(f"{place.inbox} → {place.folder / 'out2'}: not running; last job")
    assert json.loads(place.run("status", "--json").stdout)["running"]
    assert place.run("health").returncode == 0
    daemon.stop()


def watch(place: Workplace, inbox: str, outbox: str) -> Daemon:
    """Start a `watch` up to `ready`, and until it has said how it stands."""
    daemon = place.start("watch", inbox, outbox, *OPTIONS)
    daemon.wait("daemon.ready")
    (state,) = [s for s in states(place) if lock.is_running(s)]
    wait_for(lambda: not status_file.troubles(state))
    return daemon


@pytest.mark.full
def test_retry_finds_the_state_in_which_it_failed(place: Workplace) -> None:
    """Of two states that know a folder, `retry` takes the one in which the picture failed."""
    place.put("a.png", b"not a picture")
    place.run("once", "inbox", "out1", *OPTIONS)
    place.put("a.png")
    once(place, "inbox", "out2", *OPTIONS)
    place.put("a.png", b"not a picture")
    assert "will be taken again" in place.run("retry", "inbox/a.png").stdout


@pytest.mark.full
def test_a_state_whose_folders_are_gone_is_forgotten(place: Workplace) -> None:
    """What was tried once and thrown away is no longer told of, and known again when it is back."""
    place.put("a.png")
    once(place, "inbox", "outbox", *OPTIONS)
    (place.folder / "try").mkdir()
    (place.folder / "try" / "a.png").write_bytes(picture("a.png"))
    once(place, "try", "try-out", *OPTIONS)
    assert len(place.run("status").stdout.splitlines()) == 2
    (place.folder / "try").rename(place.folder / "away")
    assert len(place.run("status").stdout.splitlines()) == 2  # its results are there
    (place.folder / "try-out").rename(place.folder / "away-out")
    assert json.loads(place.run("status", "--json").stdout)["inboxes"][0]["path"] == str(
        place.inbox
    )
    (place.folder / "away").rename(place.folder / "try")
    assert NOTHING_TO_DO in once(place, "try", "try-out", *OPTIONS)


# --- an outbox that cannot be ----------------------------------------------------------------


@pytest.mark.parametrize(
    "outbox", one_of_each_kind(["file", "file/below", "/proc/nowhere"], kept=["file/below"])
)
@pytest.mark.parametrize("command", ["watch", "once"])
def test_an_outbox_that_cannot_be_is_refused_at_once(
    place: Workplace, command: str, outbox: str
) -> None:
    """An outbox that is a file, lies in one, or cannot be made is a mistake of usage."""
    (place.folder / "file").touch()
    place.put("a.png")
    answer = place.run(command, "inbox", outbox, *OPTIONS)
    assert answer.returncode == 2
    assert "is not a folder" in answer.stderr or "cannot be made" in answer.stderr
    assert not (place.folder / "home" / "state").exists()
