"""Int8: rounded without a shift, kept whole, tried by a process, taken where it is right."""

import os
import threading
import time
from collections.abc import Callable, MutableMapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from structlog.testing import capture_logs

from scissorsd import atomic, cut_out
from scissorsd.api import cutter
from scissorsd.commands import cut
from scissorsd.commands.cut_places import Places
from scissorsd.commands.cut_recipe import recipe_of
from scissorsd.core.catalogue import CATALOGUE
from scissorsd.core.masking import network_input
from scissorsd.inference import finding_out, int8, int8_cache, openvino, openvino_int8, trial
from scissorsd.inference.demands import Demands
from scissorsd.inference.int8_rounding import quantise, round_to_steps
from scissorsd.inference.int8_table import table_of
from scissorsd.inference.sessions import Sessions
from scissorsd.inference.timings import Speeds
from scissorsd.machine import int8_weights_limit

MODEL = CATALOGUE["u2netp"]
INPUT = network_input(next(iter(trial.drawn(320))), None, MODEL)

needs_openvino = pytest.mark.skipif(
    find_spec("openvino") is None, reason="openvino is for x86-64 only"
)


# --- rounding --------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(4, 7, 3, 3), (5, 9, 1, 1), (1, 1, 3, 3), (3, 64, 3, 3)])
def test_sums_are_kept(shape: tuple[int, int, int, int]) -> None:
    """Each kernel's sum stays within a step, each channel's within half; no weight moves far."""
    weights = np.random.default_rng(1).normal(0, 30, shape).astype(np.float32).clip(-120, 120)
    errors = round_to_steps(weights, 127) - weights
    assert np.abs(errors).max() < 2
    assert np.abs(errors.sum(axis=(2, 3))).max() <= 1.5 + 1e-3
    assert np.abs(errors.sum(axis=(1, 2, 3))).max() <= 0.5 + 1e-2


def test_the_largest_weight_is_the_limit() -> None:
    """Each output channel has its own step, by which its largest weight is the largest number."""
    weights = np.array([1.0, -2.0, 0.5, 0.25], np.float32).reshape(2, 2, 1, 1)
    whole, step = quantise(weights, 63)
    assert np.abs(whole).max(axis=(1, 2, 3)).tolist() == [63, 63]
    assert np.abs(whole * step - weights).max() < 0.02


def test_a_channel_of_zeros() -> None:
    """A channel without weights stays one."""
    whole, step = quantise(np.zeros((1, 2, 3, 3), np.float32), 127)
    assert not (whole * step).any()


@pytest.mark.parametrize(
    ("flags", "limit"),
    [("fpu avx avx2", 63), ("fpu avx2 avx_vnni", 127), ("fpu avx512_vnni", 127), ("", 63)],
)
def test_seven_bits_without_the_instruction(tmp_path: Path, flags: str, limit: int) -> None:
    """Where 8 bits would overflow in sums of 16, weights have 7."""
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"flags\t\t: {flags}\n")
    assert int8_weights_limit(cpuinfo) == limit
    assert int8_weights_limit(tmp_path / "none") == 63


# --- tables and files ------------------------------------------------------------------------


def test_a_table_is_for_its_weights_only() -> None:
    """Other weights under the same name have no table, nor have other models."""
    table = table_of(MODEL)
    assert table is not None
    assert {low for low, _ in table.bounds.values() if low} == {table.bounds["input.1"][0]}
    assert table_of(replace(MODEL, sha256="0" * 64)) is None
    assert table_of(CATALOGUE["silueta"]) is None


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """A converted network is read as it was written; of this CPU's it is the only one."""
    table = table_of(MODEL)
    assert table is not None
    old, new = (tmp_path / int8_cache.file_name(MODEL, table, limit) for limit in (63, 127))
    another_cpus = tmp_path / "u2netp-int8-00000000-0123456789abcdef.network"
    for path, network in ((another_cpus, b"its"), (old, b"<net/>"), (new, b"\n<net/>\n")):
        int8_cache.write(path, MODEL, network)
    assert int8_cache.read(new) == b"\n<net/>\n"
    assert sorted(tmp_path.iterdir()) == sorted([another_cpus, new])


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-1], lambda data: data + b"x", lambda _: b""]
)
def test_what_is_damaged_is_not_read(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    """Of a file that is not whole nothing is taken."""
    path = tmp_path / "u2netp-int8-x.network"
    int8_cache.write(path, MODEL, b"<net/>1234")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=r"damaged|Expecting"):
        int8_cache.read(path)


def test_drafts_of_a_killed_trial_go(tmp_path: Path) -> None:
    """What a trial that was killed had begun to write is removed by a later one, once it is old."""
    path = tmp_path / "u2netp-int8-x.network"
    old, new = (atomic.temporary(tmp_path, path.name) for _ in range(2))
    for draft, age in ((old, 7200), (new, 0)):
        draft.write_bytes(b"half")
        os.utime(draft, (time.time() - age,) * 2)
    int8_cache.write(path, MODEL, b"<net/>")
    assert sorted(tmp_path.iterdir()) == sorted([new, path])


