from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from scissorsd.core import masking
from scissorsd.core.catalogue import CATALOGUE, IMAGENET_MEAN, IMAGENET_STD
from scissorsd.core.passes import NetworkMask, full_size

MODEL = CATALOGUE["u2netp"]
SIDE = MODEL.input_size

Pixels = NDArray[np.uint8]
Values = NDArray[np.float32]


def noise(*shape: int) -> Pixels:
    """Draw the same random values each time."""
    return np.random.default_rng(5).integers(0, 256, shape, np.uint8)


def gradient(height: int, width: int) -> Pixels:
    """Draw a smooth picture, as photographs mostly are."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    return np.stack([200 * x, 200 * y, 100 * (x + y)], axis=-1).astype(np.uint8)


def plain_input(rgb: Pixels) -> Values:
    """Prepare a picture for the network in the plainest way."""
    small = Image.fromarray(rgb).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    values = np.asarray(small, np.float64)
    values = (values / values.max() - IMAGENET_MEAN) / IMAGENET_STD
    return np.asarray(values.transpose(2, 0, 1)[None], np.float32)


# --- network input ---------------------------------------------------------------------------


def test_input_is_the_plain_formula() -> None:
    """A picture of web size becomes what the authors' formula makes of it."""
    rgb = noise(480, 640, 3)
    ours = masking.network_input(rgb, None, MODEL)
    assert ours.shape == (1, 3, SIDE, SIDE)
    assert ours.dtype == np.float32
    assert ours.flags.c_contiguous
    np.testing.assert_allclose(ours, plain_input(rgb), atol=1e-5)


def test_large_pictures_are_shrunk_in_two_steps() -> None:
    """Reducing a large picture cheaply first changes its input by less than one step of 255."""
    rgb = gradient(3000, 4000)
    difference = np.abs(masking.network_input(rgb, None, MODEL) - plain_input(rgb))
    assert difference.mean() < 1 / 255 / min(IMAGENET_STD)


def test_divided_by_its_own_maximum() -> None:
    """A dark picture is shown to the network as a bright one: 100 and 200 look the same."""
    ours = [masking.network_input(np.full((9, 9, 3), v, np.uint8), None, MODEL) for v in (100, 200)]
    np.testing.assert_array_equal(ours[0], ours[1])


def test_a_black_picture() -> None:
    """A picture that is black throughout gives plain numbers, not a division by zero."""
    ours = masking.network_input(np.zeros((9, 9, 3), np.uint8), None, MODEL)
    np.testing.assert_allclose(ours[0, :, 0, 0], -np.divide(IMAGENET_MEAN, IMAGENET_STD), rtol=1e-5)


def test_a_models_own_numbers() -> None:
    """Size, mean and deviation come from the model's row."""
    model = replace(MODEL, input_size=64, mean=(0.5, 0.5, 0.5), std=(1.0, 1.0, 1.0))
    ours = masking.network_input(np.full((9, 9, 3), 255, np.uint8), None, model)
    assert ours.shape == (1, 3, 64, 64)
    np.testing.assert_allclose(ours, 0.5)


