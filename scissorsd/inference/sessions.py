"""The loaded networks of one process, each on the best provider that really works."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any, Literal

import numpy as np
import structlog

from scissorsd import failpoints
from scissorsd.core.backoff import backoff
from scissorsd.core.catalogue import Model
from scissorsd.errors import HoldError, SessionError
from scissorsd.inference import weights
from scissorsd.inference.onnx_runtime import FULL, Raw, RefusedError, plain
from scissorsd.inference.providers import (
    GPU_PROVIDERS,
    PROVIDERS,
    Opener,
    Probe,
    ProviderName,
    Session,
    described,
    open_session,
    probe,
    timed,
    versions,
)
from scissorsd.inference.timings import Speeds
from scissorsd.machine import cpu_name, expects_gpu, usable_cpus

__all__ = ["Opening", "Probe", "ProviderName", "Sessions", "probe", "usable_cpus"]

PAUSE_S = 60.0  # before a provider that failed is tried again; doubled each time
LONGEST_PAUSE_S = 3600.0
# Inferences on each of the CPU's providers, to know which is the faster one. Another than `cpu`
# must be this much faster to be preferred: it takes longer to open, and more memory.
TRIALS = 3
HANDICAP = 1.1

_ADVICE = "`scissorsd doctor` shows what each provider comes to and what to do."


@dataclass(frozen=True, slots=True)
class Opening:
    """What was asked of the providers for one model, and what came of it."""

    model: str
    asked: tuple[str, ...]  # in order
    provider: str  # where it truly runs; empty while a required GPU is not to be used
    precision: str  # full (float32), bf16, tf32
    refused: tuple[tuple[str, str], ...]  # provider, reason in plain words


class _NotNumbersError(Exception):
    """A map of infinities or NaN: the provider computes nonsense."""


@dataclass(slots=True)
class _Pause:
    """A provider that failed and may come back; `until` is infinite while it is being tried."""

    until: float
    failures: int = 0  # after the first

    def lengthen(self, now: float) -> None:
        self.failures += 1
        self.until = now + backoff(PAUSE_S, self.failures, LONGEST_PAUSE_S)


@dataclass(slots=True)
class _Seat:
    """One model's place: its session, and which providers are out of favour for now."""

    model: Model
    opening: Opening
    order: tuple[ProviderName, ...]  # as asked, or under auto by what was measured here
    loaded: bool = False
    path: Path = Path()
    session: Session | None = None
    refused: dict[str, str] = field(default_factory=dict)
    pauses: dict[str, _Pause] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)


