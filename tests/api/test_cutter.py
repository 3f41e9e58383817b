"""A network that is kept open for another program: by whom it is used, when, and for how long."""

import copy
import hashlib
import io
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from places import LIMIT, Gate, ball, dark_cutter, darkness, encoded, unsure

import scissorsd
from scissorsd import (
    CustomModel,
    Cutout,
    Cutter,
    MaskOptions,
    Output,
    SessionError,
    UsageError,
    WeightsError,
    cut_out,
)
from scissorsd.core.catalogue import CATALOGUE
from scissorsd.inference.sessions import Sessions


@pytest.fixture
def cutter(tmp_path: Path) -> Iterator[Cutter]:
    """Keep a network open that takes no time."""
    with dark_cutter(tmp_path) as cutter:
        yield cutter


def same(one: Cutout, other: Cutout) -> bool:
    """Whether two cutouts are the same, mask and colours."""
    return one.image.tobytes() == other.image.tobytes() and bool((one.mask == other.mask).all())


def test_it_cuts_as_cut_out_does(models_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cutter and its short form make the same of a picture; both tell why, and where it ran."""
    monkeypatch.setenv("U2NET_HOME", str(models_folder))
    with Cutter("u2netp", models=models_folder) as cutter:
        cutout = cutter.cut(ball(), mask=MaskOptions(edges="best"))
        opening = cutter.warm_up()
    assert same(cutout, cut_out(ball(), "u2netp", edges="best"))
    assert (cutout.provider, cutout.precision) == (opening.provider, opening.precision)
    assert cutout.provider in {"cuda", "openvino", "cpu"}
    assert cutout.verdict == "ok"
    assert cutout.reason.startswith("the network is sure of a subject (")
    assert {"doubt", "peak", "subject", "undecided", "border"} == cutout.numbers.keys()
    assert 0.9 < cutout.numbers["peak"] <= 1


def test_several_at_once(cutter: Cutter, models_folder: Path) -> None:
    """Two Cutters are open at once, each with a network of its own, and close alone."""
    with Cutter("u2netp", models=models_folder, providers=["cpu"], precision="full") as other:
        theirs = other.cut(ball())
        ours = cutter.cut(ball())
        assert (theirs.provider, theirs.precision) == ("cpu", "full")
    assert not (theirs.mask == ours.mask).all()
    assert same(cutter.cut(ball()), ours)


def test_a_second_opinion(tmp_path: Path) -> None:
    """Another network is asked where the first is unsure; the cutout tells whose mask it is.

    One that is not there costs its opinion, not the picture.
    """
    first, other = unsure(tmp_path), darkness(tmp_path)
    with Cutter(first, second_opinion=other, providers="cpu", threads=1) as cutter:
        cutout = cutter.cut(ball())
    assert (cutout.model, cutout.verdict, cutout.remarks) == ("darkness", "ok", ())
    assert cutout.numbers["agreement"] > 0.9
    Path(other.file).unlink()
    with Cutter(first, second_opinion=other, providers="cpu", threads=1) as cutter:
        cutter.warm_up()
        cutout = cutter.cut(ball())
    assert cutout.model == "unsure"
    assert "darkness could give no second opinion" in cutout.remarks[0]
    with pytest.raises(UsageError, match="both called 'unsure'"):
        Cutter(first, second_opinion=first)


@pytest.mark.full
def test_threads_share_one(models_folder: Path) -> None:
    """Eight threads that cut at once, and open the network together, get what one alone gets."""
    pictures = [ball(60 + 4 * number) for number in range(8)]
    with Cutter("u2netp", models=models_folder) as alone:
        wanted = [alone.cut(picture) for picture in pictures]
    start = threading.Barrier(8)

    with Cutter("u2netp", models=models_folder) as shared, ThreadPoolExecutor(8) as pool:

        def cut(picture: Image.Image) -> Cutout:
            start.wait(LIMIT)
            return shared.cut(picture)

        cutouts = list(pool.map(cut, pictures))
    assert all(map(same, cutouts, wanted))


def test_warmed_up_nothing_is_opened_any_more(
    cutter: Cutter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`warm_up` tells what the network runs on, and leaves nothing to open for a picture."""
    opening = cutter.warm_up()
    assert (opening.model, opening.provider, opening.precision) == ("darkness", "cpu", "full")

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("opened anew")

    monkeypatch.setattr("scissorsd.inference.sessions.weights.locate", refuse)
    assert cutter.cut(ball()).verdict == "ok"
    assert cutter.warm_up() == opening


# --- closing ---------------------------------------------------------------------------------


def test_closed_it_says_so(cutter: Cutter) -> None:
    """Whatever is asked of a closed Cutter is refused in words; its cutouts live on."""
    cutout = cutter.cut(ball())
    cutter.close()
    cutter.close()
    for ask in (
        lambda: cutter.cut(ball()),
        lambda: cutter.cut_many([ball()]),
        cutter.warm_up,
    ):
        with pytest.raises(UsageError, match="this Cutter is closed"):
            ask()
    assert cutout.render().startswith(b"\x89PNG")


def test_closing_waits_for_a_picture_in_hand(cutter: Cutter) -> None:
    """A picture that is being cut comes out whole, and what comes later is refused."""
    gate = Gate(encoded(ball()))
    with ThreadPoolExecutor(2) as pool:
        in_hand = pool.submit(cutter.cut, gate)
        assert gate.entered.wait(LIMIT)
        closing = pool.submit(cutter.close)
        while not refuses(cutter):
            pass
        assert not closing.done()
        gate.opened.set()
        closing.result(LIMIT)
        assert in_hand.result(LIMIT).verdict == "ok"


def refuses(cutter: Cutter) -> bool:
    """Whether a Cutter takes no more pictures."""
    try:
        cutter.cut(ball(8, 8))
    except UsageError:
        return True
    return False


def test_what_it_is_not_closed_by(cutter: Cutter) -> None:
    """A picture that fails leaves it open and nothing in hand."""
    with pytest.raises(scissorsd.PictureError):
        cutter.cut(b"no picture")
    assert cutter.cut(ball()).verdict == "ok"
    cutter.close()


# --- other processes -------------------------------------------------------------------------

FORK = """
import os, sys, threading
sys.path[:0] = {path}
from pathlib import Path
from typing import Any
from places import ball, darkness
from scissorsd import Cutter, UsageError, cut_out

def child(what, work):
    sys.stdout.flush()
    number = os.fork()
    if number == 0:
        try:
            print(what, work(), flush=True)
        except UsageError as error:
            print(what, error.what, flush=True)
        finally:
            os._exit(0)
    assert os.waitpid(number, 0)[1] == 0

model = darkness(Path({folder!r}))
unopened = Cutter(model, providers="cpu")
child("unopened:", lambda: unopened.cut(ball()).verdict)
with Cutter(model, providers="cpu") as cutter:
    cutter.cut(ball())
    many = cutter.cut_many([ball(), ball()])
    next(many)
    child("cut:", lambda: cutter.cut(ball()))
    child("many:", lambda: next(many))
    child("close:", cutter.close)
    child("a new one:", lambda: Cutter(model, providers="cpu").cut(ball()).verdict)
    print("here:", cutter.cut(ball()).verdict, next(many)[1].verdict)
"""


def test_a_fork(tmp_path: Path) -> None:
    """Open, it refuses to work in a forked process, in words; opened there, it works there."""
    script = FORK.format(path=[str(Path(__file__).parent.parent), *sys.path], folder=str(tmp_path))
    script = script.replace("sys.path[:0] =", f"sys.path[:0] = [{str(Path(__file__).parent)!r}] +")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        cwd=Path(scissorsd.__file__).parent.parent,
    )
    refused = (
        "this Cutter is open in the process from which this one was forked, and its network's "
        "threads are not here"
    )
    assert done.stdout.splitlines() == [
        "unopened: ok",
        f"cut: {refused}",
        f"many: {refused}",
        "close: None",
        "a new one: ok",
        "here: ok ok",
    ], done.stderr
    assert done.stderr == ""


