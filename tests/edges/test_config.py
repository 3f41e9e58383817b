"""Reading a configuration: values, defaults, paths, and what it means in words."""

from pathlib import Path

import pytest

from scissorsd.config import Config, Loaded, describe, from_values, load
from scissorsd.core.catalogue import CATALOGUE, IMAGENET_MEAN
from scissorsd.core.rules import Output, Rule
from scissorsd.errors import ConfigError


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty folder, in which the test runs."""
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
        "1. shots: pictures matching a/** or b/** are cut with u2net; out come a flat JPEG on "
        "white in f/ and a mask PNG with the camera's metadata; the source is moved to "
        "processed/; a picture without a subject goes to review/; one with a doubtful mask is set"
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
