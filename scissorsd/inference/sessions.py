"""The loaded networks of one process, each on the best provider that really works."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import structlog

from scissorsd import failpoints
from scissorsd.core.catalogue import Model
from scissorsd.errors import SessionError, WeightsError
from scissorsd.inference import weights
from scissorsd.inference.choosing import Chooser, Int8FailedError
from scissorsd.inference.demands import Demands
from scissorsd.inference.finding_out import FindingOut, Learnt
from scissorsd.inference.knowledge import Knowledge, Questions
from scissorsd.inference.model_state import FIRST_BACK_OFF_S, Failure, ModelState, Opening
from scissorsd.inference.onnx_runtime import Raw, in_plain_words
from scissorsd.inference.provider_order import asked_order
from scissorsd.inference.providers import (
    Opener,
    Probe,
    ProviderName,
    Session,
    open_session,
    probe,
)
from scissorsd.inference.taking_over import take_over
from scissorsd.inference.timings import Speeds
from scissorsd.machine import usable_cpus

__all__ = ["Opening", "Probe", "ProviderName", "Sessions", "probe", "usable_cpus"]


class _NotNumbersError(Exception):
    """A map of infinities or NaN: the provider computes nonsense."""


class Sessions:
    """The sessions of one process, by the model's name; every method may be called by any thread.

    `models` by name; their files lie in `folder` and are fetched there on first need, `progress`
    being told. `providers` are tried in order, `auto` being cuda, openvino, cpu; the CPU is always
    the last resort, but not with `require_gpu`. `precision` is `full` (float32), `fast` (bf16 or
    TF32, where the machine computes it natively, or int8) or `auto`: fast for the models that it
    was measured to leave alone. `threads` None: all CPUs that the process may use. `speeds`
    remember what was found out on this machine: under `auto` which of the CPU's own providers is
    the faster one, and where int8 is right and faster. What is not known yet is found out in the
    background, by a process of its own, and then gone over to; not without `find_out`. Without
    `speeds` there is no int8. `opener` and `clock` (seconds) are for tests.
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
        self._require_gpu = require_gpu
        self._progress = progress
        self._finds_out = find_out
        self._clock = clock
        log = log or structlog.get_logger("scissorsd")
        demands = Demands(precision, threads or usable_cpus())
        auto = providers == "auto" and not require_gpu
        self._knowledge = Knowledge(speeds, demands, self._order, auto=auto, log=log)
        self._finding_out = FindingOut(self._knowledge, demands, folder, log=log)
        self._chooser = Chooser(
            self._knowledge,
            demands,
            named=providers != "auto",
            require_gpu=require_gpu,
            opener=opener,
            clock=clock,
            log=log,
        )
        self._states: dict[str, ModelState] = {}
        self._lock = threading.Lock()

    def open(self, name: str) -> Opening:
        """Load the model, unless it is loaded, and tell what came of it.

        Raises WeightsError when its file cannot be had, SessionError when it is unknown or no
        provider opens it (with `require_gpu`, when no GPU does).
        """
        return self._opened(name).opening

    def run(self, name: str, network_input: Raw) -> tuple[Raw, str, str]:
        """Return the raw map of the subject, and the provider and precision that it comes from.

        `network_input` is 1 × 3 × S × S, S the model's `input_size`; the map has the height and
        width that the network gives. Both are float32.
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
                if state.is_last_resort(session) and not self._require_gpu:
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
        self._finding_out.close()

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
                    self._load(state)
        return state

    def _load(self, state: ModelState) -> None:
        """Load a model; for a while after it could not be, say so at once.

        To fetch its file in vain, or to read a broken one, takes longer than a picture does. A
        file that somebody has put there meanwhile is tried.
        """
        found = weights.find(state.model, self._folder)
        failure = state.failure
        if failure and failure.path == found and self._clock() < failure.until:
            raise failure.error.with_traceback(None)
        try:
            state.path = found or weights.fetch(state.model, self._folder, progress=self._progress)
            self._knowledge.apply(state)
            self._chooser.open_best(state)
        except (WeightsError, SessionError) as error:
            state.failure = Failure(error, found, self._clock() + FIRST_BACK_OFF_S)
            raise
        state.loaded = True
        self._find_out(state)

    def _find_out(self, state: ModelState) -> None:
        """Have what is not known found out in the background, and go over to what is better."""

        def is_in_use() -> bool:
            return self._states.get(state.model.name) is state

        def questions() -> Questions:
            return self._knowledge.unknown(state) if is_in_use() else Questions()

        def then(learnt: Learnt) -> None:
            take_over(state, learnt, self._chooser, is_in_use=is_in_use)

        if self._finds_out:
            self._finding_out.begin(state.model, questions, then)

    def _current(self, state: ModelState) -> Session:
        with state.lock:
            if state.session is None and self._require_gpu:
                raise state.no_gpu_now()
            return state.session or self._chooser.open_best(state)

    def _replace(self, state: ModelState, session: Session, error: Exception) -> None:
        """Let a provider that failed in a run back off, and open the next."""
        with state.lock:
            if state.session is not session:
                return  # another thread met the same and has replaced it
            provider = state.note_failure(error, self._clock())
            if not self._require_gpu:
                self._chooser.open_best(state)
            self._chooser.tell_refused(state, [provider])
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
            self._chooser.open_on(state, provider)
        except Int8FailedError:
            back_off.until = self._clock()  # in its usual way, where that is still better
        except Exception as error:  # noqa: BLE001 - a provider that failed before fails in new ways
            with state.lock:
                back_off.lengthen(self._clock())
                state.refused[provider] = in_plain_words(error)
                state.describe()
                self._chooser.tell_refused(state, [provider])


def _run(session: Session, network_input: Raw) -> Raw:
    failpoints.at(f"infer.{session.provider}")
    raw = session.run(network_input)
    if not np.isfinite(raw).all():
        raise _NotNumbersError("it gave a map that holds no numbers")
    return raw
