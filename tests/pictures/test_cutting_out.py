"""One picture in memory, with a network that tells dark from light and counts what it is asked."""

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
import tifffile
from drawn_files import Deep, png
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from scissorsd.core.catalogue import CATALOGUE
from scissorsd.core.foreground_colour import cleaned
from scissorsd.core.passes import NetworkMask
from scissorsd.core.refining import refine
from scissorsd.core.rules import Edges, Length, MaskOptions, Output
from scissorsd.errors import OverLimitsError
from scissorsd.pictures import cutting_out, reading
from scissorsd.pictures.cutting_out import Cut
from scissorsd.pictures.metadata import Metadata
from scissorsd.pictures.picture import Picture, as_picture

LIMIT = 20_000_000
MODEL = CATALOGUE["u2netp"]
DARK, LIGHT = (120, 40, 30), (240, 240, 235)

Map = NDArray[np.float32]


class Network:
    """Finds what is dark in what it is shown; `then` is done to every answer but the first.

    Of the first answer it is as sure as it is told to be.
    """

    def __init__(self, then: Callable[[Map], Map] = lambda raw: raw, sure: float = 0.95) -> None:
        self.asked = 0
        self._then = then
        self._sure = np.float32(sure)

    def run(self, _name: str, network_input: Map, /) -> tuple[Map, str, str]:
        """Return 1 where it is dark."""
        self.asked += 1
        raw = (network_input[0].mean(axis=0) < 0.5).astype(np.float32)
        return (self._sure * raw if self.asked == 1 else self._then(raw)), "cpu", "full"


def picture(size: tuple[int, int], box: tuple[int, int, int, int]) -> Picture:
    """Draw a dark ellipse in a box of a light picture; its edge is soft."""
    fine = Image.new("L", (size[0] * 2, size[1] * 2))
    ImageDraw.Draw(fine).ellipse([2 * at for at in box], 255)
    alpha = np.asarray(fine.reduce(2), np.float32)[..., None] / 255
    rgb = np.rint(alpha * DARK + (1 - alpha) * LIGHT).astype(np.uint8)
    return as_picture(Image.fromarray(rgb), None, Metadata(None, None, None, None))


def cut(shown: Picture, edges: Edges = "auto", network: Network | None = None) -> Cut:
    """Cut a picture out."""
    return cutting_out.find_subject(shown, MODEL, network or Network(), MaskOptions(edges=edges))


def rendered(shown: Picture, mask: Cut, output: Output) -> NDArray[np.uint8]:
    """Make an output, and open it as anyone else would."""
    data = cutting_out.render(shown, mask, output, max_pixels=LIMIT)
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


def first_look(shown: Picture) -> NetworkMask:
    """Return what the network sees of the whole picture."""
    height, width = shown.rgb.shape[:2]
    raw = cutting_out._run(shown, MODEL, Network(sure=1.0), (0, 0, width, height)).raw
    return NetworkMask(raw, (0, 0, width, height))


# --- looking ---------------------------------------------------------------------------------

SMALL_IN_LARGE = ((2000, 1500), (700, 500, 1300, 1000))


@pytest.mark.parametrize(("edges", "times"), [("soft", 1), ("fine", 1), ("auto", 2), ("best", 2)])
def test_a_small_subject_is_looked_at_twice(edges: Edges, times: int) -> None:
    """Only `auto` and `best` show a small subject to the network a second time, by itself."""
    network = Network()
    cut(picture(*SMALL_IN_LARGE), edges, network)
    assert network.asked == times


@pytest.mark.parametrize("edges", ["auto", "best"])
@pytest.mark.parametrize(
    ("size", "box"),
    [((2000, 1500), (60, 50, 1940, 1450)), ((400, 300), (140, 100, 260, 200))],
    ids=["large subject", "small picture"],
)
def test_one_look_where_that_is_all(
    size: tuple[int, int], box: tuple[int, int, int, int], edges: Edges
) -> None:
    """A subject that fills its frame, or a picture of few pixels, needs no second look."""
    network = Network()
    cut(picture(size, box), edges, network)
    assert network.asked == 1


