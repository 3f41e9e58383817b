"""Every address that programs use, one row each, by its method and its route."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from scissorsd.page.described.schemas import (
    BYTES,
    FLAG,
    TEXT,
    WHOLE,
    Schema,
    listed,
    one_of,
    ref,
)
from scissorsd.page.foreign.removebg import METHODS
from scissorsd.page.foreign.removebg_words import PARAMETERS
from scissorsd.page.outputs.finishing import WORDS
from scissorsd.page.outputs.previews import WIDTHS
from scissorsd.page.view.cards import JOURNALLED

_JSON = "application/json"
_FILE = "application/octet-stream"
_FORM = "multipart/form-data"
_PICTURE = "/api/v1/pictures/{picture:path}"
_OF_PICTURE = "/api/v1/pictures/{inbox}/{path:path}"

Content = Mapping[str, Schema]  # by media type


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """What one address takes and gives."""

    says: str
    gives: Mapping[int, Content]
    takes: Content = field(default_factory=dict)
    must_take: bool = True  # a body, where there may be one
    query: Mapping[str, Schema] = field(default_factory=dict)
    refuses: str = "Error"  # the schema of what is said otherwise
    open: bool = False  # to who has no key


def _json(name: str, status: int = 200) -> dict[int, Content]:
    return {status: {_JSON: ref(name)}}


def _file(*kinds: str) -> dict[int, Content]:
    return {200: dict.fromkeys(kinds, BYTES)}


def _one(says: str, body: str, *, needed: bool = False) -> Address:
    takes = {_JSON: ref(body)} if body else {}
    return Address(says=says, gives=_json("Said"), takes=takes, must_take=needed)


_WIDTH = {"width": {"type": "integer", "enum": list(WIDTHS)}}
_SHOWN = _file("image/*")
_REMOVEBG: Schema = {
    "type": "object",
    "properties": {
        "image_file_b64": TEXT,
        "image_url": TEXT,
        "bg_image_url": TEXT,
        **dict.fromkeys(PARAMETERS, TEXT),
    },
}
_REMOVEBG_FORM: Schema = {
    "type": "object",
    "properties": {"image_file": BYTES, "bg_image_file": BYTES, **_REMOVEBG["properties"]},
}
_REMBG: Schema = {
    "type": "object",
    "properties": {
        "file": BYTES,
        "model": TEXT,
        **dict.fromkeys(("a", "om", "ppm"), FLAG),
        **dict.fromkeys(("af", "ab", "ae"), WHOLE),
        "bgc": TEXT,
    },
    "required": ["file"],
}

ADDRESSES: Mapping[tuple[str, str], Address] = {
    ("POST", "/login"): Address(
        says="Give the key, get a cookie.",
        gives={204: {}},
        takes={_JSON: ref("Key")},
        open=True,
    ),
    ("POST", "/logout"): Address(says="Give the cookie back.", gives={204: {}}),
    ("GET", "/healthz"): Address(
        says="Whether the daemon is well: 200, else 503.",
        gives={200: {"text/plain": TEXT}, 503: {"text/plain": TEXT}},
        open=True,
    ),
    ("GET", "/readyz"): Address(
        says="The same, and whether the page itself can work.",
        gives={200: {"text/plain": TEXT}, 503: {"text/plain": TEXT}},
    ),
    ("GET", "/metrics"): Address(says="For Prometheus.", gives={200: {"text/plain": TEXT}}),
    ("GET", "/api/openapi.json"): Address(
        says="This description.", gives={200: {_JSON: {"type": "object"}}}
    ),
    ("GET", "/api/v1/status"): Address(
        says="How the daemon stands, and how many pictures there are.", gives=_json("Status")
    ),
    ("GET", "/api/v1/choices"): Address(
        says="What may be dropped where, and the networks that are here.", gives=_json("Choices")
    ),
    ("GET", "/api/v1/settings"): Address(says="What is set up, in words.", gives=_json("Settings")),
    ("GET", "/api/v1/events"): Address(
        says="Server-sent events that only say: look again.",
        gives={200: {"text/event-stream": TEXT}},
    ),
    ("PUT", "/api/v1/drops/{inbox}/{path:path}"): Address(
        says="Put a picture into an inbox; the body is the file.",
        gives=_json("Drop", 201),
        takes={_FILE: BYTES},
        query={"batch": {"type": "string", "pattern": "^[a-z0-9-]{1,40}$"}},
    ),
    ("GET", "/api/v1/pictures"): Address(
        says="The pictures, newest first; of state=review the worst first.",
        gives=_json("Listing"),
        query={
            "state": listed(one_of(*JOURNALLED)),
            "inbox": TEXT,
            "batch": {"type": "string", "pattern": "^[a-z0-9-]{1,40}$"},
            "q": TEXT,
            "before": TEXT,
            "limit": {"type": "integer", "minimum": 1, "maximum": 200},
        },
    ),
    ("GET", _PICTURE): Address(says="One picture, and why it is as it is.", gives=_json("Picture")),
    ("GET", f"{_OF_PICTURE}/before"): Address(
        says="The picture as it was dropped.", gives=_SHOWN, query=_WIDTH
    ),
    ("GET", f"{_OF_PICTURE}/outputs/{{number:int}}"): Address(
        says="One of its outputs.", gives=_SHOWN, query=_WIDTH
    ),
    ("GET", f"{_OF_PICTURE}/mask"): Address(
        says="A small picture of its mask.", gives=_SHOWN, query=_WIDTH
    ),
    ("GET", f"{_OF_PICTURE}/finish"): Address(
        says="Another output, made of the cutout; the words are those of a rule's output.",
        gives=_SHOWN,
        query={**dict.fromkeys(WORDS, TEXT), "download": TEXT},
    ),
    ("POST", f"{_PICTURE}/retry"): _one("Take a failed picture again; try a held one now.", ""),
    ("POST", f"{_PICTURE}/accept"): _one("Put what waits in review into its place.", "Version"),
    ("POST", f"{_PICTURE}/reject"): _one("Set what waits in review aside.", "Version"),
    ("POST", f"{_PICTURE}/redo"): _one("Cut it again, in another way.", "Wish"),
    ("POST", f"{_PICTURE}/discard"): _one("Remove it from the quick desk, or mark it seen.", ""),
    ("POST", "/api/v1/backgrounds"): Address(
        says="A picture to lay behind downloads; the body is the file.",
        gives=_json("Background", 201),
        takes={_FILE: BYTES},
    ),
    ("POST", "/api/v1/zips"): Address(
        says="Ask for a zip of pictures; its id is good for ten minutes.",
        gives=_json("Ticket", 201),
        takes={_JSON: ref("Pictures")},
    ),
    ("GET", "/api/v1/zips/{id}"): Address(says="That zip.", gives=_file("application/zip")),
    ("POST", "/v1.0/removebg"): Address(
        says="remove.bg's interface: a picture in, its cutout out (docs/moving-from-removebg.md).",
        gives={
            200: {
                **_file("image/png", "image/jpeg", "image/webp", "application/zip")[200],
                _JSON: ref("RemovebgResult"),
            }
        },
        takes={
            _FORM: _REMOVEBG_FORM,
            "application/x-www-form-urlencoded": _REMOVEBG,
            _JSON: _REMOVEBG,
        },
        refuses="RemovebgError",
    ),
    ("GET", "/v1.0/account"): Address(
        says="remove.bg's account: there is always plenty.",
        gives=_json("Account"),
        refuses="RemovebgError",
    ),
    ("POST", "/api/remove"): Address(
        says="The interface of rembg's server: a picture in, a PNG out.",
        gives=_file("image/png"),
        takes={_FORM: _REMBG},
        refuses="RembgError",
    ),
}
NOT_FOR_PROGRAMS = {  # what answers with words for people, or says only that there is nothing
    ("GET", "/"),
    ("GET", "/static/{name:path}"),
    ("GET", "/api/remove"),
    *((method, "/v1.0/{rest:path}") for method in METHODS),
}
