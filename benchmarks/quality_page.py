"""Write docs/quality.md from the results of quality.py and refine_cost.py.

`python benchmarks/quality_page.py [--page FILE]`: what lies in results/ of `--cache`, from one
machine. The pictures on the page are made by quality_pictures.py.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import bench
import quality
import refine_cost
from mattes import GRID, SIGMA

PAGE = Path(__file__).parent.parent / "docs" / "quality.md"
COST = "refine_cost"
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
"""


def main() -> None:
    """Read the results, write the page."""
    options = bench.parser(__doc__)
    options.add_argument("--page", type=Path, default=PAGE)
    arguments = options.parse_args()
    folder = bench.place(arguments).cache / "results"
    paths = sorted(folder.glob("quality*.json"), key=lambda path: path.stem)
    found = [json.loads(path.read_text("utf-8")) for path in paths]
    cost = folder / f"{COST}.json"
    costs = [json.loads(cost.read_text("utf-8"))] if cost.exists() else []
    if not found:
        raise SystemExit(f"{folder} has no results of quality.py")
    text = "\n".join([HEAD, *chapter(found, costs)]).rstrip() + "\n"
    arguments.page.write_text(text, encoding="utf-8")
    print(f"Written: {arguments.page}")


def chapter(found: list[bench.Figures], costs: list[bench.Figures]) -> Iterator[str]:
    """Write what one machine measured."""
    machines = {json.dumps(figures["machine"]) for figures in [*found, *costs]}
    if len(machines) != 1:
        raise SystemExit(f"the results are of {len(machines)} machines: {machines}")
    machine = json.loads(machines.pop())
    days = sorted({figures["day"] for figures in [*found, *costs]})
    yield f"## {machine['cpu']}, {machine['cores']} cores\n"
    yield f"Measured {' and '.join(days)} on the CPU provider, in full precision."
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
