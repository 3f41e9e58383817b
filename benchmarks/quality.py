"""Measure how good masks and cutouts are, ours and rembg's, where the true alpha is known.

`python benchmarks/quality.py PICTURES [--truths FOLDER]`: for each picture NAME.jpg (or another
format) there is NAME.png, its true alpha, in the same folder or in another. With `--truth binary`
these are masks without halves, and what counts is whether the subject was found. With `--drawn`
in place of a folder the pictures are those of tests/core/drawn_alphas.py, and a network that is
right stands in for the real one, so that only what comes after it is measured.

Every method cuts every picture in this run, rembg in a virtual environment of its own and with the
same weights. What mattes.py measures is told as means, and in ratios to our stretched mask
(edges: soft), picture by picture, so that a large picture counts no more than a small one.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any, get_args

import mattes
import numpy as np
from bench import Figures, Place, parser, place, table
from binary import BINARY, binary_scores
from compare import rembg_program, rembg_versions
from mattes import ALPHA, BACKGROUNDS, HAZE, WHOLE, Matte, Scores
from numpy.typing import NDArray
from PIL import Image
from processes import environment

from scissorsd import logs
from scissorsd.core import masking, passes
from scissorsd.core.catalogue import CATALOGUE
from scissorsd.core.rules import Edges, MaskOptions, Output
from scissorsd.errors import ScissorsError
from scissorsd.inference.sessions import Sessions
from scissorsd.inference.timings import Speeds
from scissorsd.pictures import cutting_out, reading
from scissorsd.pictures.cutting_out import Inference
from scissorsd.pictures.picture import Picture
from scissorsd.settings import MAX_PIXELS

HAZY = 0.05  # of the subject's area: so much beyond the band that is half there is seen
RIGHT = 0.9  # intersection over union with the truth, from which the subject counts as found
BASE = "soft"
RIGHT_NETWORK = "one that is right, simulated"
AS_IS, CLEAN = Output(colour="as_is"), Output(colour="clean")
EDGES: tuple[Edges, ...] = ("soft", "fine", "auto", "best")
REMBG: dict[str, tuple[str, ...]] = {"rembg": (), "rembg -a": ("-a",), "rembg -dc": ("-dc",)}
TESTS = Path(__file__).parent.parent / "tests" / "core"

# Germer et al., "Fast Multi-Level Foreground Estimation", ICPR 2020, as rembg has it at hand.
ESTIMATE = """
import sys
from pathlib import Path
import numpy as np
from PIL import Image
from pymatting import estimate_foreground_ml
folder = Path(sys.argv[1])
for path in sorted((folder / "pictures").iterdir()):
    rgb = np.asarray(Image.open(path).convert("RGB")) / 255
    alpha = np.asarray(Image.open(folder / "truths" / (path.stem + ".png")).convert("L")) / 255
    found = np.rint(np.clip(estimate_foreground_ml(rgb, alpha), 0, 1) * 255).astype(np.uint8)
    Image.fromarray(found).save(folder / "foregrounds" / (path.stem + ".png"), compress_level=1)
