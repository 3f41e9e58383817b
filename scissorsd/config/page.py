"""The options of the page in the browser, and what they must be."""

import ipaddress
import re
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    WithJsonSchema,
)
from pydantic_core import CoreSchema

from scissorsd.config import parse_texts
from scissorsd.config.sections import KeptFor, Section, Size, Text, written

_UNIX = "unix:"
_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?):(\d{1,5})")
_LARGEST_PORT = 65535
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?")
_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")
_TEXTS = WithJsonSchema(
    {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
)


def address(text: str) -> str:
    """Check where to listen: `host:port`, or `unix:` and the path of a socket."""
    parse_texts.line(text)
    if text.startswith(_UNIX):
        if not text.removeprefix(_UNIX).startswith("/"):
            raise ValueError("is no socket; write its whole path: unix:/run/scissorsd/page.sock")
        return text
    match = _ADDRESS.fullmatch(text)
    if match is None or int(match[2]) > _LARGEST_PORT:
        raise ValueError(
            "is no address to listen at; write host:port, such as 127.0.0.1:8000, 0.0.0.0:8000 "
            "or [::1]:8000, or unix:/PATH"
        )
    if match[1].startswith("["):
        try:
            ipaddress.IPv6Address(match[1].strip("[]"))
        except ValueError:
            raise ValueError(f"has a wrong IPv6 address: {match[1]}") from None
    return text


def is_open(listen: str) -> bool:
    """Whether other machines reach an address: it is neither a socket nor loopback."""
    host = listen.rpartition(":")[0].strip("[]")
    if listen.startswith(_UNIX) or host == "localhost" or host.endswith(".localhost"):
        return False
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return True


def host(text: str) -> str:
    """Check a name by which the page may be called: no scheme, no port."""
    if _HOST.fullmatch(text) is None:
        raise ValueError("is no host's name; write it without http:// and without a port: nas.home")
    return text.lower()


def network(text: str) -> str:
    """Check a network, or one address."""
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        raise ValueError(
            "is no network; write one such as 172.18.0.0/16, or an address such as 127.0.0.1"
        ) from None


def prefix(text: str) -> str:
    """Return what stands before every address: empty, or folders without a last slash."""
    tidy = text.rstrip("/")
    if tidy and _PATH.fullmatch(tidy) is None:
        raise ValueError("is no path to stand before every address; write it as /tools/scissors")
    return tidy


Names = Annotated[list[Text], BeforeValidator(parse_texts.listed), _TEXTS]
Hosts = Annotated[
    list[Annotated[str, AfterValidator(host)]], BeforeValidator(parse_texts.listed), _TEXTS
]
Networks = Annotated[
    list[Annotated[str, AfterValidator(network)]], BeforeValidator(parse_texts.listed), _TEXTS
]


class DropLimitsSection(Section):
    """What the page takes at most."""

    file: Size = Field(
        default=written("64MiB"), description="The size of a file.", examples=["64MiB"]
    )
    waiting: int = Field(
        default=1000,
        description="While so many pictures wait to be cut, no more are taken.",
        ge=1,
        le=1_000_000,
    )
    room: Size = Field(
        default=written("10GiB"),
        description="What the quick desk holds, pictures and cutouts.",
        examples=["10GiB"],
    )


class RemovebgSection(Section):
    """How remove.bg's interface is spoken."""

    size: Literal["as_asked", "full"] = Field(
        default="as_asked",
        description="What a call without a size gets. as_asked: a preview of 0.25 megapixels, as "
        "remove.bg's contract has it. full: the picture's own size.",
    )


def _or_off(value: object) -> object:
    """Take false for not at all, and true for the defaults."""
    return {False: None, True: {}}[value] if isinstance(value, bool) else value


class _OrOff:
    """Says in the JSON Schema that true or false may stand in the place of the table."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"anyOf": [{"type": "boolean"}, handler(schema)]}


Removebg = Annotated[RemovebgSection | None, BeforeValidator(_or_off), _OrOff()]


class PageSection(Section):
    """The page in the browser: where it listens, who may use it, what may be dropped where."""

    listen: Annotated[str, AfterValidator(address)] = Field(
        default="127.0.0.1:8000",
        description="host:port, or unix:/run/scissorsd/page.sock.",
        examples=["127.0.0.1:8000", "0.0.0.0:8000", "unix:/run/scissorsd/page.sock"],
    )
    auth: Literal["auto", "key", "proxy", "none"] = Field(
        default="auto",
        description="auto: nothing on this machine and on sockets, else a key. proxy: a proxy of "
        "yours says who it is (Remote-User); it needs proxies.",
    )
    hosts: Hosts = Field(
        default_factory=list,
        description="Further names by which the page may be called while nothing is asked for.",
        examples=[["nas.home"]],
    )
    proxies: Networks = Field(
        default_factory=list,
        description="Networks whose X-Forwarded-* and Remote-User are believed.",
        examples=[["172.18.0.0/16"]],
    )
    metrics_from: Networks = Field(
        default_factory=list,
        description="Networks that may read /metrics without a key. This machine always may.",
        examples=[["192.168.1.0/24"]],
    )
    drop_into: Names | None = Field(
        default=None,
        description="The inboxes that take drops. Default: all.",
        examples=[["shop", "phone"]],
    )
    quick: bool = Field(
        default=True,
        description="A desk of the page's own, for pictures that belong to no inbox.",
    )
    keep: KeptFor = Field(
        default=written("7d"),
        description="How long the quick desk keeps pictures and cutouts.",
        examples=["7d"],
    )
    limits: DropLimitsSection = Field(
        default_factory=DropLimitsSection, description="What the page takes at most."
    )
    removebg: Removebg = Field(
        default_factory=RemovebgSection,
        description="remove.bg's interface, POST /v1.0/removebg, on the quick desk. false: it is "
        "not spoken.",
    )
    path: Annotated[str, AfterValidator(prefix)] = Field(
        default="",
        description="What stands before every address; only for a proxy that does not strip it.",
        examples=["/tools/scissors"],
    )