def test_transparent_is_shown_as_white() -> None:
    """What hides under alpha 0 is not shown to the network; half of it is half white."""
    rgb = np.zeros((20, 20, 3), np.uint8)
    white = masking.network_input(np.full((20, 20, 3), 255, np.uint8), None, MODEL)
    hidden = masking.network_input(rgb, np.zeros((20, 20), np.uint8), MODEL)
    np.testing.assert_allclose(hidden, white, atol=1e-5)
    alpha = np.zeros((20, 20), np.uint8)
    alpha[:, :10] = 51
    half = masking.network_input(rgb, alpha, MODEL)[0, :, SIDE // 2, 0]
    np.testing.assert_allclose(half, (0.8 - np.array(IMAGENET_MEAN)) / IMAGENET_STD, rtol=1e-4)


def test_opaque_alpha_changes_nothing() -> None:
    """A picture with an alpha channel that hides nothing is seen as the picture without it."""
    rgb = noise(50, 40, 3)
    opaque = np.full((50, 40), 255, np.uint8)
    np.testing.assert_allclose(
        masking.network_input(rgb, opaque, MODEL),
        masking.network_input(rgb, None, MODEL),
        atol=1e-5,
    )


SIZES = st.one_of(st.integers(1, 40), st.sampled_from([319, 320, 321, 1500]))


@settings(deadline=None)  # a busy machine is no fault
@given(height=SIZES, width=SIZES, with_alpha=st.booleans())
def test_pictures_of_any_shape(height: int, width: int, *, with_alpha: bool) -> None:
    """A picture of any shape, a line of single pixels too, goes in and its mask fits it."""
    rgb, alpha = noise(height, width, 3), noise(height, width) if with_alpha else None
    ours = masking.network_input(rgb, alpha, MODEL)
    assert ours.shape == (1, 3, SIDE, SIDE)
    assert np.isfinite(ours).all()
    raw = masking.without_transparent(np.full((SIDE, SIDE), 0.5, np.float32), alpha)
    assert raw.shape == (SIDE, SIDE)
    mask = masking.within(full_size((NetworkMask(raw, (0, 0, width, height)),)), alpha)
    assert mask.shape == (height, width)
    assert mask.dtype == np.uint8


def test_arguments_are_left_alone() -> None:
    """Nothing is computed in place: pictures are read-only, and the caller goes on with its own."""
    rgb, alpha = noise(30, 30, 3), noise(30, 30)
    raw = np.random.default_rng(1).random((SIDE, SIDE), np.float32)
    for array in (rgb, alpha, raw):
        array.flags.writeable = False
    masking.network_input(rgb, alpha, MODEL)
    masking.without_transparent(raw, alpha)
    masking.judge(raw)
    masking.normalised(raw)
    masking.within(noise(30, 30), alpha)


# --- verdict ---------------------------------------------------------------------------------


def raw_map(*, subject: float, unsure: float, peak: float = 1.0) -> Values:
    """Make a raw map of which a share is subject and a share undecided; no border is touched."""
    inner = SIDE - 2
    cells = np.zeros(inner * inner, np.float32)
    subject_ends = round(subject * SIDE * SIDE)
    cells[:subject_ends] = peak
    cells[subject_ends : subject_ends + round(unsure * SIDE * SIDE)] = 0.3
    return np.pad(cells.reshape(inner, inner), 1)


def touching(*, top: int = 0, bottom: int = 0, left: int = 0, right: int = 0) -> Values:
    """Make a raw map with a sure subject that takes so many cells of each border."""
    raw = raw_map(subject=0.3, unsure=0.0)
    raw[0, 50 : 50 + top] = 1
    raw[-1, 50 : 50 + bottom] = 1
    raw[50 : 50 + left, 0] = 1
    raw[50 : 50 + right, -1] = 1
    return raw


@pytest.mark.parametrize(
    ("raw", "verdict"),
    [
        (raw_map(subject=0.3, unsure=0.05), "ok"),
        (raw_map(subject=0.9, unsure=0.0), "ok"),
        (raw_map(subject=0.1, unsure=0.2), "doubtful"),
        (raw_map(subject=0.0, unsure=0.0), "no_subject"),
        (raw_map(subject=0.0, unsure=0.9), "no_subject"),
        (raw_map(subject=0.3, unsure=0.0, peak=0.89), "no_subject"),
        (raw_map(subject=0.004, unsure=0.0), "no_subject"),
        (raw_map(subject=0.006, unsure=0.0), "ok"),
        (raw_map(subject=0.3, unsure=0.11), "ok"),
        (raw_map(subject=0.3, unsure=0.112), "doubtful"),
        (np.ones((SIDE, SIDE), np.float32), "ok"),
        (np.full((SIDE, SIDE), 0.6, np.float32), "no_subject"),
    ],
)
def test_verdicts(raw: Values, verdict: str) -> None:
    """A sure subject is ok, with doubt above a tenth it is doubtful, too little of one is none."""
    judgement = masking.judge(raw)
    assert judgement.verdict == verdict


@pytest.mark.parametrize(
    ("raw", "doubt"),
    [
        (raw_map(subject=0.3, unsure=0), 0),
        (raw_map(subject=0.25, unsure=0.25), 1 - 1 / 1.3),  # of what is, 0.3 may be elsewhere
        (raw_map(subject=0.25, unsure=0, peak=0.75), 0.25),
        (np.full((SIDE, SIDE), 0.5, np.float32), 1),
        (np.zeros((SIDE, SIDE), np.float32), 1),
        (np.full((SIDE, SIDE), 2.5, np.float32), 0),  # of a network of one's own
    ],
)
def test_doubt(raw: Values, doubt: float) -> None:
    """The doubt is one less the overlap to be expected of what is taken with what is there."""
    assert masking.doubt(raw) == pytest.approx(doubt, abs=1e-4)


def test_what_is_doubtful_can_be_set() -> None:
    """The doubt from which on a mask is doubtful is the rule's; without a subject it stays so."""
    raw = raw_map(subject=0.25, unsure=0.08)
    assert masking.judge(raw).verdict == "ok"
    judgement = masking.judge(raw, doubtful_above=0.08)
    assert judgement.verdict == "doubtful"
    assert "unsure about 8.8% of the subject, more than 8% (" in judgement.reason
    nothing = np.zeros((SIDE, SIDE), np.float32)
    assert masking.judge(nothing, doubtful_above=0.99).verdict == "no_subject"


@pytest.mark.parametrize(
    ("raw", "share"),
    [
        (touching(bottom=200, left=100), 300 / (4 * SIDE)),
        (touching(), 0),
        (np.ones((SIDE, SIDE), np.float32), 1),
    ],
)
def test_a_subject_that_fills_the_frame(raw: Values, share: float) -> None:
    """Where it takes more than a quarter of the border that is said; alone it is no doubt."""
    judgement = masking.judge(raw)
    assert judgement.border_share == pytest.approx(share, abs=0.01)
    assert judgement.verdict == "ok"
    assert ("fills the frame" in judgement.reason) == (share > 0.25)
    assert ("fills the frame" in masking.said_numbers(judgement.numbers)) == (share > 0.25)


@given(st.floats(0, 1, width=32), st.floats(0, 1, width=32))
def test_shares_are_shares(low: float, high: float) -> None:
    """The numbers behind a verdict are shares of the frame, whatever the map."""
    judgement = masking.judge(np.array([[low, high], [high, low]], np.float32))
    assert judgement.peak == max(low, high)
    assert 0 <= judgement.subject_share <= 1
    assert 0 <= judgement.unsure_share <= 1
    assert judgement.border_share in {0, 0.5, 1}
    assert 0 <= judgement.doubt <= 1
    assert all(0 <= number <= 1 for number in judgement.numbers.values())


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (raw_map(subject=0.25, unsure=0.05), ("sure of a subject",)),
        (
            raw_map(subject=0.125, unsure=0.5),
            (
                *("unsure about 54.5% of the subject, more than 10%", "doubt 54.5%"),
                *("12.5% of the frame taken", "50.0% undecided"),
            ),
        ),
        (
            touching(top=150, left=100, right=150),
            ("sure of a subject, but the subject fills the frame (31% of its border)",),
        ),
        (np.ones((SIDE, SIDE), np.float32), ("fills the frame (100% of its border)",)),
        (
            raw_map(subject=0.3, unsure=0.0, peak=0.75),
            ("no clear subject", "nowhere surer than 75.0%", "reaches 90%"),
        ),
        (
            raw_map(subject=0.0025, unsure=0.0),
            ("no clear subject", "only 0.25% of the frame", "less than 0.5%"),
        ),
    ],
)
def test_reasons_name_the_criterion(raw: Values, said: tuple[str, ...]) -> None:
    """Each verdict is explained by the criterion that led to it, with the numbers of all."""
    reason = masking.judge(raw).reason
    assert all(part in reason for part in said), reason
    assert "of the frame taken for subject" in reason


