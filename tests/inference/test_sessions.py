import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnxruntime
import pytest
from fakes import Fake, Seam, events
from families import one_of_each_kind
from numpy.typing import NDArray
from onnxruntime.capi.onnxruntime_pybind11_state import RuntimeException
from structlog.testing import capture_logs

from scissorsd import machine
from scissorsd.core.catalogue import CATALOGUE, Model
from scissorsd.errors import HoldError, SessionError, WeightsError
from scissorsd.inference import onnx_runtime
from scissorsd.inference.model_state import LONGEST_BACK_OFF_S
from scissorsd.inference.onnx_runtime import RefusedError
from scissorsd.inference.providers import PROVIDERS, ProviderName, probe, warm_up
from scissorsd.inference.sessions import Sessions

Raw = NDArray[np.float32]

INPUT = np.random.default_rng(7).normal(size=(1, 3, 320, 320)).astype(np.float32)


@pytest.fixture(scope="module")
def plain_map(u2netp: Path) -> Raw:
    """Return what ONNX Runtime makes of INPUT when it is asked in the plainest way."""
    session = onnxruntime.InferenceSession(str(u2netp), providers=["CPUExecutionProvider"])
    raw: Raw = session.run(None, {session.get_inputs()[0].name: INPUT})[0][0, 0]
    return raw


@cache
def able(network: Path) -> set[ProviderName]:
    """Name the providers that work on this machine."""
    probes = probe(CATALOGUE["u2netp"], network)
    return {found.provider for found in probes if found.works}


@pytest.mark.full
@pytest.mark.parametrize("provider", ["cpu", "openvino"])
def test_full_precision_is_the_plain_network(
    provider: ProviderName, models_folder: Path, u2netp: Path, plain_map: Raw
) -> None:
    """In full precision every provider gives the map of a plain CPU session."""
    if provider not in able(u2netp):
        pytest.skip("openvino is for x86-64 only")
    with capture_logs() as logs:
        sessions = Sessions(
            models=CATALOGUE, folder=models_folder, providers=[provider], precision="full"
        )
        opening = sessions.open("u2netp")
        raw, ran, _ = sessions.run("u2netp", INPUT)
    assert (opening.provider, opening.precision, ran) == (provider, "full", provider)
    assert raw.shape == (320, 320)
    assert raw.dtype == np.float32
    assert np.abs(raw - plain_map).max() < 1e-3
    assert np.abs(raw - plain_map).mean() < 1e-5
    (opened,) = events(logs, "session.opened")
    assert {"model", "provider", "precision", "seconds", "threads"} <= opened.keys()
    assert events(logs, "session.fell_back") == []


def test_auto_names_why_not(models_folder: Path) -> None:
    """Under auto what runs is known, and each better provider's reason is told in words."""
    with capture_logs() as logs:
        sessions = Sessions(models=CATALOGUE, folder=models_folder)
        opening = sessions.open("u2netp")
        _, ran, _ = sessions.run("u2netp", INPUT)
    assert opening.asked == ("cuda", "openvino", "cpu")
    assert sessions.providers_in_use() == {"u2netp": opening}
    assert ran == opening.provider
    better = opening.asked[: opening.asked.index(opening.provider)]
    assert tuple(name for name, _ in opening.refused) == better
    fallen = [(line["asked"], line["reason"]) for line in events(logs, "session.fell_back")]
    assert tuple(fallen) == opening.refused
    for _, reason in opening.refused:
        assert reason
        assert "ONNXRuntimeError" not in reason
    sessions.close()
    assert sessions.providers_in_use() == {}


