"""The command `sheet`: the latest cutouts of an outbox on one picture, or on several pages."""

import heapq
import io
import math
import shlex
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import islice
from pathlib import Path
from tempfile import gettempdir
from threading import Lock

from PIL import Image, ImageFont, PngImagePlugin

from scissorsd.core import contact_sheet
from scissorsd.core.colours import between, to_rgb
from scissorsd.core.contact_sheet import SIDE, Cell, Font, Judged
from scissorsd.core.depth import Samples
from scissorsd.core.rules import FAILED_FOLDER, PROCESSED_FOLDER, REVIEW_FOLDER
from scissorsd.errors import JournalError, UsageError
from scissorsd.folders import publishing, real_paths, scanning
from scissorsd.machine import usable_cpus
from scissorsd.plain_text import plain
from scissorsd.records import respelling
from scissorsd.records.journal import Journal
from scissorsd.records.journal_file import FILE
from scissorsd.records.journal_rows import Entry
from scissorsd.records.state_folders import StateFolder
from scissorsd.service import trials

NAME = "sheet.jpg"
COUNT = 400
_OURS = "contact sheet by scissorsd"  # in the comment of the file
_FORMATS = ("PNG", "WEBP", "JPEG", "TIFF", "AVIF")  # that outputs are written in
_ENCODERS = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG"}
_MAX_PIXELS = 250_000_000
_LARGE = 30_000_000  # pixels: such a picture is read while no other large one is
_MOST_THREADS = 4
_LOOKS = 20  # times the cutouts wanted: so many jobs are gone through for files that are there
_SEEN_AS = ("cutout", "flat", "comparison", "mask")  # of a job's outputs the first is shown
_GONE, _BROKEN = "no longer there", "cannot be read"


@dataclass(frozen=True, slots=True)
class Output:
    """A cutout, or what was made instead of one, and what its job's journal says."""

    path: Path
    verdict: Judged
    in_review: bool


def write(
    outbox: Path,
    states: Sequence[StateFolder],
    *,
    out: Path | None,
    count: int,
    columns: int | None,
) -> Iterator[str]:
    """Write the contact sheet; give the path of each page as soon as it is there, then a sum.

    Raises UsageError where there is nothing to show, or where the sheet would lie in an inbox or
    an outbox, or over a file that is no sheet.
    """
    outbox = outbox.absolute()
    _refuse_inbox(outbox, states)
    target = _target(out)
    _refuse_among_pictures(target, outbox, states)
    outputs, journalled = _latest(outbox, states, count)
    if not outputs:
        raise UsageError(f"there are no cutouts in {outbox}", "Is it the outbox, or a part of it?")
    outputs.sort(key=lambda output: contact_sheet.urgency(output.verdict))
    grid = contact_sheet.grid_for(len(outputs), columns)
    pages = math.ceil(len(outputs) / grid.cells)
    targets = [_numbered(target, number) for number in range(1, pages + 1)]
    for path in targets:
        _refuse_to_overwrite(path)
    sum_of_all = _sum(outputs, journalled=journalled)
    now = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M")
    missing: Counter[str] = Counter()
    warnings.filterwarnings("ignore", module=r"PIL\.")
    with ThreadPoolExecutor(min(usable_cpus(), _MOST_THREADS)) as threads:
        for number, path in enumerate(targets):
            shown = outputs[number * grid.cells : (number + 1) * grid.cells]
            cells = list(threads.map(lambda output: _cell(output, outbox), shown))
            missing.update(cell.note for cell in cells if cell.picture is None)
            which = f"page {number + 1} of {pages}  ·  " if pages > 1 else ""
            page = contact_sheet.page(
                cells,
                grid,
                title=plain(str(outbox)),
                about=f"{sum_of_all}  ·  {which}{now}",
                lettering=lettering,
            )
            publishing.publish([(path, _encoded(page, path))], tag="sheet", own=_is_earlier_sheet)
            yield plain(str(path))
    left = "".join(f"; {number} {why}" for why, number in sorted(missing.items()))
    yield f"{sum_of_all}{left}"


def _sum(outputs: Sequence[Output], *, journalled: bool) -> str:
    """Say how many there are, and of which verdict."""
    said = f"{len(outputs)} cutout{'s' if len(outputs) > 1 else ''}"
    if not journalled:
        return f"{said}; no job journal tells of verdicts"
    counts = Counter(output.verdict for output in outputs)
    by_urgency = sorted(counts, key=contact_sheet.urgency)
    parts = ", ".join(f"{counts[verdict]} {contact_sheet.WORDS[verdict]}" for verdict in by_urgency)
    reviewed = sum(output.in_review for output in outputs)
    return f"{said}: {parts}" + (f" ({reviewed} in {REVIEW_FOLDER}/)" if reviewed else "")