def test_pickling(cutter: Cutter) -> None:
    """A Cutter says why it cannot be pickled or copied; a cutout can be, and is the same then."""
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="network lies in the memory"):
            attempt(cutter)
    cutout = cutter.cut(encoded(ball()))
    back = pickle.loads(pickle.dumps(cutout))  # noqa: S301 - our own
    assert same(back, cutout)
    assert back.render(Output(kind="mask")) == cutout.render(Output(kind="mask"))


# --- what it takes ---------------------------------------------------------------------------


def test_kinds_of_pictures(cutter: Cutter, tmp_path: Path) -> None:
    """A file that is open, in memory or on a disk, and an array give what the file's bytes give."""
    data = encoded(ball())
    (tmp_path / "ball.png").write_bytes(b"before" + data)
    wanted = cutter.cut(data)
    assert same(cutter.cut(io.BytesIO(data)), wanted)
    with (tmp_path / "ball.png").open("rb") as file:
        file.seek(len(b"before"))
        assert same(cutter.cut(file), wanted)
    assert same(cutter.cut(np.array(ball())), wanted)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_channels(cutter: Cutter, mode: str) -> None:
    """With `channels` an array may be in OpenCV's order, its alpha being last all the same."""
    array = np.array(ball().convert(mode))
    turned = array if mode == "L" else array[..., [2, 1, 0, 3][: array.shape[-1]]]
    assert same(cutter.cut(turned, channels="bgr"), cutter.cut(array))
    with pytest.raises(UsageError, match="known are: rgb, bgr"):
        cutter.cut(array, channels="gbr")  # type: ignore[arg-type]


