"""A picture shown to two networks: which mask comes out, and what is said of it."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from scissorsd.core.catalogue import CATALOGUE, Model
from scissorsd.core.rules import Edges, MaskOptions
from scissorsd.errors import SessionError
from scissorsd.pictures import cutting_out
from scissorsd.pictures.cutting_out import Cut
from scissorsd.pictures.metadata import Metadata
from scissorsd.pictures.picture import Picture, as_picture

FIRST, OTHER = CATALOGUE["u2netp"], CATALOGUE["isnet-general-use"]
Map = NDArray[np.float32]


class Networks:
    """The first is `sure` of what is dark; the other is wholly, or fails."""

    def __init__(self, sure: float, *, broken: bool = False, contrary: bool = False) -> None:
        self.asked: list[tuple[str, int]] = []
        self._sure = sure
        self._broken = broken
        self._contrary = contrary

    def run(self, name: str, network_input: Map, /) -> tuple[Map, str, str]:
        """Answer as the network of this name."""
        self.asked.append((name, network_input.shape[-1]))
        dark = network_input[0].mean(axis=0) < 0
        if name == FIRST.name:
            raw = np.where(dark, self._sure, 1 - self._sure).astype(np.float32)
            raw[0, 0] = 1
            return raw, "cpu", "full"
        if self._broken:
            raise SessionError("The model cannot be run: it is broken.")
        return (dark != self._contrary).astype(np.float32), "cuda", "tf32"


def picture(width: int = 900, height: int = 700) -> Picture:
    """Draw something dark on white."""
    image = Image.new("RGB", (width, height), "white")
    middle = (0.4 * width, 0.3 * height, 0.6 * width, 0.7 * height)
    ImageDraw.Draw(image).ellipse(middle, "maroon")
    return as_picture(image, None, Metadata(None, None, None, None))


def cut(networks: Networks, other: Model | None = OTHER, edges: Edges = "fine") -> Cut:
    """Cut it out."""
    options = MaskOptions(edges=edges)
    return cutting_out.find_subject(picture(), FIRST, networks, options, other=other)


def test_the_surer_network_cuts() -> None:
    """Each network is shown the picture at its own size; whose mask it is, and where, is told."""
    networks = Networks(0.85)
    found = cut(networks)
    assert networks.asked == [("u2netp", 320), ("isnet-general-use", 1024)]
    assert (found.model, found.asked) == ("isnet-general-use", "isnet-general-use")
    assert (found.provider, found.precision) == ("cuda", "tf32")
    assert found.judgement.verdict == "ok"
    assert found.mask[350, 450] == 255
    assert found.mask[5, 5] == 0


def test_a_sure_network_is_not_doubted() -> None:
    """A picture of which the first is sure costs one run, and says nothing of the other."""
    networks = Networks(1.0)
    found = cut(networks)
    assert networks.asked == [("u2netp", 320)]
    assert (found.model, found.asked, found.remarks) == ("u2netp", "", ())


def test_the_closer_look_is_the_kept_networks() -> None:
    """`best` looks again with the network whose mask it is."""
    networks = Networks(0.85)
    options = MaskOptions(edges="best")
    shown = picture(5000, 3000)
    cutting_out.find_subject(shown, FIRST, networks, options, other=OTHER)
    assert [name for name, _ in networks.asked] == ["u2netp", *["isnet-general-use"] * 2]


def test_networks_that_disagree() -> None:
    """The mask is that of the surer one, and doubtful."""
    found = cut(Networks(0.85, contrary=True))
    assert (found.model, found.judgement.verdict) == ("isnet-general-use", "doubtful")
    assert "two networks disagree" in found.judgement.reason


@pytest.mark.parametrize("edges", ["soft", "fine"])
def test_a_broken_one_changes_nothing_but_a_remark(edges: Edges) -> None:
    """Where the other cannot be run the picture is cut as without it, and the line says so."""
    found, alone = cut(Networks(0.85, broken=True), OTHER, edges), cut(Networks(0.85), None, edges)
    assert np.array_equal(found.mask, alone.mask)
    assert found.judgement == alone.judgement
    assert found.remarks == (
        "isnet-general-use could give no second opinion: The model cannot be run: it is broken",
    )
    assert (alone.model, alone.remarks) == ("u2netp", ())
