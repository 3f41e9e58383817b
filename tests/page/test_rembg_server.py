"""The interface of rembg's server at a real daemon."""

from collections.abc import Iterator
from urllib.parse import urlencode

import numpy as np
import pytest
from end_to_end.driver import Workplace

from .calling import REMBG, SIZE, Answer, Server, multipart, photograph, serving


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run one daemon for many calls."""
    place = Workplace(tmp_path_factory.mktemp("rembg"), tmp_path_factory.mktemp("none"))
    with serving(place) as server:
        yield server
    place.close()


def remove(here: Server, query: str = "", **fields: str) -> Answer:
    """Call it with the photograph."""
    body = multipart({"file": ("a.png", photograph()), **fields})
    return here.ask("POST", REMBG + query, body)


def test_a_file_comes_back_as_a_png(here: Server) -> None:
    """The cutout, whole; the mask; a hard mask; on a colour, which may stand in the address."""
    plain = remove(here)
    assert plain.headers["content-type"] == "image/png"
    assert plain.image.size == SIZE
    assert (plain.pixels[0, 0] == 0).all()
    assert remove(here, model="darkness", a="true", af="240", ab="10", ae="10").image.mode == "RGBA"
    mask = remove(here, om="true")
    assert (mask.pixels == plain.pixels[..., 3]).all()
    assert set(np.unique(remove(here, om="1", ppm="true").pixels)) <= {0, 255}
    for laid in (remove(here, bgc="255,0,0,128"), remove(here, "?bgc=255,0,0,128")):
        assert tuple(laid.pixels[0, 0]) == (255, 0, 0, 128)
    assert tuple(remove(here, bgc="0,0,255").pixels[0, 0]) == (0, 0, 255, 255)


def test_what_is_refused(here: Server) -> None:
    """422 where rembg has it, in its shape; nothing is fetched; other fields are passed over."""
    for fields in ({"model": "sam"}, {"om": "maybe"}, {"af": "256"}, {"bgc": "red"}):
        answer = remove(here, **fields)
        assert (answer.status, set(answer.json)) == (422, {"detail"}), fields
    assert here.ask("POST", REMBG, multipart({"model": "darkness"})).status == 422
    words = multipart({"file": ("a.jpg", b"words")})
    assert here.ask("POST", REMBG, words).status == 400
    query = urlencode({"url": "http://127.0.0.1/a.jpg"})
    answer = here.ask("GET", f"{REMBG}?{query}")
    assert answer.status == 405
    assert "fetches nothing" in answer.json["detail"]
    assert remove(here, extras="{}").status == 200