# --- where it goes ---------------------------------------------------------------------------


def _refuse_inbox(folder: Path, states: Sequence[StateFolder]) -> None:
    """Refuse an inbox that is no outbox of another, and name its own."""
    inboxes = [inbox for state in states for inbox in state.config.inboxes]
    if any(_below(folder, inbox.outbox) is not None for inbox in inboxes):
        return
    for inbox in inboxes:
        if _below(folder, inbox.path) is not None:
            command = shlex.join(["scissorsd", "sheet", str(inbox.outbox)])
            raise UsageError(
                f"{folder} is an inbox: what lies there is yet to be cut",
                f"Its cutouts go to {inbox.outbox}: {command}",
            )


def _target(out: Path | None) -> Path:
    target = _usual_place() if out is None else out / NAME if out.is_dir() else out
    if target.suffix.lower() not in _ENCODERS:
        raise UsageError(
            f"a sheet is written as JPEG or PNG, not as {target.suffix or 'a file without ending'}",
            f"Name the file {target.with_suffix('.jpg').name}.",
        )
    return target.absolute()


def _usual_place() -> Path:
    """Return the place in the working folder; another where that cannot be written to.

    In a container it mostly cannot. Raises UsageError where there is no other either.
    """
    for find in (Path.cwd, Path.home, lambda: Path(gettempdir())):
        with suppress(OSError, RuntimeError):  # it is gone, or the user has none
            if trials.can_write(folder := find()):
                return folder / NAME
    raise UsageError("neither this folder nor the home folder can be written", "Give -o FILE.")


def _refuse_among_pictures(target: Path, outbox: Path, states: Sequence[StateFolder]) -> None:
    """Refuse a place where the sheet would be taken for a picture, or for a cutout."""
    inboxes = [inbox for state in states for inbox in state.config.inboxes]
    kept = {
        **{inbox.outbox: "an outbox" for inbox in inboxes},
        outbox: "an outbox",
        **{inbox.path: "an inbox" for inbox in inboxes},
    }
    for folder, what in kept.items():
        if _below(target.parent, folder) is not None:
            raise UsageError(
                f"the sheet would lie in {what}, {folder}, among the pictures",
                f"Choose another place for it: -o {shlex.quote(str(_elsewhere()))}",
            )


def _elsewhere() -> Path:
    try:
        return Path.home() / NAME
    except RuntimeError:
        return Path(gettempdir()) / NAME


def _below(path: Path, folder: Path) -> Path | None:
    """Return a path relative to a folder that holds it, however both are spelled; else nothing."""
    if ".." not in path.parts and path.is_relative_to(folder):
        return path.relative_to(folder)
    found = real_paths.locate((path, folder))
    below = found[path].within(found[folder])
    return Path(below) if below is not None else None


def _numbered(target: Path, number: int) -> Path:
    return target if number == 1 else target.with_stem(f"{target.stem}-{number}")


def _is_earlier_sheet(path: Path) -> bool:
    return publishing.exists(path) and _is_sheet(path)


def _refuse_to_overwrite(path: Path) -> None:
    if publishing.exists(path) and not _is_sheet(path):
        raise UsageError(f"{path} is there already, and is no contact sheet", "Give another -o.")


def _is_sheet(path: Path) -> bool:
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


# --- what is on it ---------------------------------------------------------------------------


def _latest(outbox: Path, states: Sequence[StateFolder], count: int) -> tuple[list[Output], bool]:
    """Return the latest cutouts, the latest first, and whether a job journal tells of them."""
    told = _of_journals(outbox, states, count)
    if told:
        return told, True
    if not outbox.is_dir():
        raise UsageError(f"{outbox} is not a folder")
    return _of_folder(outbox, count), False


def _of_journals(outbox: Path, states: Sequence[StateFolder], count: int) -> list[Output]:
    """Return the cutouts that are there; and those that are not, after them, if they are fewer."""
    there: dict[Path, Output] = {}
    gone: dict[Path, Output] = {}
    journals: list[Journal] = []
    try:
        entries = [_entries(state, outbox, journals) for state in states]
        latest = heapq.merge(*entries, key=_ended_at, reverse=True)
        for entry in islice(latest, _LOOKS * count):
            output = _shown(entry)
            if output is None or output.path in there or output.path in gone:
                continue
            (there if _is_there(output.path) else gone)[output.path] = output
            if len(there) == count:
                break
    except JournalError:
        if not there:
            return []
    finally:
        for journal in journals:
            journal.close()
    few = islice(gone.values(), min(len(there), count - len(there)))
    return [*there.values(), *few]


