import ctypes
import gc
import threading
import weakref
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from scissorsd.core.catalogue import CATALOGUE, Model
from scissorsd.inference import io_binding, providers
from scissorsd.inference.io_binding import Slots, page_locked, plain_memory
from scissorsd.inference.onnx_runtime import Raw

MODEL = CATALOGUE["u2netp"]
SHAPE = (1, 3, 320, 320)
INPUTS = [np.random.default_rng(seed).normal(size=SHAPE).astype(np.float32) for seed in range(8)]

SMALL = (1, 3, 2, 2)


def network(*, height: bytes = b"\x08\x02") -> bytes:
    """Write an ONNX network of one node that gives its input, 1 × 3 × 2 × 2.

    It is so small that thousands of runs take no time. The height may be left open.
    """

    def within(tag: bytes, what: bytes) -> bytes:
        return tag + bytes([len(what)]) + what

    sides = b"".join(
        within(b"\n", side) for side in (b"\x08\x01", b"\x08\x03", height, b"\x08\x02")
    )
    of_floats = within(b"\x12", within(b"\n", b"\x08\x01" + within(b"\x12", sides)))
    node = within(b"\n", b"\n\x01x\x12\x01y" + within(b"\x22", b"Identity"))
    takes, gives = within(b"Z", b"\n\x01x" + of_floats), within(b"b", b"\n\x01y" + of_floats)
    return b"\x08\x08" + within(b":", node + b"\x12\x01g" + takes + gives) + b"B\x02\x10\r"


@pytest.fixture(scope="module")
def copier() -> Any:  # noqa: ANN401 - onnxruntime ships no types
    """Return a session of the network that gives its input."""
    return onnxruntime.InferenceSession(network(), providers=["CPUExecutionProvider"])


def small(number: float) -> Raw:
    """Return an input of the small network."""
    return np.full(SMALL, number, np.float32)


class Counted:
    """Allocates plain buffers, and keeps where they are."""

    def __init__(self) -> None:
        self.buffers: list[weakref.ref[Raw]] = []

    def __call__(self, shape: Sequence[int], /) -> Raw:
        """Allocate one."""
        buffer = plain_memory(shape)
        self.buffers.append(weakref.ref(buffer))
        return buffer

    def left(self) -> int:
        """Count those that are still there."""
        gc.collect()
        return sum(buffer() is not None for buffer in self.buffers)


class Watched:
    """A real session whose runs can be made to meet, and to fail."""

    def __init__(self, loaded: Any) -> None:  # noqa: ANN401 - onnxruntime ships no types
        self._loaded = loaded
        self.meeting: threading.Barrier | None = None
        self.failures: list[Exception] = []
        self.running = 0
        self.most = 0
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as above
        return getattr(self._loaded, name)

    def run_with_iobinding(self, binding: Any) -> None:  # noqa: ANN401 - as above
        """Run, or fail after the run, as what fails in the middle may have written already."""
        with self._lock:
            self.running += 1
            self.most = max(self.most, self.running)
            failure = self.failures.pop() if self.failures else None
        if self.meeting is not None:
            self.meeting.wait(30)
        self._loaded.run_with_iobinding(binding)
        with self._lock:
            self.running -= 1
        if failure is not None:
            raise failure


def bind(loaded: Any, **options: Any) -> Slots:  # noqa: ANN401 - as above
    """Return slots of the small network."""
    return Slots(onnxruntime, loaded, "cpu", shape=SMALL, **{"allocate": plain_memory, **options})


