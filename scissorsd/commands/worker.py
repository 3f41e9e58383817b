"""The command `worker`: join a hub, open the networks, take orders."""

import os
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog

from scissorsd.commands.messages import say
from scissorsd.commands.progress import Bars
from scissorsd.core.catalogue import CATALOGUE
from scissorsd.errors import EXIT_OK, UsageError
from scissorsd.hosts import engine
from scissorsd.hosts.host.cutting import Here, Settings
from scissorsd.hosts.host.worker import Worker
from scissorsd.hosts.joining import join
from scissorsd.inference import weights
from scissorsd.inference.providers import PROVIDERS
from scissorsd.machine import usable_cpus
from scissorsd.service import install_worker

log = structlog.get_logger("scissorsd")

_MEMORY = 2 << 30  # bytes for pictures in hand, as the configuration has it by default
_USUAL = "u2net"


def work(join_file: Path, options: Mapping[str, Any]) -> int:
    """Take orders until a signal comes, or see to the service; return the exit code."""
    if options["service"]:
        return _see_to_service(join_file, options)
    joined = join.read(join_file)
    if warning := join.exposed(join_file):
        log.warning("join.exposed", why=warning)
    folder = options["models"].absolute() if options["models"] else weights.default_folder()
    networks = _networks(options["networks"], folder)
    settings = Settings(
        name=options["name"] or socket.gethostname(),
        models=str(folder),
        providers=_providers(options["providers"]),
        precision=options["precision"],
        require_gpu=options["require_gpu"],
        memory=_MEMORY,
        maps=tuple(map(_map, options["maps"])),
    )
    engine.see_that_it_is_there(joined, networks)
    with Bars() as bars:
        here = Here.of(settings, progress=bars.fetching)
        for network in networks:
            here.sessions.open(network)
        bars.clear()
        slots = options["slots"] or max(2, usable_cpus())
        return Worker(joined, here, settings, networks, slots).run()


def _see_to_service(join_file: Path, options: Mapping[str, Any]) -> int:
    """Install the unit that works with these options, show it, or take it away."""
    root = options["root"].absolute()
    if options["service"] == "uninstall":
        sentences = install_worker.uninstall(root, join_file)
    else:
        join.read(join_file)
        words = _words(options)
        if options["service"] == "show":
            sys.stdout.write(install_worker.unit_text(join_file, words))
            return EXIT_OK
        sentences = install_worker.install(root, join_file, words)
    for sentence in sentences:
        say(sentence)
    return EXIT_OK


def _words(options: Mapping[str, Any]) -> list[str]:
    """Return the options as they stand in a unit; what cannot be is refused now."""
    _networks(options["networks"], Path())
    _providers(options["providers"])
    maps = [f"{theirs}={ours}" for theirs, ours in map(_map, options["maps"])]
    models = options["models"].absolute() if options["models"] else None
    given = [
        *(("--model", name) for name in options["networks"]),
        *(("--map", one) for one in maps),
        ("--slots", options["slots"]),
        ("--name", options["name"]),
        ("--models", models),
        ("--providers", options["providers"]),
        ("--precision", options["precision"] if options["precision"] != "auto" else None),
    ]
    words = [str(word) for option, value in given if value for word in (option, value)]
    return [*words, *(["--require-gpu"] if options["require_gpu"] else [])]


def _networks(asked: Sequence[str], folder: Path) -> tuple[str, ...]:
    """Return the networks to take orders for: those that are asked for, or that are here."""
    if unknown := [name for name in asked if name not in CATALOGUE]:
        raise UsageError(
            f"there is no network {unknown[0]!r}", f"There are: {', '.join(CATALOGUE)}."
        )
    here = [name for name, model in CATALOGUE.items() if (folder / model.file).is_file()]
    return tuple(dict.fromkeys(asked)) or tuple(here) or (_USUAL,)


def _providers(text: str | None) -> tuple[str, ...]:
    names = tuple((text or "auto").split(","))
    known = ("auto", *PROVIDERS)
    if unknown := [name for name in names if name not in known]:
        raise UsageError(f"there is no provider {unknown[0]!r}", f"There are: {', '.join(known)}.")
    return names


def _map(text: str) -> tuple[str, str]:
    theirs, _, ours = text.partition("=")
    if not theirs.startswith("/") or not ours:
        raise UsageError(
            f"--map {text} is not THEIRS=OURS",
            "THEIRS is the folder's path on the daemon's machine, OURS its path here: "
            "--map /srv/shop=/mnt/nas/shop",
        )
    return theirs, os.path.abspath(ours)  # noqa: PTH100 - links stay as they are
