"""The examples of docs/python.md are run as they stand there, and type-checked."""

import ast
import asyncio
import re
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

import scissorsd
from scissorsd import Cutout

PAGE = Path(__file__).parent.parent / "docs" / "python.md"
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def example(word: str) -> str:
    """Return the one example that has this word, with the network that the tests have."""
    (found,) = (text for text in EXAMPLES if word in text)
    small = found.replace('Cutter("u2net")', 'Cutter("u2netp")')
    return re.sub(r'cut_out\("cat\.jpg"', 'cut_out("cat.jpg", "u2netp"', small)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, models_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with pictures of a cat, as it were."""
    monkeypatch.setenv("U2NET_HOME", str(models_folder))
    monkeypatch.chdir(tmp_path)
    picture = Image.new("RGB", (96, 72), "whitesmoke")
    ImageDraw.Draw(picture).ellipse((26, 10, 70, 62), fill="firebrick")
    picture.save("cat.jpg", quality=95)
    Path("pictures").mkdir()
    picture.save("pictures/a.jpg", quality=95)
    picture.save("pictures/c.jpg", quality=95)
    Path("pictures/b.jpg").write_bytes(b"no picture")


def ran(text: str) -> dict[str, Any]:
    """Run an example; return what it has named. The value of its last line is `_`."""
    tree = ast.parse(text)
    names: dict[str, Any] = {"__name__": "example"}
    if isinstance(last := tree.body[-1], ast.Expr):
        tree.body[-1] = ast.copy_location(
            ast.Assign([ast.Name("_", ast.Store(), lineno=last.lineno, col_offset=0)], last.value),
            last,
        )
    exec(compile(ast.fix_missing_locations(tree), str(PAGE), "exec"), names)  # noqa: S102 - ours
    return names


def test_the_short_form() -> None:
    """The first example saves a cutout."""
    ran(example('cutout.image.save("cat.png")'))
    with Image.open("cat.png") as picture:
        assert picture.mode == "RGBA"


def test_a_cutter() -> None:
    """The second one makes a file for a shop."""
    ran(example("shop = Output"))
    with Image.open("cat.jpg.shop.jpg") as picture:
        assert picture.size == (2000, 2000)


def test_a_custom_model() -> None:
    """A network of one's own is described in words that are known."""
    ran(example("CustomModel("))


def test_a_notebook() -> None:
    """The last line of the cell is shown as a PNG."""
    shown = ran(example('edges="best")\n'))["_"]
    assert isinstance(shown, Cutout)
    assert shown._repr_png_().startswith(b"\x89PNG")


def test_many(capsys: pytest.CaptureFixture[str]) -> None:
    """All that can be cut come out, and of the other it is said why not."""
    ran(example("cut_many"))
    assert sorted(path.name for path in Path("pictures").glob("*.png")) == ["a.png", "c.png"]
    assert capsys.readouterr().out.startswith("pictures/b.jpg: not a picture that can be read")


def test_a_thread_pool() -> None:
    """Four pictures come out of two threads."""
    results = ran(example("def webp"))["results"]
    assert len(results) == 4
    assert all(content[8:12] == b"WEBP" for content in results)


def test_opencv() -> None:
    """An array of OpenCV's is taken in its own order, and the mask is written by it."""
    pytest.importorskip("cv2", reason="opencv-python-headless is not installed")
    cutout = ran(example("import cv2"))["cutout"]
    red, green, _ = np.asarray(cutout.image)[36, 48][:3].tolist()
    assert red > 150 > green
    with Image.open("mask.png") as mask:
        assert np.asarray(mask)[36, 48] > 200


@pytest.mark.full
def test_a_server() -> None:
    """Several ask at once; what is no picture is answered in words, and nothing is left open."""
    names = ran(example("Starlette"))
    data = Path("cat.jpg").read_bytes()
    with served(names["app"]) as address, ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda content: posted(address, content), [data] * 4 + [b"x"]))
    assert [status for status, _ in answers] == [200] * 4 + [422]
    assert all(content.startswith(b"\x89PNG") for _, content in answers[:4])
    assert b"not a picture that can be read" in answers[4][1]
    with pytest.raises(scissorsd.UsageError, match="closed"):
        names["cutter"].cut("cat.jpg")


@contextmanager
def served(app: object) -> Iterator[str]:
    """Serve an application on a port of this machine."""
    uvicorn = pytest.importorskip("uvicorn")
    config = uvicorn.Config(app, port=0, log_config=None, ws="none", lifespan="on")
    server = uvicorn.Server(config)
    listening = config.bind_socket()
    address = f"http://127.0.0.1:{listening.getsockname()[1]}/"
    serving = threading.Thread(target=lambda: asyncio.run(server.serve([listening])))
    serving.start()
    try:
        while not server.started and serving.is_alive():
            serving.join(0.05)
        yield address
    finally:
        server.should_exit = True
        serving.join()
        listening.close()


def posted(address: str, content: bytes) -> tuple[int, bytes]:
    """Return the status and content of the answer."""
    request = urllib.request.Request(address, content, {"Content-Type": "image/jpeg"})  # noqa: S310 - ours
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310 - ours
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


@pytest.mark.full
def test_a_type_checker_has_nothing_against_them(tmp_path: Path) -> None:
    """Each example passes `mypy --strict` as a program of somebody else."""
    for number, text in enumerate(EXAMPLES):
        (tmp_path / f"example_{number}.py").write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path / "cache", tmp_path],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        cwd=tmp_path,
    )
    problems = [line for line in done.stdout.splitlines() if '"cv2"' not in line]
    assert [line for line in problems if ": error:" in line] == [], done.stderr
