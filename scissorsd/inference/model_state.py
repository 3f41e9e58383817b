"""One model in one process: its open session, and which providers do not have it for now."""

import threading
from dataclasses import dataclass, field
from math import inf
from pathlib import Path

from scissorsd.core.backoff import backoff
from scissorsd.core.catalogue import Model
from scissorsd.errors import HoldError, ScissorsError, SessionError
from scissorsd.inference.onnx_runtime import FULL, RefusedError, in_plain_words
from scissorsd.inference.providers import GPU_PROVIDERS, ProviderName, Session

FIRST_BACK_OFF_S = 60.0  # before a provider that failed is tried again; doubled each time
LONGEST_BACK_OFF_S = 3600.0
ADVICE = "`scissorsd doctor` shows what each provider comes to and what to do."


@dataclass(frozen=True, slots=True)
class Opening:
    """What was asked of the providers for one model, and what came of it."""

    model: str
    asked: tuple[str, ...]  # in order
    provider: str  # where it truly runs; empty while a required GPU is not to be used
    precision: str  # full (float32), bf16, int8, tf32
    refused: tuple[tuple[str, str], ...]  # provider, reason in plain words


@dataclass(slots=True)
class BackOff:
    """The wait of a provider that failed; `until` is infinite while it is tried again."""

    until: float  # by the clock of the sessions
    failures: int = 0  # after the first

    def lengthen(self, now: float) -> None:
        """Wait again, twice as long."""
        self.failures += 1
        self.until = now + backoff(FIRST_BACK_OFF_S, self.failures, LONGEST_BACK_OFF_S)


@dataclass(frozen=True, slots=True)
class Failure:
    """That a model could not be loaded: why, from which file (None: there was none), until when."""

    error: ScissorsError
    path: Path | None
    until: float  # by the clock of the sessions; before that it is not tried again


@dataclass(slots=True)
class ModelState:
    """What is open for one model; `lock` is held while it is changed."""

    model: Model
    opening: Opening
    order: tuple[ProviderName, ...]  # as asked, or under auto by what was measured here
    loaded: bool = False
    failure: Failure | None = None
    path: Path = Path()
    session: Session | None = None
    int8: Path | None = None  # the network that OpenVINO takes, where it was converted
    int8_failed: bool = False  # it could not be opened
    refused: dict[str, str] = field(default_factory=dict)  # provider: reason
    back_offs: dict[str, BackOff] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def describe(self) -> None:
        """Bring `opening` up to date."""
        session = self.session
        provider, precision = (session.provider, session.precision) if session else ("", "")
        refused = tuple((name, self.refused[name]) for name in self.order if name in self.refused)
        self.opening = Opening(self.model.name, self.order, provider, precision, refused)

    def require_session(self) -> Session:
        """Return the session, or raise SessionError where none is open."""
        if self.session is None:
            raise SessionError(f"The model {self.model.name} is not loaded.")
        return self.session

    def is_last_resort(self, session: Session) -> bool:
        """Whether there is nothing left to try when this session fails.

        What was found out may have put its provider last while no other one is open yet.
        """
        *others, last = self.order
        return session.provider == last and {*others} <= self.refused.keys() | self.back_offs.keys()

    def note_refusal(self, provider: ProviderName, refusal: RefusedError, now: float) -> None:
        """Remember why a provider does not open the model; where that may pass, for a while."""
        self.refused[provider] = refusal.what
        if refusal.passing:
            self.back_offs.setdefault(provider, BackOff(now + FIRST_BACK_OFF_S))

    def note_failure(self, error: Exception, now: float) -> ProviderName:
        """Close the session, which failed in a run, and return its provider."""
        provider = self.require_session().provider
        self.session = None
        self.refused[provider] = in_plain_words(error)
        if provider in self.back_offs:
            self.back_offs[provider].lengthen(now)
        else:
            self.back_offs[provider] = BackOff(now + FIRST_BACK_OFF_S)
        self.describe()
        return provider

    def start_retry(self, now: float) -> tuple[ProviderName, BackOff] | None:
        """Return a better provider than the one in use whose back-off is over; None: there is none.

        Until it was tried it is not returned again.
        """
        better = self.order
        if self.session is not None:
            better = better[: better.index(self.session.provider)]
        for provider in better:
            back_off = self.back_offs.get(provider)
            if back_off is not None and back_off.until <= now:
                back_off.until = inf
                return provider, back_off
        return None

    # --- what callers are told -----------------------------------------------------------

    def no_gpu_now(self) -> HoldError:
        """Return the error of a required GPU that cannot be used."""
        reasons = "; ".join(f"{provider}: {reason}" for provider, reason in self.refused.items())
        return HoldError(
            f"the GPU cannot be used now: {reasons}",
            "`require_gpu: false` would use the CPU meanwhile.",
        )

    def none_opens(self, *, require_gpu: bool) -> HoldError | SessionError:
        """Return the error of a model that no provider opens."""
        full = [
            reason
            for provider, reason in self.refused.items()
            if FULL in reason and provider not in GPU_PROVIDERS
        ]
        if self.loaded and full and not require_gpu:
            return _short_of_memory(self.model.name, full[0])
        reasons = "\n".join(f"  {provider}: {reason}" for provider, reason in self.refused.items())
        which = "No GPU opens" if require_gpu else "No provider opens"
        return SessionError(f"{which} the model {self.model.name}:\n{reasons}", ADVICE)

    def last_resort_failed(self, error: Exception) -> HoldError | SessionError:
        """Return the error of a run that failed on the last provider."""
        reason = in_plain_words(error)
        if isinstance(error, MemoryError) or FULL in reason:
            return _short_of_memory(self.model.name, reason)
        return SessionError(f"The model {self.model.name} cannot be run: {reason}.", ADVICE)


def _short_of_memory(name: str, reason: str) -> HoldError:
    what = f"there is not enough memory to run {name}: {reason}"
    return HoldError(what, outbox_wide=True, kind="short of memory")  # every picture needs it
