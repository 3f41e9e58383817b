"""What a process asks of its networks, as far as their speed depends on it."""

from dataclasses import dataclass
from typing import Literal

from scissorsd.core.catalogue import Model
from scissorsd.inference.providers import versions
from scissorsd.machine import cpu_name


@dataclass(frozen=True, slots=True)
class Demands:
    """The precision, as `Sessions` takes it, and on how many threads a network runs."""

    precision: Literal["auto", "full", "fast"]
    threads: int

    def fast(self, model: Model) -> bool:
        """Whether this model may be computed in less than float32."""
        return self.precision == "fast" or (self.precision == "auto" and model.fast_is_harmless)

    def key(self, model: Model) -> str:
        """Name all that a speed depends on."""
        precision = "fast" if self.fast(model) else "full"
        network = f"{model.name} {model.sha256 or model.file}, {precision}"
        return f"{network}; {self.threads} threads of {cpu_name()}; {versions()}"
