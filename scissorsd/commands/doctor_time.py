"""`doctor --time`: which of the CPU's providers is the fastest here, and int8, found out anew."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import structlog

from scissorsd.commands.findings import Finding
from scissorsd.core.catalogue import Model
from scissorsd.inference.demands import Demands
from scissorsd.inference.finding_out import FindingOut
from scissorsd.inference.knowledge import Knowledge, Questions
from scissorsd.inference.provider_order import SWITCH_MARGIN, asked_order
from scissorsd.inference.providers import GPU_PROVIDERS
from scissorsd.inference.timings import Speeds
from scissorsd.machine import usable_cpus
from scissorsd.settings import Config

_ADVICE = "Run it again when the machine has nothing else to do; until then the old figures count."


def time_anew(models: Sequence[Model], folder: Path, config: Config | None) -> Iterator[Finding]:
    """Time every model that is here, one after the other; yield what came of each."""
    if config is not None and (config.require_gpu or "auto" not in config.providers):
        named = "`require_gpu`" if config.require_gpu else "`providers`"
        yield Finding("note", f"nothing was timed: {named} in the configuration decides")
        return
    folders = (folder, config.state) if config else (folder,)
    demands = Demands(config.precision if config else "auto", usable_cpus())
    order = asked_order("auto", require_gpu=False)
    log = structlog.get_logger("scissorsd")
    knowledge = Knowledge(Speeds(folders), demands, order, auto=True, log=log)
    finding_out = FindingOut(knowledge, demands, folder, log=log)
    providers = tuple(name for name in order if name not in GPU_PROVIDERS)
    for model in models:
        has_int8 = knowledge.int8_for(model) is not None
        what = " and ".join([", ".join(providers), *(["int8"] if has_int8 else [])])
        yield Finding("note", f"{model.name}: timing {what}; this takes up to a minute")
        seconds, why_not = finding_out.time_now(model, Questions(providers, int8=has_int8))
        yield _told(model, knowledge, seconds, why_not)


def _told(model: Model, knowledge: Knowledge, seconds: dict[str, float], why_not: str) -> Finding:
    took = ", ".join(f"{name} {1000 * value:.0f} ms" for name, value in seconds.items())
    if why_not:
        found = f" (so far: {took})" if took else ""
        return Finding("note", f"{model.name} could not be timed: {why_not}{found}", _ADVICE)
    best = next(name for name in knowledge.order(model, in_int8=False) if name in seconds)
    is_near = min(seconds.values()) < seconds[best]
    why = f" (another must be {SWITCH_MARGIN:g} times as fast)" if is_near else ""
    return Finding(
        "ok",
        f"{model.name} on the CPU: {took}; {best} is the one to use{why}",
        "A daemon that runs learns of it when it starts again.",
    )
