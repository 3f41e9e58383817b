"""Choose where `edges: auto` believes its second look, and try that on pictures not chosen by.

`python benchmarks/second_look.py PICTURES [--seeds 1 2]`: for each NAME.jpg there is NAME.png, its
true alpha. Looked at twice, wherever `edges: best` does, are

- these pictures;
- their subjects, smaller and before other grounds: the largest part of another one of them that has
  nothing of its subject, a drawn ground in every third; places and sizes by the seed;
- the drawn pictures of tests/core/drawn_alphas.py, the subject in a part of the frame, by a real
  network and by one that is right (see quality.py); another set for each seed.

Each is refined after one look and after two; what quality.py measures is compared. `auto` then only
decides which of the two is taken, so any limits can be tried on the same figures (`--again`: those
of the last run). The limits are chosen on one half, so that no picture gets worse by more than
WORSE in any measure, and tried on the other: by subject (every second photograph, with all that is
made of it) and by seed (odd ones).
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from itertools import product
from math import inf
from pathlib import Path
from typing import cast

import mattes
import numpy as np
from bench import Place, parser, place, table
from compare import rembg_program
from mattes import ALPHA, BACKGROUNDS, WHOLE, Matte, Scores
from numpy.typing import NDArray
from PIL import Image
from quality import ESTIMATE, Right, sessions, use_drawings

from scissorsd import logs
from scissorsd.core import masking, passes
from scissorsd.core.catalogue import CATALOGUE
from scissorsd.core.passes import LOOKS, Look, NetworkMask
from scissorsd.core.refining import refine
from scissorsd.machine import cpu_name
from scissorsd.pictures.cutting_out import Inference, own_colours
from scissorsd.pictures.in_memory import from_array
from scissorsd.pictures.picture import Picture
from scissorsd.pictures.reading import read
from scissorsd.settings import MAX_PIXELS

WORSE = 1.02  # in any measure, of any picture: too much
THIRD = 1 / 3
MEASURES = tuple(name + end for end in ("", WHOLE) for name in (*ALPHA, *BACKGROUNDS))
TOLD = ("SAD", "MSE", "gradient")
FRAME = (1600, 1200)  # of what is put together: width, height
PARTS = (0.5, 0.6, 0.72)  # of the frame, in which a subject is drawn
GROUNDS = ("plain", "textured", "rippled")
LEAST = 0.004  # a true alpha below this is nothing
RIGHT = "one that is right"
Pixels = NDArray[np.uint8]

LARGEST = (0.3, 0.4, 0.5, 0.6, 0.85)
AGREEMENTS = (0.75, 0.8, 0.85, 0.9, 0.95)
DOUBTS = (0.0, 0.012, 0.024, 0.036, 0.05)
SURER = (THIRD, 0.5, 0.7, 0.85, 1.0, inf)


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A picture and what is known of it."""

    kind: str
    name: str
    half: int  # 0 or 1
    rgb: Pixels
    truth: Matte
    foreground: Pixels


@dataclass(frozen=True, slots=True)
class Twice:
    """What two looks at a picture made of it, in parts of what one look did."""

    network: str
    kind: str
    name: str
    half: int
    share: float  # of the frame, the box of the second look
    agreement: float
    doubt: float
    second_doubt: float
    ratios: dict[str, float]

    @property
    def worst(self) -> float:
        """The measure that grows most."""
        return max(self.ratios.values())

    def is_believed(self, look: Look, *, third: bool) -> bool:
        """Tell whether `auto` takes it; `third`: also one that disagrees, but is much surer."""
        surer = self.second_doubt / max(self.doubt, 1e-9)
        agrees = self.agreement > look.agreement or (third and surer <= THIRD)
        within = self.share < look.largest and self.doubt >= look.doubt
        return within and agrees and surer <= look.surer


