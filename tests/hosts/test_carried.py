"""What travels with bytes: there and back to the letter; refused where it contradicts itself."""

import hashlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scissorsd.core.rules import Output, Rule
from scissorsd.hosts.messages.carried import MOST_OUTPUTS, Carried, head_of
from scissorsd.hosts.messages.fence import refusal
from scissorsd.hosts.messages.orders import (
    Answer,
    Made,
    NotUnderstoodError,
    Order,
    read_answer,
    read_order,
    write_answer,
    write_order,
)
from scissorsd.hosts.messages.packing import pack, unpack

from .test_orders import ANSWER, MADE, NAMES, ORDER, RULES, changed, of

PICTURE = b"a picture of a hundred bytes, by and large".ljust(100, b".")
BLUE = b"blue, as a file has it"
SHA_OF_BLUE = hashlib.sha256(BLUE).hexdigest()
CARRYING = replace(
    ORDER,
    head=head_of(PICTURE),
    rule=replace(ORDER.rule, outputs=(Output("flat", background="/srv/blue.png"), Output("mask"))),
    backgrounds={"/srv/blue.png": SHA_OF_BLUE},
    data=Carried(PICTURE, {SHA_OF_BLUE: BLUE}),
)
CUTOUTS = (b"a cutout", b"a mask")


def digest(content: bytes) -> str:
    """Return what a host tells of an output."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


COME_ALONG = replace(
    MADE,
    staged=tuple(
        replace(one, temporary="", size=len(content), digest=digest(content))
        for one, content in zip(MADE.staged, CUTOUTS, strict=True)
    ),
    data=CUTOUTS,
)


def sent(value: dict[str, Any]) -> Any:  # noqa: ANN401 - what is plain
    """Return what arrives of a value that is packed."""
    return unpack(pack(value))


@given(rule=RULES, path=st.lists(NAMES, min_size=1, max_size=3).map("/".join))
def test_every_order_arrives_with_its_picture(rule: Rule, path: str) -> None:
    """Whatever the rule, and the name, be it no UTF-8: picture and order come back equal."""
    order = replace(
        CARRYING,
        rule=rule,
        model=replace(ORDER.model, name=rule.model),
        source=replace(ORDER.source, path=path),
        outputs=(path,) * len(rule.outputs),
        backgrounds={path: SHA_OF_BLUE},
    )
    assert read_order(sent(write_order(order))) == order
    without = replace(order, data=None)
    assert read_order(sent(write_order(without))) == without


@given(answer=of(Answer, made=of(Made), error=st.none(), format=st.just(1)))
def test_every_answer_arrives_with_its_outputs(answer: Answer) -> None:
    """Whatever was made, it comes back equal, byte by byte."""
    assert read_answer(sent(write_answer(answer))) == answer


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x81\xa1", pack([1]) + b"more", b"\xd4\x05x"])
def test_noise_is_no_value_of_ours(data: bytes) -> None:
    """What is not packed so, or is cut short, is refused and ends nobody."""
    try:
        value = unpack(data)
    except ValueError:
        return
    with pytest.raises(NotUnderstoodError):
        read_order(value)


@pytest.mark.parametrize(
    ("path", "new"),
    [
        (["data", "picture"], PICTURE[:-1]),
        (["data", "picture"], PICTURE[::-1]),
        (["data", "backgrounds", SHA_OF_BLUE], b"red"),
        (["data", "backgrounds"], {digest(b"another"): b"another"}),
        (["source", "size"], 101),
        (["head"], "0" * 32),
    ],
)
def test_what_goes_along_is_what_was_ordered(path: list[str | int], new: object) -> None:
    """A picture of another size or beginning, or another background, is no order."""
    with pytest.raises(NotUnderstoodError, match="goes along"):
        read_order(changed(sent(write_order(CARRYING)), path, new))


@pytest.mark.parametrize(
    ("path", "new"),
    [
        (["data", "picture"], "text"),
        (["data"], {"picture": PICTURE}),
        (["data", "colour"], b""),
        (["data"], PICTURE),
    ],
)
def test_what_goes_along_has_one_form(path: list[str | int], new: object) -> None:
    """What goes along is bytes, under its two keys, and nothing else."""
    with pytest.raises(NotUnderstoodError, match="data"):
        read_order(changed(sent(write_order(CARRYING)), path, new))


def test_what_was_sent_is_not_kept() -> None:
    """While an order is out, its picture is not in memory; it is still known how it went."""
    out = CARRYING.sent()
    assert (out.way, out.data) == ("bytes", Carried(b"", {}))
    assert ORDER.sent() is ORDER
    assert ORDER.way == "paths"


# --- the fence -------------------------------------------------------------------------------


def made(order: Order = CARRYING, **changes: object) -> str:
    """Return why an answer with something else made is refused."""
    return refusal(order, replace(ANSWER, made=replace(COME_ALONG, **changes)))  # type: ignore[arg-type]


def test_outputs_that_came_along() -> None:
    """What was asked for and came along as it is told is taken."""
    assert made() == ""


def test_outputs_that_are_not_taken() -> None:
    """Outputs that are others than told, too many, staged as well, elsewhere: refused."""
    other = (b"a cutoux", b"a mask")
    assert "not as it is told" in made(data=other)
    assert "not as it is told" in made(data=CUTOUTS[:1])
    assert "not as it is told" in made(data=(*CUTOUTS, b"more"))
    assert "not as it is told" in made(data=())
    longer = (replace(COME_ALONG.staged[0], size=9), COME_ALONG.staged[1])
    assert "not as it is told" in made(staged=longer)
    aside = (replace(COME_ALONG.staged[0], path="../a.png"), COME_ALONG.staged[1])
    assert "planned" in made(staged=aside)
    assert "staged" in made(staged=MADE.staged)
    assert "come along" in made(ORDER, staged=MADE.staged)
    assert "are one" in made(ORDER)


def test_outputs_that_are_too_large() -> None:
    """More than may come back with one answer is refused, though it is as told."""
    huge = (bytes(MOST_OUTPUTS), b"a mask")
    told = (replace(COME_ALONG.staged[0], size=len(huge[0]), digest=digest(huge[0])),)
    assert "too large" in made(staged=(*told, COME_ALONG.staged[1]), data=huge)
