"""Fonts for the contact sheet: one that has every letter of a text."""

from functools import cache

from PIL import ImageFont

from scissorsd.core.contact_sheet import Font

# For the letters that Pillow's own font lacks: the first of these that is there and has them all.
_MORE_FONTS = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "LiberationSans-Regular.ttf",
    "FreeSans.ttf",
    "NotoSansCJK-Regular.ttc",
    "DroidSansFallbackFull.ttf",
    "wqy-microhei.ttc",
    "NotoSansArabic-Regular.ttf",
    "NotoSansHebrew-Regular.ttf",
    "NotoSansThai-Regular.ttf",
    "NotoSansDevanagari-Regular.ttf",
    "unifont.ttf",
)
_NO_LETTER = "\U0010ffff"


def lettering(text: str, height: int) -> tuple[Font, str]:
    """Return a font that has all letters of a text; without one, letters that lack become ?."""
    own = _own_font(height)
    if isinstance(own, ImageFont.ImageFont):  # a Pillow without FreeType
        return own, text.replace("…", "...").encode("latin-1", "replace").decode("latin-1")
    if not _lacking(own, text):
        return own, text
    best = own
    for name in _MORE_FONTS:
        font = _font(name, height)
        if font is not None and len(_lacking(font, text)) < len(_lacking(best, text)):
            best = font
        if not _lacking(best, text):
            break
    lacking = _lacking(best, text)
    return best, "".join("?" if letter in lacking else letter for letter in text)


@cache
def _own_font(height: int) -> Font:
    return ImageFont.load_default(height)


@cache
def _font(name: str, height: int) -> ImageFont.FreeTypeFont | None:
    try:
        return ImageFont.truetype(name, height)
    except (OSError, ImportError):
        return None


def _lacking(font: ImageFont.FreeTypeFont, text: str) -> set[str]:
    return {letter for letter in text if not letter.isspace() and not _has(font, letter)}


@cache
def _has(font: ImageFont.FreeTypeFont, letter: str) -> bool:
    """Whether a font draws a letter otherwise than one that no font has."""
    drawn, unknown = font.getmask(letter), font.getmask(_NO_LETTER)
    return drawn.size != unknown.size or bytes(drawn) != bytes(unknown)
