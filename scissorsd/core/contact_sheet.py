"""The contact sheet: cutouts on a checkerboard, in a grid, each with its name and its verdict.

What a person should look at comes first and is marked by colour, by shape and in words.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from PIL import Image, ImageDraw, ImageFont

from scissorsd.core import cutting
from scissorsd.core.rules import Verdict

SIDE = 240  # pixels; a picture on the sheet is no wider and no higher

Judged = Verdict | Literal[""]  # nothing: no job journal tells
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
# Gives a font of that height in pixels for a text, and the text as that font can show it.
Lettering = Callable[[str, int], tuple[Font, str]]
Colour = tuple[int, int, int]

WORDS: dict[Judged, str] = {
    "doubtful": "doubtful",
    "no_subject": "no subject",
    "ok": "ok",
    "": "verdict unknown",
}
_ORDER: tuple[Judged, ...] = ("doubtful", "no_subject", "", "ok")
_MOST_COLUMNS = 10  # unless asked for
_LANDSCAPE = 1.5  # screens are wider than they are high
_ROWS = 10  # of a page, at least

_MARGIN, _GAP, _PAD = 36, 14, 9
_HEADER = 88
_NAME, _SMALL, _TITLE = 15, 13, 24  # heights of letters
_CAPTION = 52
_RADIUS, _FRAME = 7, 3
_MARK, _FINE = 12, 8
_SQUARE = 8

_PAGE: Colour = (236, 236, 233)
_CARD: Colour = (255, 255, 255)
_LINE: Colour = (214, 214, 210)
_INK: Colour = (34, 34, 34)
_FAINT: Colour = (118, 118, 114)
_EMPTY: Colour = (244, 244, 242)
_GREYS = 222, 184
_COLOURS: dict[Judged, Colour] = {
    "doubtful": (198, 112, 0),
    "no_subject": (196, 40, 40),
    "ok": (46, 132, 72),
    "": _FAINT,
}


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """One cutout on the sheet; `picture` (RGB or RGBA) is None where none can be shown.

    It is at most SIDE wide and high on a drawn sheet, on a page of HTML finer.
    """

    name: str
    verdict: Judged
    picture: Image.Image | None
    note: str = ""  # in words: that it is in review, or why it has no picture
    folder: str = ""
    doubt: float | None = None  # None: no job journal tells


@dataclass(frozen=True, slots=True)
class Grid:
    """How many cells a page has, across and down."""

    columns: int
    rows: int

    @property
    def cells(self) -> int:
        """On one page, at most."""
        return self.columns * self.rows


def grid_for(count: int, columns: int | None = None) -> Grid:
    """Choose the grid for so many cells: about as wide as a screen, at most 10 across and down.

    More across only where they are asked for; then a page is as high as it is wide.
    """
    across = columns or min(_MOST_COLUMNS, math.ceil(math.sqrt(_LANDSCAPE * count)))
    across = max(1, min(across, count))
    return Grid(across, min(max(_ROWS, across), math.ceil(count / across)))


def urgency(verdict: Judged) -> int:
    """Return the place of a verdict on the sheet: the lowest first."""
    return _ORDER.index(verdict)


def order(verdict: Judged, doubt: float | None) -> tuple[int, float]:
    """Return what to sort by: verdict, then doubt: the greatest first, unknown ones last."""
    return urgency(verdict), math.inf if doubt is None else -doubt


def said(verdict: Judged, doubt: float | None) -> str:
    """Say a verdict with its doubt, where that is known and not beside the point."""
    words = WORDS[verdict]
    match verdict:
        case "doubtful" if doubt is not None:
            return f"{words}: {doubt:.1%}"
        case "ok" if doubt is not None:
            return f"{words}, doubt {doubt:.1%}"
    return words


def page(
    cells: Sequence[Cell], grid: Grid, *, title: str, about: str, lettering: Lettering
) -> Image.Image:
    """Draw a page: RGB. It is as wide as its grid, and as high as its cells need."""
    rows = math.ceil(len(cells) / grid.columns)
    width = 2 * _MARGIN + grid.columns * (_card_width() + _GAP) - _GAP
    height = _MARGIN + _HEADER + rows * (_card_height() + _GAP) - _GAP + _MARGIN
    sheet = Image.new("RGB", (width, height), _PAGE)
    pen = _Pen(sheet, lettering)
    room = width - 2 * _MARGIN
    pen.write((_MARGIN, _MARGIN), title, _TITLE, _INK, room)
    pen.write((_MARGIN, _MARGIN + _TITLE + 12), about, _NAME, _FAINT, room)
    for number, cell in enumerate(cells):
        row, column = divmod(number, grid.columns)
        left = _MARGIN + column * (_card_width() + _GAP)
        top = _MARGIN + _HEADER + row * (_card_height() + _GAP)
        _draw_card(pen, cell, left, top)
    return sheet


def backdrop(width: int, height: int) -> Image.Image:
    """Return what lies behind the cutouts: RGB."""
    return Image.fromarray(cutting.checkerboard(width, height, square=_SQUARE, greys=_GREYS))


def shortened(text: str, room: float, measure: Callable[[str], float]) -> str:
    """Take out of the middle of a text what it has too much for the room."""
    if measure(text) <= room:
        return text
    for kept in range(len(text) - 1, 0, -1):
        head = kept // 2
        shorter = f"{text[:head]}…{text[head - kept :]}"
        if measure(shorter) <= room:
            return shorter
    return ""


def _card_width() -> int:
    return SIDE + 2 * _PAD


def _card_height() -> int:
    return SIDE + 2 * _PAD + _CAPTION


def _draw_card(pen: "_Pen", cell: Cell, left: int, top: int) -> None:
    colour = _COLOURS[cell.verdict]
    urgent = cell.verdict in {"doubtful", "no_subject"}
    pen.draw.rounded_rectangle(
        (left, top, left + _card_width() - 1, top + _card_height() - 1),
        _RADIUS,
        fill=_CARD,
        outline=colour if urgent else _LINE,
        width=_FRAME if urgent else 1,
    )
    inner = left + _PAD, top + _PAD
    if cell.picture is None:
        pen.draw.rectangle((*inner, inner[0] + SIDE - 1, inner[1] + SIDE - 1), fill=_EMPTY)
        pen.write_centred((inner[0], inner[1] + SIDE // 2 - _NAME), cell.note, _NAME, SIDE)
    else:
        _draw_picture(pen, cell.picture, *inner)
    line = top + _PAD + SIDE + 9
    pen.write((inner[0], line), cell.name, _NAME, _INK, SIDE)
    line += _NAME + 8
    pen.mark(cell.verdict, inner[0], line + 2, colour)
    words = said(cell.verdict, cell.doubt)
    if cell.note and cell.picture is not None:
        words += f", {cell.note}"
    begin = inner[0] + _MARK + 6
    end = pen.write((begin, line), words, _SMALL, colour, SIDE - _MARK - 6)
    room = inner[0] + SIDE - end - 12
    pen.write_right((inner[0] + SIDE, line), cell.folder, _SMALL, room)


def _draw_picture(pen: "_Pen", picture: Image.Image, left: int, top: int) -> None:
    width, height = picture.size
    left += (SIDE - width) // 2
    top += (SIDE - height) // 2
    if picture.mode == "RGBA":
        board = backdrop(width, height)
        board.paste(picture, mask=picture.getchannel("A"))
        pen.sheet.paste(board, (left, top))
    else:  # its edge must be seen, on a white card too
        pen.sheet.paste(picture, (left, top))
        pen.draw.rectangle((left, top, left + width - 1, top + height - 1), outline=_LINE)


class _Pen:
    """Draws and writes on a sheet."""

    def __init__(self, sheet: Image.Image, lettering: Lettering) -> None:
        self.sheet = sheet
        self.draw = ImageDraw.Draw(sheet)
        self._lettering = lettering

    def write(
        self, at: tuple[int, int], text: str, height: int, colour: Colour, room: float
    ) -> int:
        """Write a line from its left end; give where it ends."""
        font, text = self._fitted(text, height, room)
        self.draw.text(at, text, fill=colour, font=font)
        return at[0] + math.ceil(font.getlength(text))

    def write_right(self, at: tuple[int, int], text: str, height: int, room: float) -> None:
        """Write a faint line up to its right end."""
        font, text = self._fitted(text, height, room)
        self.draw.text((at[0] - font.getlength(text), at[1]), text, fill=_FAINT, font=font)

    def write_centred(self, at: tuple[int, int], text: str, height: int, width: int) -> None:
        """Write a faint line in the middle of a width."""
        font, text = self._fitted(text, height, width - 2 * _PAD)
        left = at[0] + (width - font.getlength(text)) / 2
        self.draw.text((left, at[1]), text, fill=_FAINT, font=font)

    def _fitted(self, text: str, height: int, room: float) -> tuple[Font, str]:
        def measure(text: str) -> float:
            font, shown = self._lettering(text, height)
            return font.getlength(shown)

        return self._lettering(shortened(text, room, measure), height)

    def mark(self, verdict: Judged, left: int, top: int, colour: Colour) -> None:
        """Draw the mark of a verdict: each has a shape of its own, for who does not see colours."""
        end = _FINE * _MARK - 1  # drawn larger, since Pillow does not smooth what it draws
        shape = Image.new("L", (end + 1, end + 1))
        draw = ImageDraw.Draw(shape)
        match verdict:
            case "doubtful":
                draw.polygon([(end / 2, 0), (end, end), (0, end)], fill=255)
            case "no_subject":
                for line in ((0, 0, end, end), (0, end, end, 0)):
                    draw.line(line, fill=255, width=3 * _FINE)
            case "ok":
                draw.ellipse((_FINE, _FINE, end - _FINE, end - _FINE), fill=255)
            case "":
                inner = (_FINE, _FINE, end - _FINE, end - _FINE)
                draw.ellipse(inner, outline=255, width=2 * _FINE)
        self.sheet.paste(colour, (left, top), shape.reduce(_FINE))
