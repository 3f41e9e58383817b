"""What is wrong in a configuration: every problem at once, each in plain words at its place."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scissorsd.config import describe, from_values, load
from scissorsd.config.custom_models import CustomModelSection
from scissorsd.config.outputs import MaskSection, OutputSection
from scissorsd.config.schema import Configuration, InboxSection, RuleSection
from scissorsd.config.validation import SENTENCES
from scissorsd.errors import ConfigError
from scissorsd.settings import Loaded

_FILE = f"file: a, sha256: {'0' * 64}"

EIGHT_MISTAKES = """\
workers: many
inboxes:
  shop:
    path: /srv/shop/inbox
    outbox: /srv/shop/inbox/out
    settle: 2:30
    rules:
      - name: product shots
        match: '.*\\.jpg$'
        model: u2nett
        sorce: move
        outputs:
          - {kind: flat, format: avif}
          - {kind: mask, folder: ../masks}
      - name: no
        match: "x/**"
    path: /srv/other
  phone:
    path: /srv/phone
"""
EIGHT_ANSWERS = """\
scissorsd.yaml:1:10: workers: 'many' is neither auto nor a number from 1 to 256
scissorsd.yaml:5:13: inboxes.shop.outbox: lies inside its own inbox: results would be cut again; \
choose another folder, or exclude it: ignore: ["out/"]
scissorsd.yaml:6:13: inboxes.shop.settle: '2:30' is not a duration; write a number with ms, s, m, \
h or d, such as 2s
scissorsd.yaml:9:16: warning: inboxes.shop.rules[product shots].match: '.*\\.jpg$' looks like a \
regular expression; patterns are globs, such as '*.jpg'
scissorsd.yaml:10:16: inboxes.shop.rules[product shots].model: unknown model 'u2nett' (did you \
mean 'u2net'?); known are u2net, u2netp, u2net_human_seg, silueta, isnet-general-use, isnet-anime, \
birefnet-general, birefnet-general-lite, birefnet-portrait, u2net_cloth_seg, \
u2net_cloth_seg-upper, u2net_cloth_seg-lower, u2net_cloth_seg-full
scissorsd.yaml:11:9: inboxes.shop.rules[product shots]: unknown key 'sorce' (did you mean \
'source'?)
scissorsd.yaml:13:34: inboxes.shop.rules[product shots].outputs[1 flat].format: a flat cannot be \
avif; use jpeg, png or webp
scissorsd.yaml:14:34: inboxes.shop.rules[product shots].outputs[2 mask].folder: '../masks' leaves \
the outbox
scissorsd.yaml:15:15: inboxes.shop.rules[2].name: no is not text to YAML; put it in quotes: 'no'
scissorsd.yaml:17:5: inboxes.shop: duplicate key 'path' (first on line 4)
scissorsd.yaml:18:3: inboxes.phone: 'outbox' is missing
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each test in an empty folder."""
    monkeypatch.chdir(tmp_path)


def problems(text: str) -> str:
    """Return what loading a text as scissorsd.yaml of this folder complains of."""
    Path("scissorsd.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(Path("scissorsd.yaml"))
    assert all("\n" not in problem for problem in caught.value.problems)
    return str(caught.value)


def test_every_mistake_is_told_at_its_place() -> None:
    """One file with eleven mistakes gives eleven lines, each with its line and column."""
    assert problems(EIGHT_MISTAKES) == EIGHT_ANSWERS.rstrip()


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("", "1:1: the file is empty"),
        ("- a", "1:1: the file must be keys with values"),
        ("inboxes:", "1:9: inboxes: has no value"),
        ("inboxes: {}", "1:10: inboxes: is empty"),
        ("state: /s", "1:1: 'inboxes' is missing"),
        ("a:\n\tb: 1", "2:1: a tab"),
        ("a: *.jpg", "1:5: a value that begins with * must be in quotes"),
        ("a: *jpg", "1:4: no such anchor is defined above"),
        ("a: b: c", "1:5: a colon cannot stand here"),
        ("a: 'b", "1:6: a quote that is not closed"),
        ('a: "\\d"', "1:6: a backslash in double quotes"),
        ("a: [1", "1:6: a bracket or brace that is not closed"),
        ("a:\n  b: 1\n c: 2", "3:2: the indentation does not fit"),
        ("a: 1\n---\nb: 1", "2:1: a second document"),
        ("a: \x01", "1:4: a character that cannot stand in a text file"),
        ("a: !!python/name:os.system x", "1:4: a: tags are not used here"),
        ("a: &a {b: *a}", "1:4: a.b: an alias to something that contains it"),
        ("a: &a [x]\nb: {<<: *a}", "1:8: b: '<<' merges keys with values"),
        ("? [a]\n: 1", "1:3: a key must be plain text"),
        (
            "a: {b: #fff}\nc: 1",
            "1:8: what begins with # is a comment to YAML; put a colour in quotes",
        ),
        ("a: [{b: 1,\n  c: #F4F4F4, d: 2}]", "2:6: what begins with # is a comment to YAML"),
        ("a: {b: 1 # one\nc: 1", "2:1: a bracket or brace that is not closed"),
        ("[" * 500, ": nested too deeply"),
    ],
)
def test_what_is_no_usable_yaml_is_said_in_plain_words(text: str, answer: str) -> None:
    """Each slip that people make in YAML has a sentence and a place."""
    assert f"scissorsd.yaml:{answer}".replace("::", ":") in problems(text)


def test_aliases_of_aliases_are_refused() -> None:
    """A few lines that would grow to millions of values are refused at once."""
    rows = [f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 9)}]" for n in range(9)]
    assert "far too many values" in problems("\n".join(["a0: &a0 x", *rows]))


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        ("settle: true", "settle: true is not a duration"),
        ("settle: 1ms", "settle: '1ms' is too little; at least 100ms"),
        ("rescan: .nan", "rescan: '.nan' is not a duration"),
        ("watch: event", "watch: 'event' is not known here (did you mean 'events'?); use auto,"),
        ("keep: 90", "keep: 90 is not a time to keep things; write how many days, such as 90d"),
        ("keep: 3m", "keep: '3m' is too little; at least 1d"),
        ("keep: {processed: 2x}", "keep.processed: '2x' is not a duration"),
        ("keep: {procesed: 2d}", "keep: unknown key 'procesed' (did you mean 'processed'?)"),
        ("keep:", "keep: has no value"),
        ("recursive: 'yes'", "recursive: expected true or false, got 'yes'"),
        ("ignore: {a: b}", "ignore: expected a list, got keys with values"),
        ("ignore: [a, 2]", "ignore[2]: 2 is not text to YAML; put it in quotes: '2'"),
        ("rules: []", "rules: is empty"),
        ("rules: [x]", "rules[1]: expected keys with values, got 'x'"),
        (
            "rules:\n    - outputs:\n        - background: #fff",
            "background: has no value; leave it out, or put what begins with # in quotes",
        ),
        ("rules: [{match: }]", "rules[1].match: has no value"),
        ("rules: [{mask: {edges: hard}}]", "mask.edges: 'hard' is not known here; use auto, soft"),
        ("rules: [{mask: {threshold: 1}}]", "threshold: 1 is out of bounds; less than 1"),
        ("rules: [{mask: {threshold: 0}}]", "threshold: 0 is out of bounds; more than 0"),
        ("rules: [{mask: {threshold: 50%}}]", "threshold: expected a number, got '50%'"),
        (
            "rules: [{mask: {feather: soft}}]",
            "feather: 'soft' is not a length; write a number with",
        ),
        ("rules: [{mask: {grow: -2}}]", "grow: -2 is less than nothing"),
        ("rules: [{mask: {shrink: 6%}}]", "shrink: '6%' is too much; at most 5% or 512px"),
        (
            "rules: [{mask: {keep: biggest}}]",
            "keep: 'biggest' is not known here; use all or largest",
        ),
        (
            "rules: [{when_doubtful: reveiw}]",
            "'reveiw' is not known here (did you mean 'review'?); use publish, review or fail",
        ),
        (
            "rules: [{when_doubtful: {then: reviewed}}]",
            "when_doubtful.then: 'reviewed' is not known here (did you mean 'review'?)",
        ),
        (
            "rules: [{when_doubtful: {above: 1}}]",
            "when_doubtful.above: 1 is out of bounds; less than 1",
        ),
        ("rules: [{when_doubtful: {over: 0.1}}]", "unknown key 'over'"),
        ("rules: [{when_doubtful: 0.1}]", "expected keys with values, got 0.1"),
        ("rules: [{outputs: [{quality: 010}]}]", "'010' is neither a whole number, such as 90"),
        ("rules: [{outputs: [{quality: 1.5}]}]", "expected a whole number, got 1.5"),
        ("rules: [{outputs: [{quality: 101}]}]", "101 is out of bounds; at most 100"),
        ("rules: [{outputs: [{folder: ../x}]}]", "'../x' leaves the outbox"),
        ("rules: [{outputs: [{folder: 'a\\b'}]}]", "'a\\b' has a backslash"),
        ("rules: [{outputs: [{name: '{stm}'}]}]", "unknown field {stm} (did you mean 'stem'?)"),
        ("rules: [{outputs: [{name: '{stem'}]}]", "has a brace without its partner"),
        ("rules: [{outputs: [{name: '/{stem}'}]}]", "must not begin a path of its own"),
        ("rules: [{outputs: [{name: '.{ext}./{stem}'}]}]", "leaves the outbox, or may"),
        ("rules: [{outputs: [{background: whit}]}]", "neither a colour nor a picture that exists"),
        (f"rules: [{{outputs: [{{background: {'w' * 5000}}}]}}]", "neither a colour nor a picture"),
        ("rules: [{outputs: [{background: '#ffffff00'}]}]", "is a transparent colour"),
        ("rules: [{outputs: [{background: rgb(999,0,0)}]}]", "neither a colour nor a picture"),
        ("rules: [{outputs: [{background: f4f4f4}]}]", "that exists (did you mean '#f4f4f4'?)"),
        (
            "rules: [{outputs: [{outline_colour: goldd}]}]",
            "'goldd' is no colour (did you mean 'gold'",
        ),
        ("rules: [{outputs: [{color: as_is}]}]", "unknown key 'color' (did you mean 'colour'?)"),
        (
            "rules: [{outputs: [{colour: as is}]}]",
            "'as is' is not known here (did you mean 'as_is'",
        ),
        ("rules: [{outputs: [{depth: 12}]}]", "depth: 12 is no depth; use 8, 16 or same"),
        ("rules: [{outputs: [{depth: true}]}]", "depth: true is no depth"),
        ("rules: [{outputs: [{depth: []}]}]", "depth: is no depth"),
        ("rules: [{outputs: [{margin: 46%}]}]", "margin: '46%' is too much; at most 45% or 4096px"),
        ("rules: [{outputs: [{margin: '7,5%'}]}]", "margin: '7,5%' is not a length"),
        ("rules: [{outputs: [{aspect: square}]}]", "'square' is not an aspect; write width to"),
        ("rules: [{outputs: [{aspect: 0:1}]}]", "aspect: '0:1' is not an aspect"),
        ("rules: [{outputs: [{aspect: 1:21}]}]", "aspect: '1:21' is too narrow; at most 20:1"),
        (
            "rules: [{outputs: [{size: large}]}]",
            "'large' is not a size in pixels; write the longer",
        ),
        ("rules: [{outputs: [{size: 15x200}]}]", "'15x200' is too little; a side has at least 16"),
        (
            "rules: [{outputs: [{size: 16385}]}]",
            "size: 16385 is too much; a side has at most 16384",
        ),
        ("rules: [{outputs: [{align: below}]}]", "'below' is not known here; use center, top,"),
        (
            "rules: [{outputs: [{shadow: hard}]}]",
            "shadow: 'hard' is not known here; use none or soft",
        ),
        (
            "rules: [{outputs: [{outline: 11%}]}]",
            "outline: '11%' is too much; at most 10% or 512px",
        ),
        ("rules: [{move_to: ../x}]", "move_to: '../x' leaves the outbox"),
        ("path: ~nobody-of-that-name/x", "names a user who is not known here"),
        ('path: "a\\0b"', "path: a character that cannot stand in a configuration"),
        ("? no\n: x", "unknown key 'no'; known are path, outbox"),
    ],
)
def test_a_wrong_value_is_told_in_a_sentence(options: str, answer: str) -> None:
    """What the schema refuses is said in the user's own words."""
    text = "inboxes:\n  a:\n    path: /in\n    outbox: /out\n".replace(
        "    path: /in\n", "" if options.startswith("path") else "    path: /in\n"
    )
    assert answer in problems(text + "".join(f"    {line}\n" for line in options.split("\n")))


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        (f"custom_models: {{m: {{{_FILE}, scale: 0}}}}", "scale: 0 is no scale; write a number"),
        (f"custom_models: {{m: {{{_FILE}, scale: min}}}}", "scale: 'min' is no scale"),
        (f"custom_models: {{m: {{{_FILE}, gives: all}}}}", "gives: 'all' is not known here"),
        (f"custom_models: {{m: {{{_FILE}, gives: classes}}}}", "gives: needs classes"),
        (f"custom_models: {{m: {{{_FILE}, output: -1}}}}", "output: "),
        ("require_gpu: true\nproviders: [cpu]", ":1:14: require_gpu: a GPU is required"),
        ("providers: [auto, cpu]", "providers: has auto beside others"),
        ("providers: cuda, cpu", "providers: 'cuda, cpu' is not known here"),
        ("providers: [gpu]", "providers[1]: 'gpu' is not known here (did you mean 'cuda'?)"),
        ("memory: 1KiB", "memory: '1KiB' is too little; at least 64MiB"),
        ("limits: {pixels: 250X}", "limits.pixels: '250X' is not a count"),
        ("custom_models: {u2net: {file: a, sha256: b}}", "sha256: 'b' is not a SHA-256"),
        (f"custom_models: {{u2net: {{file: a, sha256: {'0' * 64}}}}}", "name of a known model"),
        (f"custom_models: {{m: {{file: a, sha256: {'f' * 64}, mean: [1]}}}}", "needs 3 values"),
        ("custom_models: {'': {}}", "custom_models.'': '' is empty"),
    ],
)
def test_a_wrong_value_at_the_top_is_told_in_a_sentence(options: str, answer: str) -> None:
    """The same for what holds for every inbox."""
    assert answer in problems(options + "\ninboxes: {a: {path: /in, outbox: /out}}")


