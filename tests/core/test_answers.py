import numpy as np
import pytest
from numpy.typing import NDArray

from scissorsd.core.answers import subject_map
from scissorsd.core.catalogue import CATALOGUE, Gives, Model

MAP = CATALOGUE["u2netp"]
LOGITS = CATALOGUE["birefnet-general"]
CLOTHES = CATALOGUE["u2net_cloth_seg"]


def noise(*shape: int) -> NDArray[np.float32]:
    """Draw the same random numbers each time."""
    return np.random.default_rng(3).normal(0, 3, shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(1, 1, 5, 7), (1, 5, 7), (1, 3, 5, 7)])
def test_a_map_is_the_first_channel(shape: tuple[int, ...]) -> None:
    """With a channel, without, or with more: height × width is left, and it is a copy."""
    answer = noise(*shape)
    found = subject_map(answer, MAP)
    wanted = answer.reshape(-1, 5, 7)[0].copy()
    answer[...] = 0
    assert np.array_equal(found, wanted)


def test_logits_never_overflow() -> None:
    """However far from 0 a logit is, the sigmoid of it is a number between 0 and 1."""
    found = subject_map(np.array([[[[-1e30, -2, 0, 2, 1e30]]]], np.float32), LOGITS)
    assert np.allclose(found, [[0, 0.1192, 0.5, 0.8808, 1]], atol=1e-4)


@pytest.mark.parametrize("shift", [0, 1000, -1000])
def test_classes_are_chances(shift: float) -> None:
    """The chances of all classes make 1, those of the subject are what is not background."""
    scores = noise(1, 4, 6, 6) + np.float32(shift)
    clothes = subject_map(scores, CLOTHES)
    parts = [
        subject_map(scores, CATALOGUE[f"u2net_cloth_seg-{part}"])
        for part in ("upper", "lower", "full")
    ]
    background = subject_map(scores, Model("b", "b", None, gives="classes", classes=(0,)))
    assert np.allclose(sum(parts), clothes, atol=1e-6)
    assert np.allclose(background + clothes, 1, atol=1e-6)
    # Where one class is likelier than all others together it is likelier than not.
    best = scores[0].argmax(axis=0)
    sure = np.sort(scores[0], axis=0)[-1] - np.sort(scores[0], axis=0)[-2] > np.log(3)
    assert np.array_equal((parts[0] > 0.5)[sure], (best == 1)[sure])


@pytest.mark.parametrize("gives", ["map", "logits", "classes"])
def test_what_is_no_number_stays_none(gives: Gives) -> None:
    """A network's NaN is left to be seen, and warned of by nobody."""
    row = Model("n", "n", None, gives=gives, classes=(1,) if gives == "classes" else ())
    answer = np.full((1, 2, 2, 2), np.nan, np.float32)
    assert np.isnan(subject_map(answer, row)).all()
    assert gives != "classes" or np.isnan(subject_map(answer + np.float32(np.inf), row)).all()
