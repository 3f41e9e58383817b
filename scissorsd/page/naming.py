"""How an address names a picture, by its inbox and path; and how both are shown.

The bytes of a name are percent-encoded in the address, whatever they are: one that is not UTF-8 is
named as well. As text such bytes are shown escaped, and are no way to name the picture. A slash of
the path may be encoded, too, as clients do that are generated from openapi.json.
"""

import os
from urllib.parse import quote, unquote_to_bytes

from starlette.requests import Request

from scissorsd.page.answers import Refusal
from scissorsd.plain_text import escape_undecodable

PICTURES = "api/v1/pictures"


def address_of(inbox: str, path: str) -> str:
    """Return what names a picture in an address, after `api/v1/pictures/`."""
    return "/".join(quote(os.fsencode(part), safe="") for part in (inbox, *path.split("/")))


def shown(path: str) -> str:
    """Return a path as JSON can carry it."""
    return escape_undecodable(path)


def named(request: Request, *, behind: int = 0) -> tuple[str, str]:
    """Return the inbox and path that an address names, before so many parts `behind` them."""
    raw = request.scope.get("raw_path") or quote(request.url.path).encode()
    parts = bytes(raw).partition(f"{PICTURES}/".encode())[2].split(b"/")
    first, *rest = parts[: len(parts) - behind] or [b""]
    inbox, path = unquote_to_bytes(first), unquote_to_bytes(b"/".join(rest)).split(b"/")
    if any(part in {b"", b".", b".."} or 0 in part for part in path):
        raise Refusal(404, "no_such_picture", "the address names no picture")
    return os.fsdecode(inbox), os.fsdecode(b"/".join(path))


class UnknownPictureError(Refusal):
    """Nothing is known of a picture; by the journal alone, it may lie in its inbox and wait."""

    def __init__(self, inbox: str, path: str) -> None:
        super().__init__(
            404,
            "no_such_picture",
            f"nothing is known of {shown(path)} in the inbox {shown(inbox)!r}",
            "It was taken away before it was cut, or was never there.",
        )


def no_such_inbox(name: str) -> Refusal:
    """Return the answer where no inbox has a name."""
    return Refusal(404, "no_such_inbox", f"there is no inbox {shown(name)!r}")
