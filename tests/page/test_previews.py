"""Small pictures: upright, in the right colours, made once, and never at the cost of the page."""

import io
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
import tifffile
from end_to_end.driver import Workplace, picture
from families import one_of_each_kind
from PIL import Image, ImageDraw

from scissorsd.core.colours import between
from scissorsd.core.profiles import ADOBE_RGB
from scissorsd.page.outputs.places import Opened
from scissorsd.page.outputs.previews import Previews, What
from scissorsd.settings import Limits

from .served import Served, served

pillow_heif.register_heif_opener()

LIMITS = Limits(file=64 << 20, pixels=50_000_000)
CORNERS = {
    (0, 0): (200, 40, 40),
    (1, 0): (40, 160, 60),
    (0, 1): (50, 60, 190),
    (1, 1): (220, 200, 90),
}
SIZE = 480, 360
NEAR = 12  # of each colour: what lossy formats may change


def drawn() -> Image.Image:
    """Draw a picture with another colour in each quarter, and something dark in its middle."""
    image = Image.new("RGB", SIZE)
    draw = ImageDraw.Draw(image)
    for (across, down), colour in CORNERS.items():
        left, top = across * SIZE[0] // 2, down * SIZE[1] // 2
        draw.rectangle((left, top, left + SIZE[0] // 2 - 1, top + SIZE[1] // 2 - 1), colour)
    draw.ellipse((180, 120, 300, 240), "black")
    return image


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    """Encode a picture."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def turned_jpeg() -> bytes:
    """Encode the picture lying on its side, with the tag that makes it upright."""
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = drawn().transpose(Image.Transpose.ROTATE_90)
    return saved(lying, "JPEG", quality=95, exif=exif)


def deep_tiff() -> bytes:
    """Encode the picture with 16 bits of a colour."""
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.asarray(drawn()).astype(np.uint16) * 257, photometric="rgb")
    return buffer.getvalue()


KINDS: dict[str, Callable[[], bytes]] = {
    "a.jpg": lambda: saved(drawn(), "JPEG", quality=95),
    "a.png": lambda: saved(drawn(), "PNG"),
    "a.webp": lambda: saved(drawn(), "WEBP", quality=95),
    "a.heic": lambda: saved(drawn(), "HEIF", quality=95),
    "a.avif": lambda: saved(drawn(), "AVIF", quality=95),
    "a.bmp": lambda: saved(drawn(), "BMP"),
    "deep.tiff": deep_tiff,
    "cmyk.jpg": lambda: saved(drawn().convert("CMYK"), "JPEG", quality=95),
    "turned.jpg": turned_jpeg,
}


def cut(place: Workplace, *, failures: bool = False) -> None:
    """Cut all that is in the inbox."""
    answer = place.run("once", "-c", place.config)
    assert answer.returncode == (3 if failures else 0), answer.stderr


def shown(answer: bytes) -> Image.Image:
    """Open a preview."""
    with Image.open(io.BytesIO(answer), formats=["WEBP"]) as image:
        image.load()
        return image


def test_pictures_of_every_kind(place: Workplace, page: Served) -> None:
    """The preview of a picture of every kind is upright, of its shape, and in its colours."""
    for name, encode in KINDS.items():
        place.put(name, encode())
    cut(place)
    for name in KINDS:
        answer = page.picture(name, "before", width=320)
        assert answer.status == 200, (name, answer.body)
        assert answer.headers["content-type"] == "image/webp"
        image = shown(answer.body)
        assert image.size == (320, 240), name
        for (across, down), colour in CORNERS.items():
            seen = image.convert("RGB").getpixel((40 + across * 240, 30 + down * 180))
            assert isinstance(seen, tuple)
            assert max(abs(a - b) for a, b in zip(seen, colour, strict=True)) <= NEAR, name


@pytest.mark.full
def test_colours_of_a_profile(place: Workplace, page: Served) -> None:
    """The preview of a picture in Adobe RGB has the colours that this one shows, as sRGB."""
    place.put("a.jpg", saved(drawn(), "JPEG", quality=95, icc_profile=ADOBE_RGB))
    cut(place)
    image = shown(page.picture("a.jpg", "before", width=320).body)
    assert "icc_profile" not in image.info
    expected = between(drawn(), ADOBE_RGB, None).getpixel((400, 60))
    seen = image.getpixel((270, 40))
    assert isinstance(seen, tuple)
    assert isinstance(expected, tuple)
    assert max(abs(a - b) for a, b in zip(seen, expected, strict=True)) <= NEAR
    assert max(abs(a - b) for a, b in zip(expected, CORNERS[1, 0], strict=True)) > 2 * NEAR


@pytest.mark.full
def test_a_cutout_keeps_its_alpha(place: Workplace, page: Served) -> None:
    """The preview of a cutout is as transparent as that, and without a rim; small ones stay so."""
    place.put("a.jpg", saved(drawn(), "JPEG", quality=95))
    cut(place)
    image = shown(page.picture("a.jpg", "outputs/0", width=320).body)
    assert image.mode == "RGBA"
    with Image.open(place.outbox / "a.png") as cutout:
        expected = np.asarray(cutout.getchannel("A").resize((320, 240)), int)
    assert abs(np.asarray(image.getchannel("A"), int) - expected).mean() < 2
    assert shown(page.picture("a.jpg", "outputs/0", width=2048).body).size == SIZE


@pytest.mark.full
@pytest.mark.parametrize("own", [True, False])
def test_a_mask_to_lay_over(place: Workplace, page: Served, own: bool) -> None:  # noqa: FBT001 - a case
    """The mask comes from the output that is one or, where none is, from the cutout's alpha."""
    outputs = [{"kind": "cutout"}, *([{"kind": "mask"}] if own else [])]
    place.configure({"name": "all", "outputs": outputs})
    place.put("a.jpg", saved(drawn(), "JPEG", quality=95))
    cut(place)
    image = shown(page.picture("a.jpg", "mask", width=320).body).convert("L")
    with Image.open(place.outbox / "a.png") as cutout:
        expected = np.asarray(cutout.getchannel("A").resize((320, 240)), int)
    assert abs(np.asarray(image, int) - expected).mean() < 2
    assert np.asarray(image).max() > 240


@pytest.mark.full
def test_no_mask(place: Workplace, page: Served) -> None:
    """Where there is neither mask nor cutout, that is said."""
    place.configure({"name": "all", "outputs": [{"kind": "flat"}]})
    place.put("a.jpg")
    cut(place)
    assert page.picture("a.jpg", "mask", width=320).error["code"] == "no_mask"


def bomb() -> bytes:
    """Encode a header that claims 65,000 pixels a side."""
    content = bytearray(saved(Image.new("RGB", (16, 16)), "JPEG"))
    at = content.index(b"\xff\xc0")
    content[at + 5 : at + 9] = (65000).to_bytes(2, "big") * 2
    return bytes(content)


@pytest.mark.full
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (lambda: b"only words", "looks like text"),
        (lambda: picture("a.png")[:-60], "missing"),
        (bomb, "megapixels"),
    ],
    ids=["text", "truncated", "bomb"],
)
def test_no_preview_in_words(
    place: Workplace, page: Served, content: Callable[[], bytes], words: str
) -> None:
    """Of what cannot be read there is a sentence instead of a preview."""
    place.put("a.jpg", content())
    cut(place, failures=True)
    answer = page.picture("a.jpg", "before", width=320)
    assert answer.status == 415
    assert words in answer.error["what"]
    assert "a.jpg" in answer.error["what"]


