"""`status` and `why` tell which pictures are held, and whose they are."""

import json
from typing import Any

import pytest

from .driver import Workplace, wait_for
from .mounts import heeds_permissions, stands, variables

NAMES = [f"{letter}.jpg" for letter in "abcdefg"]


def kinds(place: Workplace) -> list[Any]:
    """Return both kinds of what is held, or nothing while half a picture is being looked at."""
    (shop,) = json.loads(place.ask("status", "--json"))["inboxes"]
    found: list[Any] = shop["held_kinds"]
    return found if len(found) == 2 else []


def naming(place: Workplace, line: str) -> list[str]:
    """Return the lines of `status`, or nothing while this one is not among them."""
    lines = place.ask("status").splitlines()
    return lines if line in lines else []


@pytest.mark.full
@heeds_permissions
def test_held_pictures_are_named(unprivileged: Workplace) -> None:
    """The first five of each kind are named, with a reason, while a daemon runs and after it."""
    place = unprivileged
    # Half a picture is looked at seven times, ever less often, and then it is no longer held: it
    # must still be when the last question is answered, also on a busy machine.
    place.configure(settle="5s")
    for number, name in enumerate(NAMES):
        place.put(name, number=number).chmod(0)
    half = place.put("half.png")
    half.write_bytes(half.read_bytes()[:200])
    daemon = place.start(variables=variables(seconds="FIRST_PAUSE=600"))
    wait_for(lambda: stands(daemon, place).held == len(NAMES) + 1)
    for after in (False, True):
        if after:
            daemon.stop()
        denied, truncated = wait_for(lambda: kinds(place))
        assert denied["count"] == len(NAMES)
        assert denied["first"] == NAMES[:5]
        assert "Permission denied" in denied["why"]
        assert (truncated["count"], truncated["first"]) == (1, ["half.png"])
        lines = wait_for(lambda: naming(place, "  half.png"))
        reason = f"shop: held: cannot read {place.inbox}/"
        (at,) = [number for number, line in enumerate(lines) if line.startswith(reason)]
        assert lines[at + 1] == "  " + ", ".join(denied["first"]) + ", and 2 more"
        assert "  half.png" in lines
        said = place.ask("why", place.inbox / "a.jpg")
        owner = (place.inbox / "a.jpg").owner()
        assert f"It belongs to {owner}:" in said
        assert "mode 0000" in said
        assert f"scissorsd works as {owner}" in said