# --- the network -----------------------------------------------------------------------------


@needs_openvino
def test_another_network_is_not_converted(u2netp: Path) -> None:
    """A table that names what the network lacks is of another one."""
    table = table_of(MODEL)
    assert table is not None
    other = replace(table, bounds={**table.bounds, "Relu_9999": (0.0, 1.0)})
    with pytest.raises(openvino_int8.TableMismatchError, match="no Relu_9999"):
        openvino_int8.convert(openvino.read(MODEL, u2netp), other, limit=63)


@pytest.mark.full
@needs_openvino
def test_masks_stay_what_they_are(u2netp: Path, tmp_path: Path) -> None:
    """The converted network's masks are float32's, on pictures that its table has not seen."""
    order = trial.Order(
        MODEL,
        str(u2netp.parent),
        providers=(),
        caches=("/proc/nowhere/x", str(tmp_path / "x")),  # the first one that can be written
        fast=False,
        threads=2,
        nicer=0,
        asker=0,
    )
    (found,) = trial.answers(order)
    assert isinstance(found, int8.Findings)
    assert 0 < found.difference < int8.LARGEST_DIFFERENCE
    assert found.times_as_fast > 0


# --- taken over ------------------------------------------------------------------------------


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let int8 be tried from the first second, and be taken however fast it is."""
    monkeypatch.setattr(finding_out, "_AFTER", 0.0)
    monkeypatch.setattr(int8, "LEAST_GAIN", 0.0)
    monkeypatch.setattr(finding_out, "_NICER", 0)  # the other tests have no end


def opened(models: Path, speeds: Path) -> Sessions:
    """Open u2netp on OpenVINO, as fast as may be."""
    sessions = Sessions(
        models=CATALOGUE,
        folder=models,
        providers=("openvino",),
        precision="fast",
        speeds=Speeds((speeds,)),
    )
    sessions.open("u2netp")
    return sessions


def wait_until(wanted: Callable[[], object]) -> None:
    """Ask until it is so."""
    deadline = time.monotonic() + 300
    while not wanted():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.02)


def goes_over(sessions: Sessions) -> None:
    """Wait until it computes in int8."""
    wait_until(lambda: sessions.providers_in_use()["u2netp"].precision == "int8")


def told(logs: list[MutableMapping[str, Any]], event: str) -> list[MutableMapping[str, Any]]:
    """Return the lines of an event."""
    return [line for line in logs if line["event"] == event]


@pytest.mark.full
@needs_openvino
@pytest.mark.usefixtures("at_once")
def test_it_takes_over_and_is_remembered(
    models_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first process starts without int8 and goes over to it; the next one starts with it.

    A file in the working folder that is called as a module of Python's is never run.
    """
    (tmp_path / "json.py").write_text("raise SystemExit('not ours')")
    monkeypatch.chdir(tmp_path)
    with capture_logs() as logs:
        first = opened(models_folder, tmp_path)
        usual, _, precision = first.run("u2netp", INPUT)
        goes_over(first)
        raw, provider, now = first.run("u2netp", INPUT)
        first.close()
        second = opened(models_folder, tmp_path)
        assert second.providers_in_use()["u2netp"].precision == "int8"
        again, _, _ = second.run("u2netp", INPUT)
        second.close()
    assert (provider, now) == ("openvino", "int8")
    assert precision in {"full", "bf16"}
    assert np.abs(raw - usual).mean() < 0.05
    assert np.array_equal(raw, again)
    assert [line["event"] for line in logs if line["event"].startswith("int8.")] == ["int8.tried"]


