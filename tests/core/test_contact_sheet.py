from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFont

from scissorsd.core import contact_sheet
from scissorsd.core.contact_sheet import SIDE, Cell, Font, Grid, Judged

PLAIN = ImageFont.load_default(15)


def lettering(text: str, height: int) -> tuple[Font, str]:
    """Return Pillow's own font for anything."""
    return ImageFont.load_default(height), text


def bitmap_lettering(text: str, _: int) -> tuple[Font, str]:
    """Return what there is where Pillow was built without FreeType: it only knows Latin-1."""
    font = ImageFont.load_default_imagefont()
    return font, text.encode("latin-1", "replace").decode("latin-1")


def subject(colour: str = "navy", side: int = SIDE) -> Image.Image:
    """Draw a cutout that is opaque in its middle and nothing elsewhere."""
    picture = Image.new("RGBA", (side, side))
    picture.paste(Image.new("RGBA", (side // 2, side // 2), colour), (side // 4, side // 4))
    return picture


def drawn(*cells: Cell, columns: int | None = None) -> Image.Image:
    """Draw one page of these cells."""
    grid = contact_sheet.grid_for(len(cells), columns)
    return contact_sheet.page(cells, grid, title="/srv/out", about="some", lettering=lettering)


def share_of(page: Image.Image, colour: tuple[int, int, int]) -> float:
    """Return the share of a page's pixels that have a colour."""
    return float((np.asarray(page) == colour).all(-1).mean())


# --- the grid --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "columns", "grid"),
    [
        (1, None, Grid(1, 1)),
        (2, None, Grid(2, 1)),
        (30, None, Grid(7, 5)),
        (400, None, Grid(10, 10)),
        (400, 20, Grid(20, 20)),
        (400, 4, Grid(4, 10)),
        (3, 20, Grid(3, 1)),
    ],
)
def test_grids(count: int, columns: int | None, grid: Grid) -> None:
    """A grid is about as wide as a screen and no larger than what is on it."""
    assert contact_sheet.grid_for(count, columns) == grid


@given(st.integers(1, 5000), st.none() | st.integers(1, 40))
def test_grids_hold_what_they_are_for(count: int, columns: int | None) -> None:
    """Every count fits on its pages, and none of them is empty."""
    grid = contact_sheet.grid_for(count, columns)
    pages = -(-count // grid.cells)
    assert pages * grid.cells >= count > (pages - 1) * grid.cells
    assert grid.columns <= (columns or 10)


def test_what_needs_a_look_comes_first() -> None:
    """Doubtful ones come before those without subject, then the unknown, and what is ok is last."""
    verdicts: list[Judged] = ["ok", "", "no_subject", "doubtful"]
    assert sorted(verdicts, key=contact_sheet.urgency) == verdicts[::-1]


def test_the_greatest_doubt_comes_first() -> None:
    """Within a verdict the greatest doubt is first; where none was told it is the last."""
    sorted_ones: list[tuple[Judged, float | None]] = [
        *(("doubtful", 0.4), ("doubtful", 0.11), ("doubtful", None)),
        *(("no_subject", 1.0), ("", None), ("ok", 0.09), ("ok", 0.0), ("ok", None)),
    ]
    shuffled = [*sorted_ones[::2], *sorted_ones[1::2]]
    assert sorted(shuffled, key=lambda one: contact_sheet.order(*one)) == sorted_ones


# --- the page --------------------------------------------------------------------------------


def test_a_page() -> None:
    """A page is as wide as its grid; a last one that is not full is less high."""
    cells = [Cell(f"{number}.png", "ok", subject()) for number in range(6)]
    grid = Grid(3, 2)
    full = contact_sheet.page(cells, grid, title="t", about="a", lettering=lettering)
    rest = contact_sheet.page(cells[:1], grid, title="t", about="a", lettering=lettering)
    assert full.mode == "RGB"
    assert full.width == rest.width
    assert full.height - rest.height == contact_sheet._card_height() + contact_sheet._GAP


def test_a_cutout_stands_on_a_checkerboard() -> None:
    """The subject keeps its colour, and nothing shows through but the checkerboard."""
    page = drawn(Cell("a.png", "ok", subject("rebeccapurple")))
    left = contact_sheet._MARGIN + contact_sheet._PAD
    top = contact_sheet._MARGIN + contact_sheet._HEADER + contact_sheet._PAD
    shown = page.crop((left, top, left + SIDE, top + SIDE))
    assert shown.getpixel((SIDE // 2, SIDE // 2)) == (102, 51, 153)
    outside = shown.crop((0, 0, SIDE // 4, SIDE))
    assert outside.tobytes() == contact_sheet.backdrop(SIDE // 4, SIDE).tobytes()


def test_soft_edges_mix_with_the_checkerboard() -> None:
    """A half transparent white is half white, not darkened."""
    page = drawn(Cell("a.png", "ok", Image.new("RGBA", (SIDE, SIDE), (255, 255, 255, 128))))
    left = contact_sheet._MARGIN + contact_sheet._PAD
    top = contact_sheet._MARGIN + contact_sheet._HEADER + contact_sheet._PAD
    lightest = (255 + contact_sheet._GREYS[0]) // 2
    shown = np.asarray(page.crop((left, top, left + 8, top + 8)))
    assert np.abs(shown.astype(int) - lightest).max() <= 1


@pytest.mark.parametrize("verdict", ["doubtful", "no_subject", "ok", ""])
def test_marks(verdict: Judged) -> None:
    """Each verdict has its colour on the sheet; those that need a look have a frame of it too."""
    page = drawn(Cell("", verdict, None))
    others = [colour for v, colour in contact_sheet._COLOURS.items() if v not in {verdict, ""}]
    share = share_of(page, contact_sheet._COLOURS[verdict])
    frame = 2 * contact_sheet._FRAME * (contact_sheet._card_width() + contact_sheet._card_height())
    assert share > 0
    assert (share * page.width * page.height > 0.9 * frame) == (
        verdict in {"doubtful", "no_subject"}
    )
    assert all(share_of(page, other) == 0 for other in others)


@pytest.mark.parametrize("size", [(1, 1), (1, SIDE), (SIDE, 1), (SIDE, SIDE), (7, 91)])
def test_pictures_of_any_shape(size: tuple[int, int]) -> None:
    """A picture of any shape, a line of single pixels too, stands in the middle of its cell."""
    page = drawn(Cell("a.png", "ok", Image.new("RGBA", size, "magenta")))
    where = np.argwhere((np.asarray(page) == (255, 0, 255)).all(-1))
    first, last = where.min(0), where.max(0)
    assert tuple(last - first + 1) == size[::-1]
    top = contact_sheet._MARGIN + contact_sheet._HEADER + contact_sheet._PAD
    middle = np.array((top + SIDE / 2, contact_sheet._MARGIN + contact_sheet._PAD + SIDE / 2))
    assert np.abs((first + last + 1) / 2 - middle).max() <= 0.5


def test_an_opaque_picture_has_an_edge() -> None:
    """A flat on white, on a white card, shows where it ends."""
    page = drawn(Cell("a.jpg", "ok", Image.new("RGB", (SIDE, SIDE), "white")))
    left = contact_sheet._MARGIN + contact_sheet._PAD
    assert (
        page.getpixel((left, contact_sheet._MARGIN + contact_sheet._HEADER + 99))
        == contact_sheet._LINE
    )


def test_an_empty_cell_says_why() -> None:
    """Where there is no picture, a word stands in its place."""
    told, untold = (drawn(Cell("a.png", "ok", None, note)) for note in ("cannot be read", ""))
    assert told.tobytes() != untold.tobytes()


def test_without_freetype() -> None:
    """A Pillow that only has its bitmap font writes what it can."""
    cells = [Cell("猫" * 90, "doubtful", None, "no longer there", "größe")]
    page = contact_sheet.page(cells, Grid(1, 1), title="…", about="·", lettering=bitmap_lettering)
    assert page.width > SIDE


# --- names -----------------------------------------------------------------------------------


def test_names_are_shortened_in_the_middle() -> None:
    """Both ends of a name stay: the number and the ending are what tells pictures apart."""
    assert contact_sheet.shortened("IMG_1234.png", 99, len) == "IMG_1234.png"
    assert contact_sheet.shortened("IMG_1234-retouched-final.png", 13, len) == "IMG_12…al.png"
    assert contact_sheet.shortened("abc", 2, len) == "…c"
    assert contact_sheet.shortened("abc", 0, len) == ""


MEASURES: list[Callable[[str], float]] = [len, PLAIN.getlength]


@pytest.mark.parametrize("measure", MEASURES)
@given(text=st.text(st.characters(codec="ascii", exclude_categories=["C"])), room=st.integers(0, 9))
def test_shortened_names_fit(measure: Callable[[str], float], text: str, room: int) -> None:
    """Whatever the name, it fits, and keeps its end."""
    short = contact_sheet.shortened(text, room, measure)
    assert measure(short) <= room or not short
    assert not short or short[-1] == text[-1]
