"""`cut --rule`: pictures from anywhere with the outputs of a rule, without daemon and journal."""

import io
import os
import threading
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from scissorsd.pictures import reading

from .driver import SIZE, Workplace, picture

OUTPUTS = (
    {"kind": "cutout", "format": "webp", "name": "{stem}-{rule}-{inbox}", "outline": "2%"},
    {"kind": "flat", "folder": "web", "background": "teal", "crop": "subject", "size": "60x50"},
    {"kind": "mask", "depth": 16},
)
RULE = {
    "name": "shots",
    "match": "somewhere/**",
    "mask": {"edges": "soft", "grow": "2%"},
    "outputs": list(OUTPUTS),
}


def emptiness() -> bytes:
    """Draw a picture in which there is nothing."""
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), "white").save(buffer, "PNG")
    return buffer.getvalue()


def test_the_same_files(place: Workplace) -> None:
    """`cut --rule` makes the very files that the rule makes of a picture in its inbox."""
    place.configure(RULE)
    elsewhere = place.folder / "a.jpg"
    elsewhere.write_bytes(picture())
    answer = place.run("cut", "-c", place.config, "--rule", "shots", elsewhere, "-o", "here")
    assert answer.returncode == 0, answer.stderr
    made = place.files(place.folder / "here")
    assert made == ["a-mask.png", "a-shots-shop.webp", "web/a-flat.jpg"]
    assert answer.stdout.splitlines() == [f"here/{made[1]}", f"here/{made[2]}", f"here/{made[0]}"]
    assert not place.state.exists()
    place.put("somewhere/a.jpg")
    assert place.run("once", "-c", place.config).returncode == 0
    for name in made:
        folder, _, base = name.rpartition("/")
        out = place.outbox / folder / "somewhere" / base
        assert out.read_bytes() == (place.folder / "here" / name).read_bytes()


def test_beside_the_pictures(place: Workplace) -> None:
    """Without -o they lie beside each picture, never in the place of one, nor of other files."""
    paths = [place.folder / name for name in ("a.png", "a.jpg")]
    for path in paths:
        path.write_bytes(picture(path.name))
    command: list[str | Path] = ["cut", "-c", place.config, "--rule", "shop/all", *paths]
    answer = place.run(*command)
    assert answer.returncode == 0, answer.stderr
    made = [place.folder / name for name in ("a-png.png", "a-jpg.png")]
    assert answer.stdout.splitlines() == list(map(str, made))
    again = place.run(*command)
    assert again.returncode == 3
    assert f"{made[0]} is there already" in again.stderr
    made[1].write_bytes(b"other")
    over = place.run(*command, "--overwrite")
    assert over.stdout == answer.stdout
    assert made[1].read_bytes() != b"other"
    assert [path.read_bytes() for path in paths] == [picture(path.name) for path in paths]


@pytest.mark.full
@pytest.mark.parametrize("wanted", ["publish", "review", "fail"])
def test_a_verdict(place: Workplace, wanted: str) -> None:
    """A verdict is said; a rule by which such a picture fails makes nothing of it: exit code 1."""
    place.configure({"name": "all", "when_no_subject": wanted})
    nothing = place.put("nothing.png", emptiness())
    answer = place.run("cut", "-c", place.config, "--rule", "all", nothing, "-o", place.outbox)
    if wanted == "fail":
        assert answer.returncode == 1
        assert "The rule 'all' says that such a picture fails." in answer.stderr
        assert not place.outbox.exists()
    else:
        assert answer.returncode == 0
        assert answer.stdout.startswith(f"{place.outbox / 'nothing.png'}   (")
        assert place.files() == ["nothing.png"]


