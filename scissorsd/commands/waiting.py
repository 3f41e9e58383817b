"""Wait for pictures that a running daemon was asked to cut, with a bar."""

import time
from collections import Counter
from collections.abc import Sequence

from scissorsd import terminal
from scissorsd.commands.lookup import open_journal
from scissorsd.commands.messages import show_bar
from scissorsd.core.bars import Bar
from scissorsd.records import lock
from scissorsd.records.state_folders import StateFolder

_LOOK_EVERY = 0.25  # seconds
_WAITING = {"again", "begun", "published"}


def wait(state: StateFolder, jobs: Sequence[int]) -> Counter[str]:
    """Wait until none of these jobs waits any more; return how many there are in each state.

    It ends early where no daemon runs any longer. What is held, for something that should pass,
    is not waited for.
    """
    journal = open_journal(state)
    if journal is None:
        return Counter()
    total = len(jobs)
    try:
        while True:
            states = journal.recuts.states(jobs)
            waiting = sum(states[name] for name in _WAITING)
            done = total - waiting
            show_bar(Bar("cutting again", done, total, f"{done:,} of {total:,}"))
            if not waiting or not lock.is_running(state.folder):
                return states
            time.sleep(_LOOK_EVERY)
    finally:
        terminal.show(None)
        journal.close()


def in_words(states: Counter[str]) -> str:
    """Say how they ended: "12 cut again, 1 failed, 2 held"."""
    words = {"done": "cut again", "failed": "failed", "held": "held"}
    parts = [f"{states[name]} {word}" for name, word in words.items() if states[name]]
    left = sum(states[name] for name in _WAITING)
    return ", ".join([*parts, *([f"{left} still to be cut"] if left else [])])
