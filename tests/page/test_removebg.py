"""remove.bg's interface at a real daemon: calls, refusals, and what stays of them (nothing)."""

import base64
import http.client
import io
import json
import time
import zipfile
from collections.abc import Iterator

import numpy as np
import pytest
from end_to_end.driver import Workplace, picture, wait_for
from end_to_end.scenes import Gate
from PIL import Image

from scissorsd import config
from scissorsd.page.desk import Desk
from scissorsd.page.drops import sweeping

from .calling import (
    NOTHING,
    REMOVEBG,
    SIZE,
    File,
    Server,
    as_json,
    blank,
    multipart,
    photograph,
    serving,
    urlencoded,
)

FULL = {"size": "full", "format": "png"}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run one daemon for many calls."""
    place = Workplace(tmp_path_factory.mktemp("removebg"), tmp_path_factory.mktemp("none"))
    with serving(place) as server:
        yield server
    place.close()


def test_a_call_in_each_form(here: Server) -> None:
    """Multipart, a form and JSON give the same picture, with what the contract says of it."""
    encoded = base64.b64encode(photograph()).decode()
    first = here.call(**FULL)
    assert first.headers["content-type"] == "image/png"
    assert first.image.size == SIZE
    left, top, right, _ = first.image.getchannel("A").getbbox() or (0, 0, 0, 0)
    assert (left, top) == pytest.approx((300, 150), abs=2)
    told = {name: value for name, value in first.headers.items() if name.startswith("x-")}
    assert told["x-type"] == "other"
    assert (told["x-width"], told["x-height"], told["x-credits-charged"]) == ("800", "600", "0")
    assert int(told["x-foreground-top"]) == pytest.approx(150, abs=3)
    assert int(told["x-foreground-width"]) == pytest.approx(right - left, abs=3)
    assert int(told["x-ratelimit-limit"]) > int(told["x-ratelimit-remaining"]) > 0
    for body in (urlencoded, as_json, multipart):
        answer = here.ask("POST", REMOVEBG, body({**FULL, "image_file_b64": encoded}))
        assert (answer.status, answer.body) == (200, first.body)


def test_the_defaults_of_the_contract(here: Server) -> None:
    """A call that says nothing gets a preview; the one that says auto gets all of it."""
    assert np.prod(here.call().image.size) <= 250_000
    assert here.call(size="auto").image.size == SIZE
    assert here.call(type="product", type_level="none").headers.get("x-type") is None
    assert here.call(type="product").headers["x-type"] == "product"


def test_json_is_answered_where_it_is_asked_for(here: Server) -> None:
    """result_b64 is the picture; who takes anything as well, as axios does, gets its bytes."""
    answer = here.call(accept="application/json", **FULL)
    data = answer.json["data"]
    assert base64.b64decode(data["result_b64"]) == here.call(**FULL).body
    assert data["foreground_top"] == int(answer.headers["x-foreground-top"])
    assert here.call(accept="application/json, text/plain, */*").image.format == "PNG"


def test_a_background_and_a_zip(here: Server) -> None:
    """A picture to lay behind comes with the call; a zip has both halves."""
    buffer = io.BytesIO()
    Image.new("RGB", (10, 10), (1, 200, 3)).save(buffer, "PNG")
    laid = here.call(bg_image_file=("bg.png", buffer.getvalue()), format="png")
    assert tuple(laid.pixels[0, 0]) == (1, 200, 3)
    answer = here.call(format="zip")
    assert answer.headers["content-type"] == "application/zip"
    assert zipfile.ZipFile(io.BytesIO(answer.body)).namelist() == ["color.jpg", "alpha.png"]


def test_every_refusal_in_its_shape(here: Server) -> None:
    """Each error of the contract has its status and its code, and nothing was cut for it."""
    ours, jpeg = ("a.png", photograph()), picture()
    cases: tuple[tuple[int, str, dict[str, str | bytes | File]], ...] = (
        (400, "missing_source", {"size": "full"}),
        (400, "missing_source", {"image_file": ("", b"")}),
        (400, "multiple_sources", {"image_file": ours, "image_url": "http://a.example/b.jpg"}),
        (400, "failed_image_download", {"image_url": "http://127.0.0.1/a.jpg"}),
        (400, "failed_bg_download", {"image_file": ours, "bg_image_url": "http://a.example/b"}),
        (400, "multiple_bg_sources", {"image_file": ours, "bg_color": "red", "bg_image_url": "x"}),
        (400, "invalid_size", {"image_file": ours, "size": "huge"}),
        (400, "unknown_parameter", {"image_file": ours, "colour": "red"}),
        (400, "invalid_file_type", {"image_file": ("a.jpg", b"GIF? no, words")}),
        (400, "failed_to_read_image", {"image_file": ("a.jpg", jpeg[: len(jpeg) // 2])}),
        (400, "unknown_foreground", {"image_file": ("a.png", blank())}),
    )
    for status, code, fields in cases:
        answer = here.ask("POST", REMOVEBG, multipart(fields))
        assert (answer.status, answer.error["code"]) == (status, code), answer.body
        assert answer.error["title"][0].isupper()
    for path in ("/v1.0/improve", "/v1.0/"):
        assert here.ask("POST", path).error["code"] == "not_found"
    assert here.ask("GET", REMOVEBG).error["code"] == "method_not_allowed"


def test_the_account_has_plenty(here: Server) -> None:
    """A script that looks whether there are credits left goes on."""
    attributes = here.ask("GET", "/v1.0/account").json["data"]["attributes"]
    assert attributes["credits"]["total"] > 1000
    assert attributes["api"]["free_calls"] > 1000


def test_nothing_of_a_call_stays(here: Server) -> None:
    """No file on the desk, no row in the journal; a name of any kind does not matter."""
    name = "../Übung <x> 🦊.png"
    assert here.call(image_file=(name, photograph())).status == 200
    wait_for(lambda: not here.on_the_desk())
    wait_for(lambda: here.ask("GET", "/api/v1/pictures").json["pictures"] == [])
    assert here.place.files(here.place.state / "page" / "drops") == []


def test_a_key_is_asked_for(place: Workplace) -> None:
    """With a key a call has it as X-Api-Key or Bearer; without it the contract's 403."""
    with serving(place, auth="key") as here:
        key = (place.state / "page.key").read_text().strip()
        for headers in (NOTHING, {"X-Api-Key": "wrong"}, {"Authorization": "Bearer wrong"}):
            answer = here.ask("POST", REMOVEBG, multipart({"size": "full"}), headers)
            assert (answer.status, answer.error["code"]) == (403, "auth_failed")
        for headers in ({"X-Api-Key": key}, {"Authorization": f"Bearer {key}"}):
            assert here.ask("GET", "/v1.0/account", headers=headers).status == 200
        body = multipart({"image_file": ("a.png", photograph())})
        assert here.ask("POST", REMOVEBG, body, {"X-API-Key": key}).status == 200


