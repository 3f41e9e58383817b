"""`GET /api/openapi.json`, made of the table of addresses."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from scissorsd import __version__
from scissorsd.page.described.addresses import ADDRESSES, Address, Content
from scissorsd.page.described.schemas import SCHEMAS, TEXT, WHOLE, ref

_PARAMETER = re.compile(r"\{(\w+)(?::(\w+))?\}")
_ABOUT = """A window on the folders of scissorsd: drop pictures, see what became of them, take them
away. A slash in `path` may stand as it is, or encoded."""


@cache
def document() -> dict[str, Any]:
    """Return the description."""
    paths: dict[str, dict[str, Any]] = {}
    for (method, route), address in ADDRESSES.items():
        path = _path(route)
        paths.setdefault(path, {})[method.lower()] = _operation(method, path, route, address)
    return {
        "openapi": "3.1.0",
        "info": {"title": "scissorsd", "version": __version__, "description": _ABOUT},
        "servers": [{"url": "../"}],
        "security": [{"key": []}, {"bearer": []}, {}],
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _path(route: str) -> str:
    """Return a route as OpenAPI has it; a picture is named by its inbox and path."""
    route = route.replace("{picture:path}", "{inbox}/{path}")
    return _PARAMETER.sub(lambda found: f"{{{found[1]}}}", route)


def _operation(method: str, path: str, route: str, address: Address) -> dict[str, Any]:
    words = re.findall(r"[a-z0-9]+", path.replace("api/v1", "").replace("v1.0", ""))
    operation: dict[str, Any] = {
        "operationId": "_".join([method.lower(), *words]),
        "summary": address.says,
        "tags": [next((word for word in words if word != "api"), "page")],
        "parameters": [*_in_path(path, route), *_in_query(address)],
        "responses": {
            **{str(status): _answer(content) for status, content in address.gives.items()},
            "default": _answer({"application/json": ref(address.refuses)}),
        },
    }
    if address.takes:
        operation["requestBody"] = {
            "required": address.must_take,
            "content": _content(address.takes),
        }
    if address.open:
        operation["security"] = []
    return operation


def _in_path(path: str, route: str) -> Iterator[dict[str, Any]]:
    numbers = {name for name, kind in _PARAMETER.findall(route) if kind == "int"}
    for name, _ in _PARAMETER.findall(path):
        kind = WHOLE if name in numbers else TEXT
        yield {"name": name, "in": "path", "required": True, "schema": kind}


def _in_query(address: Address) -> Iterator[dict[str, Any]]:
    for name, schema in address.query.items():
        yield {"name": name, "in": "query", "required": False, "schema": schema}


def _answer(content: Content) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": "As it says." if content else "Done."}
    if content:
        answer["content"] = _content(content)
    return answer


def _content(content: Content) -> dict[str, Mapping[str, Any]]:
    return {kind: {"schema": schema} for kind, schema in content.items()}


def openapi(_: Request) -> JSONResponse:
    """Answer with the description."""
    return JSONResponse(document())


ROUTES: list[BaseRoute] = [Route("/api/openapi.json", openapi)]