@pytest.mark.parametrize(("edges", "times"), [("auto", 1), ("best", 2)])
def test_a_subject_that_is_found_surely_is_looked_at_twice_by_best_alone(
    edges: Edges, times: int
) -> None:
    """Where the network is sure of all that it sees, `auto` takes no second look."""
    network = Network(sure=1.0)
    cut(picture(*SMALL_IN_LARGE), edges, network)
    assert network.asked == times


@pytest.mark.parametrize(("edges", "times"), [("auto", 1), ("best", 2)])
def test_a_subject_that_is_not_small_is_looked_at_twice_by_best_alone(
    edges: Edges, times: int
) -> None:
    """Of a subject whose box is more than three tenths of the frame `auto` takes no second look."""
    network = Network()
    cut(picture((2000, 1500), (600, 450, 1400, 1050)), edges, network)
    assert network.asked == times


def test_a_second_look_that_agrees_is_kept() -> None:
    """What the closer look shows in the subject's middle is in the mask."""

    def with_a_hole(raw: Map) -> Map:
        raw[150:170, 150:170] = 0
        return raw

    shown = picture(*SMALL_IN_LARGE)
    plain, closer = cut(shown, "best"), cut(shown, "best", Network(with_a_hole))
    assert plain.mask[750, 1000] == 255
    assert closer.mask[750, 1000] == 0
    assert closer.judgement == plain.judgement


@pytest.mark.parametrize("edges", ["auto", "best"])
@pytest.mark.parametrize("then", [np.zeros_like, np.ones_like, lambda raw: 1 - raw])
def test_a_second_look_that_disagrees_is_forgotten(
    then: Callable[[Map], Map], edges: Edges
) -> None:
    """Where the closer look finds something else, the mask is that of the first alone."""
    shown, network = picture(*SMALL_IN_LARGE), Network(then)
    found = cut(shown, edges, network)
    assert network.asked == 2
    once = refine(shown.rgb, (first_look(shown),))
    assert (found.mask == once).all()
    assert found.judgement == cut(shown, "fine").judgement


def test_a_second_look_in_more_doubt_is_forgotten_by_auto() -> None:
    """A closer look that finds the same, but is less sure of it, is believed by `best` alone."""

    def unsure(raw: Map) -> Map:
        raw[:160] *= 0.6
        return raw

    shown = picture(*SMALL_IN_LARGE)
    once, auto, best = (
        cut(shown, edges, Network(unsure)).mask for edges in ("fine", "auto", "best")
    )
    assert (auto == once).all()
    assert once[600, 1000] == 255
    assert best[600, 1000] < 200


def test_fine_masks_follow_the_edge() -> None:
    """Of the error that a stretched mask has, `fine` and `best` leave little."""
    shown = picture((900, 600), (300, 150, 600, 450))
    truth = (LIGHT[1] - shown.rgb[..., 1].astype(float)) / (LIGHT[1] - DARK[1])
    soft, fine, best = (
        np.abs(cut(shown, edges).mask / 255 - truth).mean() for edges in ("soft", "fine", "best")
    )
    assert fine < 0.3 * soft
    assert best < 0.3 * soft


def test_transparent_stays_transparent() -> None:
    """What is transparent in the picture is never subject, also under a second look."""
    shown = picture(*SMALL_IN_LARGE)
    alpha = np.full(shown.rgb.shape[:2], 255, np.uint8)
    alpha[:, :1000] = 0
    found = cut(replace(shown, alpha=alpha), "best")
    assert (found.mask[:, :1000] == 0).all()
    assert found.mask[750, 1150] == 255


# --- depth -----------------------------------------------------------------------------------


