"""What parts of a configuration say against each other: folders, rules, globs."""

from collections.abc import Mapping
from pathlib import Path
from threading import Event

import pytest

from scissorsd.config import from_values
from scissorsd.errors import ConfigError
from scissorsd.folders import real_paths


def found(**inboxes: Mapping[str, object]) -> str:
    """Return every problem and warning of some inboxes, in one text."""
    return found_in({"inboxes": inboxes})


def found_in(values: Mapping[str, object]) -> str:
    """Return every problem and warning of some values, in one text."""
    try:
        return "\n".join(from_values(values, base=Path("/base")).warnings)
    except ConfigError as error:
        return "\n".join(error.problems)


def found_for(*rules: Mapping[str, object], **options: object) -> str:
    """Return every problem and warning of rules in one inbox."""
    return found(a={"path": "/a", "outbox": "/out", "rules": list(rules), **options})


def test_an_outbox_inside_its_inbox_is_an_error_unless_it_is_not_watched() -> None:
    """An outbox may be there if `ignore`, its name or `recursive: false` keep it unwatched."""
    inside = {"path": "/a", "outbox": "/a/done/out"}
    assert (
        'inside its own inbox: results would be cut again; choose another folder, or exclude it: \
ignore: ["done/out/"]'
        in found(a=inside)
    )
    for ignore in ("done/", "done", "done/**", "done/out/**"):
        assert not found(a=dict(inside) | {"ignore": ignore})
    assert "inside its own inbox" in found(a=dict(inside) | {"ignore": "done/out/*.png"})
    assert not found(a=dict(inside) | {"recursive": False})
    assert not found(a={"path": "/a", "outbox": "/a/.out"})


def test_an_inbox_inside_its_outbox_is_an_error() -> None:
    """Results could be published into the inbox, which is told at its path."""
    assert "inboxes.a.path: lies inside its own outbox" in found(a={"path": "/o/a", "outbox": "/o"})


def test_links_are_followed_before_folders_are_compared(tmp_path: Path) -> None:
    """An outbox that is the inbox by another name is found out."""
    (tmp_path / "in").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "in")
    inbox: Mapping[str, object] = {"path": str(tmp_path / "in"), "outbox": str(tmp_path / "link")}
    assert "inboxes.a.outbox: is the inbox itself" in found(a=inbox)