"""


@dataclass(frozen=True, slots=True)
class Case:
    """A picture, its true alpha and the true colours of its subject (a drawn one's are known)."""

    name: str
    picture: Path
    truth: Path
    foreground: Path


def main() -> None:
    """Cut, compare, print, and keep the figures for docs/quality.md."""
    arguments = options().parse_args()
    logs.set_up(quiet=True)
    here = place(arguments)
    name = arguments.save or ("quality-drawn" if arguments.drawn else "quality")
    work = here.empty(name)
    for folder in ("pictures", "truths", "foregrounds"):
        (work / folder).mkdir()
    cases = drawn(work, arguments.seed) if arguments.drawn else laid_out(arguments, work)
    program = None if arguments.alone or arguments.drawn else rembg_program(here.cache)
    rivals = cut_by_rembg(here, program, arguments.model, work) if program else {}
    figures: Figures = {
        "title": arguments.title or ("Drawn" if arguments.drawn else "Photographs"),
        "about": arguments.about,
        "model": RIGHT_NETWORK if arguments.drawn else arguments.model,
        "ran": "",
        "truth": arguments.truth,
        "rembg": rembg_versions(program) if program else "",
        "pictures": [case.name for case in cases],
    }
    if arguments.drawn:
        figures |= compared(cases, Right(), arguments, rivals)
    else:
        network = sessions(here, arguments.precision)
        opening = network.open(arguments.model)
        figures["ran"] = f"{opening.precision} precision on {opening.provider}"
        if arguments.truth == "binary":
            found = masks(cases, Once(network), arguments, rivals)
            figures["methods"] = dict(binary_scores(here, found))
        else:
            estimate_foregrounds(here, work)
            figures |= compared(cases, Once(network), arguments, rivals)
    here.save(name, figures)
    print("\n".join(section(figures)))


def options() -> argparse.ArgumentParser:
    """Make the parser."""
    made = parser(__doc__)
    source = made.add_mutually_exclusive_group(required=True)
    source.add_argument("pictures", nargs="?", type=Path, metavar="PICTURES")
    source.add_argument("--drawn", action="store_true")
    made.add_argument("--seed", type=int, default=0, help="draw others of the kind")
    made.add_argument("--truths", type=Path, help="where the true alphas are, if elsewhere")
    made.add_argument("--truth", choices=("alpha", "binary"), default="alpha")
    made.add_argument("--model", default="u2net")
    made.add_argument(
        "--precision",
        choices=("full", "auto"),
        default="full",
        help="full: on the CPU provider; auto: as a daemon here would, by what it has timed",
    )
    made.add_argument("--alone", action="store_true", help="without rembg")
    made.add_argument("--title", default="", help="what these pictures are, in a word or two")
    made.add_argument("--about", default="", help="whose they are, what their truths are worth")
    made.add_argument("--save", default="", metavar="NAME", help="a name for the results")
    return made


# --- the pictures ----------------------------------------------------------------------------


def laid_out(arguments: argparse.Namespace, work: Path) -> list[Case]:
    """Find the pictures that have a truth, and link to them from the folders of this run."""
    truths = (arguments.truths or arguments.pictures).absolute()
    found = []
    for path in sorted(arguments.pictures.absolute().iterdir()):
        truth = truths / f"{path.stem}.png"
        if path != truth and truth.exists() and path.suffix != ".txt":
            case = case_at(work, path.stem, path.suffix)
            case.picture.symlink_to(path)
            case.truth.symlink_to(truth)
            found.append(case)
    if not found:
        raise SystemExit(f"{arguments.pictures}: no picture that has its truth in {truths}")
    return found


def drawn(work: Path, seed: int) -> list[Case]:
    """Draw the pictures that the tests draw too, or others of their kind."""
    use_drawings()
    found = []
    for drawing in import_module("drawn_alphas").drawings(seed=seed):
        case = case_at(work, drawing.name, ".png")
        alpha = np.rint(drawing.alpha * 255).astype(np.uint8)
        for path, pixels in (
            (case.picture, drawing.rgb),
            (case.truth, alpha),
            (case.foreground, drawing.foreground),
        ):
            Image.fromarray(pixels).save(path, compress_level=1)
        found.append(case)
    return found


def use_drawings() -> None:
    """Let `drawn_alphas` be imported, which the tests share with the benchmarks."""
    sys.path.append(str(TESTS))


def case_at(work: Path, name: str, suffix: str) -> Case:
    """Say where a picture and what is known of it lie in this run."""
    truth, foreground = (work / folder / f"{name}.png" for folder in ("truths", "foregrounds"))
    return Case(name, work / "pictures" / f"{name}{suffix}", truth, foreground)


def estimate_foregrounds(here: Place, work: Path) -> None:
    """Estimate the subject's colours from picture and true alpha, with rembg's pymatting."""
    python = rembg_program(here.cache).with_name("python")
    subprocess.run([str(python), "-c", ESTIMATE, str(work)], check=True)


# --- the methods -----------------------------------------------------------------------------


def cut_by_rembg(
    here: Place, program: Path, model: str, work: Path, ways: Iterable[str] = REMBG
) -> dict[str, Path]:
    """Let rembg cut all pictures in each of these ways; give the folders of its cutouts."""
    folders = {}
    for name in ways:
        print(f"{name} cuts", file=sys.stderr)
        folders[name] = work / name
        folders[name].mkdir()
        command = [str(program), "p", "-m", model, *REMBG[name]]
        command += [str(work / "pictures"), str(folders[name])]
        subprocess.run(command, check=True, env=environment(here.models), capture_output=True)
    return folders


def sessions(here: Place, precision: str = "full") -> Sessions:
    """Give the real networks: on the CPU in full precision, or as a daemon has them here."""
    if precision == "full":
        return Sessions(models=CATALOGUE, folder=here.models, providers=["cpu"], precision="full")
    speeds = Speeds((here.models,))
    return Sessions(models=CATALOGUE, folder=here.models, speeds=speeds, find_out=False)


class Once:
    """Real networks that are shown nothing twice: all our ways begin with the same look."""

    def __init__(self, network: Sessions) -> None:
        self._network = network
        self._known: dict[tuple[str, bytes], tuple[NDArray[np.float32], str, str]] = {}

    def run(self, name: str, shown: NDArray[np.float32], /) -> tuple[NDArray[np.float32], str, str]:
        """Run a network, or say again what it said."""
        key = name, digest(shown)
        if key not in self._known:
            self._known[key] = self._network.run(name, shown)
        return self._known[key]


class Right:
    """A network that is right: it sees the true alpha on its grid, of the part it is shown."""

    def __init__(self) -> None:
        self._alpha: Matte = np.zeros((1, 1), np.float32)
        self._first: passes.NetworkMask | None = None

    def show(self, alpha: Matte) -> None:
        """Take the next picture's true alpha, or begin with the same once more."""
        self._alpha, self._first = alpha, None

    def run(
        self, _name: str, _input: NDArray[np.float32], /
    ) -> tuple[NDArray[np.float32], str, str]:
        """Return the raw map; asked a second time, that of the box for which it is asked then."""
        seen = import_module("drawn_alphas").seen
        box = passes.second_box(self._first) if self._first else None
        left, top, right, bottom = box or (0, 0, *self._alpha.shape[::-1])
        raw: NDArray[np.float32] = seen(self._alpha[top:bottom, left:right])
        self._first = passes.NetworkMask(masking.normalised(raw), (left, top, right, bottom))
        return raw, "none", "full"


def cut(picture: Picture, network: Inference, model: str, edges: Edges) -> cutting_out.Cut:
    """Cut as the daemon does."""
    return cutting_out.find_subject(picture, CATALOGUE[model], network, MaskOptions(edges=edges))


def cutouts(
    case: Case, network: Inference, model: str, rivals: dict[str, Path]
) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Yield each method's cutout of one picture (RGBA), and what the true alpha would make."""
    picture = reading.read(case.picture.read_bytes(), max_pixels=MAX_PIXELS)
    true = mattes.read(case.truth)
    for edges in EDGES:
        if isinstance(network, Right):
            network.show(true)
        ours = cut(picture, network, model, edges)
        yield f"{edges}, as it is", rendered(picture, ours, AS_IS)
        yield edges, rendered(picture, ours, CLEAN)
    for name, folder in rivals.items():
        yield name, theirs(folder, case)
    mask = np.rint(true * 255).astype(np.uint8)
    known = cutting_out.Cut(mask, ours.judgement, "none", "full", 0.0)
    yield "true alpha, as it is", rendered(picture, known, AS_IS)
    yield "true alpha", rendered(picture, known, CLEAN)
    yield "true alpha, darkened as by rembg", darkened(picture.rgb, mask)


def rendered(picture: Picture, ours: cutting_out.Cut, output: Output) -> NDArray[np.uint8]:
    """Return what is published, read back."""
    return rgba(cutting_out.render(picture, ours, output, max_pixels=MAX_PIXELS))


def rgba(data: bytes) -> NDArray[np.uint8]:
    """Read a cutout."""
    with Image.open(BytesIO(data)) as image:
        return np.asarray(image.convert("RGBA"))


def theirs(folder: Path, case: Case) -> NDArray[np.uint8]:
    """Read rembg's cutout."""
    return rgba((folder / f"{case.picture.stem}.png").read_bytes())


def darkened(rgb: NDArray[np.uint8], mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Compose with transparent black, which is what rembg does unless it is told otherwise."""
    image = Image.fromarray(rgb)
    nothing = Image.new("RGBA", image.size, 0)
    return np.asarray(Image.composite(image.convert("RGBA"), nothing, Image.fromarray(mask)))


def masks(
    cases: list[Case],
    network: Inference,
    arguments: argparse.Namespace,
    rivals: dict[str, Path],
) -> Iterator[tuple[str, str, NDArray[np.uint8], Path]]:
    """Yield method, picture, mask and truth, for pictures whose truth is binary."""
    for case in cases:
        picture = reading.read(case.picture.read_bytes(), max_pixels=MAX_PIXELS)
        for edges in EDGES:
            yield edges, case.name, cut(picture, network, arguments.model, edges).mask, case.truth
        for name, folder in rivals.items():
            yield name, case.name, theirs(folder, case)[..., 3], case.truth


# --- the figures -----------------------------------------------------------------------------


def compared(
    cases: list[Case],
    network: Inference,
    arguments: argparse.Namespace,
    rivals: dict[str, Path],
) -> Figures:
    """Return the scores of each method, picture by picture, and which subjects were found."""
    methods: dict[str, list[Scores]] = {}
    overlaps = []
    for case in cases:
        true = mattes.read(case.truth)
        foreground = np.asarray(Image.open(case.foreground).convert("RGB"))
        where = mattes.band(true)
        mattes_known: dict[bytes, Scores] = {}  # many ways end in the same
        cutouts_known: dict[bytes, Scores] = {}
        for name, cutout in cutouts(case, network, arguments.model, rivals):
            if cutout.shape[:2] != true.shape:
                raise SystemExit(f"{case.name}: {name} has another size than the true alpha")
            matte = cutout[..., 3].astype(np.float32) / np.float32(255)
            key, whole = digest(cutout[..., 3]), digest(cutout)
            if key not in mattes_known:
                mattes_known[key] = mattes.alpha_errors(matte, true, where)
                mattes_known[key][HAZE] = mattes.haze(matte, true, where)
            if whole not in cutouts_known:
                cutouts_known[whole] = mattes.colour_errors(cutout, true, foreground, where)
            methods.setdefault(name, []).append(mattes_known[key] | cutouts_known[whole])
            if name == BASE:
                overlaps.append(mattes.overlap(matte, true))
        print(f"{case.name}: compared", file=sys.stderr)
    return {"methods": methods, "overlaps": overlaps}


def digest(pixels: NDArray[Any]) -> bytes:
    """Tell pixels apart."""
    return blake2b(pixels.tobytes()).digest()


def ratios(
    figures: Figures, method: str, base: str, measure: str, chosen: list[int]
) -> list[float]:
    """Return a method's errors in units of another's, picture by picture."""
    ours, theirs = figures["methods"][method], figures["methods"][base]
    return [ours[at][measure] / max(theirs[at][measure], 1e-9) for at in chosen]


def mean(figures: Figures, method: str, measure: str, chosen: list[int]) -> float:
    """Return a method's mean error."""
    return float(np.mean([figures["methods"][method][at][measure] for at in chosen]))


def worst(figures: Figures, method: str, base: str, measure: str, chosen: list[int]) -> str:
    """Return the largest ratio, and whose it is."""
    found = ratios(figures, method, base, measure, chosen)
    at = int(np.argmax(found))
    return f"{found[at]:.2f} ({figures['pictures'][chosen[at]]})"


# --- telling ---------------------------------------------------------------------------------


def section(figures: Figures) -> Iterator[str]:
    """Write the section of the report."""
    yield f"### {figures['title']}\n"
    if figures["about"]:
        yield f"{figures['about']}\n"
    rembg = f"; rembg p -m {figures['model']} ({figures['rembg']})" if figures["rembg"] else ""
    ran = f", {figures['ran']}" if figures["ran"] else ""
    yield f"{len(figures['pictures'])} pictures; network: {figures['model']}{ran}{rembg}.\n"
    if figures["truth"] == "binary":
        rows = ((name, *(scores[m] for m in BINARY)) for name, scores in figures["methods"].items())
        yield table(("method", *BINARY), rows) + "\n"
        return
    everything = [*range(len(figures["pictures"]))]
    right = figures["model"] == RIGHT_NETWORK  # it finds every subject, however thin
    found = [at for at in everything if right or figures["overlaps"][at] >= RIGHT]
    if found and len(found) < len(everything):
        lost = ", ".join(figures["pictures"][at] for at in everything if at not in found)
        yield (
            f"**The {len(found)} pictures whose subject the network found** (intersection over "
            f"union of the stretched mask with the truth at least {RIGHT}; not: {lost}).\n"
        )
        yield from tables(figures, found)
        yield f"**All {len(everything)}.** No refinement mends a subject that was not found.\n"
    yield from tables(figures, everything)
    yield from each(figures)


def tables(figures: Figures, chosen: list[int]) -> Iterator[str]:
    """Write the means over some of the pictures."""
    alphas = [name for name in figures["methods"] if not name.startswith("true alpha")]
    alphas = [name for name in alphas if not name.endswith(("as it is", "-dc"))]
    yield "The mask in the unknown band; × is the mean ratio to `soft`, then the worst picture's:\n"
    yield table(headings(ALPHA), (alpha_row(figures, name, chosen) for name in alphas)) + "\n"
    yield "Over the whole picture:\n"
    measures = [name + WHOLE for name in ALPHA]
    head = ("mask", *(cell for name in ALPHA for cell in (name, "×")))
    yield table(head, (short_row(figures, name, measures, chosen) for name in alphas)) + "\n"
    yield (
        "Haze: what is half there (between 0.05 and 0.95) beyond the band, in parts of the "
        "subject's area:\n"
    )
    head = ("mask", "mean", f"pictures with more than {HAZY:.0%}")
    yield table(head, (haze_row(figures, name, chosen) for name in alphas)) + "\n"
    yield (
        "The cutout on new backgrounds, mean error in steps of 255 in the band; × is the mean "
        "ratio to `soft` with the picture's colours as they are:\n"
    )
    head = ("cutout", *BACKGROUNDS, "×", "worst ×", "whole picture")
    yield table(head, (colour_row(figures, name, chosen) for name in figures["methods"])) + "\n"


def headings(measures: Sequence[str]) -> tuple[str, ...]:
    """Name the columns of means, ratios and worst ratios."""
    return ("mask", *(cell for name in measures for cell in (name, "×", "worst ×")))


def alpha_row(figures: Figures, name: str, chosen: list[int]) -> tuple[str, ...]:
    """Write how good a method's masks are in the band."""
    cells = [name]
    for measure in ALPHA:
        cells += [
            f"{mean(figures, name, measure, chosen):.3g}",
            f"{np.mean(ratios(figures, name, BASE, measure, chosen)):.2f}",
            worst(figures, name, BASE, measure, chosen) if name != BASE else "",
        ]
    return tuple(cells)


def short_row(
    figures: Figures, name: str, measures: list[str], chosen: list[int]
) -> tuple[str, ...]:
    """Write means and ratios alone."""
    cells = [name]
    for measure in measures:
        cells += [
            f"{mean(figures, name, measure, chosen):.3g}",
            f"{np.mean(ratios(figures, name, BASE, measure, chosen)):.2f}",
        ]
    return tuple(cells)


def haze_row(figures: Figures, name: str, chosen: list[int]) -> tuple[str, ...]:
    """Write how much of a ghost a method leaves."""
    found = [figures["methods"][name][at][HAZE] for at in chosen]
    return name, f"{np.mean(found):.1%}", f"{sum(haze > HAZY for haze in found)} of {len(found)}"


def colour_row(figures: Figures, name: str, chosen: list[int]) -> tuple[str, ...]:
    """Write how good a method's cutouts look."""
    base = f"{BASE}, as it is"
    by_background = [ratios(figures, name, base, colour, chosen) for colour in BACKGROUNDS]
    overall = np.mean(by_background, axis=0)
    at = int(np.argmax(overall))
    whole = np.mean([mean(figures, name, colour + WHOLE, chosen) for colour in BACKGROUNDS])
    return (
        name,
        *(f"{mean(figures, name, colour, chosen):.2f}" for colour in BACKGROUNDS),
        f"{overall.mean():.2f}",
        f"{overall[at]:.2f} ({figures['pictures'][chosen[at]]})" if name != base else "",
        f"{whole:.2f}",
    )


def each(figures: Figures) -> Iterator[str]:
    """Write the ratios picture by picture, so that a failure cannot hide in a mean."""
    refined = [edges for edges in get_args(Edges) if edges != BASE]
    refined += [name for name in ("rembg", "rembg -a") if name in figures["methods"]]
    yield "Picture by picture, SAD / MSE / gradient in the band as ratios to `soft`:\n"
    rows: list[tuple[Any, ...]] = []
    for at, name in enumerate(figures["pictures"]):
        cells = [
            " / ".join(f"{ratios(figures, method, BASE, m, [at])[0]:.2f}" for m in ALPHA)
            for method in refined
        ]
        rows.append((name, f"{figures['overlaps'][at]:.3f}", *cells))
    yield table(("picture", "found", *refined), rows) + "\n"


if __name__ == "__main__":
    try:
        main()
    except ScissorsError as error:
        sys.exit(str(error))
