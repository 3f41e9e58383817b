"""In which order the providers are tried."""

from collections.abc import Mapping, Sequence
from math import inf
from typing import Literal

from scissorsd.errors import SessionError
from scissorsd.inference.providers import GPU_PROVIDERS, PROVIDERS, ProviderName

# Another of the CPU's providers than the last resort must be so many times faster to be preferred:
# it takes longer to open, and more memory.
SWITCH_MARGIN = 1.1


def asked_order(
    providers: Sequence[str] | Literal["auto"], *, require_gpu: bool
) -> tuple[ProviderName, ...]:
    """Return the providers in the order asked for, the last resort at the end of it.

    With `require_gpu` only those that run on one. Raises SessionError for an unknown one, and
    where a GPU is required and none is asked for.
    """
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


def by_speed(
    order: Sequence[ProviderName], seconds: Mapping[str, float]
) -> tuple[ProviderName, ...]:
    """Put the CPU's providers in the order of their measured speed; a GPU's come first."""
    margins = dict.fromkeys(PROVIDERS[:-1], SWITCH_MARGIN)

    def rank(name: ProviderName) -> tuple[bool, float]:
        return name not in GPU_PROVIDERS, seconds.get(name, inf) * margins.get(name, 1.0)

    return tuple(sorted(order, key=rank))