def main() -> None:
    """Look, choose, try, print."""
    arguments = options().parse_args()
    logs.set_up(quiet=True)
    here = place(arguments)
    kept = here.cache / "results" / "second-look.json"
    if not arguments.again:
        looks = [asdict(one) for one in looked_at(arguments, here)]
        here.save("second-look", {"looks": looks})
    looks = json.loads(kept.read_text("utf-8"))["looks"]
    found = [Twice(**one) for one in looks]
    print(f"{cpu_name()}; {len(found)} pictures that are looked at twice.\n")
    print("\n".join(by_kind(found, LOOKS["auto"])), end="\n\n")
    print("\n".join(halves(found)), end="\n\n")
    for one in sorted(found, key=lambda one: -one.worst) if arguments.each else ():
        numbers = f"{one.share:.2f} {one.agreement:.3f} {one.doubt:.3f} → {one.second_doubt:.3f}"
        measure = max(one.ratios, key=lambda name: one.ratios[name])
        believed = "believed" if one.is_believed(LOOKS["auto"], third=False) else ""
        print(f"{one.worst:.3f} {measure}: {numbers} {one.network}: {one.name} {believed}")


def options() -> argparse.ArgumentParser:
    """Make the parser."""
    made = parser(__doc__)
    made.add_argument("pictures", nargs="*", type=Path, metavar="PICTURES")
    made.add_argument("--seeds", nargs="+", type=int, default=[1, 2])
    made.add_argument("--networks", nargs="+", default=["u2net", "u2netp"])
    made.add_argument("--again", action="store_true", help="the figures of the last run")
    made.add_argument("--each", action="store_true", help="print every picture, too")
    return made


# --- the pictures ----------------------------------------------------------------------------


def pictures(arguments: argparse.Namespace, here: Place) -> Iterator[Shown]:
    """Yield all that a real network is shown."""
    photographs = [one for folder in arguments.pictures for one in photographed(folder, here)]
    for seed in arguments.seeds:
        for at in range(len(photographs)):
            yield set_before_another(photographs, at, seed)
        yield from drawn(seed)
    yield from photographs


def photographed(folder: Path, here: Place) -> Iterator[Shown]:
    """Read the photographs of a folder, and estimate the colours of their subjects."""
    work = here.empty("second-look")
    for name in ("pictures", "truths", "foregrounds"):
        (work / name).mkdir()
    paths = sorted(path for path in folder.absolute().iterdir() if path.suffix != ".png")
    paths = [path for path in paths if path.with_suffix(".png").exists()]
    for path in paths:
        (work / "pictures" / path.name).symlink_to(path)
        (work / "truths" / f"{path.stem}.png").symlink_to(path.with_suffix(".png"))
    python = rembg_program(here.cache).with_name("python")
    subprocess.run([str(python), "-c", ESTIMATE, str(work)], check=True)
    for number, path in enumerate(paths):
        rgb = read(path.read_bytes(), max_pixels=MAX_PIXELS).rgb
        estimated = np.asarray(Image.open(work / "foregrounds" / f"{path.stem}.png"))
        truth = mattes.read(path.with_suffix(".png"))
        yield Shown("photographs", path.stem, number % 2, rgb, truth, estimated)


def set_before_another(photographs: Sequence[Shown], at: int, seed: int) -> Shown:
    """Put a photograph's subject before another ground, smaller than it was."""
    rng = np.random.default_rng([seed, at])
    subject = photographs[at]
    others = [one for one in photographs if one.half == subject.half and one is not subject]
    other = others[int(rng.integers(len(others)))]
    rows, columns = (np.flatnonzero((subject.truth > LEAST).any(axis)) for axis in (1, 0))
    part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    high, wide = subject.truth[part].shape
    room = rng.uniform(0.45, 0.75)
    scale = room * min(FRAME[0] / wide, FRAME[1] / high)
    size = round(scale * wide), round(scale * high)
    left, top = (
        int(rng.integers(0, frame - own + 1)) for frame, own in zip(FRAME, size, strict=True)
    )
    where = slice(top, top + size[1]), slice(left, left + size[0])
    truth = np.zeros(FRAME[::-1], np.float32)
    truth[where] = resized(subject.truth[part], size)
    foreground = np.zeros((*FRAME[::-1], 3), np.uint8)
    foreground[where] = resized(subject.foreground[part], size)
    drawn_ground = (at + seed) % 3 == 0
    behind = ground(seed, at) if drawn_ground else emptiest(other)
    cover = truth[..., None]
    mixed = cover * foreground + (1 - cover) * behind
    name = f"{subject.name} before {'a drawn ground' if drawn_ground else other.name}, {seed}"
    rgb = np.clip(np.rint(mixed), 0, 255).astype(np.uint8)
    return Shown("before another ground", name, subject.half, rgb, truth, foreground)


