"""The command `sheet`: the latest cutouts of an outbox on one picture, or on several pages.

Or, for a file that ends in .html, on a page for a browser (sheet_page.py).
"""

import io
import math
import shlex
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from tempfile import gettempdir

from PIL import Image, PngImagePlugin

from scissorsd.commands import sheet_page
from scissorsd.commands.latest_cutouts import ShownCutout, is_there, latest
from scissorsd.commands.lettering import lettering
from scissorsd.core import contact_sheet
from scissorsd.core.contact_sheet import Cell
from scissorsd.core.rules import REVIEW_FOLDER
from scissorsd.errors import UsageError
from scissorsd.folders import publishing
from scissorsd.folders.real_paths import relative_to
from scissorsd.machine import usable_cpus
from scissorsd.pictures.thumbnails import thumbnail
from scissorsd.plain_text import for_terminal
from scissorsd.records.state_folders import StateFolder
from scissorsd.service import access_trials

NAME = "sheet.jpg"
_OURS = "contact sheet by scissorsd"  # in the comment of the file
_ENCODERS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG"}
_MOST_THREADS = 4
_GONE, _BROKEN = "no longer there", "cannot be read"


def write(
    outbox: Path,
    states: Sequence[StateFolder],
    *,
    out: Path | None,
    count: int,
    columns: int | None,
    given: Sequence[str] = (),
) -> Iterator[str]:
    """Write the contact sheet; yield the path of each page when it is there, then the totals.

    `given` is how the command line named the state, for the commands on a page of HTML.
    Raises UsageError where there is nothing to show, or where the sheet would lie in an inbox or
    an outbox, or over a file that is no sheet.
    """
    outbox = outbox.absolute()
    _refuse_inbox(outbox, states)
    target = _target(out)
    _refuse_among_pictures(target, outbox, states)
    outputs, journalled = latest(outbox, states, count)
    if not outputs:
        raise UsageError(f"there are no cutouts in {outbox}", "Is it the outbox, or a part of it?")
    outputs.sort(key=lambda output: contact_sheet.order(output.verdict, output.doubt))
    grid = contact_sheet.grid_for(len(outputs), columns)
    for_browser = target.suffix.lower() in sheet_page.SUFFIXES
    per_page = sheet_page.ON_A_PAGE if for_browser else grid.cells
    side = sheet_page.FINE if for_browser else contact_sheet.SIDE
    pages = math.ceil(len(outputs) / per_page)
    targets = [_numbered(target, number) for number in range(1, pages + 1)]
    for path in targets:
        _refuse_to_overwrite(path)
    totals = _totals(outputs, journalled=journalled)
    now = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M")
    missing: Counter[str] = Counter()
    warnings.filterwarnings("ignore", module=r"PIL\.")
    with ThreadPoolExecutor(min(usable_cpus(), _MOST_THREADS)) as threads:
        for number, path in enumerate(targets):
            shown = outputs[number * per_page : (number + 1) * per_page]
            cells = list(threads.map(lambda output: _cell(output, outbox, side), shown))
            missing.update(cell.note for cell in cells if cell.picture is None)
            which = f"page {number + 1} of {pages}  ·  " if pages > 1 else ""
            title, about = for_terminal(str(outbox)), f"{totals}  ·  {which}{now}"
            if for_browser:
                pairs = list(zip(shown, cells, strict=True))
                content = sheet_page.render(
                    pairs, title=title, about=about, given=given, columns=columns
                )
            else:
                page = contact_sheet.page(
                    cells, grid, title=title, about=about, lettering=lettering
                )
                content = _encoded(page, path)
            publishing.publish([(path, content)], tag="sheet", own=_is_earlier_sheet)
            yield for_terminal(str(path))
    left = "".join(f"; {number} {why}" for why, number in sorted(missing.items()))
    yield f"{totals}{left}"


def _totals(outputs: Sequence[ShownCutout], *, journalled: bool) -> str:
    """Say how many there are, and of which verdict."""
    total = f"{len(outputs)} cutout{'s' if len(outputs) > 1 else ''}"
    if not journalled:
        return f"{total}; no job journal tells of verdicts"
    counts = Counter(output.verdict for output in outputs)
    by_urgency = sorted(counts, key=contact_sheet.urgency)
    parts = ", ".join(f"{counts[verdict]} {contact_sheet.WORDS[verdict]}" for verdict in by_urgency)
    reviewed = sum(output.in_review and is_there(output.path) for output in outputs)
    return f"{total}: {parts}" + (f" ({reviewed} in {REVIEW_FOLDER}/)" if reviewed else "")


# --- where it goes ---------------------------------------------------------------------------