def _ended_at(entry: Entry) -> float:
    return entry.ended_at or entry.begun_at


def _entries(state: StateFolder, outbox: Path, opened: list[Journal]) -> Iterator[Entry]:
    if not (state.folder / FILE).exists():
        return
    try:
        journal = Journal(state.folder, read_only=True)
    except JournalError:
        return  # another user's: the sheet is made without its verdicts
    opened.append(journal)
    for folder in _spellings(state, journal, outbox):
        yield from journal.entries.with_outputs_in(folder)


def _spellings(state: StateFolder, journal: Journal, outbox: Path) -> list[Path]:
    """Return the folder as the journal has it: below the outbox as it was named."""
    found = [outbox]
    for inbox in state.config.inboxes:
        below = _below(outbox, inbox.outbox)
        if below is not None:
            found += [inbox.outbox / below, respelling.recorded(journal, inbox).outbox / below]
    return list(dict.fromkeys(found))


def _shown(entry: Entry) -> Output | None:
    """Choose the output of a job that is shown: its cutout or, where it has none, another."""
    kinds = dict(zip(entry.kinds, entry.published, strict=False))
    path = next((kinds[kind] for kind in _SEEN_AS if kind in kinds), None)
    if path is None and entry.published:
        path = entry.published[0]
    if path is None:
        return None
    verdict: Judged = next((known for known in contact_sheet.WORDS if known == entry.verdict), "")
    in_review = Path(path).is_relative_to(Path(entry.outbox) / REVIEW_FOLDER)
    return Output(Path(path), verdict, in_review)


def _is_there(path: Path) -> bool:
    try:
        return scanning.sight(path.parent, path.name) is not None
    except OSError:
        return False


def _of_folder(outbox: Path, count: int) -> list[Output]:
    """Return the latest pictures with an alpha channel or, where there is none, of any kind."""
    sightings = sorted(
        scanning.scan(outbox, recursive=True, ignore=(PROCESSED_FOLDER, FAILED_FOLDER)),
        key=lambda sighting: sighting.mtime_ns,
        reverse=True,
    )
    found = [Output(outbox / s.path, "", s.path.startswith(f"{REVIEW_FOLDER}/")) for s in sightings]
    cutouts = list(islice((output for output in found if _has_alpha(output.path)), count))
    return cutouts or found[:count]


def _has_alpha(path: Path) -> bool:
    try:
        with Image.open(path, formats=_FORMATS) as image:
            return image.has_transparency_data
    except Exception:  # noqa: BLE001 - whatever lies there
        return False


# --- a cell ----------------------------------------------------------------------------------


def _cell(output: Output, outbox: Path) -> Cell:
    """Read a cutout; one that is broken or gone is a cell that says so."""
    below = _below(output.path.parent, outbox) or Path()
    parts = below.parts[output.in_review :]
    picture, note = None, f"in {REVIEW_FOLDER}/" if output.in_review else ""
    try:
        picture = thumbnail(output.path) if _is_there(output.path) else None
        note = note if picture is not None else _GONE
    except Exception:  # noqa: BLE001 - no picture stops the sheet
        note = _BROKEN
    return Cell(plain(output.path.name), output.verdict, picture, note, plain("/".join(parts)))


_large = Lock()


def thumbnail(path: Path) -> Image.Image:
    """Read a picture at most SIDE wide and high: RGB, or RGBA, in sRGB."""
    with Image.open(path, formats=_FORMATS) as image:
        pixels = image.width * image.height
        if pixels > _MAX_PIXELS:
            raise ValueError("too many pixels")
        if pixels > _LARGE:
            with _large:
                return _small(image)
        return _small(image)


def _small(image: Image.Image) -> Image.Image:
    icc = image.info.get("icc_profile")
    scale = min(1.0, SIDE / image.width, SIDE / image.height)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    image.draft("RGB", (2 * size[0], 2 * size[1]))  # a JPEG is decoded no larger than needed
    image.load()
    if image.mode not in {"RGB", "RGBA"}:
        colours = to_rgb(image, icc, Samples(16 if image.mode.startswith("I;16") else 8))
        icc = colours.profile
        image = colours.rgb
        if colours.alpha is not None:
            image.putalpha(colours.alpha)
    factor = min(image.width // size[0], image.height // size[1]) // 2
    if factor > 1:
        image = image.reduce(factor)
    image = image.resize(size, Image.Resampling.HAMMING)  # Lanczos would ring at the edges
    shown = between(image.convert("RGB"), icc, None)
    if image.mode == "RGBA":
        shown.putalpha(image.getchannel("A"))
    return shown


# --- letters ---------------------------------------------------------------------------------

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