def ground(seed: int, at: int) -> Pixels:
    """Draw a ground."""
    use_drawings()
    drawing = import_module("drawn_alphas").draw("unsharp", GROUNDS[at % 3], FRAME, seed=seed)
    return cast(Pixels, drawing.background)


def emptiest(shown: Shown) -> Pixels:
    """Enlarge the largest part of the frame's shape that has nothing of the subject to a frame."""
    height, width = shown.truth.shape
    reduced = Image.fromarray((shown.truth > LEAST).astype(np.uint8) * 255)
    small = np.asarray(reduced.resize((width // 8, height // 8), Image.Resampling.BOX)) > 0
    sums = np.pad(small.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    rows, columns = small.shape
    for high in range(rows, 4, -1):
        wide = round(high * FRAME[0] / FRAME[1])
        if wide > columns:
            continue
        inside = (
            sums[high:, wide:] - sums[:-high, wide:] - sums[high:, :-wide] + sums[:-high, :-wide]
        )
        top, left = np.unravel_index(int(inside.argmin()), inside.shape)
        if inside[top, left] == 0:
            break
    part = shown.rgb[8 * top : 8 * (top + high), 8 * left : 8 * (left + wide)]
    return cast(Pixels, resized(part, FRAME))


def resized(values: NDArray[np.generic], size: tuple[int, int]) -> NDArray[np.generic]:
    """Resize a matte or colours, with no ringing."""
    return np.asarray(Image.fromarray(values).resize(size, Image.Resampling.BILINEAR))


def drawn(seed: int) -> Iterator[Shown]:
    """Draw a set of pictures whose subjects are smaller than usual."""
    use_drawings()
    part = PARTS[seed % len(PARTS)]
    for drawing in import_module("drawn_alphas").drawings(FRAME, seed=seed, part=part):
        name = f"{drawing.name}, {seed}"
        yield Shown("drawn", name, seed % 2, drawing.rgb, drawing.alpha, drawing.foreground)


# --- looking twice ---------------------------------------------------------------------------


def looked_at(arguments: argparse.Namespace, here: Place) -> Iterator[Twice]:
    """Look at every picture twice, with every network."""
    real = sessions(here)
    for shown in pictures(arguments, here):
        networks: list[tuple[str, Inference]] = [(name, real) for name in arguments.networks]
        if shown.kind == "drawn":
            right = Right()
            right.show(shown.truth)
            networks.append((RIGHT, right))
        for name, network in networks:
            twice = looked_twice(shown, name, network)
            if twice is not None:
                print(f"{name}: {shown.name}: {twice.worst:.3f}", file=sys.stderr)
                yield twice


def looked_twice(shown: Shown, name: str, network: Inference) -> Twice | None:
    """Look at a picture twice; None where there is nothing to be seen the second time."""
    picture = from_array(shown.rgb, MAX_PIXELS)
    height, width = shown.truth.shape
    model = "u2net" if name == RIGHT else name
    raw = seen(shown.rgb, model, network)
    judgement = masking.judge(raw)
    first = NetworkMask(masking.normalised(raw), (0, 0, width, height))
    box = passes.second_box(first, LOOKS["best"])
    if box is None or judgement.verdict == "no_subject":
        return None
    left, top, right, bottom = box
    raw = seen(shown.rgb[top:bottom, left:right], model, network)
    second = NetworkMask(masking.normalised(raw), box)
    once, both = (scores(shown, picture, looks) for looks in ((first,), (first, second)))
    return Twice(
        network=name,
        kind=shown.kind,
        name=shown.name,
        half=shown.half,
        share=(right - left) * (bottom - top) / (width * height),
        agreement=overlap(first, second),
        doubt=judgement.doubt,
        second_doubt=masking.doubt(raw),
        ratios={name: both[name] / max(once[name], 1e-9) for name in MEASURES},
    )


def seen(rgb: Pixels, model: str, network: Inference) -> NDArray[np.float32]:
    """Return the raw map of a part of a picture."""
    raw, _, _ = network.run(model, masking.network_input(rgb, None, CATALOGUE[model]))
    return raw


def overlap(first: NetworkMask, second: NetworkMask) -> float:
    """Return how far the two agree, as `passes.agree` has it: the most that it lets pass."""
    low, high = 0.0, 1.0
    for _ in range(10):
        middle = (low + high) / 2
        passed = passes.agree(first, second, Look(largest=1.0, agreement=middle))
        low, high = (middle, high) if passed else (low, middle)
    return low


def scores(shown: Shown, picture: Picture, looks: tuple[NetworkMask, ...]) -> Scores:
    """Refine, and compare mask and cutout with the truth."""
    mask = refine(shown.rgb, looks)
    cutout = np.dstack((own_colours(picture, shown.rgb, mask), mask))
    where = mattes.band(shown.truth)
    matte = mask.astype(np.float32) / np.float32(255)
    found = mattes.alpha_errors(matte, shown.truth, where)
    return found | mattes.colour_errors(cutout, shown.truth, shown.foreground, where)


# --- choosing --------------------------------------------------------------------------------


def gain(found: Sequence[Twice], look: Look, *, third: bool) -> float:
    """Return what is gained, in the band: the fall of the logarithm of its errors, of all."""
    believed = [one for one in found if one.is_believed(look, third=third)]
    return -sum(float(np.log([one.ratios[name] for name in TOLD]).mean()) for one in believed)


def harmed(found: Sequence[Twice], look: Look, *, third: bool) -> list[Twice]:
    """Return those that it makes worse."""
    believed = [one for one in found if one.is_believed(look, third=third)]
    return [one for one in believed if one.worst > WORSE]


def chosen(found: Sequence[Twice]) -> tuple[Look, bool]:
    """Choose the limits by which most is gained and nothing harmed; of equal ones the tightest."""
    best, most = (Look(0.0, 1.0), False), 0.0
    tried = product(LARGEST, AGREEMENTS[::-1], DOUBTS[::-1], SURER, (False, True))
    for largest, agreement, doubt, surer, third in tried:
        look = Look(largest, agreement, doubt, surer)
        gained = gain(found, look, third=third)
        if gained > most + 1e-9 and not harmed(found, look, third=third):
            best, most = (look, third), gained
    return best


def halves(found: Sequence[Twice]) -> Iterator[str]:
    """Write what is chosen on each half, and what it does to the other."""
    heads = (
        "chosen on",
        "limits",
        "believed",
        "SAD",
        "MSE",
        "gradient",
        f"worse by over {WORSE - 1:.0%}",
    )
    rows = []
    for half in (0, 1):
        ours = [one for one in found if one.half == half]
        others = [one for one in found if one.half != half]
        look, third = chosen(ours)
        for label, some in (("itself", ours), ("the other", others)):
            cells = what_it_does(some, look, third=third)
            rows.append((f"half {half + 1}, tried on {label}", words(look, third=third), *cells))
    look, third = chosen(found)
    rows.append(("all", words(look, third=third), *what_it_does(found, look, third=third)))
    for third in (False, True):
        look = LOOKS["auto"]
        cells = what_it_does(found, look, third=third)
        rows.append(("`auto` as it is", words(look, third=third), *cells))
    yield table(heads, rows)


def words(look: Look, *, third: bool) -> str:
    """Write limits."""
    more = ", or a third of the doubt" if third else ""
    return (
        f"box < {look.largest:g}, agreement > {look.agreement:g}{more}, "
        f"doubt ≥ {look.doubt:g}, surer ≤ {look.surer:.2g}"
    )


def what_it_does(found: Sequence[Twice], look: Look, *, third: bool) -> tuple[str, ...]:
    """Write what limits do to pictures."""
    believed = [one for one in found if one.is_believed(look, third=third)]
    means = [
        f"{np.mean([one.ratios[name] for one in believed]):.2f}" if believed else ""
        for name in TOLD
    ]
    worse = sorted(harmed(found, look, third=third), key=lambda one: -one.worst)
    names = "; ".join(f"{one.network}, {one.name} ({one.worst:.2f})" for one in worse[:4])
    return (
        f"{len(believed)} of {len(found)}",
        *means,
        f"{len(worse)}{': ' if names else ''}{names}",
    )


def by_kind(found: Sequence[Twice], look: Look) -> Iterator[str]:
    """Write what `auto` does, by network and kind of picture."""
    heads = ("pictures", "believed", "SAD", "MSE", "gradient", f"worse by over {WORSE - 1:.0%}")
    groups = dict.fromkeys((one.network, one.kind) for one in found)
    yield table(
        heads,
        (
            (
                ", ".join(group),
                *what_it_does(
                    [one for one in found if (one.network, one.kind) == group], look, third=False
                ),
            )
            for group in groups
        ),
    )


if __name__ == "__main__":
    main()
