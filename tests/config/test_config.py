"""Reading a configuration: values, defaults, paths, and what it means in words."""

from dataclasses import fields
from pathlib import Path

import pytest

from scissorsd.config import describe, from_values, load
from scissorsd.config.outputs import OutputSection
from scissorsd.core.catalogue import CATALOGUE, IMAGENET_MEAN
from scissorsd.core.keeping import Keep
from scissorsd.core.rules import Length, MaskOptions, Output, Rule
from scissorsd.errors import ConfigError
from scissorsd.settings import Config, Loaded


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder, in which the test runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def loaded(text: str) -> Loaded:
    """Load a text as scissorsd.yaml of this folder."""
    Path("scissorsd.yaml").write_text(text)
    return load(Path("scissorsd.yaml"))


def one_inbox(**options: object) -> Config:
    """Load one inbox from values."""
    values = {"inboxes": {"in": {"path": "/in", "outbox": "/out", **options}}}
    return from_values(values, base=Path("/base")).config


def test_the_defaults_are_those_of_the_design(monkeypatch: pytest.MonkeyPatch) -> None:
    """An inbox with two folders is a whole configuration."""
    monkeypatch.setenv("U2NET_HOME", "/models")
    config = one_inbox()
    inbox = config.inboxes[0]
    assert (config.state, config.models) == (Path("/var/lib/scissorsd"), Path("/models"))
    assert (config.providers, config.precision, config.workers) == (("auto",), "auto", None)
    assert (config.memory, config.limits.file) == (2 * 2**30, 512 * 2**20)
    assert (config.limits.pixels, config.require_gpu) == (250_000_000, False)
    assert (inbox.watch, inbox.settle, inbox.rescan, inbox.ignore) == ("auto", 2.0, 60.0, ())
    assert (inbox.recursive, inbox.require_mount) == (True, False)
    assert inbox.rules == (Rule(name="everything", outputs=(Output(),)),)
    assert config.catalogue == CATALOGUE


def test_nothing_is_removed_unless_that_is_said() -> None:
    """One time may stand for all three, or each has its own; the rest is kept for ever."""
    assert one_inbox().inboxes[0].keep == Keep()
    assert not one_inbox().inboxes[0].remove_emptied
    month, year = 30 * 86400.0, 365 * 86400.0
    assert one_inbox(keep="30d").inboxes[0].keep == Keep(month, month, month)
    some = one_inbox(keep={"failed": "30d", "review": "365d"}, remove_emptied=True).inboxes[0]
    assert some.keep == Keep(failed=month, review=year)
    assert some.remove_emptied


def test_what_is_removed_is_told_in_words() -> None:
    """And only that: of processed/ nothing where no rule moves anything there."""
    words = describe(one_inbox(keep="30d"))
    assert "what is set aside in failed/ is removed 30d later" in words
    assert "what lies in review/ or rejected/ is removed 30d later" in words
    assert "moved to" not in words
    rules = [
        {"source": "move", "match": "a/**"},
        {"source": "move", "move_to": "/old", "name": "b"},
    ]
    words = describe(one_inbox(keep={"processed": "36h"}, rules=rules, remove_emptied=True))
    assert "moved to /old/ or processed/ is removed 36h later" in words
    assert "failed/ is removed" not in words
    assert "a sub-folder that scissorsd has emptied is removed an hour later" in words
    assert "removed" not in describe(one_inbox())


