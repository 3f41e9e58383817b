import unicodedata
from collections.abc import Callable
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scissorsd.core.file_names import NAME_FIELDS, NAME_LIMIT, fit, name_key
from scissorsd.core.formats import Kind
from scissorsd.core.rules import Job, Output, Rule, choose, in_review, plan
from scissorsd.core.settling import Sighting

INBOX, OUTBOX = PurePosixPath("/srv/shop/inbox"), PurePosixPath("/srv/shop/outbox")


def picture(path: str) -> Sighting:
    """Return a sighting of a picture."""
    return Sighting(path, size=100, mtime_ns=1, inode=1, device=1)


def nothing_taken(_name: str) -> bool:
    """Answer for an empty outbox."""
    return False


def planned(
    path: str, rule: Rule | None = None, taken: Callable[[str], bool] = nothing_taken
) -> Job:
    """Plan a job of the inbox "shop"."""
    return plan(
        INBOX,
        OUTBOX,
        picture(path),
        rule or Rule("all"),
        inbox_name="shop",
        date="2024-05-17",
        taken=taken,
    )


def output_paths(job: Job) -> list[str]:
    """Return the paths of a job's outputs."""
    return [planned.path for planned in job.outputs]


# --- choosing --------------------------------------------------------------------------------


def test_the_first_match_wins() -> None:
    """Rules are asked in their order, and one without globs takes every picture."""
    rules = (
        Rule("products", match=("products/**", "*.tif")),
        Rule("drafts", match=("drafts/**",), skip=True),
        Rule("products again", match=("products/**",)),
        Rule("everything else"),
    )
    for path, name in [
        ("products/a.jpg", "products"),
        ("x/a.tif", "products"),
        ("drafts/a.jpg", "drafts"),
        ("a.jpg", "everything else"),
    ]:
        chosen = choose(rules, path)
        assert chosen is not None
        assert chosen.name == name


def test_no_rule() -> None:
    """A picture that no rule matches falls under none."""
    assert choose((Rule("products", match=("products/**",)),), "a.jpg") is None
    assert choose((), "a.jpg") is None


# --- the names of outputs --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("output", "path"),
    [
        (Output(), "may/a.png"),
        (Output(format="webp"), "may/a.webp"),
        (Output("mask", folder="masks"), "masks/may/a-mask.png"),
        (Output("flat", "jpeg"), "may/a-flat.jpg"),
        (Output("comparison", "jpeg", folder="compare/x/"), "compare/x/may/a-comparison.jpg"),
        (Output("flat", "jpeg", name="{stem}.JPEG"), "may/a.jpeg"),
        (Output(name="{stem}.jpg"), "may/a.jpg.png"),
        (
            Output(name="{inbox}/{rule}/{date}-{kind}-{stem}-{ext}"),
            "may/shop/all/2024-05-17-cutout-a-JPG.png",
        ),
    ],
)
def test_default_names_and_templates(output: Output, path: str) -> None:
    """An output stands below its folder in the picture's own sub-folders, as its template says."""
    assert output_paths(planned("may/a.JPG", Rule("all", outputs=(output,)))) == [path]


def test_values_make_no_folders() -> None:
    """A slash in a rule's name does not open a folder, nor do dots leave one."""
    rule = Rule("../up", outputs=(Output(name="{rule}/{inbox}/{stem}"),))
    job = plan(INBOX, OUTBOX, picture("a.jpg"), rule, inbox_name="..", date="", taken=nothing_taken)
    assert output_paths(job) == ["..-up/__/a.png"]


def test_moved_sources_keep_their_names() -> None:
    """A source that moves goes to `processed/`, or to `move_to`, below the same sub-folders."""
    assert planned("may/a.JPG", Rule("r", source="move")).moved_to == "processed/may/a.JPG"
    rule = Rule("r", source="move", move_to="/srv/done/")
    assert planned("may/a.JPG", rule).moved_to == "/srv/done/may/a.JPG"
    for action in ("keep", "delete"):
        assert planned("may/a.JPG", Rule("r", source=action)).moved_to == ""


def test_review_names_are_claimed_too() -> None:
    """A job owns the names under `review/` from the start, whatever its verdict will be."""
    job = planned("a.jpg", Rule("r", outputs=(Output(), Output("mask")), source="move"))
    assert set(job.names) == {
        "a.png",
        "a-mask.png",
        in_review("a.png"),
        in_review("a-mask.png"),
        "processed/a.jpg",
    }


