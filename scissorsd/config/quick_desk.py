"""The quick desk: an inbox of the page's own, in the state folder, with generated rules.

A folder `MODEL-EDGES/` of it is a rule; so a choice of network and edges *is* a folder. The first
rule is the one that is meant where none is chosen.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from scissorsd.config.parse_quantities import seconds
from scissorsd.core.rules import Edges, MaskOptions, Rule
from scissorsd.settings import Config, Inbox

NAME = "quick"
MODEL, EDGES = "u2net", "auto"  # as `cut` and `watch` have them
EDGES_IN_ORDER: tuple[Edges, ...] = ("soft", "fine", "auto", "best")
_SETTLE, _RESCAN = seconds("100ms"), seconds("60s")
_FIT_FOR_A_FOLDER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


def with_quick_desk(config: Config) -> Config:
    """Return a configuration with the quick desk among its inboxes, if its page has one."""
    others = tuple(inbox for inbox in config.inboxes if not inbox.quick)
    if config.page is None or not config.page.quick:
        return replace(config, inboxes=others)
    return replace(config, inboxes=(*others, _quick(config)))


def folder_of(state: Path) -> Path:
    """Return where the page keeps what is its own, the quick desk too."""
    return state / "page"


def make_folders(inbox: Inbox) -> None:
    """Make the folders of the quick desk; raises OSError."""
    folder = inbox.path.parent
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    inbox.path.mkdir(exist_ok=True)
    inbox.outbox.mkdir(exist_ok=True)


def _quick(config: Config) -> Inbox:
    folder = folder_of(config.state)
    return Inbox(
        name=NAME,
        path=folder / "in",
        outbox=folder / "out",
        watch="auto",
        require_mount=False,
        recursive=True,
        settle=_SETTLE,
        rescan=_RESCAN,
        ignore=(),
        rules=tuple(_rules(config)),
        quick=True,
    )


def _rules(config: Config) -> Iterator[Rule]:
    """Yield a rule for each network and its edges; the usual one first."""
    choices = [(model, edges) for model in _models(config) for edges in EDGES_IN_ORDER]
    choices.sort(key=lambda choice: choice != (MODEL, EDGES))
    for model, edges in choices:
        name = f"{model}-{edges}"
        yield Rule(name=name, match=(f"{name}/**",), model=model, mask=MaskOptions(edges=edges))


def _models(config: Config) -> Iterator[str]:
    """Yield the networks to choose from: those that were tested, and those whose file is here."""
    for model in config.catalogue.values():
        is_here = model.tested or (config.models / model.file).is_file()
        if is_here and _FIT_FOR_A_FOLDER.fullmatch(model.name):
            yield model.name