def test_models_are_shared_with_rembg(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without models and $U2NET_HOME the folder is ~/.u2net."""
    monkeypatch.delenv("U2NET_HOME", raising=False)
    monkeypatch.setenv("HOME", "/home/her")
    assert one_inbox().models == Path("/home/her/.u2net")


def test_paths_begin_at_the_file_or_at_home(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path is relative to the file's folder, and ~ is the home folder."""
    monkeypatch.setenv("HOME", "/home/her")
    (here / "etc").mkdir()
    (here / "etc" / "paper.png").touch()
    file = here / "etc" / "s.yaml"
    file.write_text(
        "inboxes: {a: {path: ../in, outbox: ~/out, rules: [{outputs: [{kind: flat, "
        "background: paper.png}]}]}}"
    )
    inbox = load(file).config.inboxes[0]
    assert (inbox.path, inbox.outbox) == (here / "in", Path("/home/her/out"))
    assert inbox.rules[0].outputs[0].background == str(here / "etc" / "paper.png")


def test_one_word_may_stand_for_a_list_of_one() -> None:
    """Globs and providers need no brackets where there is one."""
    config = one_inbox(ignore="*.draft.*", rules=[{"match": "a/**"}])
    assert config.inboxes[0].ignore == ("*.draft.*",)
    assert config.inboxes[0].rules[0].match == ("a/**",)
    assert config.inboxes[0].rules[0].name == "rule 1"


def test_each_kind_has_its_own_default_format() -> None:
    """An output without a format is of the first one of its kind."""
    kinds = ("cutout", "mask", "flat", "comparison")
    rules = [{"outputs": [{"kind": kind} for kind in kinds]}]
    outputs = one_inbox(rules=rules).inboxes[0].rules[0].outputs
    assert [output.format for output in outputs] == ["png", "png", "jpeg", "jpeg"]


@pytest.mark.usefixtures("here")
def test_a_network_of_ones_own_joins_the_catalogue() -> None:
    """A custom model has its file, its hash and its input size, and rules may use it."""
    text = (
        "custom_models:\n"
        f"  mine: {{file: m.onnx, sha256: {'AB' * 32}, size: 1024, std: [1, 1, 1]}}\n"
        "inboxes: {a: {path: /in, outbox: /out, rules: [{model: mine}]}}"
    )
    model = loaded(text).config.catalogue["mine"]
    assert (model.file, model.sha256) == (str(Path("m.onnx").absolute()), "ab" * 32)
    assert (model.input_size, model.mean, model.std) == (1024, IMAGENET_MEAN, (1.0, 1.0, 1.0))
    assert (model.scale, model.output, model.gives, model.grid) == (None, 0, "map", None)


@pytest.mark.usefixtures("here")
def test_a_network_of_another_kind() -> None:
    """What a network takes and gives can all be said; a second one may be asked by a rule."""
    text = (
        "custom_models:\n"
        f"  mine: {{file: m.onnx, sha256: {'AB' * 32}, scale: 255, output: 2, gives: classes,\n"
        "    classes: [1, 3], grid: 512}\n"
        f"  other: {{file: o.onnx, sha256: {'AB' * 32}, scale: maximum, gives: logits}}\n"
        "inboxes: {a: {path: /in, outbox: /out, rules: [{model: mine, second_opinion: other}]}}"
    )
    found = loaded(text)
    mine, other = (found.config.catalogue[name] for name in ("mine", "other"))
    assert (mine.scale, mine.output, mine.gives) == (255.0, 2, "classes")
    assert (mine.classes, mine.grid) == ((1, 3), 512)
    assert (other.scale, other.gives, other.classes) == (None, "logits", ())
    (rule,) = found.config.inboxes[0].rules
    assert (rule.model, rule.second_opinion) == ("mine", "other")
    said = "cut with mine, or with other where that is the surer of the two"
    assert said in describe(found.config)


@pytest.mark.usefixtures("here")
def test_anchors_and_merges_work() -> None:
    """An inbox may take its options from another and change some."""
    config = loaded(
        "inboxes:\n"
        "  a: &a {path: /a, outbox: /outa, settle: 5s, recursive: yes}\n"
        "  b: {<<: *a, path: /b, outbox: /outb}\n"
    ).config
    assert [(inbox.path, inbox.settle) for inbox in config.inboxes] == [
        (Path("/a"), 5.0),
        (Path("/b"), 5.0),
    ]


def test_values_from_the_command_line_have_no_line() -> None:
    """Without a file a problem begins with where the values come from; Path and tuple are taken."""
    values = {"inboxes": {"in": {"path": Path("/in"), "outbox": "/in", "ignore": ("a",)}}}
    with pytest.raises(ConfigError) as caught:
        from_values(values, base=Path("/"))
    assert str(caught.value).startswith("command line: inboxes.in.outbox: is the inbox itself")


def test_a_file_that_cannot_be_read_is_a_configuration_problem(here: Path) -> None:
    """No file, a folder, a huge file and one that is not UTF-8 are each told in a line."""
    (here / "huge").write_text("#" * 2_000_000)
    (here / "latin").write_bytes("a: b\nc: é".encode("latin-1"))
    answers = {
        "none": "none: cannot be read: No such file",
        ".": ".: cannot be read: Is a directory",
        "huge": "huge: too large",
        "latin": "latin:2:4: not UTF-8",
    }
    for name, answer in answers.items():
        with pytest.raises(ConfigError, match=answer):
            load(Path(name))


@pytest.mark.usefixtures("here")
def test_every_option_of_a_mask_and_of_an_output_reaches_the_rule() -> None:
    """What stands in the file, without a quote, is what the planner and the pipeline are given."""
    rule = (
        loaded(
            "inboxes: {a: {path: /in, outbox: /out, rules: [{\n"
            "mask: {edges: best, threshold: 0.5, feather: 1.5%, shrink: 2 px, keep: largest, "
            "holes: fill},\n"
            "outputs: [{colour: as_is, depth: 16, crop: subject, margin: 7.5%, aspect: 4:5, "
            "size: 2000, enlarge: 1.5x, align: bottom left, outline: 12, outline_colour: gold},\n"
            "{kind: flat, shadow: soft, size: 800 × 600}]}]}}\n"
        )
        .config.inboxes[0]
        .rules[0]
    )
    assert rule.mask == MaskOptions(
        edges="best",
        threshold=0.5,
        feather=Length(1.5, "%"),
        grow=Length(-2),
        keep="largest",
        holes="fill",
    )
    assert rule.outputs == (
        Output(
            colour="as_is",
            depth="16",
            crop="subject",
            margin=Length(7.5, "%"),
            aspect=(4, 5),
            size=2000,
            enlarge="1.5x",
            align="bottom left",
            outline=Length(12),
            outline_colour="gold",
        ),
        Output(kind="flat", format="jpeg", shadow="soft", size=(800, 600)),
    )


def test_without_a_word_masks_and_outputs_are_those_of_the_core() -> None:
    """The schema's defaults and the dataclasses' are the same."""
    rule = one_inbox(rules=[{"mask": {}, "outputs": [{}]}]).inboxes[0].rules[0]
    assert (rule.mask, rule.outputs) == (MaskOptions(), (Output(),))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("centre", "center"),
        ("middle", "center"),
        ("Bottom", "bottom"),
        ("bottom-left", "bottom left"),
        ("right top", "top right"),
        ("centre left", "left"),
        ("top_center", "top"),
    ],
)
def test_a_place_may_be_said_in_other_words(written: str, meant: str) -> None:
    """British spelling, either order and any sign between the two words are understood."""
    rules = [{"outputs": [{"size": "80x60", "align": written}]}]
    assert one_inbox(rules=rules).inboxes[0].rules[0].outputs[0].align == meant


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (
            {"size": "2000x2000", "crop": "subject", "margin": "7.5%", "aspect": "1:1"},
            "a cutout PNG of 2000 × 2000 (the subject alone with a margin of 7.5 %)",
        ),
        (
            {"kind": "flat", "margin": "40px", "aspect": "8:10", "shadow": "soft", "size": 900},
            (
                "a flat JPEG of 900 pixels on the longer side on white (the whole picture with a "
                "margin of 40 px, 4:5, a soft shadow)"
            ),
        ),
        (
            {"format": "webp", "crop": "subject", "outline": "2%", "outline_colour": "#ff0000"},
            "a cutout WebP (the subject alone, an outline of 2 % in #ff0000)",
        ),
        (
            {"depth": 16, "colour": "as_is", "size": "90x160", "align": "top", "name": "x{stem}"},
            (
                "a 16-bit cutout PNG of 90 × 160 (at the top, the old background's colour left in "
                "the edges) named x{stem}"
            ),
        ),
        (
            {"format": "avif", "quality": "lossless"},
            "a cutout AVIF (without loss)",
        ),
        (
            {"size": 900, "enlarge": True},
            "a cutout PNG of 900 pixels on the longer side, enlarged as far as needed",
        ),
        (
            {"depth": "same", "compression": "small", "folder": "f"},
            "a cutout PNG (as many bits as the picture has, packed small) in f/",
        ),
    ],
)
def test_what_comes_out_is_said_in_words(output: dict[str, object], said: str) -> None:
    """Size, frame, margin and adornment stand in the description, and nothing that is as usual."""
    assert f"\n     out comes {said}\n" in describe(one_inbox(rules=[{"outputs": [output]}]))


