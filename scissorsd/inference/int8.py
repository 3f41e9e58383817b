"""Computing in int8, where it was tried on this machine and found right and faster."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

from scissorsd.core.catalogue import CATALOGUE, Model
from scissorsd.inference import int8_cache
from scissorsd.inference.demands import Demands
from scissorsd.inference.int8_table import table_of
from scissorsd.inference.onnx_runtime import RefusedError
from scissorsd.inference.openvino import open_converted
from scissorsd.inference.providers import Session
from scissorsd.inference.timings import Speeds
from scissorsd.machine import int8_weights_limit

LARGEST_DIFFERENCE = 0.01  # mean, of masks in [0, 1] to float32's, for pictures drawn for that
LEAST_GAIN = 1.05  # times as fast


@dataclass(frozen=True, slots=True)
class Findings:
    """What came of a trial: the mean difference of masks to float32's, and the times as fast."""

    difference: float
    times_as_fast: float


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a model in int8 on this machine."""

    bits: int  # of its weights
    found: Findings | None  # by its trial; None: it was not tried yet
    cache: Path | None  # the converted network, where it is there

    @property
    def refusal(self) -> str:
        """Why it is not taken, though it was tried; nothing where it is."""
        if self.found is None:
            return ""
        if self.found.difference > LARGEST_DIFFERENCE:
            return (
                f"its masks differ by {self.found.difference:.4f} from float32's, "
                f"and may by {LARGEST_DIFFERENCE}"
            )
        if self.found.times_as_fast < LEAST_GAIN:
            return f"it is {self.found.times_as_fast:.2f} times as fast as OpenVINO's usual way"
        return ""

    @property
    def is_good(self) -> bool:
        """Whether it was tried, and found right and faster."""
        return self.found is not None and not self.refusal


class Int8:
    """What is known of int8 on this machine; its methods may be called by any thread."""

    def __init__(self, speeds: Speeds, demands: Demands, *, log: Any) -> None:  # noqa: ANN401 - structlog's
        self._speeds = speeds
        self._demands = demands
        self._log = log

    def why_not(self, model: Model, providers: Sequence[str]) -> str:
        """Say why this model is not computed in int8, whatever it would come to; or nothing."""
        if not self._demands.fast(model):
            return f"`precision: {self._demands.precision}` has it computed in float32"
        if "openvino" not in providers:
            return "it is computed by OpenVINO, which is not among the providers asked for"
        try:
            known = CATALOGUE.get(model.name) == model and self._name(model)
        except PackageNotFoundError:
            return "openvino is not installed"
        return "" if known else "there is no table for these weights"

    def standing(self, model: Model) -> Standing:
        """Return what is known of a model that may be computed in int8."""
        known = self._speeds.known(self._key(model))
        whole = {"difference", "times_as_fast"} <= known.keys()
        found = Findings(known["difference"], known["times_as_fast"]) if whole else None
        cache = next((place for place in self.places(model) if place.is_file()), None)
        return Standing(int8_weights_limit().bit_length() + 1, found, cache)

    def proved(self, model: Model) -> Path | None:
        """Return the converted network, if it is here and was found right and faster."""
        standing = self.standing(model)
        return standing.cache if standing.is_good else None

    def opened(self, model: Model, cache: Path) -> Session | None:
        """Open the converted network; None where it is damaged, or OpenVINO will not have it."""
        try:
            return open_converted(model, cache, threads=self._demands.threads)
        except RefusedError as refusal:
            self._log.info("int8.failed", model=model.name, reason=refusal.what)
            return None

    def times_as_fast(self, model: Model) -> float:
        """Return how many times as fast as OpenVINO's usual way it was found to be."""
        found = self.standing(model).found
        return found.times_as_fast if found else 1.0

    def places(self, model: Model) -> tuple[Path, ...]:
        """Return where the converted network may lie, in the order of preference."""
        return tuple(folder / self._name(model) for folder in self._speeds.folders)

    def remember(self, model: Model, found: Findings) -> None:
        """Put down what came of its trial."""
        self._speeds.remember(self._key(model), asdict(found))

    def _name(self, model: Model) -> str:
        table = table_of(model)
        return int8_cache.file_name(model, table, int8_weights_limit()) if table else ""

    def _key(self, model: Model) -> str:
        return f"{self._name(model)}; {self._demands.key(model)}"
