"""The rows of the catalogue, run as small networks of the same shapes that are written here.

What each row's network must be given and what is to be made of its answer is written down a second
time in `WANTED`, from rembg's sessions.
"""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from families import one_of_each_kind
from numpy.typing import NDArray
from onnx_files import Side, Tensor, mean_of_channels, node, onnx, real

from scissorsd.core.catalogue import CATALOGUE, IMAGENET_MEAN, IMAGENET_STD, Gives, Model
from scissorsd.core.masking import network_input
from scissorsd.errors import SessionError
from scissorsd.inference.io_binding import Slots, plain_memory
from scissorsd.inference.sessions import Sessions

HALF, ONE = (0.5, 0.5, 0.5), (1.0, 1.0, 1.0)
PROVIDERS = ["cpu", "openvino"]
COLOURS = ((200, 40, 10), (10, 220, 60), (90, 80, 255))  # none is the picture's maximum in all


@dataclass(frozen=True)
class Wanted:
    """What a network is given, and what its answer is."""

    size: int
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    gives: Gives = "map"
    outputs: int = 1
    channels: int = 1


WANTED = {
    **dict.fromkeys(("u2net", "u2netp", "u2net_human_seg", "silueta"), Wanted(320, outputs=7)),
    "isnet-general-use": Wanted(1024, HALF, ONE, outputs=6),
    "isnet-anime": Wanted(1024, IMAGENET_MEAN, ONE),
    **dict.fromkeys(
        ("birefnet-general", "birefnet-general-lite", "birefnet-portrait"),
        Wanted(1024, gives="logits"),
    ),
    **dict.fromkeys(
        (name for name in CATALOGUE if name.startswith("u2net_cloth_seg")),
        Wanted(768, gives="classes", outputs=7, channels=4),
    ),
}


def write(path: Path, wanted: Wanted, *, sizes: tuple[Side, Side, Side] | None = None) -> Model:
    """Write a network of these shapes; return a row with its file and hash, and nothing else.

    The first output's channels are m, -m, 2m and m again, m being the mean of what it is given;
    every other output is 7 times that. `sizes` are those of batch, height and width.
    """
    batch, height, width = sizes or (1, wanted.size, wanted.size)
    channels = [
        node("Identity", ["m"], "c0"),
        node("Neg", ["m"], "c1"),
        node("Add", ["m", "m"], "c2"),
        node("Identity", ["m"], "c3"),
    ][: wanted.channels]
    names = [f"c{number}" for number in range(wanted.channels)]
    joined = node("Concat", names, "first", b"\x0a\x04axis\x18\x01\xa0\x01\x02")
    steep = [
        node("LeakyRelu", ["first"], f"other{n}", real("alpha", 7.0))
        for n in range(1, wanted.outputs)
    ]
    nodes = [mean_of_channels("picture", "m"), *channels, joined, *steep]
    outputs = ["first", *(f"other{n}" for n in range(1, wanted.outputs))]
    shape = (batch, wanted.channels, height, width)
    gives = [Tensor(name, shape) for name in outputs]
    content = onnx("drawn", nodes, Tensor("picture", (batch, 3, height, width)), gives)
    path.write_bytes(content)
    return Model("drawn", str(path), hashlib.sha256(content).hexdigest())


def as_row(model: Model, row: Model) -> Model:
    """Return a row of the catalogue, with the file of a network that was written."""
    return replace(row, file=model.file, sha256=model.sha256, md5=None, size=None)


def ran(model: Model, rgb: NDArray[np.uint8], provider: str = "cpu") -> NDArray[np.float32]:
    """Return the map that a network gives for a picture."""
    models = {model.name: model}
    sessions = Sessions(
        models=models, folder=Path("/nowhere"), providers=[provider], precision="full"
    )
    raw, where, _ = sessions.run(model.name, network_input(rgb, None, model))
    if where != provider:
        pytest.skip("openvino is for x86-64 only")
    return raw


