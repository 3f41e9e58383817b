"""The annotated sample and the JSON Schema are what the schema says, and they are right."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from scissorsd.config import load, sample
from scissorsd.config.schema import Configuration
from scissorsd.config.sections import Section, section_of

NAMES = ("product-on-white", "portrait", "sticker", "masks-only")
CONFIG = Path(__file__).parents[2] / "config"
FILES = sorted(CONFIG.glob("*.yaml"))
READY_MADE = [CONFIG / f"{name}.yaml" for name in NAMES]


def test_both_files_are_up_to_date() -> None:
    """What is in config/ is what the schema gives now (python -m scissorsd.config.sample)."""
    assert (CONFIG / sample.SAMPLE).read_text(encoding="utf-8") == sample.sample()
    assert (CONFIG / sample.SCHEMA).read_text(encoding="utf-8") == sample.json_schema()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_ready_made_configuration_loads_without_a_word(file: Path) -> None:
    """None of them has a problem or a warning."""
    assert load(file).warnings == ()


@pytest.mark.parametrize("file", READY_MADE, ids=lambda file: file.name)
def test_every_rule_set_says_whom_it_serves_and_how_to_try_it(file: Path) -> None:
    """Its first words name a person, and its commands name the file itself."""
    text = file.read_text(encoding="utf-8")
    assert re.search(r"^# For .*:", text, re.MULTILINE)
    for command in ("check", "once"):
        assert f"#   scissorsd {command} -c config/{file.name}\n" in text


@pytest.mark.parametrize("file", READY_MADE, ids=lambda file: file.name)
def test_no_rule_set_touches_a_source_or_publishes_a_picture_without_a_subject(file: Path) -> None:
    """Whoever tries one on pictures of his own loses none, and sees what failed apart."""
    for rule in (rule for inbox in load(file).config.inboxes for rule in inbox.rules):
        assert (rule.source, rule.when_no_subject) == ("keep", "review")


def test_the_product_on_white_fills_what_market_places_ask_for() -> None:
    """A square of 2000 pixels on white, of which the margins leave the product 85 %."""
    (inbox,) = load(CONFIG / "product-on-white.yaml").config.inboxes
    (output,) = inbox.rules[0].outputs
    assert (output.kind, output.size, output.background) == ("flat", (2000, 2000), "white")
    assert 2000 - 2 * output.margin.of(2000) == 0.85 * 2000


def test_every_option_stands_in_the_sample_with_its_meaning() -> None:
    """Each option of each section has a line of its own below a comment."""
    lines = sample.sample().splitlines()
    for name in options(Configuration):
        at = next(i for i, line in enumerate(lines) if re.match(rf"[ #]*{name}:( |$)", line))
        assert re.match(r"[ #]*# ", lines[at - 1]), name


def test_every_option_that_is_not_in_use_can_be_set_by_taking_its_sign_away(
    tmp_path: Path,
) -> None:
    """With every option uncommented the sample is still a configuration."""
    file = tmp_path / "all.yaml"
    _, _, body = sample.sample().partition("\n\n")
    file.write_text(re.sub(r"(?m)^( *)#(?! \S|$)", r"\1", body))
    config = load(file).config
    assert "mine" in config.catalogue
    assert config.inboxes[0].rules[0].move_to == "processed"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_an_editor_accepts_every_ready_made_configuration(file: Path) -> None:
    """They fit the JSON Schema."""
    schema = json.loads(sample.json_schema())
    assert fits(yaml.safe_load(file.read_text()), schema, schema["$defs"])


def test_an_editor_that_fills_in_a_default_or_an_example_writes_what_it_accepts() -> None:
    """Each of them fits the JSON Schema of its own option."""
    schema = json.loads(sample.json_schema())
    for section in (schema, *schema["$defs"].values()):
        for name, option in section["properties"].items():
            default = [option["default"]] if "default" in option else []
            told = [*option.get("examples", []), *default]
            assert all(fits(value, option, schema["$defs"]) for value in told), name


@pytest.mark.parametrize(
    "wrong", [{}, {"inboxes": {}, "x": 1}, {"inboxes": {"a": {"path": "/a"}}}, {"inboxes": 1}]
)
def test_an_editor_refuses_what_is_wrong(wrong: object) -> None:
    """A missing key, an unknown one and a wrong type do not fit the JSON Schema."""
    schema = json.loads(sample.json_schema())
    assert not fits(wrong, schema, schema["$defs"])


def options(section: type[Section]) -> set[str]:
    """Return the names of all options, those of inner sections too."""
    inner = (section_of(field.annotation) for field in section.model_fields.values())
    return set(section.model_fields).union(*(options(found) for found in inner if found))


TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
}


def fits(value: Any, schema: Any, defs: dict[str, Any]) -> bool:  # noqa: ANN401 (JSON)
    """Judge a value by the part of JSON Schema that ours uses."""
    if "$ref" in schema:
        return fits(value, defs[schema["$ref"].rpartition("/")[2]], defs)
    types = schema.get("type", [])
    types = types if isinstance(types, list) else [types]
    if types and not any(isinstance(value, TYPES[kind]) for kind in types):
        return False
    if "anyOf" in schema and not any(fits(value, one, defs) for one in schema["anyOf"]):
        return False
    if value not in schema.get("enum", [value]) or value != schema.get("const", value):
        return False
    if isinstance(value, list):
        return all(fits(inner, schema.get("items", {}), defs) for inner in value)
    return not isinstance(value, dict) or _table_fits(value, schema, defs)


def _table_fits(value: dict[str, Any], schema: Any, defs: dict[str, Any]) -> bool:  # noqa: ANN401
    known, other = schema.get("properties", {}), schema.get("additionalProperties", {})
    return set(schema.get("required", [])) <= set(value) and all(
        fits(inner, known[key], defs)
        if key in known
        else other is not False and fits(inner, other, defs)
        for key, inner in value.items()
    )