@pytest.mark.full
def test_while_a_daemon_runs(place: Workplace) -> None:
    """A daemon on the same configuration takes no notice; its journal stays as it is."""
    daemon = place.start()
    place.put("a.jpg")
    daemon.finished("a.jpg")
    before = place.entries()
    outside = place.folder / "b.jpg"
    outside.write_bytes(picture(number=1))
    assert place.run("cut", "-c", place.config, "--rule", "all", outside).returncode == 0
    assert place.entries() == before
    daemon.stop()
    assert not daemon.told("job.finished", source="b.jpg")
    assert place.files() == ["a.png"]


@pytest.mark.full
def test_what_cannot_be_cut(place: Workplace) -> None:
    """A broken picture, one over the limits and one that is not there are told of; others come."""
    place.change_config(limits={"file": "1MB"})
    pictures = {"a.jpg": picture(), "bad.jpg": b"no", "large.jpg": bytes(1_000_001)}
    paths = [place.folder / name for name in (*pictures, "nowhere.jpg")]
    for path, content in zip(paths, pictures.values(), strict=False):
        path.write_bytes(content)
    answer = place.run("cut", "-c", place.config, "--rule", "all", *paths, "-o", place.outbox)
    assert answer.returncode == 3
    for path, why in zip(
        paths[1:], ("", "the limit is 1,000,000", "it cannot be read: No"), strict=True
    ):
        assert f"{path}: " in answer.stderr
        assert why in answer.stderr
    assert place.files() == ["a.png"]


def test_a_picture_is_never_written_over(place: Workplace) -> None:
    """Not even by --overwrite, and without a rule: a.png with the folder that it lies in as -o."""
    path = place.folder / "a.png"
    path.write_bytes(picture("a.png"))
    link = Path(place.folder / "link")
    link.symlink_to(place.folder)
    answer = place.run("cut", path, "-o", link, "--overwrite", "--model", "u2netp")
    assert answer.returncode == 1
    assert "is a picture that is to be cut" in answer.stderr
    assert path.read_bytes() == picture("a.png")


@pytest.mark.full
def test_a_heic_of_ten_bits(place: Workplace) -> None:
    """All that is made at 16 bits of a gradient in 10 has more levels than 8 bits hold."""
    outputs = (
        {"depth": "same"},
        {"depth": "same", "format": "tiff"},
        {"depth": 16, "outline": "2%", "name": "{stem}-sticker"},
        {"depth": 16, "kind": "flat", "format": "png"},
        {"depth": 16, "kind": "comparison", "format": "png"},
    )
    place.configure({"name": "all", "model": "darkness", "outputs": list(outputs)})
    along = np.rint(np.linspace(0, 40_000, 900)).astype("<u2")
    pixels = np.full((300, 900, 3), 65535, "<u2")
    pixels[40:-40] = along[:, None]
    with (place.folder / "dusk.heic").open("wb") as file:
        size, content = (900, 300), pixels.tobytes()
        pillow_heif.encode("RGB;16", size, content, file, quality=-1, chroma=444)
    answer = place.run("cut", "-c", place.config, "--rule", "all", "dusk.heic", "-o", "here")
    assert answer.returncode == 0, answer.stderr
    made = place.files(place.folder / "here")
    assert len(made) == len(outputs)
    for name in made:
        content = (place.folder / "here" / name).read_bytes()
        deep = reading.read(content, max_pixels=10_000_000, deep=True).deep
        assert deep is not None, name
        assert len(np.unique(deep[..., 0])) > 400, name


@pytest.mark.full
def test_names_that_tell_of_the_picture(place: Workplace) -> None:
    """A picture is read once, also where its names tell of it: so it may come through a pipe."""
    place.configure({"name": "all", "outputs": [{"kind": "cutout", "name": "{stem}-{width}"}]})
    pipe = place.folder / "a.jpg"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(picture(),))
    writer.start()
    answer = place.run("cut", "-c", place.config, "--rule", "all", pipe, "-o", place.outbox)
    writer.join()
    assert answer.returncode == 0, answer.stderr
    assert place.files() == [f"a-{SIZE[0]}.png"]
