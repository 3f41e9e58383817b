"""Every event of the log, and how it is told to a person: one table, in words.

`{key}` is a key of the event, `{key:MB}` the same as megabytes, `{key:s}` as seconds. What stands
in `[…]` is left out where one of its keys is missing, empty or 0, and so is a sentence that lacks
one: `|` begins the next. The words may be a function of the event; none ("") are for what nobody
needs to hear of. What is quiet, or has no words, is told with `--debug` only.

What is missing here comes out all the same: as words with its keys.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

Event = Mapping[str, object]


class Told(NamedTuple):
    """How one event is told; warnings and errors have their marks anyway."""

    words: str | Callable[[Event], str]
    quiet: bool = False


_REPORT = "Please report it"
_DOCTOR = "`scissorsd doctor` shows what each provider comes to and what to do"


def _ready(event: Event) -> str:
    if event.get("once"):  # what is there now is cut, and no other
        return ""
    if event.get("folders"):
        return "ready: drop pictures into {folders}[; cutouts appear in {outboxes}]"
    return "ready: drop pictures on the page" if event.get("inboxes") else "ready"


def _stopped(event: Event) -> str:
    # `once` sums up by itself
    return "" if event.get("once") else "stopped: {done} cut[, {failed} failed]"


def _fetching(event: Event) -> str:
    if event.get("source") == "another process":
        return "another process fetches the network; this one waits for it"
    how = "through" if event.get("source") == "pip" else "from"
    return f"fetching the network[ ({{bytes:MB}})] {how} {{source}}: this happens once"


def _watched(event: Event) -> str:
    if event.get("mode") != "polling" or event.get("why") == "as configured":
        return ""
    return "{path} is looked through again and again, since it cannot be watched: {why}"


def _found_folder(event: Event) -> str:
    return "" if event.get("theirs") == event.get("here") else "{theirs} is {here} here: {by}"


def _tried(event: Event) -> str:
    return "{model} in int8 is {times_as_fast:x} as fast here" if event.get("taken") else ""


def _housekeeping(event: Event) -> str:
    kinds = ("processed", "failed", "review", "folders")
    removed = [f"{{{kind}}} {kind}" for kind in kinds if event.get(kind)]
    return "{inbox}: removed what was kept for long enough: " + ", ".join(removed)


TOLD: Mapping[str, Told] = MappingProxyType(
    {
        # pictures; of job.finished the line is made in telling.py
        "job.finished": Told("{source} → {outputs}"),
        "job.closed": Told("{source}: {why}"),
        "job.withdrawn": Told("{source} is looked at again: {why}"),
        "job.failed": Told("{source}: {why}|Its note is in failed/ of the outbox"),
        "job.failed_many": Told("{inbox}: {why}: {reason}|`scissorsd status` counts them"),
        "job.unforeseen": Told(f"{{source}}: something unforeseen went wrong|{_REPORT}"),
        "job.held": Told(
            "{source} waits: {why}|It is tried again by itself; at once: scissorsd retry --held"
        ),
        "job.left": Told("{source}: {why}"),
        "job.unclosed": Told("{source} is not finished with: {why}|It is tried again by itself"),
        "source.stays": Told("{source} stays where it is: {why}"),
        "picture.own": Told("{source} is left alone: {why}"),
        "picture.settled": Told("{source} has stopped changing; its rule is {rule}", quiet=True),
        "picture.left_alone": Told("{source} is left alone: {why}", quiet=True),
        "holds.hurried": Told("what waits is tried at once: {held}"),
        # review
        "review.accepted": Told("{source} was accepted[: {outputs}]"),
        "review.rejected": Told("{source} was rejected"),
        "review.undone": Told("{source}: {why}"),
        "review.unseen": Told("{inbox}: what waits for review cannot be seen: {why}", quiet=True),
        # inboxes
        "inbox.watched": Told(_watched),
        "inbox.scanned": Told("{inbox} was looked through: {pictures} pictures", quiet=True),
        "inbox.events_lost": Told("{inbox}: {why}; {now}"),
        "inbox.away": Told("{inbox}: {path} is away: {why}|It is gone on with once it is back"),
        "inbox.back": Told("{inbox}: {path} is back"),
        "inbox.barred": Told("{inbox}: nothing is taken from {path}: {why}"),
        "inbox.unbarred": Told("{inbox}: pictures are taken from {path} again"),
        "inbox.unseen": Told("{inbox}: some of it cannot be looked at: {why}"),
        "inbox.closed": Told("{inbox} is watched no more"),
        "inbox.watcher_died": Told(
            f"{{inbox}}: its watcher ended by a fault, and is started again|{_REPORT}"
        ),
        "folder.respelled": Told("{known_as} is called {now} now; its pictures stay known"),
        # the daemon
        "daemon.ready": Told(_ready),
        "daemon.stopping": Told("stopping[; in hand: {in_hand}]"),
        "daemon.stopped": Told(_stopped),
        "daemon.crashed": Told("{what}"),
        "daemon.out_of_memory": Told("{what}|{advice}"),
        "daemon.stood_still": Told("{what}"),
        "standstill.unwatched": Told("nothing would notice if this stood still: {why}"),
        "thread.died": Told(f"{{thread}} ended by a fault: {{why}}|{_REPORT}"),
        "status.unwritten": Told("the status file cannot be written: {why}|The work goes on"),
        "journal.set_aside": Told(
            "{why}|It was set aside: {now}|A new one is begun; `scissorsd restore` puts a backup "
            "back, `scissorsd adopt` takes for done what is out already"
        ),
        "memory.limited": Told(
            "pictures get {ceiling:MB} of memory, not {configured:MB}: {why}", quiet=True
        ),
        "log.lost": Told("lines that are missing here: {lines}[; {why}]"),
        # the configuration
        "config.warning": Told("{problem}"),
        "config.problem": Told("{problem}"),
        "config.kept": Told("the configuration stays as it was: {why}"),
        "config.reloaded": Told("the configuration was read again: {inboxes}"),
        "config.needs_restart": Told("`{option}` has changed|That takes a restart"),
        "rule.added": Told("{inbox}: the rule {rule} is new"),
        "rule.removed": Told("{inbox}: the rule {rule} is gone"),
        "rule.changed": Told("{inbox}: the rule {rule} has changed: {changes}"),
        "rules.stale": Told("{inbox}: cut by a rule that has changed since: {pictures}|{advice}"),
        # networks
        "weights.fetching": Told(_fetching),
        "weights.left": Told("{what}"),
        "session.opened": Told("{model} runs on {provider} (precision {precision})"),
        "session.fell_back": Told(
            f"{{model}} does not run on {{asked}}: {{reason}}|[It runs on {{provider}}; ]{_DOCTOR}",
            quiet=True,  # but where it is a warning
        ),
        "second_opinion.missing": Told("{model}, a second opinion, cannot be asked|{why}"),
        "providers.timing": Told(
            "finding out which of {providers} is the fastest for {model} here: once on a machine, "
            "while pictures are cut"
        ),
        "providers.timed": Told("{model}, seconds for a picture: {seconds}"),
        "timing.repeated": Told("{model} is timed again later: {why}", quiet=True),
        "timing.failed": Told(
            "which provider is the fastest for {model} was not found out: {reason}", quiet=True
        ),
        "int8.tried": Told(_tried),
        "int8.failed": Told("{model} could not be tried in int8: {reason}", quiet=True),
        # a host, which cuts for the daemon of another machine
        "join.exposed": Told("{why}"),
        "host.ready": Told(
            "{host} is ready: it cuts {slots} pictures at once for the hub {hub}; {networks}"
        ),
        "host.found": Told(_found_folder),
        "host.paused": Told("no orders are taken for {again_in_s:s}: {why}"),
        "host.resumed": Told("orders are taken again"),
        "host.blind": Told(
            "no folder is seen of those that are asked for: {why}|Pictures are taken that come "
            "over the hub themselves"
        ),
        "host.sees": Told("the folders are seen again"),
        "host.stuck": Told("{why}|It ends, to be started anew"),
        "host.stopping": Told("stopping[; in hand: {in_hand}]"),
        "host.stopped": Told("stopped: {cut} cut"),
        "hub.away": Told("the hub is away: {why}|It is gone on with once it is back"),
        "hub.back": Told("the hub is back"),
        "hub.full": Told("the hub {hub} takes no orders: it is short of memory or disk"),
        "hub.takes_again": Told("the hub {hub} takes orders again"),
        "hub.queue_anew": Told("the queue {queue} at the hub took nothing|It is made anew"),
        "host.there": Told("{host} cuts, too, {slots} at once[; it gets no work: {trouble}]"),
        "host.twin": Told(
            "two hosts have the name {host}, and count for one|Give one of them another --name"
        ),
        "host.other_user": Told(
            "what {host} writes belongs to {user}, and not to {ours} as here: whoever uses the "
            "share may not be able to change it|Run it as the same user (docs/hosts.md: Who may "
            "write)"
        ),
        "host.gone": Told("{host} has been silent for {silent_s:s}|Others cut what it had"),
        "order.given_again": Told("{source} is given to another host: {why}"),
        "order.carried": Told("{source} goes over the hub itself: {why}"),
        "answer.refused": Told("an answer[ of {host}] was refused: {why}"),
        "hub.says": Told("the hub: {what}"),
        "order.cut": Told("{source}: {verdict}, {total_s:s} on {provider}"),
        "order.failed": Told("{source}: {why}"),
        "order.returned": Told("{source} goes back to its daemon: {why}|{advice}"),
        "order.refused": Told("an order was refused: {why}"),
        "order.unanswered": Told("{source} was cut in vain: the answer cannot be sent: {why}"),
        # what is removed by `keep`
        "housekeeping.done": Told(_housekeeping),
        "housekeeping.removed": Told("{inbox}: removed [{file}][{folder}]", quiet=True),
        "housekeeping.waits": Told("{why}"),
        "housekeeping.left": Told("{inbox}: not removed, though kept for long enough: {why}"),
        "housekeeping.clock_unwritten": Told("the clock cannot be noted: {why}", quiet=True),
        # the page
        "page.listening": Told("the page: {address}"),
        "page.stopped": Told("the page has ended", quiet=True),
        "page.died": Told("the page has ended: {why}|It is started again in {again_in_s:s}"),
        "page.missing": Told("there is no page: {why}"),
        "page.open": Told("{address}: {why}|{advice}"),
        "page.kept_out": Told("{client} was kept out of the page: {why}"),
        "page.failed": Told(f"the page could not answer {{method}} {{path}}|{_REPORT}"),
        "page.refused": Told("the page refused {method} {path}: {why}", quiet=True),
        "page.dropped": Told("{source} was dropped on the page", quiet=True),
        "page.broken_off": Told("{path} did not come whole over the page"),
        "page.swept": Told("removed from the page, being a week old: {batch}", quiet=True),
        "page.unswept": Told("the page's old pictures cannot be removed: {why}"),
        "page.left_over": Told("{note} stays: {why}", quiet=True),
        "page.preview_not_kept": Told("a preview cannot be kept as {path}: {why}"),
        "page.unseen": Told("the page cannot see how things stand: {why}"),
        "page.unheard": Told("the page said what it should not: {line}", quiet=True),
        "page.untold": Told("the daemon cannot be told: {why}", quiet=True),
    }
)