# --- names that are taken --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("taken", "expected"),
    [
        ({"a.png"}, ["a-jpg.png", "a-jpg-mask.png"]),
        ({"a-mask.png"}, ["a-jpg.png", "a-jpg-mask.png"]),
        ({"review/a.png"}, ["a-jpg.png", "a-jpg-mask.png"]),
        ({"a.png", "a-jpg.png"}, ["a-2.png", "a-2-mask.png"]),
        ({"a.png", "a-jpg-mask.png", "a-2.png"}, ["a-3.png", "a-3-mask.png"]),
    ],
)
def test_taken_names(taken: set[str], expected: list[str]) -> None:
    """Where one name is taken, all of a job's outputs step aside alike."""
    rule = Rule("r", outputs=(Output(), Output("mask")))
    assert output_paths(planned("a.JPG", rule, taken.__contains__)) == expected


def test_a_template_without_the_stem() -> None:
    """A template that says nothing of the picture still gives each picture its own name."""
    rule = Rule("r", outputs=(Output(name="{date}/latest"),))
    taken = {"2024-05-17/latest.png", "2024-05-17/latest-jpg.png"}
    assert output_paths(planned("a.jpg", rule, taken.__contains__)) == ["2024-05-17/latest-2.png"]


def test_pictures_are_counted() -> None:
    """All counted outputs of a picture have the first number that is free; the others their own."""
    names = (Output(name="{counter}-{stem}"), Output("mask", name="m/{counter}"), Output("mask"))
    rule = Rule("r", outputs=names, source="move")
    taken = {"review/m/0001.png", "0002-a.png", "a-mask.png"}
    job = plan(
        *(INBOX, OUTBOX, picture("a.jpg"), rule),
        inbox_name="shop",
        date="",
        taken=taken.__contains__,
    )
    assert output_paths(job) == ["0003-a.png", "m/0003.png", "a-jpg-mask.png"]
    assert (job.counter, job.moved_to) == (3, "processed/a-jpg.jpg")
    assert planned("a.jpg").counter == 0


def test_names_that_tell_of_the_picture() -> None:
    """What only its file tells stays open until that is read; the folder is known before."""
    rule = Rule("r", outputs=(Output(name="{taken}/{parent}-{width}x{height}"),))

    def told(path: str, facts: dict[str, str] | None) -> tuple[list[str], object]:
        job = plan(
            *(INBOX, OUTBOX, picture(path), rule),
            inbox_name="shop",
            date="",
            taken=nothing_taken,
            facts=facts,
        )
        return output_paths(job), job.facts

    assert told("a.jpg", None) == (["{taken}/shop-{width}x{height}.png"], None)
    facts = {"taken": "2024-05-17", "width": "400", "height": "300"}
    assert told("x/y/a.jpg", facts) == (["x/y/2024-05-17/y-400x300.png"], facts)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("{width}", "{height}"), ["7.png", "7-2.png"]),
        (("{stem}", "{inbox}", "{rule}"), ["shop.png", "shop-2.png", "SHOP-3.png"]),
    ],
)
def test_two_outputs_of_one_name(names: tuple[str, ...], expected: list[str]) -> None:
    """Where different templates come to one name, each output still has a name of its own."""
    rule = Rule("SHOP", outputs=tuple(Output(name=name) for name in names))
    job = plan(
        *(INBOX, OUTBOX, picture("shop.jpg"), rule),
        inbox_name="shop",
        date="",
        taken=nothing_taken,
        facts={"taken": "", "width": "7", "height": "7"},
    )
    assert output_paths(job) == expected


# --- properties ------------------------------------------------------------------------------

# File names as a Unix file system has them: bytes that are not UTF-8 come as lone surrogates.
CHARACTERS = st.one_of(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]),
    st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF, categories=["Cs"]),
    st.sampled_from(".~-üßéΐ"),
)


def bytes_of(name: str) -> int:
    """Count the bytes of a name on the disk."""
    return len(name.encode("utf-8", "surrogateescape"))


