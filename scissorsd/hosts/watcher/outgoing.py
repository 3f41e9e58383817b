"""What goes with an order: the folders, the networks, the backgrounds; perhaps the picture."""

import threading
from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from hashlib import file_digest
from pathlib import Path

from scissorsd import __version__
from scissorsd.core.rules import Job, Rule
from scissorsd.daemon.outcomes import Bench, Task
from scissorsd.errors import HoldError, PlaceTakenError, SourceChangedError
from scissorsd.folders import publishing
from scissorsd.folders.holding import hold_on_error
from scissorsd.folders.scanning import open_no_follow
from scissorsd.folders.sources import read_source
from scissorsd.hosts.messages.carried import HEAD, Carried, head_of
from scissorsd.hosts.messages.faults import TooLargeError
from scissorsd.hosts.messages.orders import (
    Order,
    OrderLimits,
    Roots,
    Source,
    described,
)
from scissorsd.hosts.own_folders import known_as

OWNER = ".scissorsd-owner"  # in an outbox: the id of the job journal whose daemon has hosts

_claiming: dict[Path, threading.Lock] = {}
_claimed: set[tuple[Path, str]] = set()  # outboxes, and by whom, since this process began


def order_for(task: Task, job: Job, bench: Bench) -> Order:
    """Return the order for a job that was begun; reads the picture's beginning."""
    networks = [described(network) for network in bench.networks(job.rule)]
    backgrounds = _backgrounds(job.rule)
    return Order(
        scissorsd=__version__,
        watcher=bench.journal.id,
        job=job.id,
        turn=job.turn,
        inbox=task.inbox.name,
        roots=Roots(
            known_as(task.inbox.path),
            known_as(task.inbox.outbox),
            tuple(known_as(root.path) for root in task.roots_elsewhere),
            tuple(map(known_as, dict.fromkeys(Path(path).parent for path in backgrounds))),
        ),
        source=Source(job.source.path, job.source.size, job.source.mtime_ns),
        head=_head(task),
        rule=job.rule,
        model=networks[0],
        outputs=tuple(planned.path for planned in job.outputs),
        limits=OrderLimits(bench.limits.file, bench.limits.pixels),
        second=networks[1] if len(networks) > 1 else None,
        last_look=task.last_attempt,
        backgrounds=backgrounds,
    )


def carrying(order: Order, task: Task, most: int, lacking: Collection[str]) -> Order:
    """Return an order with which the picture goes along; and backgrounds, those that are `lacking`.

    Raises TooLargeError for what has more than `most` bytes.
    """
    if task.source.size > most:
        raise TooLargeError(f"{task.path} is too large to go over the hub")
    picture = read_source(task.inbox.path, task.source, limit=most)
    backgrounds = {}
    for path, sha256 in order.backgrounds.items():
        if sha256 in lacking:
            with hold_on_error(f"read {path}"):
                backgrounds[sha256] = Path(path).read_bytes()
            if len(backgrounds[sha256]) > most:
                raise TooLargeError(f"the background {path} is too large to go over the hub")
    return replace(order, head=head_of(picture), data=Carried(picture, backgrounds))


def claim(outbox: Path, watcher: str) -> None:
    """See that an outbox is this watcher's, whose hosts write into it; note whose it is.

    Two watchers with one outbox would each believe that the other's files are not theirs.
    """
    note, tag = outbox / OWNER, f"{watcher}-owner"
    with _claiming.setdefault(outbox, threading.Lock()):
        if (outbox, watcher) not in _claimed:
            publishing.remove_temporaries([outbox], tag=tag)  # of a run that was killed meanwhile
            _claimed.add((outbox, watcher))
        if not publishing.is_there(note):
            with suppress(PlaceTakenError):  # another was first
                publishing.publish([(note, f"{watcher}\n".encode())], tag=tag)
    owner = publishing.read_small_file(note).decode(errors="replace").strip()
    if owner != watcher:
        raise HoldError(
            f"the outbox {outbox} belongs to another scissorsd with hosts (job journal "
            f"{owner or 'not known'}; this one is {watcher})",
            f"Give each an outbox of its own. If that other one is no more, remove {note}.",
            outbox_wide=True,
            kind="another's outbox",
        )


def _head(task: Task) -> str:
    with hold_on_error(f"read {task.path}"):
        file = open_no_follow(task.path)
        if file is None:
            raise SourceChangedError(f"{task.path} was taken away")
        with file:
            return head_of(file.read(HEAD))


def _backgrounds(rule: Rule) -> dict[str, str]:
    """Return the SHA-256 of each picture that a rule takes for a background."""
    paths = {one.background for one in rule.outputs if "/" in one.background}
    found = {}
    for path in sorted(paths):
        found[path] = sha256_of(Path(path))
    return found


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a background picture; it is read again only when it has changed."""
    with hold_on_error(f"read {path}"):
        status = path.stat()
        return _sha256(str(path), status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=64)
def _sha256(path: str, _mtime_ns: int, _size: int) -> str:
    with Path(path).open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