def test_who_goes_away_costs_nothing(place: Workplace) -> None:
    """The picture of a client that hung up while it waited is taken away, and is never cut."""
    gate = Gate(place)
    place.configure({"name": "all", "outputs": [gate.flat]})
    values = {"workers": 1}
    place.change_config(**values)
    with serving(place) as here:
        gate.shut()
        place.put("a.jpg")
        gate.wait()  # the one worker is held
        body = multipart({"image_file": ("gone.png", photograph())})
        connection = here.begin("POST", REMOVEBG, body)
        wait_for(lambda: any(name.endswith("gone.png") for name in here.on_the_desk()))
        connection.close()
        wait_for(lambda: not here.on_the_desk())
        gate.open()
        here.daemon.finished("a.jpg")
        assert here.call().status == 200
        wait_for(lambda: not here.on_the_desk())
        cut = [line["source"] for line in here.daemon.told("job.finished")]
        assert not any("gone" in source for source in cut)


def test_who_would_wait_for_too_long_is_told_so(place: Workplace) -> None:
    """429 with Retry-After in the contract's shape, and the picture is taken away."""
    gate = Gate(place)
    place.configure({"name": "all", "outputs": [gate.flat]})
    place.change_config(workers=1)
    with serving(place, seconds="CALL_WAIT=0.5") as here:
        gate.shut()
        place.put("a.jpg")
        gate.wait()
        answer = here.call()
        assert (answer.status, answer.error["code"]) == (429, "rate_limit_exceeded")
        assert int(answer.headers["retry-after"]) > 0
        wait_for(lambda: not here.on_the_desk())
        gate.open()
        here.daemon.finished("a.jpg")