def test_a_share_that_hangs_does_not_hold_up_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where following links never ends, the path as it is written must do."""
    never = Event()
    monkeypatch.setattr(real_paths, "_PATIENCE", 0.01)
    monkeypatch.setattr("os.path.realpath", lambda path: never.wait(30) and path)
    assert "is the inbox itself" in found(a={"path": "/a", "outbox": "/a"})
    never.set()


def test_inboxes_that_overlap_are_an_error_unless_one_leaves_the_other_alone() -> None:
    """A picture belongs to one inbox."""
    outer = {"path": "/a", "outbox": "/x"}
    inner: Mapping[str, object] = {"path": "/a/b", "outbox": "/y"}
    assert "inboxes.b.path: overlaps with inboxes.a.path" in found(a=outer, b=inner)
    assert "inboxes.b.path: is the same folder as inboxes.a.path" in found(a=outer, b=outer)
    assert not found(a=dict(outer) | {"ignore": "b/"}, b=inner)
    assert not found(a=dict(outer) | {"recursive": False}, b=inner)


def test_inboxes_may_form_a_chain_but_no_circle() -> None:
    """A's outbox may be B's inbox, and the way back to A is an error that names it."""
    a: Mapping[str, object] = {"path": "/a", "outbox": "/b/from-a"}
    b: Mapping[str, object] = {"path": "/b", "outbox": "/c"}
    assert not found(a=a, b=b, c={"path": "/c", "outbox": "/d"})
    circle = found(a=a, b=b, c={"path": "/c", "outbox": "/a/x"})
    assert circle.splitlines() == [
        "command line: inboxes.c.outbox: results would go round in a circle: a → b → c → a"
    ]


def test_sources_must_not_be_moved_into_an_inbox() -> None:
    """Neither move_to nor the default processed/ may lie where an inbox takes pictures."""
    rule = {"name": "r", "source": "move", "move_to": "/a/old"}
    assert "rules[r].move_to: pictures moved to /a/old would be taken again" in found_for(rule)
    assert not found_for(rule, ignore="old/")
    a = {"path": "/a", "outbox": "/b", "rules": [{"name": "r", "source": "move"}]}
    b: Mapping[str, object] = {"path": "/b", "outbox": "/c"}
    assert "rules[r].source: pictures moved to /b/processed would be" in found(a=a, b=b)


def test_the_state_folder_must_not_lie_in_an_inbox() -> None:
    """The job journal is told apart from pictures."""
    values = {"state": "/a/state", "inboxes": {"a": {"path": "/a", "outbox": "/b"}}}
    assert "state: lies inside the inbox of inboxes.a" in found_in(values)


@pytest.mark.parametrize(
    ("folder", "answer"),
    [
        ("/web", ""),
        ("/out/masks", ""),
        ("/a", "outputs put into /a would be cut again by inboxes.a"),
        ("/a/x", "outputs put into /a/x would be cut again by inboxes.a"),
        ("/b/x", "outputs put into /b/x would be cut again by inboxes.b"),
        ("/b/done/x", ""),
        ("/", "the inbox of inboxes.a lies in /: outputs could land in it"),
        ("/state/x", "lies inside the state folder"),
        ("/dev/null", "cannot be a folder: /dev/null is a file"),
    ],
)
def test_a_folder_of_outputs_lies_apart(folder: str, answer: str) -> None:
    """Outside of the outbox it is looked at as an outbox is; inside, it is one of its folders."""
    rule = {"outputs": [{"folder": folder}]}
    inboxes = {
        "a": {"path": "/a", "outbox": "/out", "rules": [rule]},
        "b": {"path": "/b", "outbox": "/other", "ignore": "done/"},
    }
    said = found_in({"state": "/state", "inboxes": inboxes})
    assert (answer in said) if answer else not said
    assert not answer or "inboxes.a.rules[1].outputs[1].folder: " in said


def test_a_folder_by_its_whole_path_is_one_of_the_outbox() -> None:
    """So the journal knows its files by one path only."""
    rules = [{"outputs": [{"folder": "/out"}, {"kind": "mask", "folder": "/out/masks/"}]}]
    values = {"inboxes": {"a": {"path": "/a", "outbox": "/out", "rules": rules}}}
    inbox = from_values(values, base=Path("/base")).config.inboxes[0]
    assert [output.folder for output in inbox.rules[0].outputs] == ["", "masks"]
    assert inbox.folders_elsewhere == ()


@pytest.mark.parametrize(
    ("first", "second", "mix"),
    [
        ({}, {}, True),
        ({}, {"outbox": "/other"}, False),
        ({}, {"rules": [{"outputs": [{"name": "{inbox}-{stem}"}]}]}, False),
        ({}, {"rules": [{"outputs": [{"folder": "b"}]}]}, False),
        ({}, {"rules": [{"outputs": [{"format": "webp"}]}]}, False),
        ({}, {"rules": [{"outputs": [{"kind": "mask"}, {"name": "{stem}.png"}]}]}, True),
        ({"rules": [{"match": "x/**"}]}, {"rules": [{"match": "y/**"}]}, False),
        ({"rules": [{"match": "x/**"}]}, {"rules": [{"match": ["y/**", "X/z/*.jpg"]}]}, True),
        ({"rules": [{"match": "x/**"}]}, {"rules": [{"match": "*.jpg"}]}, True),
        (
            {"rules": [{"outputs": [{"folder": "/web"}]}]},
            {"outbox": "/other", "rules": [{"outputs": [{"folder": "/web"}]}]},
            True,
        ),
    ],
)
def test_two_inboxes_that_mix_their_names(
    first: Mapping[str, object], second: Mapping[str, object], *, mix: bool
) -> None:
    """Where equal names of both want one place, that is a warning."""
    said = found(
        a={"path": "/a", "outbox": "/out", **first}, b={"path": "/b", "outbox": "/out", **second}
    )
    expected = "warning: inboxes.b.outbox: outputs go where those of inboxes.a go"
    assert (expected in said) if mix else not said


def test_rules_of_one_inbox_have_different_names() -> None:
    """The second rule of a name is an error that counts from the first."""
    answer = found_for({"name": "x", "match": "a/**"}, {"name": "x"})
    assert "rules[x].name: rule 1 of this inbox has the same name" in answer


@pytest.mark.parametrize(
    ("outputs", "answer"),
    [
        (
            [{"kind": "mask", "format": "jpeg"}],
            "outputs[1 mask].format: a mask cannot be jpeg; use png",
        ),
        ([{}, {"name": "{stem}"}], "outputs[2]: gets the same name as outputs[1]"),
        ([{}, {"name": "{STEM}"}], "unknown field {STEM} (did you mean 'stem'?)"),
        ([{"name": "A.png"}, {"name": "a"}], "outputs[2]: gets the same name as outputs[1]"),
        ([{"kind": "mask"}, {"name": "{stem}-mask"}], "gets the same name"),
        ([{"format": "webp", "name": "{stem}.png"}], "ends in .png, but the format is webp"),
        ([{"name": "cover"}], "warning: inboxes.a.rules[1].outputs[1].name: has no {stem}"),
        ([{"quality": 5}], "quality: has no effect: png is lossless"),
        ([{"kind": "flat", "compression": "small"}], "compression: has no effect: only png has it"),
        ([{"format": "avif", "quality": "lossless"}], ""),
        ([{"quality": "lossless"}], "quality: has no effect: png is lossless"),
        (
            [{"kind": "flat", "quality": "lossless"}],
            "quality: jpeg is never lossless; use format: png or webp",
        ),
        ([{"background": "red"}], "background: has no effect: only a flat has one"),
        ([{"kind": "flat", "depth": 16}], "jpeg has no 16 bits; use format: png, or depth: 8"),
        ([{"format": "avif", "depth": 16}], "use format: png or tiff, or depth: 8"),
        ([{"format": "webp", "depth": "same"}], "depth: has no effect: webp has 8 bits"),
        ([{"kind": "comparison", "depth": "same"}], "depth: has no effect: jpeg has 8 bits"),
        ([{"kind": "mask", "colour": "clean"}], "colour: has no effect: a mask has none"),
        (
            [{"shadow": "soft"}],
            "warning: inboxes.a.rules[1].outputs[1].shadow: has no effect: only",
        ),
        ([{"kind": "mask", "outline": "2%"}], "outline: has no effect: only a cutout has one"),
        ([{"outline_colour": "red"}], "outline_colour: has no effect without outline"),
        ([{"kind": "comparison", "crop": "subject"}], "a comparison shows the whole picture"),
        ([{"kind": "comparison", "size": 500}], "size: has no effect: a comparison shows"),
        (
            [{"align": "top", "size": 500, "enlarge": True}],
            "align: has no effect without aspect, or a size of width",
        ),
        (
            [{"size": "500x300", "margin": "30%"}],
            "margin: leaves no room: twice 30 % takes a whole",
        ),
        ([{"size": 500, "margin": "250px"}], "margin: leaves no room: twice 250 px takes a whole"),
        ([{"aspect": "1:3", "margin": "20%"}], "margin: leaves no room"),
        (
            [{"aspect": "4:5", "size": "500x500"}],
            "aspect: is 4:5, but size is 500 × 500; leave one",
        ),
        ([{"format": "webp", "size": 16384}], "too much for webp; a side has at most 16383 pixels"),
        ([{"format": "webp", "size": 16383}], ""),
        ([{"align": "top", "size": 500}], ""),
        ([{"enlarge": "2x"}], "enlarge: has no effect without size"),
        ([{"size": 50, "enlarge": "1x"}], "'1x' is neither no, yes nor a factor such as 2x"),
        ([{"aspect": "2:3", "size": "1333x2000", "margin": "40px", "align": "top"}], ""),
        ([{"kind": "mask", "depth": 16, "crop": "subject", "margin": "4000px"}], ""),
        ([{"kind": "flat", "depth": 8, "shadow": "soft", "margin": "45%"}], ""),
        ([{"format": "tiff", "depth": "same", "outline": 2, "outline_colour": "red"}], ""),
        ([{}, {"folder": "x"}, {"format": "webp"}], ""),
        ([{"name": "{stem}.PNG"}, {"name": "{date}/{stem}"}], ""),
        ([{"name": "{taken}/{parent}-{counter}-{width}x{height}"}], ""),
        ([{"name": "{taken}"}], "has no {stem}, so every picture of a folder wants this one name"),
        ([{"name": "{count}"}], "unknown field {count} (did you mean 'counter'?)"),
    ],
)
def test_outputs_of_a_rule_fit_together(outputs: list[object], answer: str) -> None:
    """Formats suit kinds, names suit formats, and no two outputs want one name."""
    assert (
        (answer in found_for({"outputs": outputs}))
        if answer
        else not found_for({"outputs": outputs})
    )


def test_a_mask_grows_or_shrinks() -> None:
    """Both at once is an error; one of them beside a nought is none."""
    assert "rules[1].mask.shrink: stands beside grow; a mask either grows or shrinks" in (
        found_for({"mask": {"grow": 2, "shrink": "1%"}})
    )
    assert not found_for({"mask": {"grow": 2, "shrink": 0, "threshold": 0.4, "feather": 3}})


def test_options_without_effect_are_told() -> None:
    """What a rule says in vain is a warning."""
    assert "outputs: has no effect, since the rule skips its pictures: outputs, source" in (
        found_for({"skip": True, "outputs": [{}], "source": "move"})
    )
    assert "move_to: has no effect without source: move" in found_for({"move_to": "x"})


@pytest.mark.parametrize(
    ("pattern", "glob"),
    [
        (r".*\.jpg", "*.jpg"),
        (r"^products/.*$", "products/*"),
        (r"(jpg|png)/x.jpg", "{jpg,png}/x.jpg"),
        (r"IMG_\d+\.jpe?g$", "IMG_[0-9].jpe?g"),
        (".*jpg", "*jpg"),
        ("a/.*", "a/*"),
    ],
)
def test_a_regular_expression_where_a_glob_belongs_is_a_warning(pattern: str, glob: str) -> None:
    """The warning shows the glob that was probably meant."""
    answer = found_for({"match": pattern})
    assert f"looks like a regular expression; patterns are globs, such as '{glob}'" in answer


@pytest.mark.parametrize("pattern", ["*.draft.*", ".*", "~$*", "a (1)/**", "[a-z]*.{jpg,png}"])
def test_odd_globs_are_no_regular_expressions(pattern: str) -> None:
    """Globs that only look a little like one pass in `ignore` without a word."""
    assert not found_for({}, ignore=pattern)


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("/a/products/**", "patterns are relative to the inbox"),
        ("./x/**", "paths in the inbox have neither"),
        ("*.txt", "no picture's name ends in .txt"),
        ("a\\x.jpg", "folders are separated by /"),
        (".hidden/**", "begins with a dot"),
        ("x/@eaDir/**", "never a picture"),
    ],
)
def test_a_glob_that_can_never_match_is_a_warning(pattern: str, reason: str) -> None:
    """The warning says why no picture can be meant."""
    answer = found_for({"match": ["b/**", pattern]})
    assert "can never match: " in answer
    assert reason in answer


@pytest.mark.parametrize("pattern", ["*.JPG", "x.2/**", "*.{txt,jpg}", "@ea*/**", "shoes/"])
def test_a_glob_that_can_match_is_not_told(pattern: str) -> None:
    """Suffixes in any case, alternatives and folders are fine."""
    assert not found_for({"match": pattern})


def test_a_rule_of_which_nothing_is_left_is_a_warning() -> None:
    """The rules above, or `ignore`, may take all that a rule could match; they are named."""
    everything, products = {"name": "all"}, {"match": "products/**"}
    shoes = {"name": "shoes", "match": ["products/shoes/**", "Products/*.jpg"]}
    assert "rules[shoes].match: this rule can never match: rule 'all' takes all before it" in (
        found_for(everything, shoes)
    )
    assert "rule 1 takes all before it" in found_for(products, shoes)
    assert "rule 1 and rule 2 take all" in found_for(
        products, {"match": "x.jpg"}, {"match": ["x.jpg", "products/"]}
    )
    assert "ignore takes all before it" in found_for(shoes, ignore="products/")
    assert "recursive: false" in found_for(shoes, recursive=False)
    assert not found_for(products, everything)
    assert not found_for({"match": "products/*"}, shoes)


def test_a_broken_rule_raises_no_further_doubts() -> None:
    """A rule whose match is wrong is not taken for one that matches everything."""
    answer = found_for({"match": 7}, {"match": "a/**"})
    assert answer.splitlines() == [
        "command line: inboxes.a.rules[1].match: expected a list, got 7",
    ]


@pytest.mark.parametrize(
    ("rule", "answer"),
    [
        ({"second_opinion": "u2netpp"}, "second_opinion: unknown model 'u2netpp' (did you mean"),
        ({"second_opinion": "u2net"}, "second_opinion: has no effect: it is the rule's own model"),
        ({"second_opinion": "u2netp"}, ""),
        ({"second_opinion": "u2netp", "skip": True}, "has no effect, since the rule skips"),
    ],
)
def test_the_second_network(rule: dict[str, object], answer: str) -> None:
    """It must be known, and another one than the first."""
    found = found_for(rule)
    assert answer in found
    assert bool(answer) == bool(found)


def test_classes_of_a_network_that_has_none() -> None:
    """Classes are told to be in vain where the network gives none."""
    mine = {"file": "x", "sha256": "0" * 64, "classes": [1]}
    inbox = {"path": "/a", "outbox": "/b", "rules": [{"model": "mine"}]}
    assert "custom_models.mine.classes: has no effect without gives: classes" in found_in(
        {"custom_models": {"mine": mine}, "inboxes": {"a": inbox}}
    )


def test_a_model_is_known_even_if_its_own_entry_is_broken() -> None:
    """One mistake in custom_models does not make every rule that uses it another."""
    values = {
        "custom_models": {"mine": {"file": "x"}},
        "inboxes": {"a": {"path": "/a", "outbox": "/b", "rules": [{"model": "mine"}]}},
    }
    assert found_in(values) == "command line: custom_models.mine: 'sha256' is missing"
