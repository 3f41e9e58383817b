import inspect
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

import scissorsd
from scissorsd import Cutout, Cutter, cut_out
from scissorsd.errors import PictureError, UsageError

SIZE = (96, 72)
Given = str | Path | bytes | Image.Image | NDArray[np.uint8]


@pytest.fixture(autouse=True)
def _models(models_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("U2NET_HOME", str(models_folder))


@pytest.fixture
def drawn() -> Image.Image:
    """Draw a ball on a light ground."""
    picture = Image.new("RGB", SIZE, "whitesmoke")
    ImageDraw.Draw(picture).ellipse((26, 10, 70, 62), fill="firebrick")
    return picture


@pytest.fixture
def saved(drawn: Image.Image, tmp_path: Path) -> Path:
    """Save the drawing, without loss."""
    drawn.save(tmp_path / "ball.png")
    return tmp_path / "ball.png"


def test_signature_is_pinned() -> None:
    """Names, order, defaults and results of the Python interface stay what they are."""
    parameters = inspect.signature(cut_out).parameters
    assert [(p.name, p.default, p.kind) for p in parameters.values()] == [
        ("picture", inspect.Parameter.empty, inspect.Parameter.POSITIONAL_OR_KEYWORD),
        ("model", "u2net", inspect.Parameter.POSITIONAL_OR_KEYWORD),
        ("edges", "auto", inspect.Parameter.KEYWORD_ONLY),
    ]
    public = {name for name in vars(Cutout) if not name.startswith("_")}
    assert public == {
        *("image", "mask", "verdict", "reason", "numbers", "provider", "precision", "render"),
        *("model", "remarks"),
    }
    assert {"cut_out", "Cutout", "__version__"} <= set(scissorsd.__all__)
    assert [(p.name, p.default) for p in inspect.signature(Cutter).parameters.values()] == [
        *(("model", "u2net"), ("second_opinion", None), ("providers", "auto"), ("models", None)),
        *(("threads", None), ("precision", "auto")),
    ]
    for name in scissorsd.__all__:
        assert name == "__version__" or getattr(scissorsd, name).__doc__
    with pytest.raises(AttributeError, match="nonesuch"):
        _ = scissorsd.nonesuch


@pytest.mark.parametrize(
    "give",
    [
        lambda saved: saved,
        str,
        lambda saved: saved.read_bytes(),
        Image.open,
        lambda saved: np.array(Image.open(saved)),
    ],
    ids=["path", "text", "bytes", "Pillow image", "array"],
)
def test_every_kind_of_picture(
    saved: Path, drawn: Image.Image, give: Callable[[Path], Given]
) -> None:
    """A path, the bytes of a file, a Pillow image and an array all give the same cutout."""
    given = give(saved)
    cutout = cut_out(given, model="u2netp")
    if isinstance(given, Image.Image):
        given.close()
    assert isinstance(cutout, Cutout)
    assert isinstance(cutout.image, Image.Image)
    assert (cutout.image.mode, cutout.image.size) == ("RGBA", SIZE)
    assert cutout.mask.dtype == np.float32
    assert cutout.mask.shape == (SIZE[1], SIZE[0])
    assert 0 <= cutout.mask.min() < 0.05
    assert 0.95 < cutout.mask.max() <= 1
    assert cutout.verdict == "ok"
    assert 0 < cutout.numbers["doubt"] < 0.1
    pixels = np.asarray(cutout.image)
    assert np.array_equal(pixels[..., 3], np.rint(cutout.mask * 255).astype(np.uint8))
    solid = pixels[..., 3] == 255
    assert solid.any()
    assert np.array_equal(pixels[solid][:, :3], np.asarray(drawn)[solid]), "the picture's own"
    assert (pixels[pixels[..., 3] == 0] == 0).all()
    same = cut_out(drawn, model="u2netp")
    assert np.array_equal(same.mask, cutout.mask)


def test_edges_can_be_chosen(drawn: Image.Image) -> None:
    """The mask is brought to the picture's edges unless the network's own is asked for."""
    masks = {
        edges: cut_out(drawn, "u2netp", edges=edges).mask
        for edges in ("auto", "soft", "fine", "best")
    }
    assert np.array_equal(masks["auto"], cut_out(drawn, "u2netp").mask)
    truth = np.asarray(drawn)[..., 1] < 128
    off = {edges: float(np.abs(mask - truth).mean()) for edges, mask in masks.items()}
    assert off.pop("soft") > max(off.values())


def test_alpha_of_the_picture_counts(drawn: Image.Image) -> None:
    """What is transparent in the given picture is never subject."""
    drawn.putalpha(255)
    left = Image.new("L", (SIZE[0] // 2, SIZE[1]), 0)
    drawn.paste(left, (0, 0))
    alpha = Image.new("L", SIZE, 255)
    alpha.paste(left, (0, 0))
    drawn.putalpha(alpha)
    for given in (drawn, np.array(drawn)):
        mask = cut_out(given, model="u2netp").mask
        assert mask[:, : SIZE[0] // 2].max() == 0
        assert mask.max() > 0.9


def test_orientation_is_applied(drawn: Image.Image, tmp_path: Path) -> None:
    """A picture that its camera held upright comes out upright, from a file and from Pillow."""
    exif = Image.Exif()
    exif[0x0112] = 6
    drawn.save(tmp_path / "turned.jpg", exif=exif)
    assert cut_out(tmp_path / "turned.jpg", "u2netp").image.size == SIZE[::-1]
    with Image.open(tmp_path / "turned.jpg") as picture:
        assert cut_out(picture, "u2netp").image.size == SIZE[::-1]


def test_no_subject() -> None:
    """A picture of nothing says so by its verdict and is given all the same."""
    cutout = cut_out(Image.new("RGB", SIZE, "gray"), model="u2netp")
    assert cutout.verdict == "no_subject"
    assert set(cutout.numbers) == {"doubt", "peak", "subject", "undecided", "border"}
    assert cutout.image.size == SIZE


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "CMYK", "I;16"])
def test_modes_of_pillow(drawn: Image.Image, mode: str) -> None:
    """A Pillow image of any mode is taken, and its subject is found."""
    if mode == "I;16":
        grey = np.asarray(drawn.convert("L")).astype(np.uint16) * 257
        picture = Image.fromarray(grey)
    else:
        picture = drawn.convert(mode)
    cutout = cut_out(picture, model="u2netp")
    assert cutout.verdict in {"ok", "doubtful"}
    assert cutout.mask[36, 48] > 0.8


def test_a_grey_array(drawn: Image.Image) -> None:
    """An array of height × width alone is taken for grey."""
    assert cut_out(np.array(drawn.convert("L")), model="u2netp").image.mode == "RGBA"


def test_errors(tmp_path: Path) -> None:
    """Each mistake has an error of ours that says what is wrong."""
    with pytest.raises(UsageError, match="u2netp"):
        cut_out(b"", model="u3net")
    with pytest.raises(PictureError, match="cannot be read"):
        cut_out(tmp_path / "nothing.jpg", model="u2netp")
    with pytest.raises(PictureError):
        cut_out(b"this is no picture", model="u2netp")


def test_one_session_for_all(drawn: Image.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    """The session is opened once in the life of the process."""
    cut_out(drawn, model="u2netp")

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("opened anew")

    monkeypatch.setattr("scissorsd.api.cutter.Sessions", refuse)
    cut_out(drawn, model="u2netp")


def test_library_says_nothing(drawn: Image.Image, capfd: pytest.CaptureFixture[str]) -> None:
    """Used as a library it writes nothing to the output."""
    cut_out(drawn, model="u2netp")
    assert capfd.readouterr() == ("", "")