@pytest.mark.full
def test_killed_in_the_middle(place: Workplace) -> None:
    """A page that is killed while a call waits leaves nothing but the picture, which is swept."""
    gate = Gate(place)
    place.configure({"name": "all", "outputs": [gate.flat]})
    place.change_config(workers=1)
    with serving(place) as here:
        gate.shut()
        place.put("a.jpg")
        gate.wait()
        body = multipart({"image_file": ("left.png", photograph())})
        connection = here.begin("POST", REMOVEBG, body)
        wait_for(lambda: any(name.endswith("left.png") for name in here.on_the_desk()))
        here.page.kill()
        with pytest.raises((http.client.HTTPException, OSError)):
            connection.getresponse()
        gate.open()
        here.daemon.finished("a.jpg")
        here.daemon.wait("job.finished", inbox="quick")
        assert all("/call-" in name for name in here.on_the_desk())
        desk = Desk(config.load(place.config).config, lambda *_: None)
        assert sweeping.sweep(desk, time.time()) == 0
        assert sweeping.sweep(desk, time.time() + 3700) == 1
        desk.close()
        assert here.on_the_desk() == []


@pytest.mark.full
def test_a_known_pace_refuses_at_once(place: Workplace) -> None:
    """Where calls take longer than clients wait, the next is refused before its body is sent."""
    with serving(place, seconds="CALL_PATIENCE=0.0001") as here:
        body = multipart({"image_file": ("a.png", photograph())})
        waiting = [here.begin("POST", REMOVEBG, body) for _ in range(8)]
        assert 200 in {connection.getresponse().status for connection in waiting}
        for connection in waiting:
            connection.close()
        asking = here.page.connect()
        asking.putrequest("POST", REMOVEBG)
        asking.putheader("Content-Length", "1000000")
        asking.endheaders()
        answer = asking.getresponse()
        assert answer.status == 429
        assert int(answer.getheader("Retry-After") or 0) > 0
        asking.close()


@pytest.mark.full
def test_it_is_spoken_only_where_it_is_wanted(place: Workplace) -> None:
    """`removebg: false` is a 404 in words; `size: full` lifts the preview."""
    with serving(place, removebg=False) as here:
        answer = here.call()
        assert (answer.status, answer.error["code"]) == (404, "not_found")
        assert "removebg: false" in answer.error["detail"]
    with serving(place, removebg={"size": "full"}) as here:
        assert here.call().image.size == SIZE


@pytest.mark.full
def test_without_a_quick_desk(place: Workplace) -> None:
    """Calls need the quick desk, and say so."""
    with serving(place, quick=False) as here:
        answer = here.call()
        assert (answer.status, answer.error["code"]) == (503, "no_quick_desk")


@pytest.mark.full
def test_many_at_once(here: Server) -> None:
    """Twenty at once are all answered, each with its own picture."""
    sizes = [(40 + number, 60) for number in range(20)]
    bodies = [multipart({**FULL, "image_file": ("a.png", photograph(size))}) for size in sizes]
    waiting = [here.begin("POST", REMOVEBG, body) for body in bodies]
    answers = [connection.getresponse() for connection in waiting]
    found = [Image.open(io.BytesIO(answer.read())).size for answer in answers]
    assert found == sizes
    for connection in waiting:
        connection.close()


def test_json_errors_are_json_in_json(here: Server) -> None:
    """An error is told in JSON whatever was asked for as an answer."""
    answer = here.ask("POST", REMOVEBG, as_json({}), {"Accept": "image/png"})
    assert json.loads(answer.body)["errors"][0]["code"] == "missing_source"