@pytest.mark.full
def test_other_widths_are_refused(place: Workplace, page: Served) -> None:
    """Only the two widths are drawn; another is refused before anything is looked for."""
    assert place.config.exists()
    assert page.picture("a.jpg", "before", width=100).error["code"] == "width"


# --- made once -------------------------------------------------------------------------------


def opened(path: Path) -> Opened:
    """Open a file as the page does."""
    file = path.open("rb")
    return Opened(file, os.fstat(file.fileno()), path)


@pytest.mark.full
def test_many_at_once_make_one(place: Workplace, page: Served) -> None:
    """Twenty who ask for one preview at once get the same, of which one file is kept."""
    place.put("a.jpg", saved(drawn(), "JPEG"))
    cut(place)
    with ThreadPoolExecutor(20) as threads:
        asked = [threads.submit(page.picture, "a.jpg", "before", width=320) for _ in range(20)]
        bodies = {future.result().body for future in asked}
    assert len(bodies) == 1
    assert len(list((place.state / "page/previews").rglob("*.webp"))) == 1


@pytest.mark.full
def test_a_kept_preview_is_not_made_again(place: Workplace, page: Served) -> None:
    """What is kept is sent, not made again, while the picture stays the same file."""
    path = place.put("a.jpg", saved(drawn(), "JPEG"))
    cut(place)
    first = page.picture("a.jpg", "before", width=320)
    (kept,) = (place.state / "page/previews").rglob("*.webp")
    kept.write_bytes(b"what was kept")
    assert page.picture("a.jpg", "before", width=320).body == b"what was kept"
    tag = first.headers["etag"]
    again = page.picture("a.jpg", "before", width=320, headers={"If-None-Match": tag})
    assert again.status == 304
    os.utime(path, ns=(10**18, 10**18))
    changed = page.picture("a.jpg", "before", width=320)
    assert changed.body == first.body
    assert changed.headers["etag"] != tag


