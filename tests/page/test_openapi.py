"""openapi.json says what the addresses really are, and what their answers really hold."""

import copy
from collections.abc import Mapping
from typing import Any

import jsonschema
import openapi_spec_validator
from end_to_end.driver import Workplace, picture
from end_to_end.pages import with_page
from starlette.routing import Route

from scissorsd.page.app import make_app
from scissorsd.page.described.addresses import ADDRESSES, NOT_FOR_PROGRAMS
from scissorsd.page.described.openapi import document
from scissorsd.page.gates.access import access_to
from scissorsd.settings import Page

from .calling import Server, multipart, photograph
from .served import Served


def test_every_address_is_described(page: Served) -> None:
    """The table has every route of the page, and none that is not there."""
    assert page.port
    assert page.desk is not None
    app = make_app(page.desk, access_to(Page(auth="none"), ""))
    routes = {
        (method, route.path)
        for route in app.routes
        if isinstance(route, Route)
        for method in route.methods or ()
        if method != "HEAD"
    }
    assert set(ADDRESSES) | NOT_FOR_PROGRAMS == routes


def test_it_is_openapi() -> None:
    """The description is valid OpenAPI 3.1."""
    openapi_spec_validator.validate(document())


def strict(schema: Any) -> Any:  # noqa: ANN401 - JSON
    """Return a schema by which an object has no other keys than those that are described."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, Mapping):
        return schema
    tight = {key: strict(value) for key, value in schema.items()}
    if "properties" in tight and tight.get("type") == "object":
        tight["additionalProperties"] = False
    return tight


def check(here: Server, method: str, path: str, operation: str, **more: Any) -> Any:  # noqa: ANN401
    """Ask, and hold the answer to the description of an operation."""
    answer = here.ask(method, path, **more)
    told = copy.deepcopy(document())
    found = [
        each
        for operations in told["paths"].values()
        for each in operations.values()
        if each["operationId"] == operation
    ]
    (described,) = found
    content = described["responses"][str(answer.status)]["content"]
    schema = {**content["application/json"]["schema"], "components": told["components"]}
    jsonschema.Draft202012Validator(strict(schema)).validate(answer.json)
    return answer.json


def test_answers_hold_what_is_described(place: Workplace) -> None:
    """Every key of every answer in JSON is described, and every key that is described is there."""
    place.configure({"name": "all", "when_no_subject": "publish"})
    daemon, at = with_page(place, quick=False)
    here = Server(place, daemon, at)
    octets = "application/octet-stream"
    said = check(
        here,
        "PUT",
        "/api/v1/drops/shop/deep/a.jpg",
        "put_drops_inbox_path",
        body=(octets, picture()),
    )
    daemon.finished("deep/a.jpg")
    assert said["path"] == "deep/a.jpg"
    listed = check(here, "GET", "/api/v1/pictures", "get_pictures")
    assert listed["pictures"][0]["path"] == "deep/a.jpg"
    check(here, "GET", "/api/v1/pictures/shop/deep%2Fa.jpg", "get_pictures_inbox_path")
    for name in ("status", "choices", "settings"):
        check(here, "GET", f"/api/v1/{name}", f"get_{name}")
    asked = b'{"pictures": [{"inbox": "shop", "path": "deep/a.jpg"}]}'
    body = ("application/json", asked)
    check(here, "POST", "/api/v1/zips", "post_zips", body=body)
    png = (octets, photograph())
    check(here, "POST", "/api/v1/backgrounds", "post_backgrounds", body=png)
    redo = ("application/json", b'{"edges": "soft"}')
    address = "/api/v1/pictures/shop/deep/a.jpg/redo"
    check(here, "POST", address, "post_pictures_inbox_path_redo", body=redo)
    check(here, "GET", "/v1.0/account", "get_account")
    daemon.stop()


def test_refusals_hold_what_is_described(place: Workplace) -> None:
    """Errors of each interface have the shape that is described for it."""
    daemon, at = with_page(place)
    here = Server(place, daemon, at)
    told = document()
    for path, name in (
        ("/api/v1/pictures/shop/no.jpg", "Error"),
        ("/v1.0/removebg", "RemovebgError"),
        ("/api/remove", "RembgError"),
    ):
        method = "GET" if name == "Error" else "POST"
        answer = here.ask(method, path, None if method == "GET" else multipart({"a": "b"}))
        assert answer.status >= 400
        schema = told["components"]["schemas"][name]
        jsonschema.Draft202012Validator(strict(schema)).validate(answer.json)
    assert here.ask("GET", "/api/openapi.json").json == told
    daemon.stop()