def _refuse_inbox(folder: Path, states: Sequence[StateFolder]) -> None:
    """Refuse an inbox that is no outbox of another, and name its own."""
    inboxes = [inbox for state in states for inbox in state.config.inboxes]
    if any(relative_to(folder, inbox.outbox) is not None for inbox in inboxes):
        return
    for inbox in inboxes:
        if relative_to(folder, inbox.path) is not None:
            command = shlex.join(["scissorsd", "sheet", str(inbox.outbox)])
            raise UsageError(
                f"{folder} is an inbox: what lies there is yet to be cut",
                f"Its cutouts go to {inbox.outbox}: {command}",
            )


def _target(out: Path | None) -> Path:
    target = _usual_path() if out is None else out / NAME if out.is_dir() else out
    if target.suffix.lower() not in _ENCODERS.keys() | sheet_page.SUFFIXES:
        raise UsageError(
            "a sheet is written as JPEG, PNG or HTML, not as "
            f"{target.suffix or 'a file without ending'}",
            f"Name the file {target.with_suffix('.jpg').name}.",
        )
    return target.absolute()


def _usual_path() -> Path:
    """Return the sheet's path in the working folder or, if that cannot be written to, elsewhere.

    In a container it mostly cannot. Raises UsageError where there is no other either.
    """
    for usual_folder in (Path.cwd, Path.home, lambda: Path(gettempdir())):
        with suppress(OSError, RuntimeError):  # it is gone, or the user has none
            if access_trials.can_write(folder := usual_folder()):
                return folder / NAME
    raise UsageError("neither this folder nor the home folder can be written", "Give -o FILE.")


def _refuse_among_pictures(target: Path, outbox: Path, states: Sequence[StateFolder]) -> None:
    """Refuse a folder where the sheet would be taken for a picture, or for a cutout."""
    inboxes = [inbox for state in states for inbox in state.config.inboxes]
    roles = {
        **{inbox.outbox: "an outbox" for inbox in inboxes},
        **{
            folder: "a folder of outputs" for inbox in inboxes for folder in inbox.folders_elsewhere
        },
        outbox: "an outbox",
        **{inbox.path: "an inbox" for inbox in inboxes},
    }
    for folder, role in roles.items():
        if relative_to(target.parent, folder) is not None:
            raise UsageError(
                f"the sheet would lie in {role}, {folder}, among the pictures",
                f"Choose another place for it: -o {shlex.quote(str(_elsewhere()))}",
            )


def _elsewhere() -> Path:
    try:
        return Path.home() / NAME
    except RuntimeError:
        return Path(gettempdir()) / NAME


def _numbered(target: Path, number: int) -> Path:
    return target if number == 1 else target.with_stem(f"{target.stem}-{number}")


def _is_earlier_sheet(path: Path) -> bool:
    return publishing.exists(path) and _is_sheet(path)


def _refuse_to_overwrite(path: Path) -> None:
    if publishing.exists(path) and not _is_sheet(path):
        raise UsageError(f"{path} is there already, and is no contact sheet", "Give another -o.")


def _is_sheet(path: Path) -> bool:
    if path.suffix.lower() in sheet_page.SUFFIXES:
        return sheet_page.is_page(path)
    try:
        with Image.open(path, formats=("JPEG", "PNG")) as image:
            comment = image.info.get("comment", b"")
    except (OSError, ValueError):
        return False
    return comment in {_OURS, _OURS.encode()}


def _encoded(page: Image.Image, path: Path) -> bytes:
    buffer = io.BytesIO()
    if _ENCODERS[path.suffix.lower()] == "PNG":
        chunk = PngImagePlugin.PngInfo()
        chunk.add_text("comment", _OURS)
        page.save(buffer, "PNG", pnginfo=chunk)
    else:
        page.save(buffer, "JPEG", quality=88, subsampling="4:4:4", comment=_OURS)
    return buffer.getvalue()


# --- a cell ----------------------------------------------------------------------------------


def _cell(output: ShownCutout, outbox: Path, side: int) -> Cell:
    """Read a cutout; one that is broken or gone is a cell that says so."""
    below = relative_to(output.path.parent, outbox) or Path()
    parts = below.parts[output.in_review :]
    picture, note = None, f"in {REVIEW_FOLDER}/" if output.in_review else ""
    try:
        picture = thumbnail(output.path, side) if is_there(output.path) else None
        note = note if picture is not None else _GONE
    except Exception:  # noqa: BLE001 - no picture stops the sheet
        note = _BROKEN
    return Cell(
        for_terminal(output.path.name),
        output.verdict,
        picture,
        note,
        for_terminal("/".join(parts)),
        output.doubt,
    )
