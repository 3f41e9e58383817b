"""Cut a photograph that comes with scikit-image: makes docs/before-and-after.jpg for the README.

It is NASA's portrait of Eileen Collins (S93-42975), which is in the public domain.
"""

from pathlib import Path

import numpy as np
import skimage
from numpy.typing import NDArray
from PIL import Image

from scissorsd import cut_out
from scissorsd.core.cutting import comparison

PHOTOGRAPH = Path(skimage.__file__).parent / "data" / "astronaut.png"


def main() -> None:
    """Cut, and put both side by side."""
    cutout = cut_out(PHOTOGRAPH)
    mask: NDArray[np.uint8] = np.rint(cutout.mask * 255).astype(np.uint8)
    before, colours = Image.open(PHOTOGRAPH), np.asarray(cutout.image)[..., :3]
    pair = Image.fromarray(comparison(np.asarray(before.convert("RGB")), mask, colours))
    target = Path(__file__).with_name("before-and-after.jpg")
    pair.save(target, quality=88)
    print(target, cutout.verdict)


if __name__ == "__main__":
    main()