def file_names(suffixes: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Return names that a file can have, the longest included."""
    bodies = st.one_of(
        st.text(CHARACTERS, min_size=1, max_size=20),
        st.builds(lambda letter, length: letter * length, CHARACTERS, st.integers(50, 255)),
    )
    return st.builds(str.__add__, bodies, suffixes).filter(
        lambda name: bytes_of(name) <= NAME_LIMIT and name not in {".", ".."}
    )


PICTURE_NAMES = file_names(st.sampled_from([".jpg", ".JPG", ".png", ".heic", ".tiff", ""]))
FOLDER_NAMES = file_names(st.just(""))
SOURCES = st.builds(
    lambda folders, name: "/".join([*folders, name]),
    st.lists(FOLDER_NAMES, max_size=3),
    PICTURE_NAMES,
)
TEMPLATES = st.lists(
    st.sampled_from([*(f"{{{name}}}" for name in NAME_FIELDS), "/", "-", ".", "..", "x", ".png"]),
    max_size=8,
).map("".join)
OUTPUTS = st.builds(
    Output,
    kind=st.sampled_from(["cutout", "mask"]),
    folder=st.sampled_from(["", "masks", "masks/deep/", "review"]),
    name=TEMPLATES,
)
RULES = st.builds(
    Rule,
    name=st.one_of(st.text(max_size=8), st.sampled_from([".", "..", "/", "../.."])),
    outputs=st.lists(OUTPUTS, min_size=1, max_size=2).map(tuple),
    source=st.sampled_from(["keep", "move"]),
    move_to=st.sampled_from(["", "done/"]),
)


@given(source=SOURCES, rule=RULES, inbox=st.sampled_from(["shop", "..", "a/b"]))
def test_no_name_leaves_the_outbox(source: str, rule: Rule, inbox: str) -> None:
    """Whatever picture, rule and template: each name is relative, goes only down, and fits."""
    job = plan(
        INBOX,
        OUTBOX,
        picture(source),
        rule,
        inbox_name=inbox,
        date="2024-05-17",
        taken=nothing_taken,
    )
    for path in job.names:
        for name in path.split("/"):
            assert name not in {"", ".", ".."}
            assert bytes_of(name) <= NAME_LIMIT


def twins(path: str) -> list[str]:
    """Return names that one file system or another takes for the same."""
    forms = [unicodedata.normalize(form, path) for form in ("NFC", "NFD")]
    return [path, *forms, *(form.upper() for form in forms), path.swapcase()]


TWINS = st.lists(
    st.builds(
        lambda names, suffix, n: twins(names)[n % 6] + suffix,
        st.sampled_from(["a", "é", "may/Straße", "May/a", "Å", "ΐ", "a-jpg", "a-2", "x" * 250]),
        st.sampled_from([".jpg", ".JPG", ".png", ".jpeg"]),
        st.integers(0, 5),
    ),
    min_size=2,
    max_size=12,
    unique=True,
)


@given(sources=TWINS, rule=RULES)
def test_no_two_pictures_share_a_name(sources: list[str], rule: Rule) -> None:
    """Different pictures never get the same name, nor twins of it by case or composed letters."""
    taken: set[str] = set()

    def is_taken(name: str) -> bool:
        return name_key(name) in taken

    for source in sources:
        job = planned(source, rule, is_taken)
        keys = {name_key(name) for name in job.names}
        assert keys.isdisjoint(taken)
        taken |= keys


@given(source=SOURCES, rule=RULES)
def test_planning_is_repeatable(source: str, rule: Rule) -> None:
    """The same picture under the same rule is planned to the same names."""
    assert planned(source, rule) == planned(source, rule)


@given(st.text(CHARACTERS, max_size=300), st.text(CHARACTERS, max_size=300))
def test_names_are_cut_to_fit(body: str, suffix: str) -> None:
    """A name that is too long is cut, never beyond need, and one that fits is left alone."""
    name = fit(body, suffix)
    whole = body + suffix
    assert bytes_of(name) <= NAME_LIMIT
    if bytes_of(whole) <= NAME_LIMIT:
        assert name == whole
    else:
        assert bytes_of(name) > NAME_LIMIT - 4


def test_long_names_stay_apart() -> None:
    """Two long names that begin alike are still two after they were cut."""
    first, second = (fit("x" * 300 + end, ".png") for end in "ab")
    assert first != second
    assert first.endswith(".png")


@given(st.text())
def test_keys_of_twins(name: str) -> None:
    """A name and its composed, decomposed and case-folded twins have one key."""
    composed, apart = (unicodedata.normalize(form, name) for form in ("NFC", "NFD"))
    for twin in (composed, apart, apart.casefold(), name_key(name)):
        assert name_key(twin) == name_key(name)


@pytest.mark.parametrize(
    ("one", "other"), [("Straße", "STRASSE"), ("Å", "a\u030a"), ("\u0390", "\u0399\u0308\u0301")]
)
def test_known_twins(one: str, other: str) -> None:
    """Names that differ in case, in composition, or in both have one key."""
    assert name_key(one) == name_key(other)


def test_different_names_have_different_keys() -> None:
    """An accent is no matter of case, and bytes that are not UTF-8 are told apart."""
    assert name_key("a") != name_key("á")
    assert name_key("\udce9") != name_key("\udcea")


@pytest.mark.parametrize("kind", ["cutout", "mask", "flat", "comparison"])
def test_each_kind_has_its_own_default_name(kind: Kind) -> None:
    """Outputs of different kinds stand beside each other without a template."""
    rule = Rule("r", outputs=(Output(kind),))
    (path,) = output_paths(planned("a.jpg", rule))
    assert path == ("a.png" if kind == "cutout" else f"a-{kind}.png")
