"""How many pictures wait, are cut, are done, failed or are held; and how many wait for a person.

They add up: a picture is in one of the five states. Those in review are told beside that; they are
done.
"""

from collections.abc import Sequence

from scissorsd.page.cards import JOURNALLED, of_entry, state_of
from scissorsd.page.standpoint import Standpoint
from scissorsd.page.waiting import Waiting
from scissorsd.records.pictures_view import Scope

Counts = dict[str, int]


def counts(at: Standpoint, scope: Scope, waiting: Sequence[Waiting]) -> Counts:
    """Count the pictures that are meant, of one moment; `waiting` are those of them in no job."""
    told = dict.fromkeys(JOURNALLED, 0)
    told["waiting"] = len(waiting)
    if at.view is None:
        return told
    with at.view.at_one_moment():
        total, unended = at.view.count(scope), at.view.unended(scope)
        told["review"] = len(at.view.in_review(scope))
        for one in waiting:
            inbox = at.inbox(one.inbox) if one.is_anew else None
            entry = at.view.of(inbox.path, one.sighting.path) if inbox is not None else None
            if entry is not None:  # it is told as what waits
                told[of_entry(entry, at.runs)] -= 1
    for (state, is_told), number in unended.items():
        told[state_of(state, is_told=is_told, runs=at.runs)] += number
    told["done"] += total - unended.total()
    return told
