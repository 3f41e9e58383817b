"""What is held, in words: a whole inbox or outbox, or one picture; and when it is tried again."""

from collections.abc import Iterator
from time import monotonic

from scissorsd.core.eta import in_words
from scissorsd.page.standpoint import Standpoint
from scissorsd.plain_text import one_line

_JOINED = "\N{NO-BREAK SPACE}"


def whole(at: Standpoint) -> Iterator[str]:
    """Say of every inbox that is not all well what is wrong with it and its outbox, what to do."""
    for inbox in at.stands.inboxes if at.stands is not None else ():
        if inbox.trouble:
            yield f"Inbox {inbox.name}: {inbox.trouble}."
        elif inbox.away:
            yield f"Inbox {inbox.name} is away: {inbox.away}. Bring it back; it goes on by itself."
        if inbox.unseen:
            yield f"Inbox {inbox.name} cannot be looked at as a whole: {inbox.unseen}."
        if inbox.paused:
            yield (
                f"Nothing comes out of inbox {inbox.name}: {one_line(inbox.paused)} "
                "It is tried again by itself, and what waits is cut then."
            )


def words(at: Standpoint, inbox: str, path: str) -> str:
    """Say of a picture that it is held and, where that is known, when it is tried again."""
    live = at.live(inbox)
    if live is None or live.away or live.silent:
        return "held"
    own = next((held.at for held in live.tries if held.path == path), None)
    if own is None and not live.paused:
        return "held"
    seconds = max(own or 0.0, live.paused_until) - monotonic()
    if seconds <= 0:
        return "held, tried now"
    # In one piece, where the line is short.
    return f"held, again in {in_words(seconds).replace(' ', _JOINED)}"


def steady(at: Standpoint) -> object:
    """Return what differs whenever `whole` has something else to say than how long it lasts."""
    inboxes = at.stands.inboxes if at.stands is not None else ()
    return [(i.name, i.away, bool(i.trouble), i.unseen, i.paused) for i in inboxes]
