import json
import time
from dataclasses import replace
from pathlib import Path
from time import monotonic

import pytest

from scissorsd import __version__
from scissorsd.commands import status, status_table
from scissorsd.config import from_values
from scissorsd.core.rules import Output, Rule, plan
from scissorsd.core.settling import Sighting
from scissorsd.records import lock, status_file
from scissorsd.records.journal import Journal
from scissorsd.records.state_folders import StateFolder
from scissorsd.records.status_file import (
    DaemonStatus,
    HostStatus,
    HubStatus,
    InboxStatus,
    ProviderStatus,
    Refusal,
)


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    """Return a state folder with one inbox, of which a picture has failed and one is held."""
    inbox, outbox, folder = (tmp_path / name for name in ("inbox", "outbox", "state"))
    for made in (inbox, outbox, folder):
        made.mkdir()
    values = {"path": str(inbox), "outbox": str(outbox), "rules": [{"name": "all"}]}
    config = from_values({"state": str(folder), "inboxes": {"shop": values}}, base=tmp_path).config
    journal = Journal(folder)
    rule = Rule("all", outputs=(Output(),))
    for name in ("bad.jpg", "half.jpg"):
        source = Sighting(name, size=1, mtime_ns=1, inode=1, device=1)
        job = plan(inbox, outbox, source, rule, inbox_name="shop", date="", taken=lambda _: False)
        begun = journal.begin(job)
        assert begun is not None
        if name == "bad.jpg":
            journal.fail(begun, "it is no picture\nExport it again.", [])
        else:
            journal.hold(begun, "it is short")
    journal.close()
    return StateFolder(folder, config)


def write_status(state: StateFolder, hub: HubStatus | None = None) -> None:
    """Write the status file of a daemon that has all there is to tell."""
    (inbox,) = state.config.inboxes
    numbers = {"settling": 1, "ready": 2, "working": 3, "held": 1}
    texts = dict.fromkeys(("why", "away", "trouble", "silent", "held_why", "paused", "unseen"), "")
    names = {"name": "shop", "path": str(inbox.path), "outbox": str(inbox.outbox), "mode": "events"}
    shop = InboxStatus(**names, **texts, **numbers)  # type: ignore[arg-type] # of two types
    daemon = DaemonStatus(
        pid=1,
        version="1",
        config="",
        beat=monotonic(),
        started_at=1.0,
        stopping=False,
        seconds_left=90.0,
        providers=(ProviderStatus("u2net", "cpu", "full", ("cuda",), {"cuda": "none here"}),),
        inboxes=(shop,),
        refusal=Refusal(1.0, ("scissorsd.yaml:4:1: unknown key",)),
        hub=hub,
    )
    status_file.write(state.folder, daemon)


def test_keys_for_programs(state: StateFolder) -> None:
    """`status --json` has these keys in this order; programs may go by them."""
    write_status(state)
    with lock.lock(state.folder):
        told = json.loads(status.as_json(status.overview(state), []))
    assert " ".join(told) == (
        "running healthy troubles pid version daemon_version state config started_at "
        "seconds_left silent_s providers refused mistakes page hub inboxes jobs"
    )
    assert (told["version"], told["daemon_version"]) == (__version__, "1")
    (shop,) = told["inboxes"]
    assert " ".join(shop) == (
        "name path outbox watch why away trouble settling settled working held held_why "
        "held_kinds unseen done failed verdicts review advice"
    )
    assert shop["held_kinds"] == [{"why": "it is short", "count": 1, "first": ["half.jpg"]}]
    assert " ".join(told["providers"][0]) == "model provider precision asked refused"
    assert list(told["refused"]) == ["at", "problems"]
    (job,) = told["jobs"]
    assert " ".join(job) == (
        "id inbox path size mtime_ns state attempts rule outbox verdict reason set_aside "
        "provider published kinds moved_to begun_at ended_at wish judged lies_at judged_at "
        "in_review swept numbers model source"
    )
    assert (job["source"], job["state"]) == (f"{state.config.inboxes[0].path}/bad.jpg", "failed")


def test_several_for_programs(state: StateFolder) -> None:
    """Where none is chosen, all that are known are told under one key."""
    told = json.loads(status.as_json(None, [status.overview(state)]))
    assert list(told) == ["states"]
    assert [(one["running"], one["pid"]) for one in told["states"]] == [(False, None)]


def test_of_a_daemon_of_another_version(
    state: StateFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    """The version is told: the daemon's, and that of the command where it is another."""
    status_table.show(status.overview(state), [])
    assert f"; scissorsd {__version__}" in " ".join(capsys.readouterr().out.split())
    write_status(state)
    with lock.lock(state.folder):
        status_table.show(status.overview(state), [])
    said = " ".join(capsys.readouterr().out.split())
    assert "as process 1; scissorsd 1" in said
    assert f"this command is scissorsd {__version__}: a restart brings the daemon to it" in said


def test_of_a_picture_that_was_asked_for_again(
    state: StateFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    """A job that is to be taken again has no reason, and is shown all the same."""
    journal = Journal(state.folder)
    journal.ask_again(journal.entries.failures()[0].id)
    journal.close()
    status_table.show(status.overview(state), [])
    assert capsys.readouterr().out.splitlines()[-1].endswith("/inbox/bad.jpg")


def test_of_a_daemon_that_has_just_started(
    state: StateFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    """A daemon that runs and has written no status file yet is told of as running."""
    with lock.lock(state.folder):
        status_table.show(status.overview(state), [])
    said = " ".join(capsys.readouterr().out.split())  # a long path wraps the line
    assert said.startswith(f"running (state folder {state.folder})")
    assert "the daemon has not said yet how it stands" in said


def test_a_gpu_that_nobody_has_is_not_told_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`status` names a GPU that is not used where one is named, required or should be here."""

    def told(*asked: str, provider: str = "cpu", expects: bool = False) -> bool:
        monkeypatch.setattr(status_table, "expects_gpu", lambda: expects)
        model = ProviderStatus("u2net", provider, "full", asked, {"cuda": "there is no driver"})
        return list(status_table._worth_telling(model)) == [("cuda", "there is no driver")]

    auto = ("cuda", "cpu", "openvino")
    assert not told(*auto)
    assert told(*auto, expects=True)
    assert told(*auto, provider="")
    assert told("cuda", "cpu")


def test_hosts_in_vain(state: StateFolder, capsys: pytest.CaptureFixture[str]) -> None:
    """A hub that is away, or no host while this machine only watches, is a trouble with a row."""
    gone = HostStatus(
        "gpu-1", "0.1", ("paths",), 4, 0, {"u2net": "cuda"}, 12.0, 60.0, "", live=False
    )
    hub = HubStatus("amqps://nas", "", time.time() - 60, 3, 2, 0, (gone,))
    write_status(state, hub=hub)
    with lock.lock(state.folder):
        assert status_file.troubles(state.folder)[-1].endswith("only watches (`here: 0`)")
        status_table.show(status.overview(state), [])
        said = " ".join(capsys.readouterr().out.split())
        assert "3 orders out, 2 answers refused" in said
        assert "u2net on cuda" in said
        assert "gpu-1: it has been silent for 60 s" in said
        write_status(state, hub=replace(hub, away="no route"))
        assert "has been away for 60 s: no route" in status_file.troubles(state.folder)[-1]
        write_status(state, hub=replace(hub, hosts=(replace(gone, live=True),)))
        assert not [one for one in status_file.troubles(state.folder) if "here: 0" in one]
