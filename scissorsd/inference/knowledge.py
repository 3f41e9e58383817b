"""What is known of this machine's providers and of int8, and the order that follows from it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scissorsd.core.catalogue import Model
from scissorsd.inference.demands import Demands
from scissorsd.inference.int8 import Findings, Int8
from scissorsd.inference.model_state import ModelState
from scissorsd.inference.provider_order import by_speed
from scissorsd.inference.providers import GPU_PROVIDERS, ProviderName
from scissorsd.inference.timings import Speeds


@dataclass(frozen=True, slots=True)
class Questions:
    """What of one model is not known yet, and may be found out."""

    providers: tuple[ProviderName, ...] = ()  # to be timed
    int8: bool = False

    @property
    def are_none(self) -> bool:
        """Whether all is known."""
        return not self.providers and not self.int8


class Knowledge:
    """What was found out on this machine, as `speeds` remembers it; without `speeds`, nothing.

    `asked` are the providers asked for, in order. With `auto` those of the CPU go by their speed.
    """

    def __init__(
        self,
        speeds: Speeds | None,
        demands: Demands,
        asked: Sequence[ProviderName],
        *,
        auto: bool,
        log: Any,  # noqa: ANN401 - structlog's
    ) -> None:
        self._speeds = speeds if auto else None
        self._demands = demands
        self._asked = tuple(asked)
        self._int8 = Int8(speeds, demands, log=log) if speeds else None
        self._latest: dict[Model, dict[str, float]] = {}  # where it could not be remembered

    def int8_for(self, model: Model) -> Int8 | None:
        """Return what knows of int8, where it may be used for this model."""
        may_be = self._int8 and not self._int8.why_not(model, self._asked)
        return self._int8 if may_be else None

    def speeds_of(self, model: Model) -> dict[str, float]:
        """Return the seconds of each provider in its usual way."""
        if self._speeds is None:
            return {}
        return self._speeds.known(self._demands.key(model)) or self._latest.get(model, {})

    def order(self, model: Model, *, in_int8: bool) -> tuple[ProviderName, ...]:
        """Return in which order the providers are tried, OpenVINO in int8 or in its usual way."""
        if self._speeds is None:
            return self._asked
        seconds = dict(self.speeds_of(model))
        if in_int8 and self._int8 and "openvino" in seconds:
            seconds["openvino"] /= self._int8.times_as_fast(model)
        return by_speed(self._asked, seconds)

    def apply(self, state: ModelState) -> None:
        """Bring up to date in which order the model's providers are tried, and whether in int8."""
        int8 = self.int8_for(state.model)
        state.int8 = int8.proved(state.model) if int8 and not state.int8_failed else None
        state.order = self.order(state.model, in_int8=state.int8 is not None)
        state.describe()

    def unknown(self, state: ModelState) -> Questions:
        """Return what is worth finding out of a model; nothing while it runs on a GPU."""
        if state.opening.provider in GPU_PROVIDERS:
            return Questions()
        may_be = [p for p in state.order if p not in GPU_PROVIDERS and p not in state.refused]
        is_to_be_timed = self._speeds and may_be[1:] and not self.speeds_of(state.model)
        return Questions(tuple(may_be) if is_to_be_timed else (), self._asks_of_int8(state))

    def remember_speeds(self, model: Model, seconds: dict[str, float]) -> None:
        """Put down what the providers came to."""
        if self._speeds is not None:
            self._latest[model] = seconds
            self._speeds.remember(self._demands.key(model), seconds)

    def remember_int8(self, model: Model, found: Findings) -> bool:
        """Put down what int8 came to; tell whether it is to be used."""
        if self._int8 is None:
            return False
        self._int8.remember(model, found)
        return self._int8.proved(model) is not None

    def _asks_of_int8(self, state: ModelState) -> bool:
        int8 = self.int8_for(state.model)
        if int8 is None or state.int8 or int8.standing(state.model).refusal:
            return False
        return state.int8_failed or int8.proved(state.model) is None