def test_the_16_bits_of_a_file(cutter: Cutter) -> None:
    """What is rendered with 16 bits has those of the file."""
    grey = np.linspace(0, 65535, 96 * 72).astype(np.uint16).reshape(72, 96)
    png = cutter.cut(encoded(Image.fromarray(grey))).render(Output(depth="same"))
    assert png[24] == 16  # bits of a sample, as its header says


@pytest.mark.full
def test_a_custom_model(models_folder: Path, tmp_path: Path, cutter: Cutter) -> None:
    """A network of one's own is used as the catalogue's, if its file is the one described."""
    (tmp_path / "own.onnx").symlink_to(models_folder / "u2netp.onnx")
    checksum = CATALOGUE["u2netp"].sha256
    assert checksum
    with (
        Cutter(CustomModel(file=tmp_path / "own.onnx", sha256=checksum), providers="cpu") as own,
        Cutter("u2netp", models=models_folder, providers="cpu") as known,
    ):
        assert own.warm_up().model == "own"
        assert same(own.cut(ball()), known.cut(ball()))
    with (
        Cutter(CustomModel(file=tmp_path / "own.onnx", sha256="0" * 64)) as wrong,
        pytest.raises(WeightsError),
    ):
        wrong.cut(ball())
    with (
        Cutter(CustomModel(file=tmp_path / "none.onnx", sha256=checksum)) as missing,
        pytest.raises(WeightsError, match="is not there"),
    ):
        missing.warm_up()
    (tmp_path / "bad.onnx").write_bytes(b"no network")
    bad = hashlib.sha256(b"no network").hexdigest()
    with Cutter(CustomModel(file=tmp_path / "bad.onnx", sha256=bad)) as broken:
        with pytest.raises(SessionError, match="No provider opens the model bad"):
            broken.warm_up()
        assert cutter.cut(ball()).verdict == "ok"


WRONG: dict[str, dict[str, Any]] = {"gpu": {"providers": "gpu"}, "half": {"precision": "half"}}


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Cutter("u3net"), "known are: u2net, u2netp"),
        (lambda: Cutter(**WRONG["gpu"]), "there is no provider 'gpu'; known are: cuda"),
        (lambda: Cutter(providers=()), "providers names none"),
        (lambda: Cutter(**WRONG["half"]), "known are: auto, full, fast"),
        (lambda: Cutter(threads=0), "threads=0 is neither None nor a number from 1 on"),
    ],
)
def test_arguments_that_cannot_be(make: Callable[[], Cutter], said: str) -> None:
    """Each is refused when the Cutter is made, with what could be."""
    with pytest.raises(UsageError, match=said):
        make()


def test_what_a_call_cannot_have(cutter: Cutter) -> None:
    """A mask or an output that is none of ours is refused in words."""
    with pytest.raises(UsageError, match=r"a mask is a scissorsd\.MaskOptions, not dict"):
        cutter.cut(ball(), mask={"edges": "fine"})  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"an output is a scissorsd\.Output, not str"):
        cutter.cut(ball()).render("png")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"an output is a scissorsd\.Output, not str"):
        cutter.cut_many([ball()], outputs="png")  # type: ignore[arg-type]


def test_a_lack_of_memory_is_told(cutter: Cutter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a picture finds no memory, it is an error of ours, and the next one is cut."""

    def no_memory(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(Sessions, "run", no_memory)
        with pytest.raises(scissorsd.PictureError, match="not enough memory for this picture"):
            cutter.cut(ball())
    assert cutter.cut(ball()).verdict == "ok"


def test_a_notebook_shows_it(cutter: Cutter) -> None:
    """A notebook is given a PNG that is no larger than it shows; small ones are not enlarged."""
    large = cutter.cut(ball(2000, 500))
    shown = Image.open(io.BytesIO(large._repr_png_()))
    assert (shown.format, shown.mode, max(shown.size)) == ("PNG", "RGBA", 1024)
    small = cutter.cut(ball())
    assert Image.open(io.BytesIO(small._repr_png_())).size == (96, 72)
    assert repr(large) == "<Cutout of 2000 × 500 pixels: ok>"


def test_image_and_mask_are_made_once(cutter: Cutter) -> None:
    """What is asked for twice is the same object."""
    cutout = cutter.cut(ball())
    assert cutout.image is cutout.image
    assert cutout.mask is cutout.mask