POSSIBLE_ERRORS = {  # a node of pydantic's core schema → the errors that it can give
    "str": {"string_type", "string_unicode"},
    "bool": {"bool_type"},
    "int": {"int_type", "greater_than_equal", "less_than_equal"},
    "float": {"float_type", "finite_number", "greater_than", "greater_than_equal", "less_than"},
    "list": {"list_type", "too_short", "too_long"},
    "dict": {"dict_type", "too_short"},
    "literal": {"literal_error"},
    "model": {"model_type"},
    "model-fields": {"missing", "extra_forbidden", "invalid_key", "model_type"},
    "function-after": {"value_error"},
    "function-before": {"value_error"},
    "function-plain": {"value_error", "string_type"},
    "nullable": set(),
    "default": set(),
    "model-field": set(),
    "definitions": set(),
    "definition-ref": set(),
    "with-info": set(),
    "no-info": set(),
}
OWN_PARSERS = {"dataclass", "dataclass-args", "dataclass-field"}  # what our own parsers give
NOT_NODES = {"json_schema_input_schema", "metadata", "serialization", "config", "ref"}


def nodes(schema: object) -> set[str]:
    """Return every type of node in pydantic's core schema."""
    if isinstance(schema, list):
        return set().union(*map(nodes, schema))
    if not isinstance(schema, dict):
        return set()
    kind = {schema["type"]} if isinstance(schema.get("type"), str) else set()
    if kind & OWN_PARSERS:
        return set()
    return kind.union(*(nodes(inner) for key, inner in schema.items() if key not in NOT_NODES))