@pytest.mark.parametrize(
    ("mask", "said"),
    [
        ({"edges": "auto"}, ""),
        ({"edges": "fine", "holes": "open"}, " (mask: fine edges, holes opened)"),
        ({"edges": "soft", "grow": "2px"}, " (mask: soft edges, grown by 2 px)"),
        (
            {"edges": "best", "keep": "largest", "holes": "fill", "threshold": 0.5},
            " (mask: best edges, its largest part alone, holes filled, a hard edge at 0.5)",
        ),
        ({"shrink": "0.1%", "feather": 3}, " (mask: shrunk by 0.1 %, feathered by 3 px)"),
    ],
)
def test_how_the_mask_is_made_is_said_in_words(mask: dict[str, object], said: str) -> None:
    """What is not as usual about the mask stands behind the model."""
    assert f"is cut with u2net{said}\n" in describe(one_inbox(rules=[{"mask": mask}]))


def test_the_same_way_for_both_verdicts_is_said_once() -> None:
    """Pictures without a subject and doubtful ones share a sentence where they share a way."""
    said = describe(one_inbox(rules=[{"when_doubtful": "review"}]))
    assert "a picture without a subject, or with a doubtful mask, goes to review/\n" in said


def test_from_which_doubt_on() -> None:
    """A word says what becomes of a doubtful picture; a table also from which doubt on it is."""

    def taken(value: object) -> tuple[str, float]:
        (rule,) = one_inbox(rules=[{"when_doubtful": value}]).inboxes[0].rules
        return rule.when_doubtful, rule.doubtful_above

    assert taken("review") == ("review", 0.1)
    assert taken({"above": 0.08, "then": "review"}) == ("review", 0.08)
    assert taken({"above": 0.08}) == ("publish", 0.08)
    assert taken({"then": "fail"}) == ("fail", 0.1)
    assert one_inbox().inboxes[0].rules[0].doubtful_above == 0.1
    said = describe(one_inbox(rules=[{"when_doubtful": {"above": 0.08, "then": "review"}}]))
    assert "or with a doubtful mask (a doubt above 0.08), goes to review/\n" in said


