"""The loaded networks of one process, each on the best provider that really works."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import structlog

from scissorsd import failpoints
from scissorsd.core.catalogue import Model
from scissorsd.errors import SessionError
from scissorsd.inference import weights
from scissorsd.inference.demands import Demands
from scissorsd.inference.int8 import Int8
from scissorsd.inference.model_state import ModelState, Opening
from scissorsd.inference.onnx_runtime import Raw, RefusedError, in_plain_words
from scissorsd.inference.provider_order import asked_order, by_speed
from scissorsd.inference.providers import (
    GPU_PROVIDERS,
    Opener,
    Probe,
    ProviderName,
    Session,
    described,
    open_session,
    probe,
    timed,
)
from scissorsd.inference.timings import Speeds
from scissorsd.machine import expects_gpu, usable_cpus

__all__ = ["Opening", "Probe", "ProviderName", "Sessions", "probe", "usable_cpus"]

TRIALS = 3  # inferences on each of the CPU's providers, to know which is the faster one


class _NotNumbersError(Exception):
    """A map of infinities or NaN: the provider computes nonsense."""


class _Int8FailedError(Exception):
    """The converted network could not be opened; from now on OpenVINO computes in its usual way."""


class Sessions:
    """The sessions of one process, by the model's name; every method may be called by any thread.

    `models` by name; their files lie in `folder` and are fetched there on first need, `progress`
    being told. `providers` are tried in order, `auto` being cuda, openvino, cpu; the CPU is always
    the last resort, but not with `require_gpu`. `precision` is `full` (float32), `fast` (bf16 or
    TF32, where the machine computes it natively, or int8) or `auto`: fast for the models that it
    was measured to leave alone. `threads` None: all CPUs that the process may use. With `speeds`,
    `auto` decides between the CPU's own providers by a short trial, and int8 is tried in the
    background by a process of its own, each once on a machine; without `find_out` they are used
    only as far as that was done. Without `speeds` there is no int8. `opener` and `clock` (seconds)
    are for tests.
    """

    def __init__(
        self,
        *,
        models: Mapping[str, Model],
        folder: Path,
        providers: Sequence[str] | Literal["auto"] = "auto",
        require_gpu: bool = False,
        precision: Literal["auto", "full", "fast"] = "auto",
        threads: int | None = None,
        progress: weights.Progress | None = None,
        speeds: Speeds | None = None,
        find_out: bool = True,
        opener: Opener = open_session,
        clock: Callable[[], float] = time.monotonic,
        log: Any = None,  # noqa: ANN401 - structlog's loggers have no one type
    ) -> None:
        self._models = models
        self._folder = folder
        self._order = asked_order(providers, require_gpu=require_gpu)
        self._named = providers != "auto"
        self._require_gpu = require_gpu
        self._demands = Demands(precision, threads or usable_cpus())
        self._progress = progress
        self._speeds = speeds if providers == "auto" and not require_gpu else None
        self._finds_out = find_out
        self._opener = opener
        self._clock = clock
        self._log = log or structlog.get_logger("scissorsd")
        self._int8 = Int8(speeds, self._demands, log=self._log) if speeds else None
        self._states: dict[str, ModelState] = {}
        self._lock = threading.Lock()

    def open(self, name: str) -> Opening:
        """Load the model, unless it is loaded, and tell what came of it.

        Raises WeightsError when its file cannot be had, SessionError when it is unknown or no
        provider opens it (with `require_gpu`, when no GPU does).
        """
        return self._opened(name).opening

    def run(self, name: str, network_input: Raw) -> tuple[Raw, str, str]:
        """Return the raw map of the network's first output, and the provider and precision of it.

        `network_input` is 1 × 3 × S × S, the map S × S, both float32, S the model's `input_size`.
        When a provider fails, the next one computes this same input at once, and the one that
        failed is tried again after a growing back-off. Raises as `open` does, and SessionError when
        the last resort fails too, HoldError when a required GPU does, or memory is short.
        """
        state = self._opened(name)
        size = state.model.input_size
        if network_input.shape != (1, 3, size, size) or network_input.dtype != np.float32:
            raise ValueError(
                f"{name} takes 1 × 3 × {size} × {size} float32, not {network_input.shape} "
                f"{network_input.dtype}"
            )
        self._try_again(state)
        while True:
            session = self._current(state)
            try:
                raw = _run(session, network_input)
            except Exception as error:
                if session.provider == state.order[-1] and not self._require_gpu:
                    raise state.last_resort_failed(error) from error
                self._replace(state, session, error)
            else:
                with state.lock:
                    if state.session is session:
                        state.back_offs.pop(session.provider, None)
                return raw, session.provider, session.precision

    def providers_in_use(self) -> dict[str, Opening]:
        """Return what came of each loaded model, by its name."""
        with self._lock:
            states = list(self._states.items())
        return {name: state.opening for name, state in states if state.loaded}

    def close(self) -> None:
        """Let go of every session; one that another thread runs ends with that run."""
        with self._lock:
            self._states.clear()
        if self._int8 is not None:
            self._int8.close()

    def _opened(self, name: str) -> ModelState:
        model = self._models.get(name)
        if model is None:
            known = ", ".join(sorted(self._models))
            raise SessionError(f"There is no model named {name!r}.", f"There are: {known}.")
        with self._lock:
            state = self._states.get(name)
            if state is None or state.model != model:  # a reload may describe it anew
                state = ModelState(model, Opening(name, self._order, "", "", ()), self._order)
                self._states[name] = state
        if not state.loaded:
            with state.lock:
                if not state.loaded:
                    state.path = weights.locate(model, self._folder, progress=self._progress)
                    if not self._are_to_be_timed(model):
                        self._allow_int8(state)
                    state.order = by_speed(self._order, self._speeds_of(state))
                    self._open_best(state)
                    self._try_out(state)
                    state.loaded = True
                    self._find_out_int8(state)
        return state

    def _current(self, state: ModelState) -> Session:
        with state.lock:
            if state.session is None and self._require_gpu:
                raise state.no_gpu_now()
            return state.session or self._open_best(state)

    def _open_best(self, state: ModelState) -> Session:
        """Take the first provider that does not back off and opens; the state's lock is held."""
        refused: list[str] = []
        passed = set(state.back_offs)
        while provider := next((p for p in state.order if p not in passed), None):
            passed.add(provider)
            try:
                session = self._open_on(state, provider)
            except _Int8FailedError:
                passed.remove(provider)  # in its usual way its turn may come later
            except RefusedError as refusal:
                if state.refused.get(provider) != refusal.what:  # the same is told once
                    refused.append(provider)
                state.note_refusal(provider, refusal, self._clock())
            else:
                self._log_refused(state, refused, expected=not self._named)
                return session
        state.back_offs.clear()
        raise state.none_opens(require_gpu=self._require_gpu)

    def _open_on(self, state: ModelState, provider: ProviderName) -> Session:
        """Open a session on this provider, or raise RefusedError or _Int8FailedError."""
        model, threads = state.model, self._demands.threads
        began = time.perf_counter()
        session: Session | None
        if provider == "openvino" and self._int8 and state.int8:
            session = self._int8.opened(model, state.int8)
            if session is None:
                with state.lock:
                    state.without_int8(by_speed(self._order, self._known_speeds(model)))
                raise _Int8FailedError
        else:
            fast = self._demands.fast(model)
            session = self._opener(model, state.path, provider, fast=fast, threads=threads)
        seconds = time.perf_counter() - began
        with state.lock:
            state.refused.pop(provider, None)
            state.session = session
            state.describe()
        self._log.info(
            "session.opened",
            model=model.name,
            provider=session.provider,
            precision=session.precision,
            seconds=round(seconds, 3),
            threads=threads,
            how=described(session),
        )
        return session

    # --- int8 --------------------------------------------------------------------------------

    def _int8_for(self, state: ModelState) -> Int8 | None:
        """Return what knows of int8, where it may be used for this model."""
        may_be = self._int8 and not self._int8.why_not(state.model, state.order)
        return self._int8 if may_be else None

    def _allow_int8(self, state: ModelState) -> None:
        """Let OpenVINO compute in int8, if it was found right and faster here."""
        if int8 := self._int8_for(state):
            state.int8 = int8.proved(state.model)

    def _find_out_int8(self, state: ModelState) -> None:
        int8 = self._int8_for(state) if self._finds_out else None
        if int8 and not state.int8 and state.opening.provider not in GPU_PROVIDERS:
            int8.find_out(state.model, state.path, then=partial(self._take_int8, state))

    def _take_int8(self, state: ModelState) -> None:
        """Go over to int8, which has just been found right and faster."""
        with state.lock:
            self._allow_int8(state)
            state.order = by_speed(self._order, self._speeds_of(state))
            in_use = state.opening.provider
            is_better = in_use in state.order[state.order.index("openvino") :]
        if state.int8 and is_better and "openvino" not in state.back_offs:
            with suppress(_Int8FailedError):  # what is open stays
                self._open_on(state, "openvino")

    # --- by speed ----------------------------------------------------------------------------

    def _try_out(self, state: ModelState) -> None:
        """Time the CPU's providers, unless they were timed before, and keep the fastest open.

        One after the other: two of them loaded at once would be a gigabyte.
        """
        if not self._are_to_be_timed(state.model) or state.opening.provider in GPU_PROVIDERS:
            return
        candidates = [p for p in state.order if p not in GPU_PROVIDERS and p not in state.refused]
        if len(candidates) == 1:
            return
        seconds: dict[str, float] = {}
        for provider in candidates:
            try:
                if state.opening.provider != provider:
                    state.session = None
                    self._open_on(state, provider)
                seconds[provider] = timed(state.require_session(), state.model, times=TRIALS)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is out of the race
                state.refused[provider] = in_plain_words(error)
                self._log_refused(state, [provider], expected=True)
        if self._speeds is not None:
            self._speeds.remember(self._demands.key(state.model), seconds)
        rounded = {name: round(value, 3) for name, value in seconds.items()}
        self._log.info("providers.timed", model=state.model.name, seconds=rounded)
        state.order = by_speed(self._order, seconds)
        state.describe()
        best = next((name for name in state.order if name in seconds), None)
        if state.session is None or state.session.provider != best:
            state.session = None
            self._open_best(state)

    def _are_to_be_timed(self, model: Model) -> bool:
        return self._speeds is not None and self._finds_out and not self._known_speeds(model)

    def _known_speeds(self, model: Model) -> dict[str, float]:
        return self._speeds.known(self._demands.key(model)) if self._speeds is not None else {}

    def _speeds_of(self, state: ModelState) -> dict[str, float]:
        """Return the seconds that were measured here, of OpenVINO in int8 where that is used."""
        seconds = dict(self._known_speeds(state.model))
        if self._int8 and state.int8 and "openvino" in seconds:
            seconds["openvino"] /= self._int8.times_as_fast(state.model)
        return seconds

    def _log_refused(
        self, state: ModelState, refused: Sequence[str], *, expected: bool = False
    ) -> None:
        for provider in refused:
            missed = provider in GPU_PROVIDERS and expects_gpu()
            tell = self._log.info if expected and not missed else self._log.warning
            tell(
                "session.fell_back",
                model=state.model.name,
                asked=provider,
                provider=state.session.provider if state.session else None,
                reason=state.refused[provider],
            )

    def _replace(self, state: ModelState, session: Session, error: Exception) -> None:
        """Let a provider that failed in a run back off, and open the next."""
        with state.lock:
            if state.session is not session:
                return  # another thread met the same and has replaced it
            provider = state.note_failure(error, self._clock())
            if not self._require_gpu:
                self._open_best(state)
            self._log_refused(state, [provider])
            if self._require_gpu:
                raise state.no_gpu_now() from error

    def _try_again(self, state: ModelState) -> None:
        """Open a better provider whose back-off is over; one thread does, the others go on."""
        with state.lock:
            retry = state.start_retry(self._clock())
        if retry is None:
            return
        provider, back_off = retry
        try:
            self._open_on(state, provider)
        except _Int8FailedError:
            back_off.until = self._clock()  # in its usual way, where that is still better
        except Exception as error:  # noqa: BLE001 - a provider that failed before fails in new ways
            with state.lock:
                back_off.lengthen(self._clock())
                state.refused[provider] = in_plain_words(error)
                state.describe()
                self._log_refused(state, [provider])


def _run(session: Session, network_input: Raw) -> Raw:
    failpoints.at(f"infer.{session.provider}")
    raw = session.run(network_input)
    if not np.isfinite(raw).all():
        raise _NotNumbersError("it gave a map that holds no numbers")
    return raw