@pytest.mark.parametrize(
    ("devices", "providers", "level"),
    [
        (None, "auto", "info"),
        ("void", "auto", "info"),
        ("all", "auto", "warning"),
        (None, ["cuda", "cpu"], "warning"),
    ],
)
def test_a_gpu_that_was_to_work_is_missed(
    devices: str | None,
    providers: Any,  # noqa: ANN401 - "auto", or a list
    level: str,
    models_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Falling back from a GPU is a warning where one was named or its container was started."""
    monkeypatch.setattr(machine, "NVIDIA_DRIVER", Path("/nowhere"))
    monkeypatch.delenv("NVIDIA_VISIBLE_DEVICES", raising=False)
    if devices is not None:
        monkeypatch.setenv("NVIDIA_VISIBLE_DEVICES", devices)
    seam = Seam()
    seam.refusals["cuda"] = RefusedError("there is no NVIDIA driver here")
    with capture_logs() as logs:
        seam.sessions(models_folder, providers=providers).open("u2netp")
    (fallen,) = events(logs, "session.fell_back")
    assert fallen["log_level"] == level


def test_opened_once(models_folder: Path) -> None:
    """Many threads that want one model at the same time load it once."""
    seam = Seam()
    sessions = seam.sessions(models_folder)
    threads = [threading.Thread(target=sessions.open, args=("u2netp",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seam.opened == ["cuda"]


def test_a_required_gpu_refuses_to_start(models_folder: Path) -> None:
    """With require_gpu nothing but a GPU is tried, and its reason is in the error."""
    seam = Seam()
    seam.refusals["cuda"] = RefusedError("there is no NVIDIA driver here")
    sessions = seam.sessions(models_folder, require_gpu=True)
    with pytest.raises(SessionError, match="there is no NVIDIA driver here"):
        sessions.open("u2netp")
    assert seam.opened == ["cuda"]
    with pytest.raises(SessionError, match="names none"):
        Sessions(models=CATALOGUE, folder=models_folder, providers=["cpu"], require_gpu=True)


def test_a_required_gpu_holds_when_it_fails(models_folder: Path) -> None:
    """A required GPU that fails in a run holds the picture, and serves again after the pause."""
    seam = Seam()
    seam.troubles["cuda"] = [RuntimeError("CUDA failure 2: out of memory")]
    sessions = seam.sessions(models_folder, require_gpu=True)
    with pytest.raises(HoldError, match="the GPU cannot be used now: cuda: the memory is full"):
        sessions.run("u2netp", INPUT)
    assert sessions.providers_in_use()["u2netp"].provider == ""
    with pytest.raises(HoldError):
        sessions.run("u2netp", INPUT)
    seam.now += 60
    assert sessions.run("u2netp", INPUT)[1] == "cuda"
    assert set(seam.opened) == {"cuda"}


def test_a_failed_run_falls_back_and_comes_back(models_folder: Path) -> None:
    """A provider that fails costs a retry, not the picture, and is tried again ever later."""
    seam = Seam()
    seam.troubles["cuda"] = [RuntimeError("unspecified launch failure")]
    sessions = seam.sessions(models_folder)
    with capture_logs() as logs:
        assert sessions.run("u2netp", INPUT)[1] == "openvino"
    (fallen,) = events(logs, "session.fell_back")
    assert (fallen["asked"], fallen["provider"]) == ("cuda", "openvino")
    assert fallen["reason"] == "unspecified launch failure"
    assert sessions.open("u2netp").refused == (("cuda", "unspecified launch failure"),)

    seam.now += 59
    assert sessions.run("u2netp", INPUT)[1] == "openvino"
    seam.troubles["cuda"].append(RuntimeError("again"))
    seam.now += 1
    assert sessions.run("u2netp", INPUT)[1] == "openvino"
    seam.now += 119
    assert sessions.run("u2netp", INPUT)[1] == "openvino"
    seam.now += 1
    assert sessions.run("u2netp", INPUT)[1] == "cuda"
    assert sessions.open("u2netp").refused == ()
    assert seam.opened == ["cuda", "openvino", "cuda", "openvino", "cuda"]


# What onnxruntime 1.31 says when a GPU's memory is taken: its arena, CUDA, cuBLAS and cuDNN.
_CALL = (
    "/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_call.cc:154 "
    "std::conditional_t<THRW, void, onnxruntime::common::Status> onnxruntime::CudaCall(ERRTYPE, "
    "const char*, const char*, SUCCTYPE, const char*, const char*, int) [with ERRTYPE = cudaError; "
    "bool THRW = true; std::conditional_t<THRW, void, common::Status> = void] "
)
_NODE = (
    "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Non-zero status code returned while running Conv "
    "node. Name:'Conv_12' Status Message: /onnxruntime_src/onnxruntime/core/framework/bfc_arena.cc"
    ":360 void* onnxruntime::BFCArena::AllocateRawInternal(size_t, bool, onnxruntime::Stream*) "
)
_ARENA = "Failed to allocate memory for requested buffer of size 104857600"
_CUDA = "CUDA failure 2: out of memory"
_CUBLAS = "CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED"
_CUDNN = "CUDNN failure 5003: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"
_WHERE = " ; GPU=0 ; hostname=studio ; file=/onnxruntime_src/x.cc ; line=175 ; expr=f(&x);"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (_NODE + _ARENA, _ARENA),
        ("[ONNXRuntimeError] : 1 : FAIL : " + _CALL + _CUDA + _WHERE, _CUDA),
        (_CALL + _CUBLAS + _WHERE, _CUBLAS),
        (_CALL + _CUDNN + _WHERE, _CUDNN),
    ],
)
@pytest.mark.parametrize("when", ["opening", "running"])
def test_a_gpu_whose_memory_is_taken(
    models_folder: Path, said: str, reason: str, when: str
) -> None:
    """A full GPU costs a retry on the next provider, is told in words, and tried again later."""
    error = RuntimeException(said)
    seam = Seam()
    if when == "running":
        seam.troubles["cuda"] = [error]
    else:
        with pytest.raises(RefusedError) as refusal:
            warm_up(Fake("cuda", [error]), CATALOGUE["u2netp"])
        seam.refusals["cuda"] = refusal.value
    sessions = seam.sessions(models_folder, providers=["cuda", "cpu"])
    with capture_logs() as logs:
        assert sessions.run("u2netp", INPUT)[1] == "cpu"
    (fallen,) = events(logs, "session.fell_back")
    assert fallen["reason"] == f"the memory is full ({reason})"
    assert sessions.open("u2netp").refused == (("cuda", fallen["reason"]),)
    seam.refusals.clear()
    seam.now += 60
    assert sessions.run("u2netp", INPUT)[1] == "cuda"
    assert sessions.open("u2netp").refused == ()


def test_the_pause_has_an_end(models_folder: Path) -> None:
    """However often it failed, a provider is tried at least once an hour."""
    seam = Seam()
    seam.troubles["cuda"] = [RuntimeError("no")]
    sessions = seam.sessions(models_folder, providers=["cuda"])
    sessions.run("u2netp", INPUT)
    seam.refusals["cuda"] = RefusedError("still not", passing=True)
    for _ in range(10):
        seam.now += LONGEST_BACK_OFF_S
        before = len(seam.opened)
        assert sessions.run("u2netp", INPUT)[1] == "cpu"
        assert seam.opened[before:] == ["cuda"]
    assert sessions.open("u2netp").refused == (("cuda", "still not"),)


def test_a_passing_refusal_is_tried_again(models_folder: Path) -> None:
    """A GPU that was full when the model was opened is tried later; a missing one is not."""
    seam = Seam()
    seam.refusals["cuda"] = RefusedError("the memory is full", passing=True)
    seam.refusals["openvino"] = RefusedError("it is not installed")
    sessions = seam.sessions(models_folder)
    assert sessions.run("u2netp", INPUT)[1] == "cpu"
    seam.refusals.clear()
    seam.now += 60
    assert sessions.run("u2netp", INPUT)[1] == "cuda"
    assert seam.opened == ["cuda", "openvino", "cpu", "cuda"]


def test_nonsense_is_a_failure(models_folder: Path) -> None:
    """A map of NaN is not handed on: the next provider computes it; the last one's is an error."""
    nonsense = np.full((320, 320), np.nan, np.float32)
    seam = Seam()
    seam.troubles["cuda"] = [nonsense]
    sessions = seam.sessions(models_folder, providers=["cuda", "cpu"])
    assert sessions.run("u2netp", INPUT)[1] == "cpu"
    seam.troubles["cpu"].append(nonsense)
    with pytest.raises(SessionError, match="holds no numbers"):
        sessions.run("u2netp", INPUT)
    assert sessions.run("u2netp", INPUT)[1] == "cpu"


def test_no_memory_holds_the_picture(models_folder: Path) -> None:
    """The last resort out of memory is something that passes."""
    seam = Seam()
    seam.troubles["cpu"] = [MemoryError("std::bad_alloc")]
    sessions = seam.sessions(models_folder, providers=["cpu"])
    with pytest.raises(HoldError, match="not enough memory"):
        sessions.run("u2netp", INPUT)


def test_threads_meet_one_failure(models_folder: Path) -> None:
    """Of many threads that meet a failing session, one replaces it and all get their maps."""
    seam = Seam()
    seam.troubles["cuda"] = [RuntimeError("lost") for _ in range(8)]
    sessions = seam.sessions(models_folder)
    sessions.open("u2netp")
    ran: list[str] = []
    threads = [
        threading.Thread(target=lambda: ran.append(sessions.run("u2netp", INPUT)[1]))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ran == ["openvino"] * 8
    assert seam.opened == ["cuda", "openvino"]


@pytest.mark.parametrize(
    ("precision", "harmless", "fast"),
    [("full", True, False), ("fast", False, True), ("auto", True, True), ("auto", False, False)],
)
def test_precision(
    precision: Literal["auto", "full", "fast"],
    harmless: bool,  # noqa: FBT001 - parameters of the test
    fast: bool,  # noqa: FBT001
    models_folder: Path,
) -> None:
    """`auto` is fast only for models whose row says that it was measured harmless."""
    seam = Seam()
    row = CATALOGUE["u2netp"]
    model = Model("own", row.file, row.sha256, fast_is_harmless=harmless)
    sessions = Sessions(
        models={"own": model},
        folder=models_folder,
        precision=precision,
        opener=seam.open,
    )
    sessions.open("own")
    assert seam.fast == [fast]


def test_unknown_names(models_folder: Path) -> None:
    """An unknown model or provider is named, and the known ones with it."""
    with pytest.raises(SessionError, match="no model named 'u3net'"):
        Sessions(models=CATALOGUE, folder=models_folder).open("u3net")
    with pytest.raises(SessionError, match="no provider named 'tpu'"):
        Sessions(models=CATALOGUE, folder=models_folder, providers=["tpu"])
    with pytest.raises(ValueError, match="takes 1 × 3 × 320 × 320"):
        Sessions(models=CATALOGUE, folder=models_folder).run("u2netp", INPUT[:, :, 1:])


def test_weights_that_are_not_there(tmp_path: Path) -> None:
    """A model without its file is a weights error, and is looked for anew the next time."""
    model = Model("own", str(tmp_path / "own.onnx"), None)
    sessions = Sessions(models={"own": model}, folder=tmp_path)
    for _ in range(2):
        with pytest.raises(WeightsError):
            sessions.open("own")


def test_a_network_that_is_broken_is_not_read_at_every_picture(
    tmp_path: Path, u2netp: Path
) -> None:
    """What could not be loaded is not tried for a minute, unless another file is there by then."""
    seam = Seam()
    seam.refusals = {"cpu": RefusedError("it is broken")}
    path = tmp_path / "own.onnx"
    sessions = Sessions(
        models={"own": Model("own", str(path), None)},
        folder=tmp_path,
        providers=["cpu"],
        opener=seam.open,
        clock=lambda: seam.now,
    )
    with pytest.raises(WeightsError):
        sessions.open("own")
    path.symlink_to(u2netp)
    for _ in range(3):
        with pytest.raises(SessionError, match="it is broken"):
            sessions.run("own", INPUT)
    assert seam.opened == ["cpu"]
    seam.now += 61
    del seam.refusals["cpu"]
    assert sessions.run("own", INPUT)[1] == "cpu"
    assert seam.opened == ["cpu", "cpu"]


@pytest.mark.full
def test_a_file_that_is_no_network(
    u2netp: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A user's file that is no ONNX network is refused in the same words by every provider."""
    (tmp_path / "own.onnx").write_bytes(b"not a network at all")
    model = Model("own", str(tmp_path / "own.onnx"), None)
    with pytest.raises(SessionError) as caught:
        Sessions(models={"own": model}, folder=tmp_path).open("own")
    for provider in able(u2netp):
        assert f"  {provider}: it is not an ONNX network" in str(caught.value)
    assert "onnx" not in capfd.readouterr().err.replace("own.onnx", "")


@pytest.mark.parametrize("provider", ["cpu", "openvino"])
def test_a_network_of_another_size(provider: ProviderName, u2netp: Path, tmp_path: Path) -> None:
    """A custom model whose row tells another input size than its file is refused with both."""
    model = Model("own", str(u2netp), None, input_size=1024)
    with pytest.raises(SessionError, match=r"takes 1 × 3 × 320 × 320 .* 1 × 3 × 1024 × 1024"):
        Sessions(models={"own": model}, folder=tmp_path, providers=[provider]).open("own")


@pytest.mark.full
@pytest.mark.parametrize("provider", one_of_each_kind(["cpu", "openvino"], kept=["openvino"]))
def test_many_threads_share_a_session(
    provider: ProviderName, models_folder: Path, u2netp: Path
) -> None:
    """Threads that run one session at the same time each get the map of their own input."""
    if provider not in able(u2netp):
        pytest.skip("openvino is for x86-64 only")
    sessions = Sessions(
        models=CATALOGUE, folder=models_folder, providers=[provider], precision="full"
    )
    inputs = [INPUT * share for share in (0.25, 0.5, 0.75, 1)]
    alone = [sessions.run("u2netp", each)[0] for each in inputs]
    with ThreadPoolExecutor(len(inputs)) as pool:
        together = list(pool.map(lambda each: sessions.run("u2netp", each)[0], inputs * 3))
    for number, raw in enumerate(together):
        assert np.abs(raw - alone[number % len(inputs)]).max() < 1e-6


def test_probe_tries_each_provider(u2netp: Path) -> None:
    """The doctor's probe runs an inference on every provider, or tells the reason why not."""
    found = {probed.provider: probed for probed in probe(CATALOGUE["u2netp"], u2netp)}
    assert tuple(found) == PROVIDERS
    assert found["cpu"].works
    for probed in found.values():
        assert probed.detail
        assert (probed.seconds is not None) == probed.works


@pytest.mark.full
def test_nothing_on_standard_error(models_folder: Path) -> None:
    """In a fresh process all providers are used with no byte on stderr or stdout, no telemetry."""
    script = (
        "import sys, logging, structlog, pathlib, numpy as np; "
        "structlog.configure("
        "wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL)); "
        "from scissorsd.core.catalogue import CATALOGUE; "
        "from scissorsd.inference.sessions import Sessions, probe; "
        "folder = pathlib.Path(sys.argv[1]); "
        "sessions = Sessions(models=CATALOGUE, folder=folder); "
        "sessions.run('u2netp', np.zeros((1, 3, 320, 320), np.float32)); "
        "assert len([*probe(CATALOGUE['u2netp'], folder / 'u2netp.onnx')]) == 3; "
        "assert not [name for name in sys.modules if name.startswith('openvino_telemetry')]"
    )
    command = [sys.executable, "-W", "error", "-c", script, str(models_folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_only_the_noise_is_held_back(capfd: pytest.CaptureFixture[str]) -> None:
    """What others write to the standard error while onnxruntime is imported comes through."""
    with onnx_runtime._held_back():
        os.write(
            2, b"\x1b[0;93m2026-01-01 [W:onnxruntime:Default, device_discovery.cc:1] x\x1b[m\n"
        )
        os.write(2, b"another thread's line\n")
        os.write(2, b"\x1b[m\n")
    os.write(2, b"afterwards\n")
    assert capfd.readouterr().err == "another thread's line\nafterwards\n"


def test_plain_words() -> None:
    """What onnxruntime and OpenVINO throw is led by words for a person, its prefix gone."""
    error = RuntimeError("[ONNXRuntimeError] : 1 : FAIL : CUDA failure 100: no CUDA-capable …")
    assert onnx_runtime.in_plain_words(error).startswith(
        "no NVIDIA GPU is visible here (CUDA failure 100"
    )
    assert onnx_runtime.in_plain_words(ValueError()) == "ValueError"
    error = RuntimeError(
        "Exception from src/inference/src/cpp/core.cpp:117:\nException from src/x/plugin.cpp:54:\n"
        "Check 'a == b' failed at src/x/y.cpp:669:\nThe input tensor size is not equal.\n\n"
    )
    assert onnx_runtime.in_plain_words(error) == "The input tensor size is not equal"


@pytest.mark.parametrize(
    ("membership", "files", "quota"),
    [
        ("0::/", {"cpu.max": "100000 100000"}, 1),
        ("0::/a/b", {"cpu.max": "max 100000", "a/cpu.max": "50000 100000"}, 1),
        ("0::/gone/from/here", {"cpu.max": "100000 100000"}, 1),
        ("0::/", {"cpu.max": "max 100000"}, None),
        (
            "4:cpu,cpuacct:/x",
            {
                "cpu,cpuacct/x/cpu.cfs_quota_us": "90000",
                "cpu,cpuacct/x/cpu.cfs_period_us": "100000",
            },
            1,
        ),
        ("4:cpu:/", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
        ("3:cpuset:/\n0::/", {}, None),
    ],
)
def test_usable_cpus(
    membership: str, files: dict[str, str], quota: int | None, tmp_path: Path
) -> None:
    """The CPUs that may be used are those of the affinity, within every cgroup's quota."""
    tree = {f"sys/fs/cgroup/{name}": text for name, text in files.items()}
    for name, text in {"proc/self/cgroup": membership, **tree}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    assert machine.usable_cpus(tmp_path) == (quota or len(os.sched_getaffinity(0)))


@pytest.mark.parametrize(
    ("flags", "has"),
    [("fpu avx512f avx512_bf16", True), ("fpu amx_bf16", True), ("fpu avx512f", False)],
)
def test_bf16(flags: str, has: bool, tmp_path: Path) -> None:  # noqa: FBT001 - a parameter
    """Bfloat16 is used where the CPU's flags name it."""
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nflags\t\t: {flags}\n")
    assert machine.has_bf16(tmp_path / "cpuinfo") is has
    assert machine.has_bf16(tmp_path / "nowhere") is False


def test_a_gpu_that_fails_its_first_inference_is_refused() -> None:
    """A GPU that opens a network and cannot run it is refused, and may come back."""
    full = Fake("cuda", [RuntimeError("CUDA failure 2: out of memory")])
    with pytest.raises(RefusedError, match="the memory is full") as caught:
        warm_up(full, CATALOGUE["u2netp"])
    assert caught.value.passing
    warm_up(full, CATALOGUE["u2netp"])
