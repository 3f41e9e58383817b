"""A picture of one's own behind a download."""

import hashlib
import io
import json

import numpy as np
import pytest
from end_to_end.driver import Workplace
from PIL import Image

from scissorsd.page.outputs import backdrops

from .served import Served
from .test_finishing import as_in_a_rule, cut


def backdrop(number: int = 0) -> bytes:
    """Draw a picture of another shape than that which is cut."""
    pixels = np.random.default_rng(number).integers(0, 255, (90, 200, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def sent(page: Served, content: bytes) -> str:
    """Send a picture; return its word."""
    answer = page.ask("/api/v1/backgrounds", method="POST", body=content)
    assert answer.status == 201, answer.body
    word: str = json.loads(answer.body)["background"]
    return word


def test_a_picture_behind_equals_what_the_rule_makes(place: Workplace, page: Served) -> None:
    """Laid on a picture that was sent, a download is byte by byte the file of the YAML's rule."""
    paper = place.folder / "paper.png"
    paper.write_bytes(backdrop())
    words = {"background": str(paper), "format": "png", "crop": "subject", "margin": "10%"}
    cut(place, {"kind": "cutout"}, as_in_a_rule(words), mask={})
    word = sent(page, backdrop())
    assert word == hashlib.sha256(backdrop()).hexdigest()
    made = page.picture(
        "a.jpg", "finish", background=word, format="png", crop="subject", margin="10%"
    )
    assert made.body == (place.outbox / "asked.png").read_bytes()


def test_what_is_no_picture_is_not_kept(
    place: Workplace, page: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No picture and what is not there are refused in words; only the last ones are kept."""
    monkeypatch.setattr(backdrops, "MOST", 2)
    cut(place, {"kind": "cutout"}, mask={})
    answer = page.ask("/api/v1/backgrounds", method="POST", body=b"Dear Sir or Madam")
    assert (answer.status, answer.error["code"]) == (400, "no_picture")
    words = [sent(page, backdrop(number)) for number in range(3)]
    kept = [page.picture("a.jpg", "finish", background=word).status for word in words]
    assert kept == [404, 200, 200]
    assert len(list((place.state / "page" / "backgrounds").iterdir())) == 2