@pytest.mark.full
def test_what_is_not_used_goes_first(tmp_path: Path) -> None:
    """The cache stays below its limit: what was not used for longest is removed."""
    path = tmp_path / "a.jpg"
    path.write_bytes(saved(drawn(), "JPEG"))
    size = len(
        Previews(tmp_path / "other", LIMITS)
        .get(opened(path), What("i", "p", "before"), 320)
        .result()
    )
    cache = Previews(tmp_path / "cache", LIMITS, most=5 * size)
    for number in range(8):
        what = What("shop", f"{number}.jpg", "before")
        cache.get(opened(path), what, 320).result()
        for kept in (tmp_path / "cache").rglob("*.webp"):
            os.utime(kept, (kept.stat().st_mtime - 100,) * 2)
    left = [
        n
        for n in range(8)
        if cache.kept(What("shop", f"{n}.jpg", "before"), opened_version(path), 320)
    ]
    assert left == list(range(8))[-len(left) :]
    assert 3 <= len(left) <= 5


def opened_version(path: Path) -> tuple[int, int]:
    """Return the version that an opened file has."""
    found = opened(path)
    found.file.close()
    return found.version


# --- what ends the process -------------------------------------------------------------------

MAKE = """
import sys
from pathlib import Path
from page.test_previews import LIMITS, Previews, What, opened
cache = Previews(Path({cache!r}), LIMITS)
path = Path({path!r})
try:
    print(len(cache.get(opened(path), What("shop", path.name, "before"), 320).result()))
except Exception as error:
    print(error)
"""


@pytest.mark.full
@pytest.mark.parametrize("how", one_of_each_kind(["segv", "kill"], ["segv"]))
def test_what_ends_the_process_is_not_tried_for_ever(
    tmp_path: Path, place: Workplace, how: str
) -> None:
    """A picture that ended the process twice has no preview any more; another one has."""
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(saved(drawn(), "JPEG"))

    def make(name: str) -> tuple[int, str]:
        script = MAKE.format(
            cache=str(tmp_path / "cache"),
            path=str(tmp_path / name),
        )
        return run(script, {"SCISSORSD_FAULTS": f"preview:a.jpg={how}*"}, place)

    for _ in range(2):
        code, _said = make("a.jpg")
        assert code < 0
    assert make("b.jpg")[0] == 0
    code, said = make("a.jpg")
    assert code == 0
    assert "ended twice" in said


def run(script: str, variables: dict[str, str], place: Workplace) -> tuple[int, str]:
    """Run a script of Python that imports what this file does."""
    tests = str(Path(__file__).parent.parent)
    answer = subprocess.run(
        [sys.executable, "-c", script],
        env={
            **place._environment,
            **variables,
            "PYTHONPATH": os.pathsep.join([tests, place._environment["PYTHONPATH"]]),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert answer.returncode <= 0, answer.stderr
    return answer.returncode, answer.stdout


@pytest.mark.full
def test_a_full_disk_costs_no_preview(place: Workplace) -> None:
    """Where a preview cannot be kept it is shown all the same."""
    place.put("a.jpg", saved(drawn(), "JPEG"))
    cut(place)
    folder = place.state / "page/previews"
    folder.mkdir(parents=True)
    for name in [f"{number:02x}" for number in range(256)]:
        (folder / name).write_bytes(b"")  # no folder can be made there
    with served(place) as page:
        assert page.picture("a.jpg", "before", width=320).status == 200
