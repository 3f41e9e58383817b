"""Stand-ins for sessions, where only the decision between providers counts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from scissorsd.core.catalogue import CATALOGUE, Model
from scissorsd.inference.providers import PROVIDERS, ProviderName, Session
from scissorsd.inference.sessions import Sessions
from scissorsd.inference.timings import Speeds

Raw = NDArray[np.float32]


class Fake:
    """A session that answers zeros, or raises what it was told to."""

    precision = "full"

    def __init__(self, provider: ProviderName, troubles: list[Exception | Raw]) -> None:
        self.provider = provider
        self.troubles = troubles

    def run(self, network_input: Raw, /) -> Raw:
        """Return zeros, or the next trouble."""
        trouble = self.troubles.pop(0) if self.troubles else network_input[0, 0] * 0
        if isinstance(trouble, Exception):
            raise trouble
        return trouble


class Seam:
    """Stands where sessions are opened: per provider, what opening and running come to."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.refusals: dict[str, Exception] = {}
        self.troubles: dict[str, list[Exception | Raw]] = {name: [] for name in PROVIDERS}
        self.fast: list[bool] = []
        self.now = 1000.0

    def open(
        self, _model: Model, _path: Path, provider: ProviderName, /, *, fast: bool, threads: int
    ) -> Session:
        """Open what it was told to, and note it."""
        assert threads >= 1
        self.opened.append(provider)
        self.fast.append(fast)
        if provider in self.refusals:
            raise self.refusals[provider]
        return Fake(provider, self.troubles[provider])

    def sessions(
        self,
        folder: Path,
        *,
        providers: Sequence[str] | Literal["auto"] = "auto",
        require_gpu: bool = False,
        speeds: Speeds | None = None,
    ) -> Sessions:
        """Return a registry that opens here and reads this clock."""
        return Sessions(
            models=CATALOGUE,
            folder=folder,
            providers=providers,
            require_gpu=require_gpu,
            speeds=speeds,
            opener=self.open,
            clock=lambda: self.now,
        )


def events(logs: Sequence[Any], name: str) -> list[Any]:
    """Return the log lines of one event."""
    return [line for line in logs if line["event"] == name]