def test_every_error_of_the_schema_has_a_sentence() -> None:
    """The table of sentences covers whatever the schema can refuse, and has nothing to spare."""
    Configuration.model_rebuild()
    possible = set().union(
        *(POSSIBLE_ERRORS[n] for n in nodes(Configuration.__pydantic_core_schema__))
    )
    assert possible == SENTENCES.keys()


SECTIONS = (
    *(Configuration, InboxSection, RuleSection, MaskSection, OutputSection, CustomModelSection),
)
KEYS = st.sampled_from(
    [name for section in SECTIONS for name in section.model_fields] + ["<<"]
) | st.text(max_size=3)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["/in", "../x", "a/**", "{stem}", "move", "flat", "2s", "512MiB", "u2net"])
    | st.sampled_from(["2%", "12px", "4:5", "800x600", "subject", "soft", "best", "bottom", 16])
)
TREES = st.recursive(
    LEAVES, lambda t: st.lists(t, max_size=3) | st.dictionaries(KEYS, t, max_size=4), max_leaves=20
)
INBOXES = st.dictionaries(KEYS, TREES, max_size=5).map(
    lambda options: {"inboxes": {"a": {"path": "/in", "outbox": "/out"} | options}}
)


@given(values=st.dictionaries(KEYS, TREES, max_size=4) | INBOXES)
@settings(deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_the_values_only_a_config_error_comes_out(values: dict[str, object]) -> None:
    """Arbitrary structures either load or give lines in our own words; nothing else escapes."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "s.yaml")
        file.write_text(yaml.safe_dump(values, allow_unicode=True), encoding="utf-8")
        attempts: list[Callable[[], Loaded]] = [
            lambda: load(file),
            lambda: from_values(values, base=file.parent),
        ]
        for attempt in attempts:
            try:
                describe(attempt().config)
            except ConfigError as error:
                lines = error.problems
                assert lines
                assert all(line.isprintable() and "(got " not in line for line in lines)


@given(text=st.text() | st.text(alphabet="ab:-[]{}&*!|>'\"#%@,? \n\t"))
@settings(deadline=None)
def test_whatever_the_text_only_a_config_error_comes_out(text: str) -> None:
    """Arbitrary text either loads or gives problems."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "s.yaml")
        file.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError):
            load(file)
