"""One picture, large, in a real browser: before and after, and the download as it was chosen."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from end_to_end.driver import Workplace
from end_to_end.pages import with_page
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from playwright.sync_api import FloatRect, Locator, Page, expect

from .browser import Tabs, downloaded, drop, looked_at, opened, pixels

YELLOW, NAVY = (255, 240, 200), (20, 10, 60)
PLAIN = 12  # of 255: so much do JPEG, WebP and profiles change of a plain colour
WISHED = {
    "background": "white",
    "crop": "subject",
    "margin": "10%",
    "size": "1000x1000",
    "format": "jpeg",
}
EDGE = 4  # pixels of the screen beside the slider that are not looked at


def drawn(width: int, height: int, subject: tuple[float, float, float, float]) -> Image.Image:
    """Draw a navy ellipse on yellow, its box given in shares of the picture."""
    image = Image.new("RGB", (width, height), YELLOW)
    box = [share * side for share, side in zip(subject, (width, height) * 2, strict=True)]
    ImageDraw.Draw(image).ellipse(box, NAVY)
    return image


def saved(place: Workplace, name: str, image: Image.Image, **options: Any) -> Path:  # noqa: ANN401 - Pillow's
    """Save a picture outside the inbox."""
    path = place.folder / name
    image.save(path, **options)
    return path


def yellow_in(stage: Locator, share: float) -> NDArray[np.bool_]:
    """Tell of one row of what the stage shows where it has the ground of the picture before."""
    with Image.open(io.BytesIO(stage.screenshot())) as image:
        seen = np.asarray(image.convert("RGB")).astype(int)
    found: NDArray[np.bool_] = (abs(seen[int(share * len(seen))] - YELLOW) <= PLAIN).all(axis=-1)
    return found


def lies(element: Locator) -> FloatRect:
    """Return where something lies on the screen."""
    box = element.bounding_box()
    assert box is not None
    return box


def check_halves(page: Page, stage: Locator) -> None:
    """See that left of the line is before, and right of it after."""
    room, line = lies(stage), lies(page.locator("#stage .line"))
    slider = lies(page.get_by_role("slider", name="Before and after"))
    cut = line["x"] + line["width"] / 2 - room["x"]
    left, right = slider["x"] - room["x"], slider["x"] + slider["width"] - room["x"]
    yellow = yellow_in(stage, 0.3)
    assert yellow[int(left) + EDGE : max(0, int(cut) - EDGE)].all()
    assert not yellow[int(cut) + EDGE : int(right) - EDGE].any()


def test_the_slider_shows_before_on_its_left_and_after_on_its_right(
    place: Workplace, tabs: Tabs
) -> None:
    """By drag, click, arrows, Home and End, at 100 % and 300 %; its value is told as it moves."""
    daemon, at = with_page(place, quick=False)
    page = tabs.open(at.address)
    drop(page, saved(place, "a.png", drawn(640, 480, (0.35, 0.42, 0.65, 0.58))))
    stage = opened(page, "a.png")
    slider = page.get_by_role("slider", name="Before and after")
    expect(slider).to_have_attribute("aria-valuetext", "50 % before")
    check_halves(page, stage)
    slider.focus()
    for key, told in {"Home": 0, "ArrowRight": 1, "End": 100, "ArrowLeft": 99}.items():
        page.keyboard.press(key)
        expect(slider).to_have_attribute("aria-valuetext", f"{told} % before")
        assert round(float(slider.input_value())) == told
        check_halves(page, stage)
    box = lies(slider)
    x, y, width = box["x"], box["y"], box["width"]
    page.mouse.click(x + width / 4, y)
    expect(slider).to_have_attribute("aria-valuetext", "25 % before")
    check_halves(page, stage)
    page.mouse.move(x + width / 4, y)
    page.mouse.down()
    page.mouse.move(x + width * 0.6, y + 20, steps=4)
    page.mouse.up()
    expect(slider).to_have_attribute("aria-valuetext", "60 % before")
    check_halves(page, stage)
    percent = page.locator("#v-tools").get_by_text("%")
    page.keyboard.press("z")
    expect(percent).to_have_text("100 %")
    check_halves(page, stage)
    for _ in range(5):
        page.keyboard.press("+")
    expect(percent).to_have_text("305 %")
    check_halves(page, stage)
    daemon.stop()


@pytest.mark.full
def test_pictures_of_every_kind_are_upright_on_both_sides(place: Workplace, tabs: Tabs) -> None:
    """HEIC, AVIF, TIFF of 16 bits, CMYK and turned JPEG: in their colours before and after.

    Also at 100 %, for which the browser is given the files themselves: some of them it cannot show.
    """
    daemon, at = with_page(place, quick=False)
    page = tabs.open(at.address)
    paths = list(of_every_kind(place, drawn(300, 200, (0.1, 0.1, 0.4, 0.5))))
    drop(page, *paths)
    for path in paths:
        stage = opened(page, path.name)
        check_sides(stage, path.name)
        page.keyboard.press("z")
        looked_at(page, path.name)
        check_sides(stage, path.name)
        page.keyboard.press("Escape")
    daemon.stop()


def of_every_kind(place: Workplace, upright: Image.Image) -> Iterator[Path]:
    """Save a picture in formats that not every browser shows, or not so."""
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    turned = upright.transpose(Image.Transpose.ROTATE_90)
    yield saved(place, "turned.jpg", turned, exif=exif, quality=95)
    yield saved(place, "cmyk.jpg", upright.convert("CMYK"), quality=95)
    yield saved(place, "phone.heic", upright, format="HEIF", quality=95)
    yield saved(place, "modern.avif", upright, quality=95)
    deep = place.folder / "deep.tiff"
    tifffile.imwrite(deep, np.asarray(upright).astype(np.uint16) * 257, photometric="rgb")
    yield deep


def check_sides(stage: Locator, name: str) -> None:
    """See that both sides have their shape and colours."""
    size, subject, ground = pixels(stage.locator(".before img"), (0.25, 0.3), (0.8, 0.8))
    assert size == (300, 200), name
    assert np.allclose(subject[:3], NAVY, atol=PLAIN), name
    assert np.allclose(ground[:3], YELLOW, atol=PLAIN), name
    size, subject, ground = pixels(stage.locator(".after img"), (0.25, 0.3), (0.8, 0.8))
    assert size == (300, 200), name
    assert np.allclose(subject, (*NAVY, 255), atol=PLAIN), name
    assert ground[3] == 0, name


@pytest.mark.full
def test_a_finished_download_is_what_the_rule_with_the_same_words_makes(
    place: Workplace, tabs: Tabs
) -> None:
    """White, crop, 10 %, 1000 × 1000, JPEG: the file of the rule, and the network ran once."""
    flat = {"kind": "flat", "name": "{stem}-flat", **WISHED}
    place.configure({"name": "all", "outputs": [{"kind": "cutout"}, flat]})
    daemon, at = with_page(place, quick=False)
    page = tabs.open(at.address)
    drop(page, saved(place, "a.png", drawn(300, 200, (0.3, 0.2, 0.6, 0.7))))
    opened(page, "a.png")
    page.get_by_role("button", name="white background").click()
    page.get_by_label("Crop").select_option("subject")
    page.get_by_label("Margin").select_option("10%")
    page.get_by_label("Size in pixels").fill("1000 × 1000")
    page.get_by_label("Size in pixels").press("Enter")
    page.get_by_label("Format").select_option("jpeg")
    looked_at(page, "a.png")
    size, corner = pixels(page.locator("#stage .after img"), (0.01, 0.01))
    assert (size, corner) == ((1000, 1000), (255, 255, 255, 255))
    name, content = downloaded(page, "Download as chosen")
    assert name.startswith("a")
    assert name.endswith(".jpg")
    (by_rule,) = place.outbox.glob("a-flat.*")
    assert content == by_rule.read_bytes()
    daemon.stop()
    assert len(daemon.told("job.finished")) == 1