class Sessions:
    """The sessions of one process, by the model's name; every method may be called by any thread.

    `models` by name; their files lie in `folder` and are fetched there on first need, `progress`
    being told. `providers` are tried in order, `auto` being cuda, openvino, cpu; the CPU is always
    the last resort, but not with `require_gpu`. `precision` is `full` (float32), `fast` (bf16 or
    TF32, where the machine computes it natively) or `auto`: fast for the models that it was
    measured to leave alone. `threads` None: all CPUs that the process may use. With `speeds`,
    `auto` decides between the CPU's own providers by a short trial, made once on each machine.
    `opener` and `clock` (seconds) are for tests.
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
        opener: Opener = open_session,
        clock: Callable[[], float] = time.monotonic,
        log: Any = None,  # noqa: ANN401 - structlog's loggers have no one type
    ) -> None:
        self._models = models
        self._folder = folder
        self._order = _order(providers, require_gpu=require_gpu)
        self._named = providers != "auto"
        self._require_gpu = require_gpu
        self._precision = precision
        self._threads = threads or usable_cpus()
        self._progress = progress
        self._speeds = speeds if providers == "auto" and not require_gpu else None
        self._opener = opener
        self._clock = clock
        self._log = log or structlog.get_logger("scissorsd")
        self._seats: dict[str, _Seat] = {}
        self._lock = threading.Lock()

    def open(self, name: str) -> Opening:
        """Load the model, unless it is loaded, and tell what came of it.

        Raises WeightsError when its file cannot be had, SessionError when it is unknown or no
        provider opens it (with `require_gpu`, when no GPU does).
        """
        return self._opened(name).opening

    def run(self, name: str, network_input: Raw) -> tuple[Raw, str]:
        """Return the raw map of the network's first output, and the provider that computed it.

        `network_input` is 1 × 3 × S × S, the map S × S, both float32, S the model's `input_size`.
        When a provider fails, the next one computes this same input at once, and the one that
        failed is tried again after a growing pause. Raises as `open` does, and SessionError when
        the last resort fails too, HoldError when a required GPU does, or memory is short.
        """
        seat = self._opened(name)
        size = seat.model.input_size
        if network_input.shape != (1, 3, size, size) or network_input.dtype != np.float32:
            raise ValueError(
                f"{name} takes 1 × 3 × {size} × {size} float32, not {network_input.shape} "
                f"{network_input.dtype}"
            )
        self._try_again(seat)
        while True:
            session = self._current(seat)
            try:
                raw = _run(session, network_input)
            except Exception as error:
                if session.provider == seat.order[-1] and not self._require_gpu:
                    raise _last_resort_failed(name, error) from error
                self._replace(seat, session, error)
            else:
                with seat.lock:
                    if seat.session is session:
                        seat.pauses.pop(session.provider, None)
                return raw, session.provider

    def providers_in_use(self) -> dict[str, Opening]:
        """Return what came of each loaded model, by its name."""
        with self._lock:
            seats = list(self._seats.items())
        return {name: seat.opening for name, seat in seats if seat.loaded}

    def close(self) -> None:
        """Let go of every session; one that another thread runs ends with that run."""
        with self._lock:
            self._seats.clear()

    def _opened(self, name: str) -> _Seat:
        model = self._models.get(name)
        if model is None:
            known = ", ".join(sorted(self._models))
            raise SessionError(f"There is no model named {name!r}.", f"There are: {known}.")
        with self._lock:
            seat = self._seats.get(name)
            if seat is None or seat.model != model:  # a reload may describe it anew
                seat = _Seat(model, Opening(name, self._order, "", "", ()), self._order)
                self._seats[name] = seat
        if not seat.loaded:
            with seat.lock:
                if not seat.loaded:
                    seat.path = weights.locate(model, self._folder, progress=self._progress)
                    seat.order = self._by_speed(self._known_speeds(model))
                    self._open_best(seat)
                    self._try_out(seat)
                    seat.loaded = True
        return seat

    def _current(self, seat: _Seat) -> Session:
        with seat.lock:
            if seat.session is None and self._require_gpu:
                raise _no_gpu_now(seat)
            return seat.session or self._open_best(seat)

    def _open_best(self, seat: _Seat) -> Session:
        """Take the first provider that is not paused and opens; the seat's lock is held."""
        refused: list[str] = []
        for provider in seat.order:
            if provider in seat.pauses:
                continue
            try:
                session = self._open_on(seat, provider)
            except RefusedError as refusal:
                if seat.refused.get(provider) != refusal.what:  # the same is told once
                    refused.append(provider)
                self._note(seat, provider, refusal)
            else:
                self._log_refused(seat, refused, expected=not self._named)
                return session
        reasons = "\n".join(f"  {provider}: {why}" for provider, why in seat.refused.items())
        seat.pauses.clear()
        full = [w for p, w in seat.refused.items() if FULL in w and p not in GPU_PROVIDERS]
        if seat.loaded and full and not self._require_gpu:
            raise _short_of_memory(seat.model.name, full[0])
        what = "No GPU opens" if self._require_gpu else "No provider opens"
        raise SessionError(f"{what} the model {seat.model.name}:\n{reasons}", _ADVICE)

    def _open_on(self, seat: _Seat, provider: ProviderName) -> Session:
        """Put a session of this provider into the seat, or raise RefusedError."""
        model = seat.model
        began = time.perf_counter()
        session = self._opener(
            model, seat.path, provider, fast=self._fast(model), threads=self._threads
        )
        seconds = time.perf_counter() - began
        with seat.lock:
            seat.refused.pop(provider, None)
            seat.session = session
            self._describe(seat)
        self._log.info(
            "session.opened",
            model=model.name,
            provider=session.provider,
            precision=session.precision,
            seconds=round(seconds, 3),
            threads=self._threads,
            how=described(session),
        )
        return session

    def _fast(self, model: Model) -> bool:
        return self._precision == "fast" or (self._precision == "auto" and model.fast_is_harmless)

    # --- by speed ----------------------------------------------------------------------------

    def _try_out(self, seat: _Seat) -> None:
        """Time the CPU's providers, unless they were timed before, and keep the fastest open.

        One after the other: two of them loaded at once would be a gigabyte.
        """
        if self._speeds is None or seat.opening.provider in GPU_PROVIDERS:
            return
        rivals = [p for p in seat.order if p not in GPU_PROVIDERS and p not in seat.refused]
        if len(rivals) == 1 or self._known_speeds(seat.model):
            return
        seconds: dict[str, float] = {}
        for provider in rivals:
            try:
                if seat.opening.provider != provider:
                    seat.session = None
                    self._open_on(seat, provider)
                seconds[provider] = timed(_loaded(seat), seat.model, times=TRIALS)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is out of the race
                seat.refused[provider] = _reason(error)
                self._log_refused(seat, [provider], expected=True)
        self._speeds.remember(self._key(seat.model), seconds)
        rounded = {name: round(value, 3) for name, value in seconds.items()}
        self._log.info("providers.timed", model=seat.model.name, seconds=rounded)
        seat.order = self._by_speed(seconds)
        self._describe(seat)
        best = next((name for name in seat.order if name in seconds), None)
        if seat.session is None or seat.session.provider != best:
            seat.session = None
            self._open_best(seat)

    def _known_speeds(self, model: Model) -> dict[str, float]:
        return self._speeds.known(self._key(model)) if self._speeds is not None else {}

    def _key(self, model: Model) -> str:
        """Name all that a speed depends on."""
        precision = "fast" if self._fast(model) else "full"
        network = f"{model.name} {model.sha256 or model.file}, {precision}"
        return f"{network}; {self._threads} threads of {cpu_name()}; {versions()}"

    def _by_speed(self, seconds: Mapping[str, float]) -> tuple[ProviderName, ...]:
        """Put the CPU's providers in the order of their speed; those of a GPU come first."""
        handicap = dict.fromkeys(PROVIDERS[:-1], HANDICAP)

        def place(name: ProviderName) -> tuple[bool, float]:
            return name not in GPU_PROVIDERS, seconds.get(name, inf) * handicap.get(name, 1.0)

        return tuple(sorted(self._order, key=place))

    def _describe(self, seat: _Seat) -> None:
        runs = seat.session
        provider, precision = (runs.provider, runs.precision) if runs else ("", "")
        refused = tuple((name, seat.refused[name]) for name in seat.order if name in seat.refused)
        seat.opening = Opening(seat.model.name, seat.order, provider, precision, refused)

    def _note(self, seat: _Seat, provider: ProviderName, refusal: RefusedError) -> None:
        seat.refused[provider] = refusal.what
        if refusal.passing:
            seat.pauses.setdefault(provider, _Pause(self._clock() + PAUSE_S))

    def _log_refused(self, seat: _Seat, refused: Sequence[str], *, expected: bool = False) -> None:
        for provider in refused:
            missed = provider in GPU_PROVIDERS and expects_gpu()
            tell = self._log.info if expected and not missed else self._log.warning
            tell(
                "session.fell_back",
                model=seat.model.name,
                asked=provider,
                provider=seat.session.provider if seat.session else None,
                reason=seat.refused[provider],
            )

    def _replace(self, seat: _Seat, session: Session, error: Exception) -> None:
        """Set a provider that failed in a run aside, and open the next."""
        with seat.lock:
            if seat.session is not session:
                return  # another thread met the same and has replaced it
            provider, now = session.provider, self._clock()
            seat.session = None
            seat.refused[provider] = plain(error)
            if provider in seat.pauses:
                seat.pauses[provider].lengthen(now)
            else:
                seat.pauses[provider] = _Pause(now + PAUSE_S)
            self._describe(seat)
            if not self._require_gpu:
                self._open_best(seat)
            self._log_refused(seat, [provider])
            if self._require_gpu:
                raise _no_gpu_now(seat) from error

    def _try_again(self, seat: _Seat) -> None:
        """Open a better provider whose pause is over; one thread does, the others go on."""
        with seat.lock:
            better = seat.order
            if seat.session is not None:
                better = better[: better.index(seat.session.provider)]
            now = self._clock()
            due = [
                name for name in better if name in seat.pauses and seat.pauses[name].until <= now
            ]
            if not due:
                return
            provider = due[0]
            pause = seat.pauses[provider]
            pause.until = inf
        try:
            self._open_on(seat, provider)
        except Exception as error:  # noqa: BLE001 - a provider that failed before fails in new ways
            with seat.lock:
                pause.lengthen(self._clock())
                seat.refused[provider] = _reason(error)
                self._describe(seat)
                self._log_refused(seat, [provider])


