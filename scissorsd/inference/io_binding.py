"""I/O binding: a network runs several pictures at once, in buffers that are bound once.

A GPU fetches and brings page-locked memory by itself, beside its computing; any other memory the
driver copies first, and the run waits for it. ONNX Runtime's Python interface allocates page-locked
memory for providers that are plug-ins only, and its CUDA provider is none, so the CUDA runtime that
it computes with is asked instead: what cudaHostAlloc gives, cudaMemcpyAsync knows by its address.
"""

import ctypes
import errno
import math
import queue
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from scissorsd.inference.onnx_runtime import Raw

Allocate = Callable[[Sequence[int]], Raw]
Read = Callable[[Raw], Raw]  # what is made of an answer; a copy, since its buffer is used again

IN_FLIGHT = 3  # one on its way to the GPU, one being computed, one on its way back
TOLERANCE = 1e-3  # of a map from 0 to 1, between two runs of the same on one GPU


@dataclass(frozen=True, slots=True)
class _Slot:
    """What one run at a time uses."""

    binding: Any
    host_input: Raw
    device_input: Any  # ONNX Runtime's value that is bound as the input
    host_output: Raw


def first_plane(answer: Raw) -> Raw:
    """Copy the map in the first channel of an answer."""
    plane: Raw = answer[0, 0].copy()
    return plane


class Slots:
    """The slots of a loaded network, each with its own input and output; threads may share them.

    `loaded` is a session of `ort`, ONNX Runtime, of which the first input and one output are used;
    `can_bind` tells whether it can be had so. `where` is the side it computes on (cuda or cpu),
    `shape` the input's; `allocate` gives the buffers on this side, all of them now. A run that
    finds no slot free waits for one; one that fails leaves its slot as it was.
    """

    def __init__(
        self,
        ort: ModuleType,
        loaded: Any,  # noqa: ANN401 - onnxruntime ships no types
        where: str,
        *,
        shape: Sequence[int],
        output: int = 0,
        allocate: Allocate,
        count: int = IN_FLIGHT,
    ) -> None:
        self.count = count  # so many runs at once
        self.loaded = loaded
        self._free: queue.SimpleQueue[_Slot] = queue.SimpleQueue()
        for _ in range(count):
            self._free.put(_slot(ort, loaded, where, shape, output, allocate))

    def run(self, network_input: Raw, read: Read = first_plane, /) -> Raw:
        """Return what is read off the answer to a 1 × 3 × S × S input; thread-safe."""
        slot = self._free.get()
        try:
            return self._run_in(slot, network_input, read)
        finally:
            self._free.put(slot)

    def warm_up(self, network_input: Raw, wanted: Raw, read: Read = first_plane, /) -> int:
        """Run in all slots at once; keep those that had the memory and gave what is `wanted`.

        To be called before others know of them. Returns how many are left, which may be none.
        """

        def is_good(slot: _Slot) -> bool:
            try:
                raw = self._run_in(slot, network_input, read)
            except Exception:  # noqa: BLE001 - the network runs: this slot is one too many
                return False
            return np.allclose(raw, wanted, rtol=0, atol=TOLERANCE)

        slots = [self._free.get() for _ in range(self.count)]
        with ThreadPoolExecutor(len(slots)) as pool:
            good = list(pool.map(is_good, slots))
        kept = [slot for slot, is_kept in zip(slots, good, strict=True) if is_kept]
        if not kept and is_good(slots[0]):  # all of them were short of what each had taken
            kept = slots[:1]
        self.count = len(kept)
        for slot in kept:
            self._free.put(slot)
        return self.count

    def _run_in(self, slot: _Slot, network_input: Raw, read: Read) -> Raw:
        np.copyto(slot.host_input, network_input)
        slot.device_input.update_inplace(slot.host_input)
        self.loaded.run_with_iobinding(slot.binding)
        return read(slot.host_output)


def can_bind(loaded: Any, output: int = 0) -> bool:  # noqa: ANN401 - onnxruntime ships no types
    """Tell whether a network gives float32 of one known size, so that a buffer can be made."""
    takes, gives = loaded.get_inputs()[0], loaded.get_outputs()[output]
    floats = takes.type == gives.type == "tensor(float)"
    return floats and all(isinstance(side, int) for side in gives.shape)


def _slot(
    ort: ModuleType,
    loaded: Any,  # noqa: ANN401 - onnxruntime ships no types
    where: str,
    shape: Sequence[int],
    output: int,
    allocate: Allocate,
) -> _Slot:
    """Make a slot.

    An input that is bound from the computer's own memory would be copied when it is bound and never
    again, so what is bound lies in the provider's, and each run copies its input there.
    """
    takes, gives = loaded.get_inputs()[0], loaded.get_outputs()[output]
    device_input = ort.OrtValue.ortvalue_from_shape_and_type(shape, np.float32, where, 0)
    host_output = allocate(gives.shape)
    slot = _Slot(loaded.io_binding(), allocate(shape), device_input, host_output)
    slot.binding.bind_ortvalue_input(takes.name, device_input)
    slot.binding.bind_output(
        gives.name, "cpu", 0, np.float32, host_output.shape, host_output.ctypes.data
    )
    return slot


# --- memory ----------------------------------------------------------------------------------


def plain_memory(shape: Sequence[int]) -> Raw:
    """Allocate a buffer in ordinary (pageable) memory."""
    return np.zeros(shape, np.float32)


def page_locked(runtime: Any) -> Allocate:  # noqa: ANN401 - a library has no type
    """Return what allocates page-locked buffers; they are given back when nothing uses them.

    `runtime` is CUDA's, as `cuda_runtime` loads it. What is returned raises OSError with CUDA's
    words where it has none to give.
    """

    def allocate(shape: Sequence[int]) -> Raw:
        buffer = ctypes.c_float * math.prod(shape)
        address = ctypes.c_void_p()
        size = ctypes.c_size_t(ctypes.sizeof(buffer))
        failed = runtime.cudaHostAlloc(ctypes.byref(address), size, 0)
        if failed or not address.value:
            raise OSError(errno.ENOMEM, f"cudaHostAlloc: {_words(runtime, failed)}")
        memory = buffer.from_address(address.value)
        # at the process's end the system takes it all back, and a run may still be writing
        weakref.finalize(memory, runtime.cudaFreeHost, address).atexit = False
        return np.ctypeslib.as_array(memory).reshape(shape)

    return allocate


def cuda_runtime(major: str) -> Any:  # noqa: ANN401 - a library has no type
    """Load CUDA's runtime of a major version; raises OSError where there is none."""
    return ctypes.CDLL(f"libcudart.so.{major}")


def _words(runtime: Any, failed: int) -> str:  # noqa: ANN401 - a library has no type
    runtime.cudaGetErrorString.restype = ctypes.c_char_p
    said: bytes = runtime.cudaGetErrorString(failed) or b"error %d" % failed
    return said.decode(errors="replace")
