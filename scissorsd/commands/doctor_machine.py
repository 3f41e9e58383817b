"""`doctor` on the machine: what it can do, what stands in the way, and what to do about it."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from scissorsd.commands.findings import Finding
from scissorsd.core.catalogue import CATALOGUE, Model
from scissorsd.daemon.memory import in_mb
from scissorsd.errors import ScissorsError, WeightsError
from scissorsd.inference import weights
from scissorsd.inference.demands import Demands
from scissorsd.inference.int8 import Int8, Standing
from scissorsd.inference.provider_order import asked_order
from scissorsd.inference.providers import installed, probe, versions
from scissorsd.inference.timings import Speeds
from scissorsd.machine import memory_bounds, usable_cpus
from scissorsd.settings import Config

_INOTIFY = Path("/proc/sys/fs/inotify")
_FEW_WATCHES = 65536
MEMORY = 2 << 30  # bytes: what is asked for where no configuration says
_PROGRAM = 600 << 20  # bytes: networks and libraries


def examine(config: Config | None, models: Path | None) -> Iterator[Finding]:
    """Yield every finding but those about the folders, each as soon as it is there."""
    catalogue = config.catalogue if config else CATALOGUE
    yield from _packages()
    require_gpu = config is not None and config.require_gpu
    try:
        folder = models or (config.models if config else weights.default_folder())
    except WeightsError as error:
        yield Finding("bad", error.what, error.advice)
    else:
        there: list[tuple[Model, Path]] = []
        used = _used(config)
        for model in catalogue.values():
            try:
                path = weights.find(model, folder)
            except ScissorsError as error:
                yield Finding("bad", error.what, error.advice)
                continue
            yield from _model(model, path, folder, is_used=model.name in used)
            there += [(model, path)] if path else []
        yield from _providers(there, require_gpu=require_gpu)
        yield from _int8([model for model, _ in there], folder, config)
    yield from _inotify()
    yield from _memory(config.memory if config else MEMORY)
    if config is None:
        yield Finding("note", "no configuration was given, so no folders were looked at", "Use -c.")


def _packages() -> Iterator[Finding]:
    packages = installed()
    yield Finding("ok" if packages else "bad", f"installed: {versions() or 'none'}")
    if {"onnxruntime", "onnxruntime-gpu"} <= packages.keys():
        yield Finding(
            "bad",
            "onnxruntime and onnxruntime-gpu are both installed; the first hides the GPU",
            "pip uninstall onnxruntime onnxruntime-gpu; then pip install onnxruntime-gpu",
        )


def _used(config: Config | None) -> set[str]:
    """Return the networks that rules name, but for the quick desk, which offers what is there."""
    inboxes = config.inboxes if config else ()
    rules = [rule for inbox in inboxes if not inbox.quick for rule in inbox.rules if not rule.skip]
    return {rule.model for rule in rules} | {rule.second_opinion for rule in rules}


def _model(model: Model, path: Path | None, folder: Path, *, is_used: bool) -> Iterator[Finding]:
    if path is not None:
        yield Finding("ok", f"model {model.name}: {path}")
    elif is_used and not model.is_fetched:
        absent = weights.absent(model, folder / model.file)
        yield Finding("bad", absent.what, absent.advice)
    elif is_used or model.tested:
        advice = f"It is fetched on first need; or now: scissorsd models fetch {model.name}"
        yield Finding("note", f"model {model.name}: not in {folder}", advice)


def _providers(there: Sequence[tuple[Model, Path]], *, require_gpu: bool) -> Iterator[Finding]:
    if not there:
        yield Finding("note", "providers were not tried, since no model file is there")
        return
    model, path = there[0]
    for probed in probe(model, path):
        if probed.works:
            milliseconds = 1000 * (probed.seconds or 0)
            took = f"{model.name} in {milliseconds:.0f} ms"
            yield Finding("ok", f"{probed.provider} works: {took} ({probed.detail})")
        else:
            grade: Literal["note", "bad"] = "note"
            if probed.provider == "cpu" or (probed.provider == "cuda" and require_gpu):
                grade = "bad"
            yield Finding(grade, f"{probed.provider} does not work: {probed.detail}")


def _int8(models: Iterable[Model], folder: Path, config: Config | None) -> Iterator[Finding]:
    """Tell how a daemon with this configuration would find int8, for each model that is here."""
    folders = (folder, config.state) if config else (folder,)
    demands = Demands(config.precision if config else "auto", usable_cpus())
    asked = config.providers if config and "auto" not in config.providers else "auto"
    providers = asked_order(asked, require_gpu=config is not None and config.require_gpu)
    int8 = Int8(Speeds(folders), demands, log=None)
    for model in models:
        if reason := int8.why_not(model, providers):
            yield Finding("ok", f"{model.name} is not computed in int8: {reason}")
        else:
            yield _standing(model, int8.standing(model), demands.threads)


def _standing(model: Model, standing: Standing, threads: int) -> Finding:
    """Tell of a model that may be computed in int8 what is known of it here."""
    beginning = f"{model.name} in int8 (weights of {standing.bits} bits)"
    found = standing.found
    if found is None:
        advice = (
            "A daemon does so by itself after some seconds of work on the CPU; where it cannot, "
            "`int8.failed` in its log says why."
        )
        on = f"{threads} {'thread' if threads == 1 else 'threads'}"
        return Finding("note", f"{beginning} was not tried yet on this machine, on {on}", advice)
    if standing.refusal:
        return Finding("note", f"{beginning} was tried and refused: {standing.refusal}")
    good = f"{found.times_as_fast:.2f} times as fast, masks differ by {found.difference:.4f}"
    if standing.cache is None:
        advice = "A daemon makes it anew by itself after some seconds of work on the CPU."
        return Finding("note", f"{beginning} was taken ({good}), but its file is gone", advice)
    return Finding("ok", f"{beginning} is taken: {good}: {standing.cache}")


def _inotify() -> Iterator[Finding]:
    try:
        watches = int((_INOTIFY / "max_user_watches").read_text())
        instances = int((_INOTIFY / "max_user_instances").read_text())
        events = int((_INOTIFY / "max_queued_events").read_text())
    except (OSError, ValueError):
        yield Finding("note", "the limits of inotify cannot be read")
        return
    message = f"inotify: {watches} watches, {instances} instances, {events} queued events"
    if watches < _FEW_WATCHES:
        advice = f"For inboxes with many folders: sysctl fs.inotify.max_user_watches={_FEW_WATCHES}"
        yield Finding("note", message, advice)
    else:
        yield Finding("ok", message)


def _memory(wanted: int) -> Iterator[Finding]:
    tightest = next(iter(memory_bounds()), None)
    if tightest is None:
        yield Finding("note", "how much memory there is cannot be read")
        return
    message = f"memory: {tightest.who} gives {in_mb(tightest.total)}"
    if tightest.total < wanted + _PROGRAM:
        advice = (
            f"Fewer or smaller pictures are in hand at once than 'memory: {in_mb(wanted)}' says, "
            "which is no fault; one too large for it fails."
        )
        yield Finding("note", message, advice)
    else:
        yield Finding("ok", message)
