"""What a cut does to the program that asks for it: nothing; and every failure is one of ours."""

import io
import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from families import one_of_each_kind
from PIL import Image, ImageDraw

import scissorsd
from scissorsd import cut_out
from scissorsd.errors import (
    CorruptPictureError,
    OverLimitsError,
    PictureError,
    UnsupportedPictureError,
    UsageError,
)

COMPARE = """
import faulthandler, io, logging, os, signal, sys, threading, warnings
import numpy, pillow_heif, structlog
from PIL import Image, ImageFile, PngImagePlugin

logging.getLogger("PIL").setLevel(logging.WARNING)
pillow_heif.register_heif_opener()
warnings.simplefilter("error")

def state():
    return {
        "Pillow": (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, ImageFile.MAXBLOCK,
                   PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY),
        "pillow_heif": {k: v for k, v in vars(pillow_heif.options).items() if k.isupper()},
        "logging": (logging.root.level, logging.root.handlers[:], logging.getLogger("PIL").level,
                    logging.root.manager.disable),
        "warnings": (warnings.filters[:], warnings.showwarning),
        "structlog": (structlog.is_configured(), structlog.get_config()),
        "environment": dict(os.environ),
        "standard error": (sys.stderr, sys.stdout, os.fstat(2)[:3], os.get_inheritable(2)),
        "signals": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "numpy": (numpy.geterr(), numpy.geterrcall(), numpy.get_printoptions()),
        "modules": "openvino_telemetry" in sys.modules,
        "hooks": (sys.excepthook, threading.excepthook, sys.unraisablehook),
        "faulthandler": faulthandler.is_enabled(),
        "folder": os.getcwd(),
        "threads": {thread.name for thread in threading.enumerate()},
    }

picture = Image.new("RGB", (96, 72), "white")
picture.paste("firebrick", (30, 10, 70, 60))
files = []
for name in ("HEIF", "PNG", "JPEG", "TIFF", "WEBP", "AVIF", "GIF", "BMP"):
    files.append(io.BytesIO())
    picture.save(files[-1], name)
before = state()
from scissorsd import Cutter, MaskOptions, Output, cut_out
for file in files:
    cut_out(file.getvalue(), "u2netp")
cut_out(picture, "u2netp", edges="best")
with Cutter("u2netp") as cutter:
    cutter.warm_up()
    user = threading.Thread(target=lambda: cutter.cut(picture).render(Output(format="webp")))
    user.start()
    many = [file.getvalue() for file in files] + [b"no picture"]
    outputs = (Output(), Output(kind="flat", shadow="soft", depth=8), Output(format="avif"))
    for _, cutout in cutter.cut_many(many, outputs=outputs, mask=MaskOptions(edges="best")):
        repr(cutout)
    user.join()
    left = cutter.cut_many(many)
    next(left)
after = state()
print(*(name for name in before if before[name] != after[name]), sep=", ", end="")
"""


def test_the_host_stays_as_it_is(models_folder: Path) -> None:
    """Imported and used on every format, it changes no setting of the process, and says nothing."""
    done = subprocess.run(
        [sys.executable, "-c", COMPARE],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, "U2NET_HOME": str(models_folder)},
        cwd=Path(scissorsd.__file__).parent.parent,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


TYPED = """
from io import BytesIO
from pathlib import Path
import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image
from typing import assert_type
from scissorsd import Cutout, Cutter, CustomModel, MaskOptions, Output, ScissorsError, cut_out

cutout = cut_out("a.jpg", "u2netp", edges="best")
assert_type(cutout, Cutout)
assert_type(cutout.image, Image)
assert_type(cutout.mask, NDArray[np.float32])
assert_type(cutout.numbers, dict[str, float])
white = Output(kind="flat", crop="subject", margin="7.5%", size="2000x2000", shadow="soft")
mine = CustomModel(file=Path("mine.onnx"), sha256="0" * 64, size=1024, std=(1, 1, 1))
with Cutter(mine, providers=("openvino", "cpu"), threads=2, precision="full") as cutter:
    assert_type(cutter.warm_up().provider, str)
    assert_type(cutter.cut(BytesIO(b""), mask=MaskOptions(shrink=1.5)).render(white), bytes)
    with open("a.jpg", "rb") as file:
        cutter.cut(file)
    cutter.cut(np.zeros((4, 4, 3), np.uint8), channels="bgr")
    for path, outcome in cutter.cut_many(Path().glob("*.jpg"), outputs=[white], workers=3):
        assert_type(path, Path)
        if isinstance(outcome, ScissorsError):
            assert_type(outcome.what, str)
        else:
            assert_type(outcome.render(white), bytes)
with Cutter(providers="cuda") as another:
    mixed: list[bytes | Path] = [b"", Path("a.jpg")]
    list(another.cut_many(mixed))
cut_out("a.jpg", edges="sharp")
"""
MISTAKE = TYPED.splitlines().index('cut_out("a.jpg", edges="sharp")') + 1