def deep_pixels() -> Deep:
    """Draw a dark ball on light ground; every bit of both is by chance."""
    random = np.random.default_rng(9)
    rows, columns = np.mgrid[:90, :120]
    inside = np.hypot(rows - 45, columns - 60) < 30
    low, high = (
        random.integers(*between, (90, 120, 3)) for between in ((0, 25000), (50000, 65536))
    )
    return np.where(inside[..., None], low, high).astype(np.uint16)


def deep_source(name: str) -> bytes:
    """Write it as a PNG or a TIFF of 16 bits."""
    if name == "png":
        return png(deep_pixels())
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, deep_pixels(), photometric="rgb")
    return buffer.getvalue()


@pytest.mark.parametrize("depth", ["same", "16"])
@pytest.mark.parametrize("result", ["png", "tiff"])
@pytest.mark.parametrize("source", ["png", "tiff"])
def test_16_bits_from_end_to_end(
    source: str, result: Literal["png", "tiff"], depth: Literal["same", "16"]
) -> None:
    """Where the mask is 1 every level of a 16-bit picture comes out as it went in."""
    shown = reading.read(deep_source(source), max_pixels=LIMIT, deep=True)
    found = cut(shown)
    output = Output(format=result, depth=depth)
    made = reading.read(
        cutting_out.render(shown, found, output, max_pixels=LIMIT), max_pixels=LIMIT, deep=True
    )
    whole = found.mask == 255
    assert np.count_nonzero(whole) > 1500
    assert made.deep is not None
    assert (made.deep[whole] == deep_pixels()[whole]).all()
    assert made.deep_alpha is not None
    assert (made.deep_alpha == found.mask.astype(np.uint16) * 257).all()


@pytest.mark.parametrize("source", ["png", "tiff"])
def test_8_bits_of_a_deep_picture(source: str) -> None:
    """With `depth: 8` levels of 8 bits are written, those of the picture as it was read."""
    shown = reading.read(deep_source(source), max_pixels=LIMIT, deep=True)
    found = cut(shown)
    data = cutting_out.render(shown, found, Output(depth="8"), max_pixels=LIMIT)
    assert reading.read_header(data, max_pixels=LIMIT).bits == 8
    whole = found.mask == 255
    made = reading.read(data, max_pixels=LIMIT)
    assert (made.rgb[whole] == shown.rgb[whole]).all()
    assert np.abs(made.rgb[whole] - deep_pixels()[whole] / 257).max() < 1


@pytest.mark.parametrize(("depth", "bits"), [("same", 8), ("8", 8), ("16", 16)])
@pytest.mark.parametrize("kind", ["cutout", "mask", "flat"])
def test_depths_of_a_shallow_picture(
    kind: Literal["cutout", "mask", "flat"], depth: Literal["8", "16", "same"], bits: int
) -> None:
    """A picture of 8 bits gets 16 only where they are asked for outright."""
    shown = picture((120, 90), (30, 20, 90, 70))
    output = Output(kind=kind, depth=depth)
    data = cutting_out.render(shown, cut(shown), output, max_pixels=LIMIT)
    assert reading.read_header(data, max_pixels=LIMIT).bits == bits


def test_a_deep_flat() -> None:
    """A flat of 16 bits shows the subject's levels on its background."""
    shown = reading.read(deep_source("png"), max_pixels=LIMIT, deep=True)
    found = cut(shown)
    output = Output(kind="flat", background="#102030", depth="same")
    data = cutting_out.render(shown, found, output, max_pixels=LIMIT)
    made = reading.read(data, max_pixels=LIMIT, deep=True).deep
    assert made is not None
    assert (made[found.mask == 255] == deep_pixels()[found.mask == 255]).all()
    assert (made[found.mask == 0] == (16 * 257, 32 * 257, 48 * 257)).all()


# --- canvas ----------------------------------------------------------------------------------

SIZE, BOX = (300, 200), (100, 60, 200, 140)


