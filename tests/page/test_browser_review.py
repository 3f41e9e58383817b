"""What failed and what waits for a person, in a real browser."""

import io
import signal

import pytest
from end_to_end.driver import Workplace, picture, wait_for
from end_to_end.pages import page_of, with_page
from end_to_end.scenes import unsure
from PIL import Image
from playwright.sync_api import expect

from .browser import Tabs, card, free_port, states

TINY = 1000  # pixels: fewer than a picture has


def nothing() -> bytes:
    """Draw a picture of nothing."""
    return _png(Image.new("RGB", (96, 72), "silver"))


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.full
def test_a_failed_picture_says_why_and_is_tried_again(place: Workplace, tabs: Tabs) -> None:
    """Its card says what NAME.txt says; after mending, Retry cuts it."""
    place.change_config(limits={"pixels": TINY})
    listen = f"127.0.0.1:{free_port()}"  # the same once the limits have changed
    daemon, at = with_page(place, quick=False, listen=listen)
    place.put("large.jpg")
    daemon.wait("job.failed", source="large.jpg")
    page = tabs.open(at.address)
    states(page, "failed", "large.jpg")
    (told,) = place.outbox.rglob("large.jpg.txt")
    sentences = told.read_text().partition("\n\n")[0].splitlines()
    assert "over the limit" in sentences[0]
    for sentence in sentences:
        expect(card(page, "large.jpg").locator(".reason")).to_contain_text(sentence)
    place.change_config(limits={"pixels": 100 * TINY})
    daemon.send(signal.SIGHUP)
    daemon.wait("config.reloaded")
    page_of(daemon, times=2)
    card(page, "large.jpg").get_by_role("button", name="Retry").click()
    states(page, "done", "large.jpg")
    assert "large.png" in place.files()
    daemon.stop()


def test_review_by_keys(place: Workplace, tabs: Tabs) -> None:
    """Worst first; A moves it to its place and `why` agrees; R redoes it under the same name."""
    place.configure({"name": "all", "when_doubtful": "review"})
    daemon, at = with_page(place, quick=False)
    for number in range(2):
        place.put(f"doubtful-{number}.png", unsure(20 + 10 * number))
        daemon.finished(f"doubtful-{number}.png")
    place.put("nothing.png", nothing())
    place.put("good.png", picture("good.png"))
    daemon.finished("nothing.png", "good.png")
    page = tabs.open(at.address)
    expect(page.locator("#n-review")).to_have_text("3")
    page.get_by_role("link", name="Review").click()
    expect(page.locator(".card .name")).to_have_text(
        ["nothing.png", "doubtful-1.png", "doubtful-0.png"]
    )
    page.get_by_role("button", name="Review one by one").press("Enter")
    shown = page.locator("#v-name")
    expect(shown).to_have_text("nothing.png")
    page.keyboard.press("x")
    expect(shown).to_have_text("doubtful-1.png")
    expect(page.locator("#v-state")).to_contain_text("unsure about 2")
    page.keyboard.press("a")
    expect(shown).to_have_text("doubtful-0.png")
    page.keyboard.press("r")
    page.keyboard.press("Tab")  # from the model to the edges
    page.keyboard.press("b")  # best
    expect(page.get_by_label("Edges")).to_have_value("best")
    page.get_by_role("button", name="Redo", exact=True).press("Enter")
    accepted = place.outbox / "doubtful-1.png"
    wait_for(accepted.exists)
    wait_for((place.outbox / "rejected" / "nothing.png").exists)
    daemon.wait("job.finished", source="doubtful-0.png", times=2)
    assert "accepted by you on" in place.ask("why", accepted)
    page.get_by_role("link", name="Queue").click()
    states(page, "accepted", "doubtful-1.png")
    states(page, "rejected", "nothing.png")
    states(page, "done", "good.png")
    states(page, "review", "doubtful-0.png")
    (again,) = [entry for entry in place.entries() if entry.path == "doubtful-0.png"]
    assert [path.name for path in place.outbox.rglob("doubtful-0*.png")] == ["doubtful-0.png"]
    assert again.state == "done"
    daemon.stop()
