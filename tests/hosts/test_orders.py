import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scissorsd.core.catalogue import CATALOGUE, Model
from scissorsd.core.masking import Judgement
from scissorsd.core.rules import Length, MaskOptions, Output, Rule
from scissorsd.hosts.messages.carried import head_of
from scissorsd.hosts.messages.fence import refusal
from scissorsd.hosts.messages.folder_names import Name
from scissorsd.hosts.messages.orders import (
    Answer,
    Fault,
    Made,
    NotUnderstoodError,
    Order,
    OrderLimits,
    Root,
    Roots,
    Source,
    StagedFile,
    address_of,
    described,
    read_answer,
    read_order,
    write_answer,
    write_order,
)
from scissorsd.hosts.messages.plain_values import built, plain

# Names as folders have them: any text, and bytes that are not UTF-8.
NAMES = st.one_of(
    st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=12),
    st.binary(min_size=1, max_size=12).map(lambda name: name.decode("utf-8", "surrogateescape")),
).filter(lambda name: name not in {".", ".."} and not set("/\0") & set(name))
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
INTEGERS = st.integers(-(1 << 63), (1 << 63) - 1)


TEXTS = st.one_of(st.text(max_size=8), NAMES)


def of(kind: type, **known: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Draw a dataclass of which every field is drawn by its type, or as `known` has it."""
    hints = get_type_hints(kind)
    drawn = {one.name: values(hints[one.name]) for one in fields(kind) if one.name not in known}
    return st.builds(kind, **drawn, **known)


def values(hint: Any) -> st.SearchStrategy[Any]:  # noqa: ANN401 - a type as annotations have it
    """Draw what may stand where an annotation says so."""
    origin, parts = get_origin(hint), get_args(hint)
    if is_dataclass(hint):
        return of(hint)  # type: ignore[arg-type]
    if origin in {Union, UnionType}:
        return st.one_of(*map(values, parts))
    if origin is tuple and parts[-1] is ...:
        return st.lists(values(parts[0]), max_size=3).map(tuple)
    if origin is tuple:
        return st.tuples(*map(values, parts))
    if origin is Mapping:
        return st.dictionaries(TEXTS, values(parts[1]), max_size=3)
    known = {float: NUMBERS, str: TEXTS, int: INTEGERS}
    return known[hint] if hint in known else st.from_type(hint)


OUTPUTS = of(Output)
RULES = of(Rule, outputs=st.lists(OUTPUTS, min_size=1, max_size=3).map(tuple))
MODELS = of(Model)
ANSWERS = st.one_of(
    of(Answer, made=of(Made, data=st.just(())), error=st.none(), format=st.just(1)),
    of(Answer, made=st.none(), error=of(Fault), format=st.just(1)),
)

ORDER = Order(
    scissorsd="0.2.0",
    watcher="a1b2c3",
    job=7,
    turn=2,
    inbox="shop",
    roots=Roots(
        Root("/srv/in", (Name("path", ("nas",), "/shop/in"),)),
        Root("/srv/out"),
        (Root("/srv/masks"),),
    ),
    source=Source("may/a.jpg", 100, 1_700_000_000_000_000_001),
    head=head_of(b"a picture"),
    rule=Rule(
        "all", outputs=(Output(), Output("mask", folder="/srv/masks", margin=Length(5, "%")))
    ),
    model=described(CATALOGUE["u2net"]),
    outputs=("may/a.png", "/srv/masks/may/a-mask.png"),
    limits=OrderLimits(1 << 29, 250_000_000),
)
NONCE = "0123abcd"
STAGED = tuple(
    StagedFile(f".scissorsd-a1b2c3-7-2-{NONCE}-{n}.tmp", path, 10, "0" * 32)
    for n, path in enumerate(ORDER.outputs)
)
MADE = Made(
    staged=STAGED,
    content="f" * 32,
    facts={"width": "4"},
    judgement=Judgement("ok", 0.9, 0.2, 0.01),
    model="u2net",
    asked="",
    provider="cpu",
    precision="full",
    width=4,
    height=3,
    infer_s=0.25,
    remarks=("a remark",),
)
NO_SUBJECT = Judgement("no_subject", 0.1, 0.0, 0.0)
ANSWER = Answer(7, 2, NONCE, "gpu-1", "0.2.0", 0.5, made=MADE)


def sent(value: dict[str, Any]) -> Any:  # noqa: ANN401 - what JSON has
    """Return what arrives of a value that is sent as JSON."""
    return json.loads(json.dumps(value).encode("utf-8"))


# --- there and back --------------------------------------------------------------------------


@given(
    rule=RULES,
    models=st.tuples(MODELS, MODELS),
    path=st.lists(NAMES, min_size=1, max_size=3).map("/".join),
    last_look=st.booleans(),
)
def test_every_order_arrives_as_it_was(
    rule: Rule, models: tuple[Model, Model], path: str, *, last_look: bool
) -> None:
    """Whatever the rule, the networks and the name, be it no UTF-8, an order comes back equal."""
    order = replace(
        ORDER,
        rule=rule,
        model=replace(models[0], name=rule.model),
        second=replace(models[1], name=rule.second_opinion),
        source=replace(ORDER.source, path=path),
        outputs=(path,) * len(rule.outputs),
        last_look=last_look,
        backgrounds={path: "0" * 64},
    )
    assert read_order(sent(write_order(order))) == order


@given(answer=ANSWERS)
def test_every_answer_arrives_as_it_was(answer: Answer) -> None:
    """Whatever was made, or went wrong, an answer comes back equal."""
    assert read_answer(sent(write_answer(answer))) == answer


@given(value=st.one_of(MODELS, of(MaskOptions), of(Judgement), of(Length)))
def test_every_value_is_built_again(value: object) -> None:
    """A value's types are kept, too: no list for a tuple, no float for an int."""
    again = built(type(value), sent(plain(value)))
    assert repr(again) == repr(value)


def test_the_catalogue_can_be_ordered() -> None:
    """Of every known network a host is told what it is, and no address."""
    for model in CATALOGUE.values():
        told = built(Model, sent(plain(described(model))))
        assert told == described(model)
        assert (told.url, told.wheel, told.name) == (None, None, model.name)


# --- nothing is guessed ----------------------------------------------------------------------


def changed(value: Any, path: list[str | int], new: object) -> Any:  # noqa: ANN401
    """Return a plain value with another one at a place in it; `...` takes it away."""
    first, *rest = path
    value = list(value) if isinstance(first, int) else dict(value)
    if rest:
        value[first] = changed(value[first], rest, new)
    elif new is ...:
        del value[first]
    else:
        value[first] = new
    return value


@pytest.mark.parametrize(
    ("path", "new", "words"),
    [
        (["format"], 2, "format 2; this version speaks 1"),
        (["format"], True, "format True"),
        (["format"], ..., "format None"),
        (["colour"], "red", "order has an unknown key 'colour'"),
        (["rule", "outputs", 0, "hue"], 1, "order.rule.outputs[0] has an unknown key 'hue'"),
        (["job"], ..., "order is without 'job'"),
        (["job"], "7", "order.job is '7', which is not int"),
        (["job"], True, "order.job is True, which is not int"),
        (["source", "size"], 1.0, "order.source.size is 1.0, which is not int"),
        (["rule", "mask", "feather", "amount"], float("nan"), "amount is nan, which is no number"),
        (["rule", "outputs", 0, "kind"], "x", "kind is 'x', which is none of 'cutout'"),
        (["rule", "outputs", 0, "size"], [1], "order.rule.outputs[0].size"),
        (["rule", "outputs"], {}, "order.rule.outputs is {}, which is no list"),
        (["rule"], None, "order.rule is not Rule"),
        (["model", "mean"], [1.0, 2.0], "order.model.mean has 2 parts instead of 3"),
        (["backgrounds"], {"a": 1}, "order.backgrounds['a'] is 1, which is not str"),
        (["watcher"], "../x", "the watcher's id"),
        (["reply"], "scissorsd.1.answers.other", "its reply goes to another watcher"),
        (["reply"], ..., "its reply goes to another watcher"),
        (["turn"], 0, "job and turn"),
        (["source", "path"], "../a.jpg", "the path of the picture"),
        (["source", "path"], "/etc/passwd", "the path of the picture"),
        (["source", "path"], "a\0.jpg", "the path of the picture"),
        (["outputs", 0], "may/../../a.png", "the path of an output"),
        (["outputs", 1], "/etc/a.png", "the path of an output"),
        (["outputs", 1], "/srv/masks/../a.png", "the path of an output"),
        (["outputs"], ["a.png"], "the number of its outputs"),
        (["roots", "outbox", "path"], "out", "its folders"),
        (["roots", "outbox", "path"], "/srv/../out", "its folders"),
        (["model", "name"], "u2netp", "the network is not its rule's"),
    ],
)
def test_what_is_no_order_is_refused(path: list[str | int], new: object, words: str) -> None:
    """An unknown key, a wrong type, another format, a path that leads out: refused in words."""
    with pytest.raises(NotUnderstoodError) as refused:
        read_order(changed(sent(write_order(ORDER)), path, new))
    assert words in str(refused.value)


@pytest.mark.parametrize("value", [None, [], "x", 1, {}, {"format": 1}, {"watcher": 1}])
def test_noise_is_refused(value: object) -> None:
    """What is no mapping at all is refused like anything else, and has no sender."""
    for read in (read_order, read_answer):
        with pytest.raises(NotUnderstoodError):
            read(value)
    assert address_of(value) is None


def test_whom_to_tell() -> None:
    """Of an order that is not understood it is known whose it was, where it says so."""
    value = changed(sent(write_order(ORDER)), ["colour"], "red")
    address = address_of(value)
    assert address is not None
    assert (address.watcher, address.job, address.turn) == ("a1b2c3", 7, 2)
    assert address_of(changed(value, ["watcher"], "a.b")) is None


@pytest.mark.parametrize("which", ["both", "neither"])
def test_an_answer_says_one_thing(which: str) -> None:
    """An answer with a result and an error, or with none, is refused."""
    both = replace(ANSWER, error=Fault("PictureError", "broken"))
    answer = both if which == "both" else replace(ANSWER, made=None)
    with pytest.raises(NotUnderstoodError):
        read_answer(sent(write_answer(answer)))


# --- the fence -------------------------------------------------------------------------------


def made(**changes: Any) -> Answer:  # noqa: ANN401
    """Return the answer with something else made."""
    return replace(ANSWER, made=replace(MADE, **changes))


def staged(**changes: Any) -> Answer:  # noqa: ANN401
    """Return the answer with something else said of its first file."""
    return made(staged=(replace(STAGED[0], **changes), STAGED[1]))


def test_a_true_answer_may_be_taken() -> None:
    """What was planned, by its own turn, is not refused; nor is an error."""
    assert refusal(ORDER, ANSWER) == ""
    fault = replace(ANSWER, made=None, error=Fault("CorruptPictureError", "broken"))
    assert refusal(ORDER, fault) == ""


def test_for_review_it_lies_in_review() -> None:
    """The verdict decides where the outputs belong, and nothing else does."""
    paths = ("review/may/a.png", "review/srv/masks/may/a-mask.png")
    aside = tuple(replace(one, path=path) for one, path in zip(STAGED, paths, strict=True))
    assert refusal(ORDER, made(judgement=NO_SUBJECT, staged=aside)) == ""
    assert "planned" in refusal(ORDER, made(judgement=NO_SUBJECT))
    assert "planned" in refusal(ORDER, made(staged=aside))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (replace(ANSWER, job=8), "turn 2 of job 8"),
        (replace(ANSWER, turn=1), "turn 1 of job 7"),
        (replace(ANSWER, nonce="../../../"), "proper name"),
        (replace(ANSWER, nonce="0123ABCD"), "proper name"),
        (replace(ANSWER, nonce="01234567"), "not of this order"),
        (staged(path="may/b.png"), "planned"),
        (staged(path="may/../may/a.png"), "planned"),
        (made(staged=STAGED[:1]), "planned"),
        (made(staged=()), "planned"),
        (made(staged=STAGED[::-1]), "planned"),
        (staged(temporary=STAGED[1].temporary), "are one"),
        (staged(temporary=f".scissorsd-a1b2c3-7-2-{NONCE}-../x.tmp"), "not of this order"),
        (staged(temporary=f".scissorsd-a1b2c3-7-2-{NONCE}-0"), "not of this order"),
        (staged(temporary=f".scissorsd-a1b2c3-7-2-{NONCE}-.tmp"), "not of this order"),
        (staged(temporary=f".scissorsd-a1b2c3-7-1-{NONCE}-0.tmp"), "not of this order"),
        (staged(temporary=f".scissorsd-other-7-2-{NONCE}-0.tmp"), "not of this order"),
        (staged(temporary=f"x/.scissorsd-a1b2c3-7-2-{NONCE}-0.tmp"), "not of this order"),
        (staged(temporary="a.png"), "not of this order"),
        (staged(size=0), "empty"),
        (staged(size=-1), "empty"),
        (staged(digest=""), "digest"),
        (made(content="x"), "digest"),
        (made(model="silueta"), "not asked for"),
    ],
)
def test_a_false_answer_is_refused(answer: Answer, words: str) -> None:
    """Another turn, other names, other folders, another's temporaries: refused, and it says why."""
    assert words in refusal(ORDER, answer)


def test_the_rule_may_refuse_a_verdict() -> None:
    """A host that makes outputs of what the rule lets fail is not believed."""
    order = replace(ORDER, rule=replace(ORDER.rule, when_no_subject="fail"))
    assert "fails" in refusal(order, made(judgement=NO_SUBJECT))