def _reason(error: Exception) -> str:
    return error.what if isinstance(error, RefusedError) else plain(error)


def _loaded(seat: _Seat) -> Session:
    if seat.session is None:
        raise SessionError(f"The model {seat.model.name} is not loaded.")
    return seat.session


def _order(
    providers: Sequence[str] | Literal["auto"], *, require_gpu: bool
) -> tuple[ProviderName, ...]:
    asked = PROVIDERS if providers == "auto" else providers
    unknown = [name for name in asked if name not in PROVIDERS]
    if unknown:
        raise SessionError(
            f"There is no provider named {unknown[0]!r}.", f"There are: {', '.join(PROVIDERS)}."
        )
    known = tuple(dict.fromkeys(name for wanted in asked for name in PROVIDERS if name == wanted))
    if not require_gpu:
        last = PROVIDERS[-1]
        return known if last in known else (*known, last)
    gpus = tuple(name for name in known if name in GPU_PROVIDERS)
    if not gpus:
        raise SessionError(
            "A GPU is required, but `providers` names none that runs on one.",
            "Add cuda to `providers`, or set `require_gpu: false`.",
        )
    return gpus


def _run(session: Session, network_input: Raw) -> Raw:
    failpoints.at(f"infer.{session.provider}")
    raw = session.run(network_input)
    if not np.isfinite(raw).all():
        raise _NotNumbersError("it gave a map that holds no numbers")
    return raw


def _no_gpu_now(seat: _Seat) -> HoldError:
    reasons = "; ".join(f"{provider}: {why}" for provider, why in seat.refused.items())
    return HoldError(
        f"the GPU cannot be used now: {reasons}",
        "`require_gpu: false` would use the CPU meanwhile.",
    )


def _short_of_memory(name: str, reason: str) -> HoldError:
    what = f"there is not enough memory to run {name}: {reason}"
    return HoldError(what, outbox_wide=True, kind="short of memory")  # every picture needs it


def _last_resort_failed(name: str, error: Exception) -> HoldError | SessionError:
    reason = plain(error)
    if isinstance(error, MemoryError) or FULL in reason:
        return _short_of_memory(name, reason)
    return SessionError(f"The model {name} cannot be run: {reason}.", _ADVICE)
