"""What is made of a cutout by the parameters of remove.bg's contract, pixel by pixel."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from scissorsd.page.answers import Refusal
from scissorsd.page.foreign.drawing import Drawn, draw

from .calling import SIZE, THING, asked, cutout

LEFT, TOP, RIGHT, BOTTOM = THING
WIDE, HIGH = RIGHT - LEFT + 1, BOTTOM - TOP + 1
EDGE = 1  # pixels that the subject's box is taken wider on each side


def drawn(*, backdrop: Path | None = None, **words: str) -> Drawn:
    """Draw the thing."""
    return draw(cutout(), asked(**words), backdrop, max_pixels=10_000_000)


def pixels(result: Drawn) -> NDArray[np.uint8]:
    """Return its pixels, and see that it says its size rightly."""
    image = Image.open(io.BytesIO(result.data))
    assert image.size == (result.width, result.height)
    return np.asarray(image)


def lies(alpha: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """Return where anything solid lies: left, top, right, bottom, all inclusive."""
    rows, columns = np.flatnonzero((alpha > 127).any(1)), np.flatnonzero((alpha > 127).any(0))
    return columns[0], rows[0], columns[-1], rows[-1]


def near(found: tuple[int, ...], wanted: tuple[float, ...], within: float = 2) -> bool:
    """Whether places are the same but for the pixel that a box is taken wider."""
    return all(abs(a - b) <= within for a, b in zip(found, wanted, strict=True))


def test_nothing_asked_for_is_the_file_itself() -> None:
    """The whole picture as PNG is the outbox's own bytes."""
    result = drawn()
    assert (result.data, result.media_type) == (cutout(), "image/png")
    assert near(result.subject, (TOP, LEFT, WIDE, HIGH))


@pytest.mark.parametrize(
    ("size", "wanted"), [("preview", (577, 433)), ("medium", SIZE), ("full", SIZE)]
)
def test_sizes(size: str, wanted: tuple[int, int]) -> None:
    """No more megapixels than asked, in the picture's own shape, and never larger than it is."""
    result = drawn(size=size)
    assert (result.width, result.height) == wanted
    scale = wanted[0] / SIZE[0]
    assert near(lies(pixels(result)[..., 3]), tuple(edge * scale for edge in THING))


def test_crop_and_its_margins() -> None:
    """Margins are of the subject's own sides, each side its own."""
    bare = drawn(crop="true")
    assert (bare.width, bare.height) == (WIDE + 2 * EDGE, HIGH + 2 * EDGE)
    framed = drawn(crop="true", crop_margin="10% 20px 0 50%")
    width, height = bare.width, bare.height
    assert framed.width == width + 20 + round(width / 2)
    assert framed.height == height + round(height / 10)
    assert framed.subject == (round(height / 10), round(width / 2), width, height)


def test_scale_and_position() -> None:
    """The subject is scaled to a part of the canvas, whose size stays, and goes where asked."""
    half = drawn(scale="50%")
    assert (half.width, half.height) == SIZE
    left, top, right, bottom = lies(pixels(half)[..., 3])
    assert near((bottom - top + 1,), (SIZE[1] / 2,), within=4)
    assert near((left + right, top + bottom), SIZE, within=4)
    corner = drawn(position="0% 100%")
    left, top, right, bottom = lies(pixels(corner)[..., 3])
    assert near((left, bottom, right - left), (0, SIZE[1] - 1, WIDE - 1))
    kept = drawn(scale="50%", position="original")
    left, top, right, bottom = lies(pixels(kept)[..., 3])
    assert near((left + right, top + bottom), (LEFT + RIGHT, TOP + BOTTOM), within=4)


