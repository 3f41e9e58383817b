"""What a network gives → the map of the subject, from 0 to 1."""

from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from scissorsd.core.catalogue import Model


def subject_map(answer: NDArray[np.floating], model: Model) -> NDArray[np.float32]:
    """Return height × width of what the network gave, 1 × channels × height × width or without.

    It is a copy: the answer may lie in a buffer that is used again. What is no number stays so.
    """
    planes = answer[0] if answer.ndim > 3 else answer  # noqa: PLR2004 - one without channels
    match model.gives:
        case "map":
            return np.array(planes[0], np.float32)
        case "logits":
            return _sigmoid(np.asarray(planes[0], np.float32))
        case "classes":
            return _chances(np.asarray(planes, np.float32), model.classes)
        case _:
            assert_never(model.gives)


def _sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return 1 / (1 + e^-x), written so that nothing overflows."""
    found: NDArray[np.float32] = np.tanh(logits / 2)
    found += 1
    found /= 2
    return found


def _chances(scores: NDArray[np.float32], classes: tuple[int, ...]) -> NDArray[np.float32]:
    """Return for each pixel the chance that it is of one of these classes, by the softmax."""
    with np.errstate(invalid="ignore"):  # infinities: what comes of them is no number, and refused
        powers = np.exp(scores - scores.max(axis=0))
    found: NDArray[np.float32] = powers[list(classes)].sum(axis=0)
    found /= powers.sum(axis=0)
    return found