def flat(colour: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Draw a picture of one colour."""
    return np.full((30, 40, 3), colour, np.uint8)


def expected(wanted: Wanted, colour: tuple[int, int, int], classes: tuple[int, ...]) -> float:
    """Compute by hand what a network as `write` has it says of a picture of one colour."""
    values = np.array(colour) / max(colour)
    m = float(np.mean((values - wanted.mean) / wanted.std))
    if wanted.gives == "map":
        return m
    if wanted.gives == "logits":
        return float(1 / (1 + np.exp(-m)))
    powers = np.exp([m, -m, 2 * m, m])
    return float(powers[list(classes)].sum() / powers.sum())


def test_every_row_is_written_down_twice() -> None:
    """No row of the catalogue is left out of these tests."""
    assert WANTED.keys() == CATALOGUE.keys()


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    "name",
    one_of_each_kind(
        CATALOGUE, ["u2netp", "isnet-general-use", "birefnet-general", "u2net_cloth_seg-upper"]
    ),
)
def test_a_row_gives_its_network_what_it_wants(name: str, provider: str, tmp_path: Path) -> None:
    """Size, scale, mean, std, output and activation of every row are those of rembg's session."""
    row, wanted = CATALOGUE[name], WANTED[name]
    model = as_row(write(tmp_path / "n.onnx", wanted), row)
    for colour in COLOURS:
        raw = ran(model, flat(colour), provider)
        assert raw.shape == (wanted.size, wanted.size)
        assert raw.dtype == np.float32
        np.testing.assert_allclose(raw, expected(wanted, colour, row.classes), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("sizes", [("n", "h", "w"), (1, "h", "w"), ("n", 64, 64)])
def test_sizes_that_a_network_leaves_open(
    sizes: tuple[Side, Side, Side], provider: str, tmp_path: Path
) -> None:
    """A network of open sizes is run at the size of its row."""
    wanted = Wanted(64, gives="logits", outputs=2)
    model = replace(write(tmp_path / "n.onnx", wanted, sizes=sizes), input_size=64, gives="logits")
    raw = ran(model, flat(COLOURS[0]), provider)
    assert raw.shape == (64, 64)
    np.testing.assert_allclose(raw, expected(wanted, COLOURS[0], ()), rtol=1e-4)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_another_output_than_the_first(provider: str, tmp_path: Path) -> None:
    """Of many outputs the one that the row names is looked at."""
    wanted = Wanted(64, outputs=3)
    model = replace(write(tmp_path / "n.onnx", wanted), input_size=64)
    first, last = (ran(replace(model, output=n), flat((0, 10, 90)), provider) for n in (0, 2))
    assert first.mean() < 0
    np.testing.assert_allclose(last, 7 * first, rtol=1e-4)


def test_a_scale_of_its_own(tmp_path: Path) -> None:
    """A network that wants values divided by a number gets them so, however dark the picture."""
    plain = {"input_size": 64, "mean": (0.0, 0.0, 0.0), "std": ONE}
    model = replace(write(tmp_path / "n.onnx", Wanted(64)), **plain)  # type: ignore[arg-type]
    assert np.allclose(ran(model, flat((51, 51, 51))), 1.0)
    assert np.allclose(ran(replace(model, scale=255.0), flat((51, 51, 51))), 0.2)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"output": 2}, "has 2 outputs, and the model drawn is to be looked at in number 2"),
        ({"gives": "classes", "classes": (1, 4)}, "and to give the scores of 5 classes at least"),
        ({"input_size": 65}, "is to take 1 × 3 × 65 × 65 and to give a map"),
    ],
)
def test_a_file_that_is_not_the_network_of_its_row(
    row: dict[str, object], why: str, provider: str, tmp_path: Path
) -> None:
    """What a file lacks is said before any picture is cut, in words."""
    written = write(tmp_path / "n.onnx", Wanted(64, outputs=2, channels=4))
    model = replace(written, **{"input_size": 64, **row})  # type: ignore[arg-type]
    with pytest.raises(SessionError, match=why):
        ran(model, flat(COLOURS[0]), provider)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_no_numbers_are_no_map(provider: str, tmp_path: Path) -> None:
    """Scores that overflow are refused like any map that holds no numbers."""
    written = write(tmp_path / "n.onnx", Wanted(64, gives="classes", channels=4))
    model = replace(written, input_size=64, gives="classes", classes=(1,))
    sessions = Sessions(models={"drawn": model}, folder=tmp_path, providers=[provider])
    with pytest.raises(SessionError, match="holds no numbers"):
        sessions.run("drawn", np.full((1, 3, 64, 64), 3e38, np.float32))


def test_bound_buffers_are_those_of_the_output(tmp_path: Path) -> None:
    """Slots bind the output that is looked at, and read the map off all its channels."""
    row = replace(CATALOGUE["u2net_cloth_seg"], output=1)
    model = as_row(write(tmp_path / "n.onnx", WANTED["u2net_cloth_seg"]), row)
    loaded = onnxruntime.InferenceSession(model.file, providers=["CPUExecutionProvider"])
    shape = (1, 3, 768, 768)
    slots = Slots(onnxruntime, loaded, "cpu", shape=shape, output=1, allocate=plain_memory)
    given = network_input(flat(COLOURS[1]), None, model)
    found = slots.run(given, lambda answer: answer[0, 2].copy())
    assert found.shape == (768, 768)
    assert np.allclose(found, loaded.run(["other1"], {"picture": given})[0][0, 2])
