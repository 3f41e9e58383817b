"""Write docs/quality.md from the results of quality.py and refine_cost.py.

`python benchmarks/quality_page.py [--page FILE] [--before FOLDER]`: what lies in results/ of
`--cache`, from one machine. FOLDER are the results of the same script on an older commit, under
the same names: the page then begins with what has become of the default since. The pictures on the
page are made by quality_pictures.py.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import bench
import numpy as np
import quality
import refine_cost
from mattes import ALPHA, BACKGROUNDS, GRID, SIGMA, WHOLE

PAGE = Path(__file__).parent.parent / "docs" / "quality.md"
COST = "refine_cost"
DEFAULT = "auto"  # what an older commit does not know it takes for its default
WORSE = 1.02
HEAD = f"""# How good the cutouts are

Written by `python benchmarks/quality_page.py` from what `benchmarks/quality.py` and
`benchmarks/refine_cost.py` measured; their first lines say how.

![Edges of four photographs, rembg's, soft and auto](quality-photographs.jpg)

Four photographs of scikit-image's, cut by the same network: the picture, rembg's default, our
`edges: soft` with `colour: as_is`, and our default, `edges: auto` with `colour: clean`.

![Edges of four drawn pictures, soft, auto and true](quality-drawn.jpg)

Drawn pictures, whose truth is known. Rings and letters come out nearly as drawn. Hair thinner than
a pixel keeps a haze farther from the subject, ropes before ripples have gaps, and what is out of
focus before a lively background gets a slightly ragged rim: colours there do not tell how soft it
is.

## What is measured

- *SAD* (the sum of absolute differences, in thousands of pixels), *MSE* (the mean squared
  difference) and *gradient* (the summed squared difference of gradients, by derivatives of a
  Gaussian with σ = {SIGMA} pixels, in thousands): Rhemann et al., "A Perceptually Motivated Online
  Benchmark for Image Matting", CVPR 2009.
- The *unknown band* is where the true alpha is strictly between 0 and 1, widened by one cell of
  the network's map: the longer side over {GRID}, in pixels.
- A *cutout's error* is the mean absolute difference of RGB, in steps of 255, between it and the
  truth when both are put on green, white and black. The true colours of a photograph's subject
  are estimated from its true alpha (Germer et al., "Fast Multi-Level Foreground Estimation", ICPR
  2020, by PyMatting); a drawn one's are known. The rows *true alpha* show what the colours alone
  are worth.
- *Haze* is where a mask is between 0.05 and 0.95 beyond that band, where the truth is all or
  nothing: in parts of the subject's area.
- `soft`, `fine`, `auto` and `best` have clean colours unless *as it is* stands beside them. A ratio
  below 1 is better than the stretched mask.
- `auto` is `fine` but for small subjects in doubt, of which these sets have none: what it gains on
  others stands in [masks.md](masks.md).
"""


def main() -> None:
    """Read the results, write the page."""
    options = bench.parser(__doc__)
    options.add_argument("--page", type=Path, default=PAGE)
    options.add_argument("--before", type=Path, help="results of an older commit")
    options.add_argument("--commit", default="an older commit", help="its name")
    arguments = options.parse_args()
    folder = bench.place(arguments).cache / "results"
    paths = sorted(folder.glob("quality*.json"), key=lambda path: path.stem)
    found = [{"name": path.stem, **json.loads(path.read_text("utf-8"))} for path in paths]
    cost = folder / f"{COST}.json"
    costs = [json.loads(cost.read_text("utf-8"))] if cost.exists() else []
    if not found:
        raise SystemExit(f"{folder} has no results of quality.py")
    since = [*before_and_now(arguments.before, arguments.commit, found)] if arguments.before else []
    text = "\n".join([HEAD, *since, *chapter(found, costs)]).rstrip() + "\n"
    arguments.page.write_text(text, encoding="utf-8")
    print(f"Written: {arguments.page}")


def before_and_now(folder: Path, commit: str, found: list[bench.Figures]) -> Iterator[str]:
    """Write what has become of the default mask and cutout, picture by picture."""
    yield f"## Since {commit}\n"
    yield (
        f"The default of now (`auto`) in units of the default then, measured by the same script: "
        f"the mean ratio, and the worst picture's. *Worse* are pictures of which any measure, the "
        f"cutout's and those of the whole picture too, grew by more than {WORSE - 1:.0%}.\n"
    )
    rows = []
    for path in sorted(folder.glob("*.json")):
        now = next((one for one in found if one["name"] == path.stem), None)
        if now is None:
            continue
        then = json.loads(path.read_text("utf-8"))
        pairs = [*zip(then["methods"][DEFAULT], now["methods"][DEFAULT], strict=True)]
        measures = [name + end for name in (*ALPHA, *BACKGROUNDS) for end in ("", WHOLE)]
        ratios = {m: [new[m] / max(old[m], 1e-9) for old, new in pairs] for m in measures}
        worse = np.sum(np.max([*ratios.values()], axis=0) > WORSE)
        cells = [f"{np.mean(ratios[m]):.3f}, {max(ratios[m]):.3f}" for m in (*ALPHA, *BACKGROUNDS)]
        ran = f"{now['model']}, {now['ran']}" if now["ran"] else now["model"]
        rows.append((f"{now['title']}: {ran}", str(len(pairs)), *cells, str(worse)))
    yield bench.table(("pictures", "number", *ALPHA, *BACKGROUNDS, "worse"), rows) + "\n"


def chapter(found: list[bench.Figures], costs: list[bench.Figures]) -> Iterator[str]:
    """Write what one machine measured."""
    machines = {json.dumps(figures["machine"]) for figures in [*found, *costs]}
    if len(machines) != 1:
        raise SystemExit(f"the results are of {len(machines)} machines: {machines}")
    machine = json.loads(machines.pop())
    days = sorted({figures["day"] for figures in [*found, *costs]})
    yield f"## {machine['cpu']}, {machine['cores']} cores\n"
    yield f"Measured {' and '.join(days)}."
    yield f"Memory {machine['memory']}; {machine['system']}; {machine['software']}.\n"
    for figures in costs:
        yield "### Goals\n"
        goals = [goal.row() for goal in refine_cost.goals(figures)]
        yield bench.table(("work", "goal", "measured", ""), goals) + "\n"
    for figures in found:
        yield from quality.section(figures)
    for figures in costs:
        yield from refine_cost.section(figures)


if __name__ == "__main__":
    main()