@pytest.mark.full
def test_its_types_are_shipped(tmp_path: Path) -> None:
    """A type checker that looks at somebody else's program goes by the package's own types.

    The package is installed in an environment there, since what is on a path needs no py.typed.
    """
    venv.create(tmp_path / "environment", symlinks=True)
    (packages,) = (tmp_path / "environment").glob("lib/python*/site-packages")
    (packages / "scissorsd").symlink_to(Path(scissorsd.__file__).parent)
    (packages / "others.pth").write_text(sysconfig.get_path("purelib"))
    script = tmp_path / "program.py"
    script.write_text(TYPED)
    options = ("--strict", "--cache-dir", tmp_path / "cache")
    python = tmp_path / "environment" / "bin" / "python"
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, "--python-executable", python, script.name],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        cwd=tmp_path,
    )
    problem, total = done.stdout.splitlines()
    assert problem.startswith(f'program.py:{MISTAKE}: error: Argument "edges" to "cut_out" has')
    assert total == "Found 1 error in 1 file (checked 1 source file)"


@pytest.mark.full
def test_pillows_own_limit_is_the_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A TIFF is read by our limit; where Pillow asks its own, the refusal says which it was."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    picture = drawn()
    cut_out(encoded(picture, "TIFF"), "u2netp")
    cut_out(encoded(picture, "TIFF", compression="tiff_lzw"), "u2netp")
    cut_out(picture, "u2netp")
    with pytest.raises(OverLimitsError, match="limit that Pillow has") as caught:
        cut_out(encoded(picture, "WEBP"), "u2netp")
    assert "MAX_IMAGE_PIXELS" in caught.value.advice


# --- every failure is one of ours ------------------------------------------------------------


