"""Why a picture is held and what to do: on its card, and above the list where others are, too."""

import re

import pytest
from end_to_end.driver import Daemon, Workplace, wait_for
from end_to_end.mounts import Mounts, needs_mounts
from end_to_end.pages import with_page
from playwright.sync_api import expect

from .browser import Tabs, card, states
from .viewed import Values, View, viewed

SLOWLY = {"SCISSORSD_SECONDS": "FIRST_PAUSE=300"}  # nothing is tried again during the test
FULL = {**SLOWLY, "SCISSORSD_FAULTS": "make=EROFS@1"}  # the folder of the outbox
DENIED = {**SLOWLY, "SCISSORSD_FAULTS": "read=EACCES@1"}


def held(view: View, name: str) -> Values:
    """Wait until a picture looks held; return its card."""
    return wait_for(lambda: (card := view.card(name))["look"] == "held" and card)


def check_retry(view: View, daemon: Daemon, shown: Values) -> None:
    """See that a person may have it tried at once, and that it is."""
    assert [act["verb"] for act in shown["acts"]] == ["retry"]
    (said,) = view.act(shown, "retry")["said"]
    assert "is tried at once" in said
    daemon.finished("a.jpg")
    wait_for(lambda: not view.ask("status")["banner"])


def test_what_waits_for_an_outbox_says_so(place: Workplace) -> None:
    """No job has it yet; its card and the line above all say why, and when it is tried again."""
    place.put("a.jpg")
    daemon = place.start(variables=FULL)
    daemon.wait("job.held")
    with viewed(place) as view:
        shown = held(view, "a.jpg")
        assert shown["state"] == "waiting"
        assert shown["words"].startswith("held, again in ")
        assert "Read-only file system. It is mounted read-only" in shown["reason"]
        banner = wait_for(lambda: view.ask("status")["banner"])  # with the daemon's next beat
        assert banner.startswith("Nothing comes out of inbox shop: cannot make the folder")
        assert "mount it for writing" in banner
        told = view.ask("settings")["sections"][0]["lines"]
        assert banner in [line["text"] for line in told]
        check_retry(view, daemon, shown)
    daemon.stop()


@pytest.mark.full
def test_one_picture_that_is_held_says_why(place: Workplace) -> None:
    """Its card says it; above the list nothing is said, as the others are cut."""
    place.put("a.jpg")
    daemon = place.start(variables=DENIED)
    daemon.wait("job.held")
    place.put("b.jpg", number=1)
    daemon.finished("b.jpg")
    with viewed(place) as view:
        shown = held(view, "a.jpg")
        # The journal has it at once, and the status file with the daemon's next beat.
        wait_for(lambda: view.card("a.jpg")["words"].startswith("held, again in "))
        assert "Permission denied. Give the user" in shown["reason"]
        assert view.ask("status")["banner"] == ""
        check_retry(view, daemon, shown)
    daemon.stop()


@pytest.mark.full
def test_an_empty_file_is_held_until_something_is_in_it(place: Workplace) -> None:
    """It is told what it waits for; to try it again would change nothing, and is refused."""
    daemon = place.start()
    (place.inbox / "a.jpg").touch()
    with viewed(place) as view:
        shown = held(view, "a.jpg")
        assert shown["reason"].startswith("It is empty")
        refused = view.act(shown, "retry", status=409)["error"]
        assert "It is empty" in refused["advice"]
    daemon.stop()


@pytest.mark.full
@needs_mounts
def test_an_outbox_that_is_away_is_seen(place: Workplace, tabs: Tabs, mounts: Mounts) -> None:
    """The dot is not that of health; card and banner say what is gone; back, the picture is cut."""
    share = place.folder / "share"
    share.mkdir()
    mounts.bind(share, place.outbox)
    daemon, at = with_page(place, quick=False)
    page = tabs.open(at.address)
    expect(page.locator("#health.good")).to_be_visible()
    mounts.unmount(place.outbox)
    place.put("a.jpg")
    states(page, "held", "a.jpg")
    expect(card(page, "a.jpg").locator(".state")).to_contain_text("held")
    expect(card(page, "a.jpg").locator(".reason")).to_contain_text("what is mounted there is gone")
    expect(page.locator("#banner")).to_contain_text("Bring it back. It is tried again by itself")
    expect(page.locator("#health:not(.good)")).to_have_accessible_name(re.compile("not healthy"))
    mounts.bind(share, place.outbox)
    card(page, "a.jpg").get_by_role("button", name="Retry").click()
    states(page, "done", "a.jpg")
    expect(page.locator("#health.good")).to_be_visible()
    daemon.stop()
