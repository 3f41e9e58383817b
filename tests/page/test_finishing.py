"""What is made of a cutout equals what the rule with the same words makes."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from end_to_end.driver import Workplace
from families import one_of_each_kind
from PIL import Image, ImageDraw, ImageFilter

from scissorsd.core.profiles import ADOBE_RGB
from scissorsd.page.outputs.cutouts import is_finishable

from .served import Served

WHITE = {"background": "white", "crop": "subject", "margin": "10%", "size": "1000x1000"}
WORDS: dict[str, dict[str, Any]] = {
    "white": {**WHITE, "format": "jpeg"},
    "white as png": {**WHITE, "format": "png"},
    "paper": {"background": "#f4f4f4", "shadow": "soft", "format": "png"},
    "framed": {"crop": "subject", "aspect": "4:5", "align": "bottom", "format": "png"},
    "small": {"size": "120", "format": "png"},
    "webp": {"format": "webp", "quality": "85"},
    "large": {"background": "navy", "size": 1400, "format": "png"},
    "sticker": {"crop": "subject", "outline": "12px", "margin": "4px", "format": "png"},
    "jpeg": {"format": "jpeg", "quality": "70"},
}
MASKS: dict[str, dict[str, object]] = {
    "refined": {},
    "best": {"edges": "best"},
    "soft": {"edges": "soft"},
    "feathered": {"feather": "2%"},
    "hard": {"threshold": 0.5},
}
FAINT = 4  # of 255: such an alpha can hardly be seen
CASES = [(words, mask) for words in WORDS for mask in MASKS]
KEPT = [("white", "refined"), ("framed", "soft"), ("jpeg", "refined")]


def photograph() -> bytes:
    """Draw a dark thing with soft edges on a bright, uneven ground, in a profile of its own."""
    rng = np.random.default_rng(7)
    width, height = 400, 300
    ramp = np.linspace(190, 245, width)[None, :, None] * np.array([1.0, 0.95, 0.85])
    ground = np.broadcast_to(ramp, (height, width, 3)) + rng.normal(0, 4, (height, width, 3))
    thing = Image.new("L", (width, height))
    draw = ImageDraw.Draw(thing)
    draw.ellipse((120, 60, 290, 240), 255)
    for at in range(120, 290, 14):
        draw.line((at, 150, at + 30, 20), 255, 2)
    share = np.asarray(thing.filter(ImageFilter.GaussianBlur(2)), float)[..., None] / 255
    colours = np.array([60.0, 20.0, 30.0]) + rng.normal(0, 8, (height, width, 3))
    pixels = (ground * (1 - share) + colours * share).clip(0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=95, dpi=(300, 300), icc_profile=ADOBE_RGB)
    return buffer.getvalue()


def as_in_a_rule(words: Mapping[str, object]) -> dict[str, object]:
    """Write the words of an address as an output of a rule."""
    is_flat = "background" in words or words.get("format") == "jpeg"
    quality = {"quality": int(str(words["quality"]))} if "quality" in words else {}
    return {"kind": "flat" if is_flat else "cutout", "name": "asked", **words, **quality}


def cut(place: Workplace, *outputs: Mapping[str, object], mask: Mapping[str, object]) -> None:
    """Cut the photograph by a rule."""
    place.configure({"name": "all", "mask": mask, "outputs": list(outputs)})
    place.put("a.jpg", photograph())
    answer = place.run("once", "-c", place.config)
    assert answer.returncode == 0, answer.stderr


@pytest.mark.parametrize(("words", "mask"), one_of_each_kind(CASES, KEPT))
def test_it_equals_what_the_rule_makes(
    place: Workplace, page: Served, words: str, mask: str
) -> None:
    """What is made of the cutout is the file that the rule makes, byte by byte.

    Only the colours of what can hardly be seen may differ, in a cutout that is made smaller.
    """
    cut(place, {"kind": "cutout"}, as_in_a_rule(WORDS[words]), mask=MASKS[mask])
    (by_rule,) = place.outbox.glob("asked.*")
    answer = page.picture("a.jpg", "finish", **WORDS[words])
    assert answer.status == 200, answer.body
    assert difference(answer.body, by_rule.read_bytes()) == 0
    if words != "small":
        assert answer.body == by_rule.read_bytes()


def difference(one: bytes, other: bytes) -> int:
    """Return by how much two pictures differ at the most, as they are seen on white and on black.

    Also in their alpha; but not in the colours of what is faint.
    """
    images = [Image.open(io.BytesIO(data)).convert("RGBA") for data in (one, other)]
    assert images[0].size == images[1].size
    seen = [
        np.concatenate([np.asarray(laid_on(image, 255)), np.asarray(laid_on(image, 0)), image], 2)
        for image in images
    ]
    faint = seen[0][..., -1:] <= FAINT
    shown = [np.where(faint, image[..., -1:], image).astype(int) for image in seen]
    return int(abs(shown[0] - shown[1]).max())


def laid_on(image: Image.Image, grey: int) -> Image.Image:
    """Lay a picture on a grey."""
    under = Image.new("RGB", image.size, (grey, grey, grey))
    under.paste(image, mask=image.getchannel("A"))
    return under


@pytest.mark.full
@pytest.mark.parametrize("form", ["tiff", "webp"])
def test_other_lossless_cutouts(place: Workplace, page: Served, form: str) -> None:
    """A cutout as TIFF, or as WebP without loss, is as good."""
    whole = {"kind": "cutout", "format": form, **({"quality": 100} if form == "webp" else {})}
    cut(place, whole, as_in_a_rule(WORDS["white"]), mask={})
    answer = page.picture("a.jpg", "finish", **WORDS["white"])
    assert difference(answer.body, (place.outbox / "asked.jpg").read_bytes()) == 0


@pytest.mark.full
@pytest.mark.parametrize(("deep", "most"), [(False, 0), (True, 0)], ids=["8", "16"])
def test_a_cutout_of_16_bits(place: Workplace, page: Served, deep: bool, most: int) -> None:  # noqa: FBT001 - a case
    """A cutout of 16 bits is as good, where the picture has them too."""
    words, name = WORDS["white as png"], "a.tiff" if deep else "a.jpg"
    outputs = [{"kind": "cutout", "depth": 16}, as_in_a_rule(words)]
    place.configure({"name": "all", "mask": {"feather": "1%"}, "outputs": outputs})
    place.put(name, deep_photograph() if deep else photograph())
    answer = place.run("once", "-c", place.config)
    assert answer.returncode == 0, answer.stderr
    made = page.picture(name, "finish", **words).body
    assert difference(made, (place.outbox / "asked.png").read_bytes()) <= most


def deep_photograph() -> bytes:
    """Draw the photograph with 16 bits of a colour, all of them used."""
    with Image.open(io.BytesIO(photograph())) as image:
        pixels = np.asarray(image, int) * 257
    noise = np.random.default_rng(3).integers(-128, 128, pixels.shape)
    buffer = io.BytesIO()
    deep = (pixels + noise).clip(0, 65535).astype(np.uint16)
    tifffile.imwrite(buffer, deep, photometric="rgb")
    return buffer.getvalue()


@pytest.mark.full
def test_what_is_told_of_the_file(place: Workplace, page: Served) -> None:
    """It is named after the cutout, of its own type, and not sent twice."""
    cut(place, {"kind": "cutout"}, mask={})
    answer = page.picture("a.jpg", "finish", background="white", download=1)
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["content-disposition"] == 'attachment; filename="a-flat.jpg"'
    assert "sandbox" in answer.headers["content-security-policy"]
    again = page.picture(
        "a.jpg", "finish", background="white", headers={"If-None-Match": answer.headers["etag"]}
    )
    assert again.status == 304
    other = page.picture(
        "a.jpg", "finish", background="red", headers={"If-None-Match": answer.headers["etag"]}
    )
    assert other.status == 200


@pytest.mark.full
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"size": "7"}, "size: '7' is too little"),
        ({"size": "100000"}, "is too much"),
        ({"margin": "sideways"}, "margin: 'sideways' is not a length"),
        ({"format": "svg"}, "format: 'svg' is not known here"),
        ({"format": "jpg"}, "did you mean 'jpeg'"),
        ({"quality": "101", "format": "jpeg"}, "quality: 101 is out of bounds"),
        ({"quality": "much", "format": "jpeg"}, "quality: 'much' is neither a whole number"),
        ({"background": "/etc/passwd"}, "background: '/etc/passwd' is no colour"),
        ({"background": "whit"}, "did you mean 'white'"),
        ({"background": "white", "format": "tiff"}, "a flat cannot be tiff"),
        ({"size": "100x100", "margin": "50px"}, "leaves no room"),
        ({"model": "u2net"}, "'model' is not known here; known are background"),
    ],
)
def test_words_are_checked_as_in_a_rule(
    place: Workplace, page: Served, words: dict[str, Any], said: str
) -> None:
    """Words that a rule could not have are refused, in the words of the configuration."""
    assert place.config.exists()
    answer = page.picture("a.jpg", "finish", **words)
    assert (answer.status, answer.error["code"]) == (400, "words")
    assert said in answer.error["what"]


@pytest.mark.full
@pytest.mark.parametrize(
    "output",
    [
        {"kind": "cutout", "crop": "subject"},
        {"kind": "cutout", "size": 100},
        {"kind": "cutout", "format": "webp"},
        {"kind": "cutout", "format": "avif", "quality": 100},
        {"kind": "cutout", "outline": "4px"},
    ],
    ids=["cropped", "resized", "webp", "avif", "outlined"],
)
def test_what_is_not_whole(place: Workplace, page: Served, output: dict[str, object]) -> None:
    """Of a cutout that is cropped, resized, outlined or lossy nothing is made; that is said."""
    cut(place, output, mask={})
    answer = page.picture("a.jpg", "finish", background="white")
    assert (answer.status, answer.error["code"]) == (409, "not_whole")
    assert not finishable(place, page)


def test_without_a_cutout(place: Workplace, page: Served) -> None:
    """Where there is only a mask, there is nothing to make it of."""
    cut(place, {"kind": "mask"}, mask={})
    assert page.picture("a.jpg", "finish").error["code"] == "no_cutout"
    assert not finishable(place, page)


@pytest.mark.full
def test_the_whole_one_of_several(place: Workplace, page: Served) -> None:
    """Of several cutouts the one is taken that is whole, wherever it stands."""
    small = {"kind": "cutout", "size": 64, "name": "{stem}-small"}
    cut(place, small, {"kind": "cutout"}, as_in_a_rule(WORDS["white"]), mask={})
    answer = page.picture("a.jpg", "finish", **WORDS["white"])
    assert answer.body == (place.outbox / "asked.jpg").read_bytes()
    assert finishable(place, page)


def finishable(place: Workplace, page: Served) -> bool:
    """Ask what a card says of the picture."""
    assert page.port
    assert page.desk is not None
    (entry,) = place.entries()
    return is_finishable(page.desk.config.inboxes[0].rules, entry)


@pytest.mark.full
@pytest.mark.parametrize("crop", ["none", "subject"])
def test_after_the_rule_has_changed(place: Workplace, page: Served, crop: str) -> None:
    """Where the rule is another now, the cutout's own file tells whether it is whole."""
    cut(place, {"kind": "cutout", "crop": crop}, mask={})
    place.configure({"name": "all", "outputs": [{"kind": "mask"}]})
    answer = page.picture("a.jpg", "finish", background="white")
    assert answer.status == (200 if crop == "none" else 409)
    if crop == "none":
        (place.inbox / "a.jpg").unlink()
        unknown = page.picture("a.jpg", "finish", background="red")
        assert (unknown.status, unknown.error["code"]) == (409, "not_known")


@pytest.mark.full
def test_more_than_the_limits(place: Workplace, page: Served) -> None:
    """An output that would be over the limits is refused, by its size."""
    cut(place, {"kind": "cutout"}, mask={})
    place.change_config(limits={"pixels": "1M"})
    answer = page.picture("a.jpg", "finish", size="4000x4000")
    assert (answer.status, answer.error["code"]) == (409, "too_large")
    assert "16.0 megapixels" in answer.error["what"]


@pytest.mark.full
def test_a_cutout_that_somebody_spoilt(place: Workplace, page: Served) -> None:
    """A cutout whose file is no picture any more is told of."""
    cut(place, {"kind": "cutout"}, mask={})
    Path(place.outbox / "a.png").write_bytes(b"words")
    answer = page.picture("a.jpg", "finish", background="white")
    assert answer.status == 409
    assert "a.png" in answer.error["what"]