@pytest.mark.full
def test_bit_for_bit_what_a_plain_run_gives(u2netp: Path) -> None:
    """Eight threads that share three slots each get the very map of a plain run of their input."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # eight runs at once would else wait for each other, spinning
    loaded = onnxruntime.InferenceSession(str(u2netp), options, providers=["CPUExecutionProvider"])
    takes, gives = loaded.get_inputs()[0].name, loaded.get_outputs()[0].name
    wanted = [loaded.run([gives], {takes: network_input})[0][0, 0] for network_input in INPUTS]
    allocate = Counted()
    bound = Slots(onnxruntime, loaded, "cpu", shape=SHAPE, allocate=allocate)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(bound.run, INPUTS))
    assert all(map(np.array_equal, found, wanted))
    assert len(allocate.buffers) == 2 * io_binding.IN_FLIGHT


def test_no_run_takes_another_ones_map(copier: Any) -> None:  # noqa: ANN401 - as above
    """In 4,000 runs of 8 threads each gets its own input back, in the same few buffers."""
    allocate = Counted()
    bound = bind(copier, allocate=allocate)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: bound.run(small(n)), range(4000)))
    assert [float(raw[0, 0]) for raw in found] == list(range(4000))
    assert all((raw == raw[0, 0]).all() for raw in found)
    assert len(allocate.buffers) == 2 * io_binding.IN_FLIGHT


def test_a_map_stays_when_its_slot_is_used_again(copier: Any) -> None:  # noqa: ANN401 - as above
    """What a run gave does not change with the next run of the same slot."""
    bound = bind(copier, count=1)
    first = bound.run(small(1))
    bound.run(small(2))
    assert (first == 1).all()


def test_as_many_at_once_as_there_are_slots(copier: Any) -> None:  # noqa: ANN401 - as above
    """Runs overlap, as many as there are slots and never more."""
    watched = Watched(copier)
    watched.meeting = threading.Barrier(3)  # none goes on before three are running
    bound = bind(watched, count=3)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: bound.run(small(n)), range(30)))
    assert watched.most == 3


def test_an_error_leaves_its_slot_as_it_was(copier: Any) -> None:  # noqa: ANN401 - as above
    """After many failures, of the network and of the input, every slot still gives the truth."""
    watched = Watched(copier)
    bound = bind(watched)
    for _ in range(10):
        watched.failures.append(RuntimeError("lost"))
        with pytest.raises(RuntimeError, match="lost"):
            bound.run(small(9))
        with pytest.raises(ValueError, match="broadcast"):
            bound.run(np.zeros((1, 3, 5, 5), np.float32))
    watched.meeting = threading.Barrier(io_binding.IN_FLIGHT)
    with ThreadPoolExecutor(io_binding.IN_FLIGHT) as pool:
        found = list(pool.map(lambda n: bound.run(small(n)), range(io_binding.IN_FLIGHT)))
    assert [float(raw[0, 0]) for raw in found] == list(range(io_binding.IN_FLIGHT))


def test_nothing_is_left_behind(copier: Any) -> None:  # noqa: ANN401 - as above
    """The buffers go when the slots do, also when a run failed in them."""
    watched, allocate = Watched(copier), Counted()
    bound = bind(watched, allocate=allocate)
    watched.failures.append(RuntimeError("lost"))
    with pytest.raises(RuntimeError, match="lost"):
        bound.run(small(1))
    assert allocate.left() == 2 * io_binding.IN_FLIGHT
    del bound
    assert allocate.left() == 0


# --- warming up ------------------------------------------------------------------------------


@pytest.mark.parametrize(("failing", "left"), [(0, 3), (1, 2), (2, 1), (3, 1), (4, 0)])
def test_slots_without_memory_are_given_up(copier: Any, failing: int, left: int) -> None:  # noqa: ANN401 - as above
    """All slots run at once to warm up; those that fail go, with their buffers, down to one."""
    watched, allocate = Watched(copier), Counted()
    bound = bind(watched, allocate=allocate)
    watched.failures = [RuntimeError("CUDA failure 2: out of memory")] * failing
    assert bound.warm_up(small(1), small(1)[0, 0]) == left
    assert allocate.left() == 2 * left
    if left:
        found = [bound.run(small(n)) for n in range(2 * io_binding.IN_FLIGHT)]
        assert [float(raw[0, 0]) for raw in found] == list(range(2 * io_binding.IN_FLIGHT))


def test_slots_that_give_something_else_are_given_up(copier: Any) -> None:  # noqa: ANN401 - as above
    """A bound run must give what the plain run gave."""
    assert bind(copier).warm_up(small(1), small(1.01)[0, 0]) == 0


# --- page-locked memory ----------------------------------------------------------------------


class Cuda:
    """Stands in for CUDA's runtime: the same functions, on the C library's memory."""

    def __init__(self, *, failure: int = 0) -> None:
        self._libc = ctypes.CDLL(None)
        self._libc.free.argtypes = [ctypes.c_void_p]
        self.failure = failure
        self.held: set[int] = set()
        self.cudaGetErrorString = self._libc.strerror

    def cudaHostAlloc(self, pointer: Any, size: ctypes.c_size_t, flags: int, /) -> int:  # noqa: ANN401, N802 - CUDA's
        """Allocate whole pages."""
        assert flags == 0
        if self.failure:
            return self.failure
        failed: int = self._libc.posix_memalign(pointer, ctypes.c_size_t(4096), size)
        self.held.add(pointer._obj.value)
        return failed

    def cudaFreeHost(self, address: ctypes.c_void_p, /) -> None:  # noqa: N802 - CUDA's
        """Give them back."""
        self.held.remove(address.value or 0)
        self._libc.free(address)


def test_page_locked_buffers_are_used_and_given_back(copier: Any) -> None:  # noqa: ANN401 - as above
    """Each slot works in CUDA's memory, and all of it is given back once, with the slots."""
    cuda = Cuda()
    bound = bind(copier, allocate=page_locked(cuda))
    assert len(cuda.held) == 2 * io_binding.IN_FLIGHT
    found = [bound.run(small(n)) for n in range(2 * io_binding.IN_FLIGHT)]
    assert [float(raw[0, 0]) for raw in found] == list(range(2 * io_binding.IN_FLIGHT))
    del bound
    gc.collect()
    assert cuda.held == set()
    assert (found[-1] == 2 * io_binding.IN_FLIGHT - 1).all()


