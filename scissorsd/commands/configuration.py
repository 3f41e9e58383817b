"""The configuration that a command works by: a file, or the command line's own options."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog

from scissorsd import config
from scissorsd.commands import fault_report
from scissorsd.errors import UsageError
from scissorsd.folders import real_paths
from scissorsd.records import state_folders
from scissorsd.settings import Config, Loaded

log = structlog.get_logger("scissorsd")


def load(path: Path) -> Config:
    """Load a configuration file and log its warnings; raises ConfigError."""
    return _taken(config.load(path))


def from_folders(inbox: Path, outbox: Path, options: Mapping[str, Any]) -> Config:
    """Return the configuration for an inbox, an outbox and the options of the command line.

    The outbox is made, and the values are kept in the state folder. Raises UsageError where one
    of the two cannot be a folder, and ConfigError for an option that makes no sense.
    """
    inbox, outbox = (Path(os.path.realpath(folder)) for folder in (inbox, outbox))
    _refuse_what_is_no_folder(inbox, outbox)
    values = _values(inbox, outbox, options)
    values["state"] = values["state"] or str(state_folders.for_pair(inbox, outbox))
    settings = _taken(config.from_values(values, base=Path.cwd()))
    try:
        outbox.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = error.strerror or str(error)
        raise UsageError(
            f"the outbox {outbox} cannot be made: {why}", "Choose another folder for the results."
        ) from error
    state_folders.remember(settings.state, values)
    return settings


def _refuse_what_is_no_folder(inbox: Path, outbox: Path) -> None:
    if inbox.is_file():
        command = shlex.join(["scissorsd", "cut", str(inbox), "-o", str(outbox)])
        raise UsageError(f"{inbox} is a file, not a folder", f"To cut one picture: {command}")
    if not inbox.is_dir():
        raise UsageError(f"{inbox} is not a folder", "Make it first, or check the path.")
    obstacle = real_paths.locate([outbox])[outbox].obstacle
    if obstacle is not None:
        raise UsageError(f"{obstacle} is not a folder", "Choose another one for the results.")


def _values(inbox: Path, outbox: Path, options: Mapping[str, Any]) -> dict[str, object]:
    """Return the values of a configuration file that says the same as the command line."""
    outputs: list[dict[str, object]] = [{"kind": "cutout"}]
    if options["mask"]:
        outputs.append({"kind": "mask"})
    if options["flat"]:
        outputs.append({"kind": "flat", "background": options["flat"]})
    if options["comparison"]:
        outputs.append({"kind": "comparison"})
    rule = {
        "name": "everything",
        "model": options["model"],
        "mask": {"edges": options["edges"]},
        "outputs": outputs,
        "source": options["source"],
    }
    inbox_values = {"path": str(inbox), "outbox": str(outbox), "rules": [rule]}
    inbox_values |= {key: options[key] for key in ("settle", "watch") if options[key]}
    providers = options["providers"]
    values = {
        "state": str(options["state"].absolute()) if options["state"] else "",
        "models": str(options["models"].absolute()) if options["models"] else None,
        "providers": providers.split(",") if providers and providers != "auto" else None,
        "precision": options["precision"],
        "require_gpu": options["require_gpu"] or None,
        "workers": options["workers"],
        "inboxes": {"inbox": inbox_values},
        "page": _page(options),
    }
    return {key: value for key, value in values.items() if value is not None}


def _page(options: Mapping[str, Any]) -> dict[str, object] | None:
    if not options.get("page"):
        return None
    auth = options.get("page_auth")
    return {"listen": options["page"]} | ({"auth": auth} if auth else {})


def _taken(loaded: Loaded) -> Config:
    """Log what in a configuration is legal but probably not meant; return the configuration."""
    fault_report.state_folder.set(loaded.config.state)
    for warning in loaded.warnings:
        log.warning("config.warning", problem=warning)
    return loaded.config