def test_a_region_of_interest() -> None:
    """What is outside of it is background; one outside of the picture, or empty, is refused."""
    result = drawn(roi="0% 0% 50% 100%")
    assert near(lies(pixels(result)[..., 3]), (LEFT, TOP, SIZE[0] // 2 - 1, BOTTOM), within=0)
    for roi, code in (
        ("0px 0px 801px 10px", "roi_exceeds_bounds"),
        ("0% 0% 120% 10%", "roi_exceeds_bounds"),
        ("10px 10px 10px 20px", "roi_region_empty"),
        ("0px 0px 50px 50px", "unknown_foreground"),
    ):
        with pytest.raises(Refusal) as refused:
            drawn(roi=roi)
        assert (refused.value.status, refused.value.code) == (400, code)


def test_formats() -> None:
    """Without a word it is PNG where something is clear, else JPEG; a JPEG is on white."""
    assert drawn(bg_color="red").media_type == "image/jpeg"
    assert drawn(bg_color="f008").media_type == "image/png"
    on_white = pixels(drawn(format="jpg"))
    assert on_white.shape == (SIZE[1], SIZE[0], 3)
    assert (on_white[0, 0] >= 254).all()
    webp = drawn(format="webp")
    assert webp.media_type == "image/webp"
    assert pixels(webp).shape[2] == 4


def test_backgrounds(tmp_path: Path) -> None:
    """A colour, a clear colour, a picture that covers the canvas."""
    red = pixels(drawn(bg_color="ff0000", format="png"))
    assert (tuple(red[0, 0]), tuple(red[300, 400])) == ((255, 0, 0), (20, 20, 60))
    clear = pixels(drawn(bg_color="f008"))
    assert (tuple(clear[0, 0]), tuple(clear[300, 400])) == ((255, 0, 0, 0x88), (20, 20, 60, 255))
    paper = tmp_path / "paper"
    Image.new("RGB", (30, 40), (1, 2, 3)).save(paper, "PNG")
    behind = pixels(drawn(backdrop=paper, format="png"))
    assert (tuple(behind[0, 0]), tuple(behind[300, 400])) == ((1, 2, 3), (20, 20, 60))
    (tmp_path / "words").write_text("words")
    with pytest.raises(Refusal) as refused:
        drawn(backdrop=tmp_path / "words")
    assert refused.value.code == "failed_to_read_bg_image"


def test_a_shadow() -> None:
    """It lies under the subject's foot, black and clear, or on the background; opacity counts."""
    below = BOTTOM + 4, (LEFT + RIGHT) // 2
    soft = pixels(drawn(add_shadow="true"))[below]
    strong = pixels(drawn(shadow_type="drop", shadow_opacity="100"))[below]
    assert tuple(soft[:3]) == (0, 0, 0)
    assert 0 < soft[3] < strong[3] < 255
    on_white = pixels(drawn(add_shadow="true", bg_color="white", format="png"))[below]
    assert 0 < on_white[0] < 255


def test_the_mask() -> None:
    """channels=alpha is the alpha of the cutout, in grey."""
    mask = pixels(drawn(channels="alpha"))
    assert (mask == np.asarray(Image.open(io.BytesIO(cutout())))[..., 3]).all()


def test_a_zip_recomposes_to_the_png() -> None:
    """color.jpg and alpha.png together are the PNG, but for what a JPEG loses."""
    png = pixels(drawn(size="preview", format="png"))
    result = drawn(size="preview", format="zip")
    assert result.media_type == "application/zip"
    with zipfile.ZipFile(io.BytesIO(result.data)) as archive:
        assert archive.namelist() == ["color.jpg", "alpha.png"]
        colour, alpha = (Image.open(archive.open(name)) for name in archive.namelist())
        rgb, grey = np.asarray(colour), np.asarray(alpha)
    assert (grey == png[..., 3]).all()
    shown = grey > 0
    assert np.abs(rgb[shown].astype(int) - png[..., :3][shown]).max() <= 8


def test_a_picture_without_a_subject() -> None:
    """Nothing in it is told in the contract's code."""
    buffer = io.BytesIO()
    Image.new("RGBA", (40, 30)).save(buffer, "PNG")
    with pytest.raises(Refusal) as refused:
        draw(buffer.getvalue(), asked(), None, max_pixels=10_000)
    assert (refused.value.status, refused.value.code) == (400, "unknown_foreground")