@pytest.mark.parametrize(
    ("asked", "size"),
    [
        (Output(), (300, 200)),
        (Output(size=150), (150, 100)),
        (Output(size=(80, 120)), (80, 120)),
        (Output(aspect=(1, 1)), (300, 300)),
        (Output(crop="subject", size=(100, 100), margin=Length(10, "%")), (100, 100)),
        (Output(crop="subject", aspect=(4, 5), size=250), (200, 250)),
        (Output(crop="subject", outline=Length(6), size=120), (120, 100)),
    ],
)
def test_files_are_as_large_as_asked(asked: Output, size: tuple[int, int]) -> None:
    """What comes out of `render` has the size that crop, size, aspect and margin make."""
    shown = picture(SIZE, BOX)
    found = cut(shown)
    pixels = rendered(shown, found, asked)
    assert pixels.shape == (size[1], size[0], 4)
    assert (pixels[0, 0] == 0).all(), "transparent outside"
    mask = rendered(shown, found, replace(asked, kind="mask", outline=Length(0)))
    if asked.outline == Length(0):
        assert (mask == pixels[..., 3]).all()
    flat = rendered(shown, found, replace(asked, kind="flat", background="#00ff00"))
    assert flat.shape == (size[1], size[0], 3)
    assert (flat[0, 0] == (0, 255, 0)).all()


