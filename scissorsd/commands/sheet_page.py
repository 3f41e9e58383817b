"""The contact sheet as a page of HTML, with the commands for what is marked on it."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from scissorsd.commands.latest_cutouts import ShownCutout
from scissorsd.core.contact_sheet import SIDE, Cell
from scissorsd.core.html_sheet import ACTIONS, GENERATOR, Item, page
from scissorsd.folders import publishing
from scissorsd.pictures.thumbnails import as_webp

SUFFIXES = frozenset({".html", ".htm"})
ON_A_PAGE = 1000  # cutouts
FINE = SIDE * 3 // 2  # pixels of a picture's longer side: screens are finer than they were
_OPTIONS = {"recut": ("--edges", "best")}


def render(
    shown: Sequence[tuple[ShownCutout, Cell]],
    *,
    title: str,
    about: str,
    given: Sequence[str],
    columns: int | None,
) -> bytes:
    """Return the page. `given` is how the command line named the state, for the commands on it."""
    commands = {
        action: " ".join(map(shell_word, ("scissorsd", action, *given, *_OPTIONS.get(action, ()))))
        for action in ACTIONS
    }
    items = [_item(output, cell) for output, cell in shown]
    return page(items, title=title, about=about, commands=commands, columns=columns).encode()


def is_page(path: Path) -> bool:
    """Whether a file is such a page."""
    return f'content="{GENERATOR}"'.encode() in publishing.read_small_file(path)[:1000]


def _item(output: ShownCutout, cell: Cell) -> Item:
    picture = cell.picture
    scale = SIDE / max(SIDE, *picture.size) if picture is not None else 1
    width, height = picture.size if picture is not None else (0, 0)
    return Item(
        name=cell.name,
        verdict=cell.verdict,
        note=cell.note,
        folder=cell.folder,
        webp=as_webp(picture) if picture is not None else b"",
        size=(max(1, round(width * scale)), max(1, round(height * scale))),
        address=output.path.as_uri(),
        words=_words(output),
        doubt=cell.doubt,
    )


def _words(output: ShownCutout) -> dict[str, str]:
    """Return what can be done with a cutout: all that a job journal tells of can be cut again."""
    if not output.source:
        return {}
    words = {"recut": shell_word(output.source)}
    if output.in_review:
        words |= dict.fromkeys(("accept", "reject"), shell_word(str(output.path)))
    return words


def shell_word(text: str) -> str:
    r"""Quote a word for a shell, so that a line of it can be shown, copied and pasted.

    What cannot be, as a name that is not UTF-8 or a line break, is written as $'caf\351.jpg', which
    bash, zsh and ksh understand.
    """
    if text.isprintable():
        return shlex.quote(text)
    fit = (c if c.isprintable() and c not in "\\'!" else _in_octal(c) for c in text)
    return f"$'{''.join(fit)}'"


def _in_octal(character: str) -> str:
    return "".join(f"\\{byte:03o}" for byte in character.encode("utf-8", "surrogateescape"))