@pytest.mark.full
@needs_openvino
@pytest.mark.usefixtures("at_once")
def test_a_damaged_file_is_made_anew(models_folder: Path, tmp_path: Path) -> None:
    """A converted network that is damaged costs the time to convert it again, and nothing else."""
    first = opened(models_folder, tmp_path)
    goes_over(first)
    first.close()
    (cache,) = tmp_path.glob("*.network")
    whole = cache.read_bytes()
    cache.write_bytes(whole[: len(whole) // 2])
    with capture_logs() as logs:
        second = opened(models_folder, tmp_path)
        assert second.run("u2netp", INPUT)[2] != "int8"
        goes_over(second)
        second.close()
    assert [line["event"] for line in logs if line["event"].startswith("int8.")] == [
        "int8.failed",
        "int8.tried",
    ]
    assert cache.read_bytes() == whole


def damaged(_: object, order: trial.Order) -> finding_out._Answers:
    """Stand in for a trial after which the network is damaged, as by a disk that is failing."""
    Path(order.caches[0]).write_bytes(b"half a network")
    return finding_out._Answers(int8=int8.Findings(0.001, 9.0))


def with_slow_openvino(models: Path, speeds: Path) -> Sessions:
    """Open u2netp where OpenVINO is slower than the plain CPU provider, but is not in int8."""
    demands = Demands("fast", 1)
    Speeds((speeds,)).remember(demands.key(MODEL), {"openvino": 1.0, "cpu": 0.5})
    sessions = Sessions(
        models=CATALOGUE,
        folder=models,
        precision=demands.precision,
        threads=demands.threads,
        speeds=Speeds((speeds,)),
    )
    sessions.open("u2netp")
    return sessions


@needs_openvino
@pytest.mark.usefixtures("at_once")
def test_what_is_faster_stays_where_int8_fails(
    models_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network that cannot be opened costs the faster provider nothing, now and at the next start.

    What runs is neither replaced by OpenVINO's usual way nor told as if it were behind that.
    """
    monkeypatch.setattr(finding_out.FindingOut, "_said", damaged)
    for start in ("the first start", "the next"):
        with capture_logs() as logs:
            sessions = with_slow_openvino(models_folder, tmp_path)
            wait_until(lambda: "trial" not in [thread.name for thread in threading.enumerate()])
            opening = sessions.providers_in_use()["u2netp"]
            sessions.close()
        assert told(logs, "int8.failed"), start
        assert (opening.provider, opening.precision) == ("cpu", "full"), start
        assert opening.asked.index("cpu") < opening.asked.index("openvino"), start


@pytest.mark.full
@needs_openvino
@pytest.mark.usefixtures("at_once")
def test_masks_that_differ_are_refused(
    models_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where its masks differ int8 is not used, which is said once and remembered."""
    monkeypatch.setattr(int8, "LARGEST_DIFFERENCE", 0.0)
    with capture_logs() as logs:
        first = opened(models_folder, tmp_path)
        wait_until(lambda: told(logs, "int8.tried"))
        assert first.run("u2netp", INPUT)[2] != "int8"
        first.close()
        second = opened(models_folder, tmp_path)
        assert not [thread for thread in threading.enumerate() if thread.name == "trial"]
        second.close()
    assert [line["taken"] for line in told(logs, "int8.tried")] == [False]


@pytest.mark.full
@needs_openvino
@pytest.mark.usefixtures("at_once")
def test_a_trial_that_cannot_be_made(models_folder: Path) -> None:
    """Where nothing can be written all goes on without int8, and the reason is told."""
    with capture_logs() as logs:
        sessions = opened(models_folder, Path("/proc/nowhere"))
        wait_until(lambda: told(logs, "int8.failed"))
        assert sessions.run("u2netp", INPUT)[2] != "int8"
        sessions.close()
    assert "/proc/nowhere" in told(logs, "int8.failed")[0]["reason"]


@needs_openvino
def test_full_precision_means_float32(models_folder: Path, tmp_path: Path) -> None:
    """Under `precision: full`, and `auto` for a model whose masks it changes, nothing is tried."""
    for precision in ("full", "auto"):
        sessions = Sessions(
            models=CATALOGUE,
            folder=models_folder,
            providers=("openvino",),
            precision=precision,
            speeds=Speeds((tmp_path,)),
        )
        sessions.open("u2netp")
        assert not [thread for thread in threading.enumerate() if thread.name == "trial"]
        sessions.close()


@pytest.mark.full
@needs_openvino
@pytest.mark.usefixtures("at_once")
def test_single_pictures_use_what_daemons_proved(
    models_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`cut` and `cut_out` try nothing themselves, and compute in int8 once a daemon proved it."""
    for name in (MODEL.file, f".{MODEL.file}.verified"):
        (tmp_path / name).symlink_to(models_folder / name)
    monkeypatch.setenv("U2NET_HOME", str(tmp_path))
    monkeypatch.setattr(Demands, "fast", lambda *_: True)  # u2netp is not, by `auto`
    picture = tmp_path / "a.png"
    Image.fromarray(next(iter(trial.drawn(64)))).save(picture)
    assert single_pictures(picture) <= {"full", "bf16"}
    assert "trial" not in [thread.name for thread in threading.enumerate()]
    assert not list(tmp_path.glob("speeds.json")) + list(tmp_path.glob("*.network"))
    daemon = opened(tmp_path, tmp_path)
    goes_over(daemon)
    daemon.close()
    assert single_pictures(picture) == {"int8"}


def single_pictures(picture: Path) -> set[str]:
    """Cut a picture out both ways; return the precisions that it was computed in."""
    options = {"rule": None, "config": None, "models": None, "model": "u2netp", "edges": "fine"}
    options["second_opinion"] = ""
    unsaid = dict.fromkeys(("format", "quality", "size", "crop", "margin", "background", "out"))
    recipe = recipe_of({**unsaid, **options, "kinds": ()}, ())
    places = Places(recipe, picture.with_name("out.png"), [picture], overwrite=True)
    with capture_logs() as logs:
        ((_, outcome),) = cut.cut_all(recipe, places, recipe.sessions(lambda *_: None))
    assert isinstance(outcome, cut.Made)
    assert picture.with_name("out.png").is_file()
    (line,) = told(logs, "session.opened")
    cutter._cutters.clear()
    precision = cut_out(picture, "u2netp").precision
    cutter._cutters.clear()
    return {line["precision"], precision}