def test_what_each_inbox_will_do_is_said_in_words() -> None:
    """The description names the folders, the rules in order, and what is left alone."""
    rules = [
        {
            "name": "shots",
            "match": ["a/**", "b/**"],
            "outputs": [{"kind": "flat", "folder": "f"}, {"kind": "mask", "metadata": "keep"}],
            "source": "move",
            "when_doubtful": "fail",
        },
        {"match": "c/**", "skip": True},
    ]
    said = describe(one_inbox(rules=rules, recursive=False, ignore="*.x.*", settle="500ms"))
    first = (
        "  1. shots: pictures matching a/** or b/** are cut with u2net\n"
        "     out come a flat JPEG on white in f/\n"
        "     and a mask PNG with the camera's metadata\n"
        "     the source is moved to processed/\n"
        "     a picture without a subject goes to review/; one with a doubtful mask is set aside"
    )
    for words in (
        "in: watches /in, not its sub-folders; results go to /out",
        "not there now",
        "has not changed for 500ms",
        "ignored: *.x.*, and temporary files",
        first,
        "2. rule 2: pictures matching c/** are left alone",
        "pictures that match no rule are left alone",
        "beyond 512MiB or 250M pixels",
    ):
        assert words in said


def test_every_option_of_an_output_can_be_written() -> None:
    """A new option stands in the configuration and in what is made of it, under one name."""
    assert set(OutputSection.model_fields) == {field.name for field in fields(Output)}