@pytest.fixture(autouse=True)
def _models(models_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("U2NET_HOME", str(models_folder))


def drawn(mode: str = "RGB") -> Image.Image:
    """Draw a ball on a light ground."""
    picture = Image.new("RGB", (96, 72), "whitesmoke")
    ImageDraw.Draw(picture).ellipse((26, 10, 70, 62), fill="firebrick")
    return picture.convert(mode)


def encoded(picture: Image.Image, name: str, **options: object) -> bytes:
    """Encode a picture with Pillow."""
    buffer = io.BytesIO()
    picture.save(buffer, name, **options)
    return buffer.getvalue()


def cut_short(name: str) -> Image.Image:
    """Open a file that breaks off, which Pillow does not notice yet."""
    return Image.open(io.BytesIO(encoded(drawn(), name)[:-300]))


def closed() -> Image.Image:
    """Return an image that its program has closed."""
    picture = drawn()
    picture.close()
    return picture


def closed_file() -> io.BytesIO:
    """Return a file that its program has closed."""
    file = io.BytesIO(b"x")
    file.close()
    return file


@pytest.mark.parametrize(
    ("give", "error"),
    [
        (lambda: cut_short("JPEG"), CorruptPictureError),
        (lambda: cut_short("BMP"), CorruptPictureError),
        (closed, CorruptPictureError),
        (lambda: Image.new("RGB", (0, 9)), PictureError),
        (lambda: Image.new("1", (20_000, 20_000)), OverLimitsError),
        (lambda: Image.fromarray(np.full((4, 4), 4000, np.int32)), UnsupportedPictureError),
        (lambda: np.zeros((4, 4, 3)), UnsupportedPictureError),
        (lambda: np.zeros((4, 4, 3), np.uint16), UnsupportedPictureError),
        (lambda: np.zeros((4, 4, 5), np.uint8), UnsupportedPictureError),
        (lambda: np.zeros((4, 4, 1), np.uint8), UnsupportedPictureError),
        (lambda: np.zeros(4, np.uint8), UnsupportedPictureError),
        (lambda: np.array(4, np.uint8), UnsupportedPictureError),
        (lambda: np.zeros((0, 4, 3), np.uint8), UnsupportedPictureError),
        (lambda: np.zeros((4, 4), bool), UnsupportedPictureError),
        (lambda: np.array([["a"]]), UnsupportedPictureError),
        (lambda: None, UsageError),
        (lambda: 7, UsageError),
        (lambda: io.BytesIO(b"x"), PictureError),
        (lambda: io.StringIO("x"), UsageError),
        (closed_file, PictureError),
        (lambda: "no\0file.jpg", PictureError),
        (lambda: "/", PictureError),
        (lambda: b"", PictureError),
    ],
)
def test_each_failure_is_one_of_ours(give: Callable[[], Any], error: type[Exception]) -> None:
    """Whatever is given, what is wrong with it comes as an error of ours, with words."""
    with pytest.raises(error) as caught:
        cut_out(give(), "u2netp")
    assert type(caught.value).__module__ == "scissorsd.errors"
    assert str(caught.value)


def test_a_way_to_the_edges_that_is_none() -> None:
    """An unknown `edges` is told with those that there are."""
    with pytest.raises(UsageError, match="'sharp' is not known here; use auto, soft, fine or best"):
        cut_out(drawn(), "u2netp", edges="sharp")  # type: ignore[arg-type]


def test_a_models_folder_that_cannot_be(tmp_path: Path) -> None:
    """Where the weights cannot be had, it is an error of ours."""
    (tmp_path / "file").write_bytes(b"")
    script = """
import scissorsd.errors
from scissorsd import cut_out
from PIL import Image
try:
    cut_out(Image.new("RGB", (9, 9)), "u2netp")
except scissorsd.errors.ScissorsError as error:
    print(type(error).__name__)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
        env={**os.environ, "U2NET_HOME": str(tmp_path / "file" / "models")},
        cwd=Path(scissorsd.__file__).parent.parent,
    )
    assert done.stdout == "WeightsError\n"


# --- modes of Pillow -------------------------------------------------------------------------


def as_whole_numbers(steps: int) -> Image.Image:
    """Return the drawing's grey as Pillow's `I`, of that many steps."""
    return Image.fromarray((np.asarray(drawn("L")).astype(np.int32) * steps) // 255)


MODES: dict[str, Callable[[], Image.Image]] = {
    **{mode: partial(drawn, mode) for mode in ("1", "L", "P", "CMYK", "YCbCr", "HSV")},
    **{mode: partial(drawn, mode) for mode in ("LA", "RGBA", "RGBX", "LAB", "I", "F")},
    "La": lambda: drawn("LA").convert("La"),
    "RGBa": lambda: drawn("RGBA").convert("RGBa"),
    "PA": lambda: drawn("P").convert("PA"),
    "I;16": lambda: Image.fromarray(np.asarray(drawn("L")).astype(np.uint16) * 257),
    "I;16B": lambda: Image.frombytes(
        "I;16B", (96, 72), (np.asarray(drawn("L")).astype(">u2") * 257).astype(">u2").tobytes()
    ),
    "I of 16 bits": lambda: as_whole_numbers(65535),
    "F from 0 to 1": lambda: Image.fromarray(np.asarray(drawn("L")).astype(np.float32) / 255),
    "F of 16 bits": lambda: Image.fromarray(np.asarray(drawn("L")).astype(np.float32) * 257),
}


@pytest.mark.parametrize("mode", one_of_each_kind(MODES, kept=["1", "PA", "CMYK", "I;16"]))
def test_every_mode_has_its_colours(mode: str) -> None:
    """A Pillow image of any mode comes out in its colours, or in its greys, and stays as it is."""
    given = MODES[mode]()
    before = given.tobytes()
    cutout = cut_out(given, "u2netp")
    assert given.tobytes() == before
    seen = np.asarray(cutout.image)[36, 48]
    ball = np.asarray(drawn("RGB" if mode[0] in "PCYHR" or mode == "LAB" else "L"))[36, 48]
    if mode == "1":
        ball = np.asarray(drawn("1").convert("L"))[36, 48]
    assert seen[3] > 200
    if mode != "1":  # where it is dithered, one pixel says nothing
        assert np.abs(seen[:3].astype(int) - ball).max() <= (30 if mode in {"P", "PA"} else 3)


def test_an_opened_tiff_has_its_files_scale() -> None:
    """What Pillow opened from a TIFF of 32 bits is as bright as the file says."""
    light = np.asarray(drawn("L")).astype(np.float64) / 255
    wide = Image.fromarray((light * (2**31 - 1)).astype(np.int32))
    with Image.open(io.BytesIO(encoded(wide, "TIFF"))) as opened:
        seen = np.asarray(cut_out(opened, "u2netp").image)[36, 48]
    assert np.abs(seen[:3].astype(int) - np.asarray(drawn("L"))[36, 48]).max() <= 1


def test_one_pixel() -> None:
    """The smallest picture there is can be cut."""
    assert cut_out(np.zeros((1, 1, 3), np.uint8), "u2netp").image.size == (1, 1)


def test_bytes_of_any_kind() -> None:
    """Bytes may be of any kind that holds some."""
    data = encoded(drawn(), "PNG")
    for given in (bytearray(data), memoryview(data)):
        assert cut_out(given, "u2netp").image.size == (96, 72)
