"""The command `page`: on which configuration, and of which state folder."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import structlog

from scissorsd import config
from scissorsd.commands import fault_report
from scissorsd.daemon.page_child import missing_packages
from scissorsd.errors import ScissorsError, UsageError
from scissorsd.records import state_folders
from scissorsd.settings import Config, Loaded, Page

log = structlog.get_logger("scissorsd")

Auth = Literal["", "auto", "key", "proxy", "none"]  # "": as it stands elsewhere
_YES = frozenset({"yes", "true", "on", "1"})  # as a container's variable may have it
_ON_THIS_MACHINE = ("models", "providers", "precision", "require_gpu", "workers")


def see_that_it_is_installed() -> None:
    """Raise ScissorsError, with the line for pip, where the page's libraries are not there."""
    lacking = missing_packages()
    if lacking:
        raise ScissorsError(
            f"the page needs {', '.join(lacking)}, which scissorsd itself does not",
            f"Install it: {sys.executable} -m pip install 'scissorsd[page]'",
        )


def beside(path: Path, listen: str, auth: Auth) -> Config:
    """Return the configuration of a daemon, for a page beside it.

    Where the file has no page, the daemon has no quick desk either, and so neither has this one.
    """
    loaded = _taken(config.load(path))
    return replace(loaded, page=_asked(loaded.page or Page(quick=False), listen, auth))


def alone(options: Mapping[str, Any], listen: str, auth: Auth) -> Config:
    """Return the configuration of a daemon that has nothing but the page and its quick desk."""
    page = _asked(Page(), listen, auth)
    state = options["state"] or state_folders.for_page()
    values: dict[str, Any] = {
        "state": str(state.absolute()),
        **{key: options[key] for key in _ON_THIS_MACHINE if options[key]},
        "inboxes": {},
        "page": {"listen": page.listen, "auth": page.auth},
    }
    if isinstance(values.get("models"), Path):
        values["models"] = str(values["models"].absolute())
    if "providers" in values:
        values["providers"] = values["providers"].split(",")
    settings = _taken(config.from_values(values, base=Path.cwd()))
    state_folders.remember(settings.state, values)
    return settings


def _asked(page: Page, listen: str, auth: Auth) -> Page:
    """Return a page with what the command line, or a container's variables, say otherwise."""
    if listen and listen.lower() not in _YES:
        page = replace(page, listen=listen)
    return replace(page, auth=auth) if auth else page


def _taken(loaded: Loaded) -> Config:
    fault_report.state_folder.set(loaded.config.state)
    for warning in loaded.warnings:
        log.warning("config.warning", problem=warning)
    return loaded.config


def state_with_key(path: Path | None, state: Path | None, key_file: str) -> Path:
    """Return the state folder whose key is meant: the one that is named, or the one with a key."""
    known = state_folders.named(path, state)
    with_key = [folder for folder in known if (folder / key_file).exists()]
    if len(with_key or known) == 1:
        return (with_key or known)[0]
    if not known:
        raise UsageError(
            "there is no state folder whose page could have a key",
            "Start the page (`scissorsd page`), or give -c FILE or --state FOLDER.",
        )
    raise UsageError(
        "there is more than one state folder; say the key of which:",
        "\n".join(f"  --state {folder}" for folder in with_key or known),
    )