def test_a_crop_fits_the_subject() -> None:
    """Cropped without a margin, the file ends where the subject does."""
    shown = picture(SIZE, BOX)
    pixels = rendered(shown, cut(shown), Output(crop="subject"))
    assert pixels.shape[1] == pytest.approx(BOX[2] - BOX[0], abs=6)
    assert pixels.shape[0] == pytest.approx(BOX[3] - BOX[1], abs=6)
    middle = pixels[pixels.shape[0] // 2, pixels.shape[1] // 2]
    assert middle.tolist() == [*DARK, 255]


def test_an_outline_goes_around() -> None:
    """A sticker has a rim of its colour, and the subject within."""
    shown = picture(SIZE, BOX)
    output = Output(crop="subject", outline=Length(8), outline_colour="#0000ff")
    pixels = rendered(shown, cut(shown), output)
    row = pixels[pixels.shape[0] // 2]
    assert row[4].tolist() == [0, 0, 255, 255]
    assert row[len(row) // 2].tolist() == [*DARK, 255]


def test_a_subject_that_stands_has_a_shadow() -> None:
    """The ground under the subject is darker than the rest, and only on a flat."""
    shown = picture(SIZE, BOX)
    found = cut(shown)
    plain = rendered(shown, found, Output(kind="flat"))
    soft = rendered(shown, found, Output(kind="flat", shadow="soft"))
    assert (soft[BOX[3] + 1, 150] < plain[BOX[3] + 1, 150]).all()
    assert (soft[5, 5] == 255).all()
    assert (soft[100, 150] == DARK).all()


@pytest.mark.parametrize("crop", ["none", "subject"])
def test_a_bust_has_no_shadow(crop: Literal["none", "subject"]) -> None:
    """A subject cut off by the bottom of its picture stands nowhere, whatever the canvas."""
    shown = picture(SIZE, (100, 60, 200, 300))
    found = cut(shown)
    output = Output(kind="flat", crop=crop, margin=Length(20))
    plain = rendered(shown, found, output)
    assert (rendered(shown, found, replace(output, shadow="soft")) == plain).all()


def test_what_is_too_large_is_refused() -> None:
    """An output over the limit of pixels is refused in words before it is made."""
    shown = picture(SIZE, BOX)
    output = Output(kind="flat", size=(3000, 2000))
    with pytest.raises(OverLimitsError, match=r"a flat of 3000 by 2000 pixels .* 6\.0 megapixels"):
        cutting_out.render(shown, cut(shown), output, max_pixels=5_000_000)
    small = cutting_out.render(shown, cut(shown), Output(), max_pixels=1)
    assert small, "what is no larger than the picture itself is not refused"


# --- colours ---------------------------------------------------------------------------------


def rim(pixels: NDArray[np.uint8]) -> float:
    """Measure how far the colours of mixed pixels are from the subject's own, in steps."""
    alpha = pixels[..., 3]
    mixed = (alpha > 40) & (alpha < 215)
    return float(np.abs(pixels[mixed][:, :3].astype(int) - DARK).mean())


def test_clean_colours_have_no_rim() -> None:
    """Along the edge a clean cutout has the subject's colours; one as it is, the wall's too."""
    shown = picture(SIZE, BOX)
    found = cut(shown)
    clean, as_is = (rendered(shown, found, output) for output in (Output(), Output(colour="as_is")))
    assert rim(clean) < 0.15 * rim(as_is)
    assert (as_is[as_is[..., 3] > 0][:, :3] == shown.rgb[found.mask > 0]).all()


@pytest.mark.parametrize("hidden", [0, 255])
def test_a_cutout_is_cut_out_again_as_it_is(hidden: int) -> None:
    """What is transparent already has its own colours along the edge: they stay, but for a trace.

    What hides where it is wholly transparent, black or white, is not taken for a background.
    """
    fine = Image.new("L", (SIZE[0] * 4, SIZE[1] * 4))
    ImageDraw.Draw(fine).ellipse([4 * at for at in BOX], 255)
    alpha = fine.reduce(4)
    shows = np.asarray(alpha)[..., None] > 0
    rgb = Image.fromarray(np.where(shows, DARK, hidden).astype(np.uint8))
    shown = as_picture(rgb, alpha, Metadata(None, None, None, None))
    pixels = rendered(shown, cut(shown), Output())
    given_soft = (np.asarray(alpha) < 255) & (pixels[..., 3] > 0)
    assert np.count_nonzero(given_soft) > 100
    assert (pixels[given_soft][:, :3] == DARK).all()
    seen = pixels[pixels[..., 3] > 0][:, :3].astype(int)
    assert np.abs(seen - DARK).max() <= 4


@pytest.mark.parametrize("first", ["cutout", "mask", "flat", "comparison"])
def test_colours_do_not_depend_on_what_else_is_made(
    first: Literal["cutout", "mask", "flat", "comparison"],
) -> None:
    """Each of several outputs is, to the byte, what it is alone, whichever comes before it."""
    shown = picture(SIZE, BOX)
    found = cut(shown)
    outputs = [
        Output(kind=first),
        Output(),
        Output(kind="flat", colour="as_is"),
        Output(kind="flat", depth="16"),
    ]
    together = cutting_out.render_all(shown, found, outputs, max_pixels=LIMIT)
    for output, content in zip(outputs, together, strict=True):
        assert content == cutting_out.render(shown, found, output, max_pixels=LIMIT), output


@pytest.mark.parametrize(
    ("outputs", "times"),
    [
        ([Output(), Output(kind="flat"), Output(size=50), Output(kind="comparison")], 1),
        ([Output(), Output(depth="16"), Output(format="tiff", depth="16")], 2),
        ([Output(colour="as_is"), Output(kind="mask")], 0),
        ([Output(kind="mask"), Output(), Output(kind="flat")], 1),
    ],
    ids=["of one depth", "of two", "as they are", "after a mask"],
)
def test_colours_are_cleaned_once(
    outputs: list[Output], times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many outputs a picture has, each kind of colours is made once, if at all."""
    asked = []

    def counted(*arguments: NDArray[np.uint8]) -> NDArray[np.uint8]:
        asked.append(arguments)
        return cleaned(*arguments)

    monkeypatch.setattr(cutting_out, "cleaned", counted)
    shown = picture(SIZE, BOX)
    assert len(list(cutting_out.render_all(shown, cut(shown), outputs, max_pixels=LIMIT))) == len(
        outputs
    )
    assert len(asked) == times


def test_a_comparison_shows_the_clean_cutout() -> None:
    """To the left the picture as it is; to the right the cutout in the colours that it has."""
    shown = picture(SIZE, BOX)
    found = cut(shown)
    clean, as_is = (
        rendered(shown, found, Output(kind="comparison", colour=colour)).astype(int)
        for colour in ("clean", "as_is")
    )
    assert clean.shape == (SIZE[1], 2 * SIZE[0] + 8, 3)
    left, right = clean[:, : SIZE[0]], clean[:, SIZE[0] + 8 :]
    assert (left == shown.rgb).all()
    assert (left == as_is[:, : SIZE[0]]).all()
    mixed = (found.mask > 40) & (found.mask < 215)
    rest = right[mixed] - as_is[:, SIZE[0] + 8 :][mixed]
    assert rest.mean() < -10, "the light wall's part is gone"


# --- what cannot be --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "output", "words"),
    [
        ((20_480, 8), Output(format="webp"), "cutout's 20480 by 8 pixels are more than webp can"),
        ((8, 20_480), Output(format="webp"), "8 by 20480 pixels are more than webp can hold"),
        ((800, 8), Output(format="webp", size=20_000), "20000 by 200 pixels are more than webp"),
        ((800, 8), Output(format="webp", size=20_000, crop="subject"), "more than webp can hold"),
        ((70_000, 8), Output(kind="flat", format="jpeg"), "flat's 70000 by 8 pixels are more than"),
        ((33_000, 8), Output(format="avif"), "more than avif can hold"),
        ((100, 100), Output(size=(9000, 9000)), "megapixels, over the limit of"),
        ((20_480, 8), Output(), ""),
        ((20_480, 8), Output(format="webp", crop="subject"), ""),
        ((20_480, 8), Output(format="webp", size=1000), ""),
        ((20_480, 8), Output(kind="comparison", format="webp"), ""),
        ((16_383, 8), Output(format="webp"), ""),
    ],
)
def test_an_output_that_cannot_be_is_known_before(
    size: tuple[int, int], output: Output, words: str
) -> None:
    """From the size of the picture alone it is told which output could never be written."""
    outputs = [Output(kind="mask"), output]
    if not words:
        cutting_out.refuse_impossible(size[1], size[0], outputs, max_pixels=LIMIT)
        return
    with pytest.raises(OverLimitsError, match=words) as caught:
        cutting_out.refuse_impossible(size[1], size[0], outputs, max_pixels=LIMIT)
    assert caught.value.advice


# --- pictures with a flaw --------------------------------------------------------------------


def test_a_flaw_makes_a_picture_doubtful() -> None:
    """However sure the network is, a picture with a flaw is doubtful, and says which."""
    shown = replace(picture((400, 300), (100, 50, 300, 250)), flaw="its half is missing")
    assert cut(replace(shown, flaw="")).judgement.verdict == "ok"
    judgement = cut(shown).judgement
    assert judgement.verdict == "doubtful"
    assert judgement.reason.startswith("its half is missing (doubt ")


@pytest.mark.parametrize(
    ("output", "verdict"),
    [
        (Output(size=440), "ok"),
        (Output(size=450), "doubtful"),
        (Output(size=900, enlarge="yes"), "ok"),
        (Output(size=900, enlarge="2x"), "doubtful"),
    ],
)
def test_a_picture_may_be_too_small(output: Output, verdict: str) -> None:
    """What fills too little of the frame that its rule asks for is doubtful, and says so."""
    found = cut(picture((400, 300), (100, 50, 300, 250)))
    judgement = cutting_out.measured(found, [Output(), output]).judgement
    assert judgement.verdict == verdict
    assert ("the picture is too small: it fills 89%" in judgement.reason) == (verdict != "ok")
    assert ("filled" in judgement.numbers) == (output.enlarge != "yes")


def test_a_transparent_picture_has_no_subject() -> None:
    """Where there is nothing to see, that is the reason."""
    shown = picture((400, 300), (100, 50, 300, 250))
    judgement = cut(replace(shown, alpha=np.zeros((300, 400), np.uint8))).judgement
    assert judgement.verdict == "no_subject"
    assert "the picture is transparent throughout" in judgement.reason
