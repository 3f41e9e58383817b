"""Score masks whose truth has no halves: MAE, maximal F and S-measure, by PySODMetrics.

PySODMetrics (Pang, https://github.com/lartpang/PySODMetrics) has its own virtual environment.
"""

import json
import subprocess
import sys
import venv
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from bench import Place
from mattes import Scores
from numpy.typing import NDArray
from PIL import Image

BINARY = ("MAE", "maxF", "S")
SCORE = """
import json, sys
from pathlib import Path
import numpy as np
from PIL import Image
from py_sod_metrics import MAE, Fmeasure, Smeasure
found = {}
for folder in sorted(path for path in Path(sys.argv[1]).iterdir() if path.name != "truths"):
    mae, f, s = MAE(), Fmeasure(beta=0.3), Smeasure()
    for path in sorted(folder.iterdir()):
        mask = np.asarray(Image.open(path))
        truth = np.asarray(Image.open(Path(sys.argv[1], "truths", path.name)))
        for measure in (mae, f, s):
            measure.step(pred=mask, gt=truth)
    found[folder.name] = {
        "MAE": float(mae.get_results()["mae"]),
        "maxF": float(f.get_results()["fm"]["curve"].max()),
        "S": float(s.get_results()["sm"]),
    }
print(json.dumps(found))
"""


def binary_scores(
    here: Place, masks: Iterable[tuple[str, str, NDArray[np.uint8], Path]]
) -> Iterator[tuple[str, Scores]]:
    """Write all masks down and have them scored; `masks`: method, picture, mask, truth."""
    folder = here.empty("binary")
    (folder / "truths").mkdir()
    methods = []
    for method, picture, mask, truth in masks:
        if method not in methods:
            methods.append(method)
            (folder / method).mkdir()
        Image.fromarray(mask).save(folder / method / f"{picture}.png", compress_level=1)
        with Image.open(truth) as image:
            cover = (np.asarray(image.convert("L")) > 127).astype(np.uint8) * 255
        Image.fromarray(cover).save(folder / "truths" / f"{picture}.png", compress_level=1)
    command = [str(python(here.cache)), "-c", SCORE, str(folder)]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found = json.loads(answer.stdout)
    yield from ((method, found[method]) for method in methods)


def python(cache: Path) -> Path:
    """Return the Python that has PySODMetrics; install it first where it is not yet."""
    folder = cache / "sodmetrics"
    program = folder / "bin" / "python"
    if not (folder / "installed").exists():
        print(f"Installing PySODMetrics into {folder}", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        command = [str(program), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*command, "pysodmetrics", "pillow"], check=True)
        (folder / "installed").touch()
    return program