def test_reasons_name_both_doubts() -> None:
    """A map that is doubtful in two ways is explained by both."""
    raw = np.full((SIDE, SIDE), 0.6, np.float32)
    raw[: SIDE // 4] = 1
    reason = masking.judge(raw).reason
    assert "unsure about 30% of the subject" in reason
    assert "fills the frame" in reason


# --- raw map → mask --------------------------------------------------------------------------


def test_normalised_to_its_own_extremes() -> None:
    """The least of the map becomes 0, the most 1, and the rest keeps its proportions."""
    raw = np.array([[0.2, 0.4], [0.6, 0.3]], np.float32)
    np.testing.assert_allclose(masking.normalised(raw), [[0, 0.5], [1, 0.25]], atol=1e-6)


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_a_flat_map_has_no_subject(value: float) -> None:
    """A map that says the same everywhere becomes an empty mask, not a division by zero."""
    assert not masking.normalised(np.full((SIDE, SIDE), value, np.float32)).any()


def test_transparent_is_never_subject() -> None:
    """What is transparent in the picture is taken out of the raw map, before it is judged."""
    raw = np.ones((SIDE, SIDE), np.float32)
    alpha = np.zeros((100, 200), np.uint8)
    alpha[:, 100:] = 255
    covered = masking.without_transparent(raw, alpha)
    assert not covered[:, : SIDE // 2 - 4].any()
    assert (covered[:, SIDE // 2 + 4 :] == 1).all()
    assert masking.judge(masking.without_transparent(raw, alpha * 0)).verdict == "no_subject"
    assert masking.without_transparent(raw, None) is raw


def test_stretched_to_the_picture() -> None:
    """The mask is stretched linearly, as a float one would be, to within a step of 255."""
    mask = np.random.default_rng(2).random((SIDE, SIDE), np.float32)
    ours = full_size((NetworkMask(mask, (0, 0, 500, 700)),)).astype(np.float64)
    plain = Image.fromarray(mask).resize((500, 700), Image.Resampling.BILINEAR)
    assert np.abs(ours - 255 * np.asarray(plain, np.float64)).max() <= 1.5


def test_alpha_is_multiplied_in() -> None:
    """The picture's own alpha bounds the mask: the product, rounded, at every pair of values."""
    alpha = np.arange(256, dtype=np.uint8)[None, :].repeat(256, axis=0)
    for value in (0, 1, 127, 128, 254, 255):
        ours = masking.within(np.full((256, 256), value, np.uint8), alpha)
        np.testing.assert_array_equal(ours, np.rint(alpha.astype(np.float64) * value / 255))