def test_no_page_locked_memory_is_said_in_cudas_words() -> None:
    """What CUDA answers when it has no memory to lock is an OSError with its words."""
    with pytest.raises(OSError, match="cudaHostAlloc: Cannot allocate memory"):
        page_locked(Cuda(failure=12))(SMALL)


def test_no_runtime() -> None:
    """A CUDA that is not there is an OSError that names its library."""
    with pytest.raises(OSError, match=r"libcudart\.so\.0"):
        io_binding.cuda_runtime("0")


# --- of a provider ---------------------------------------------------------------------------


def opened(path: Path, model: Model, **options: Any) -> Any:  # noqa: ANN401 - onnxruntime ships no types
    """Open a plain session on the CPU, and say that it is another provider's if asked to."""
    session: Any = providers.open_session(model, path, "cpu", fast=False, threads=1)
    for name, value in options.items():
        object.__setattr__(session, name, value)
    return session


@pytest.mark.full
def test_a_bound_session_is_the_plain_one(u2netp: Path) -> None:
    """Bound, a session says where and how it runs, and gives the plain session's map."""
    session = opened(u2netp, MODEL)
    bound = providers.bound(session)
    assert providers.described(bound) == "full, 3 at once, plain buffers"
    assert (bound.provider, bound.precision) == ("cpu", "full")
    assert np.array_equal(bound.run(INPUTS[0]), session.run(INPUTS[0]))


@pytest.mark.full
@pytest.mark.parametrize("trouble", ["raises", "differs", "no size"])
def test_what_cannot_be_bound_runs_plainly(
    u2netp: Path, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where binding fails, or gives something else, the plain session runs."""

    def warm_up(*_: object) -> int:
        if trouble == "raises":
            raise RuntimeError("CUDA failure 2: out of memory")
        return 0

    monkeypatch.setattr(Slots, "warm_up", warm_up)
    if trouble == "no size":
        monkeypatch.setattr(providers, "can_bind", lambda *_: False)
    session = opened(u2netp, MODEL)
    plainly = providers.bound(session)
    told = {"raises": "the memory is full", "differs": "something else", "no size": "unknown"}
    assert told[trouble] in providers.described(plainly)
    assert np.array_equal(plainly.run(INPUTS[0]), session.run(INPUTS[0]))


def test_a_network_of_unknown_size_cannot_be_bound() -> None:
    """A network whose output tells no size has no buffer made for it."""
    options = {"providers": ["CPUExecutionProvider"]}
    unknown = onnxruntime.InferenceSession(network(height=b"\x12\x01h"), **options)
    assert not io_binding.can_bind(unknown)
    assert io_binding.can_bind(onnxruntime.InferenceSession(network(), **options))
