import numpy as np
import pytest
from numpy.typing import NDArray

from scissorsd.core.catalogue import CATALOGUE, Model
from scissorsd.core.masking import doubt, judge
from scissorsd.core.opinions import Opinion, hear, overlap, weighed
from scissorsd.core.rules import ASKED_ABOVE
from scissorsd.errors import HoldError, ScissorsError, SessionError, WeightsError

FIRST, OTHER = CATALOGUE["u2net"], CATALOGUE["isnet-general-use"]
LEFT, RIGHT = slice(0, 60), slice(40, 100)


def seen(columns: slice, sure: float = 1.0, *, side: int = 100) -> NDArray[np.float32]:
    """Return a map whose subject is these of 100 columns, the network being so sure of it."""
    raw = np.full((side, side), 1 - sure, np.float32)
    raw[:, columns.start * side // 100 : columns.stop * side // 100] = sure
    raw[0, 0] = 1.0
    return raw


def opinion(model: Model, raw: NDArray[np.float32]) -> Opinion:
    """Return what a network said."""
    return Opinion(model, raw, "cpu", "full")


class Other:
    """Another network, which counts how often it is asked."""

    def __init__(self, said: NDArray[np.float32] | ScissorsError) -> None:
        self.asked = 0
        self._said = said

    def __call__(self, model: Model) -> Opinion:
        """Answer, or fail."""
        self.asked += 1
        if isinstance(self._said, ScissorsError):
            raise self._said
        return opinion(model, self._said)


@pytest.mark.parametrize(("sure", "times"), [(1.0, 0), (0.99, 0), (0.9, 1), (0.7, 1)])
def test_asked_where_the_first_is_unsure(sure: float, times: int) -> None:
    """The other network is asked above a doubt, and only there."""
    raw = seen(LEFT, sure)
    assert (doubt(raw) > ASKED_ABOVE) == bool(times)
    other = Other(seen(LEFT))
    heard = hear(opinion(FIRST, raw), OTHER, other)
    assert other.asked == times
    assert heard.kept.model == (OTHER if times else FIRST)
    assert heard.asked == (OTHER.name if times else "")


def test_the_surer_is_kept() -> None:
    """An opinion that is no surer than the first changes no mask."""
    raw = seen(LEFT, 0.8)
    assert hear(opinion(FIRST, raw), OTHER, Other(seen(LEFT, 0.9))).kept.model == OTHER
    assert hear(opinion(FIRST, raw), OTHER, Other(seen(LEFT, 0.7))).kept.model == FIRST
    same = hear(opinion(FIRST, raw), OTHER, Other(raw.copy()))
    assert (same.kept.model, same.asked, same.agreement) == (FIRST, OTHER.name, 1.0)


@pytest.mark.parametrize("other", [None, FIRST])
def test_nobody_else_to_ask(other: Model | None) -> None:
    """Without another network, or with the same one, there is one opinion."""
    ask = Other(seen(RIGHT))
    heard = hear(opinion(FIRST, seen(LEFT, 0.7)), other, ask)
    assert (ask.asked, heard.asked, heard.agreement) == (0, "", None)


@pytest.mark.parametrize(
    "trouble",
    [
        WeightsError("x.onnx is not there\n  and more", "Put it there."),
        SessionError("No provider opens it:\n  cpu: broken"),
        HoldError("there is not enough memory"),
    ],
)
def test_one_that_cannot_answer_costs_no_picture(trouble: ScissorsError) -> None:
    """The first opinion stands, and why there is no other is told in half a sentence."""
    heard = hear(opinion(FIRST, seen(LEFT, 0.7)), OTHER, Other(trouble))
    assert (heard.kept.model, heard.asked, heard.agreement) == (FIRST, "", None)
    first_line = trouble.what.partition("\n")[0].rstrip(":")
    assert heard.trouble == f"{OTHER.name} could give no second opinion: {first_line}"


def test_where_they_disagree_it_is_doubtful() -> None:
    """Two networks that see different subjects make a mask doubtful, however sure the kept one."""
    first = opinion(FIRST, seen(LEFT, 0.8))
    heard = hear(first, OTHER, Other(seen(RIGHT)))
    assert heard.kept.model == OTHER
    assert heard.agreement == pytest.approx(0.2, abs=0.01)
    alone = judge(heard.kept.raw)
    both = weighed(alone, heard)
    assert (alone.verdict, both.verdict) == ("ok", "doubtful")
    assert "two networks disagree: only 20% of what they take for subject" in both.reason
    assert both.numbers["agreement"] == pytest.approx(0.2, abs=0.01)
    assert "agreement" not in alone.numbers


def test_where_they_agree_it_is_what_the_kept_one_says() -> None:
    """Agreement makes nothing doubtful, and is no cure for a doubt of its own."""
    heard = hear(opinion(FIRST, seen(LEFT, 0.7)), OTHER, Other(seen(LEFT)))
    assert weighed(judge(heard.kept.raw), heard).verdict == "ok"
    unsure = hear(opinion(FIRST, seen(LEFT, 0.7)), OTHER, Other(seen(LEFT, 0.8)))
    assert weighed(judge(unsure.kept.raw), unsure).verdict == "doubtful"


def test_no_subject_stays_none() -> None:
    """A disagreement makes no subject out of a map that has none."""
    nothing = seen(LEFT, 0.51) * np.float32(0.5)
    heard = hear(opinion(FIRST, nothing), OTHER, Other(nothing * np.float32(0.5)))
    assert weighed(judge(heard.kept.raw), heard).verdict == "no_subject"
    assert heard.agreement == 1.0


@pytest.mark.parametrize("sides", [(100, 100), (100, 400), (400, 100), (320, 1024)])
def test_overlap_on_any_two_grids(sides: tuple[int, int]) -> None:
    """The overlap of two maps does not depend on how finely each answers."""
    first, second = (
        seen(columns, side=side) for columns, side in zip((LEFT, RIGHT), sides, strict=True)
    )
    assert overlap(first, second) == pytest.approx(0.2, abs=0.01)
    assert overlap(second, first) == overlap(first, second)
