"""The annotated sample and the JSON Schema for editors, both from the schema.

`python -m scissorsd.config.sample` writes them anew into `config/`. In the sample an option
that is not in use stands behind a `#`, so that taking that sign away sets it.
"""

import json
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from scissorsd.config.schema import Configuration
from scissorsd.config.sections import Section, section_of

FOLDER = Path(__file__).resolve().parents[2] / "config"
SAMPLE = "scissorsd.yaml"
SCHEMA = "scissorsd.schema.json"
_WIDTH = 96
_PLAIN = re.compile(r"[A-Za-z0-9/][\w /.%-]*")
_WORDS_OF_YAML = {"true", "false", "yes", "no", "on", "off", "null"}
_ROWS = (list, dict)

_HEADER = f"""\
# yaml-language-server: $schema={SCHEMA}
#
# The configuration of scissorsd, with every option. Look at what it does before you start it:
#   scissorsd check -c scissorsd.yaml
#
# An option that is not in use stands behind a #, with what it would be. Durations: 500ms 2s 5m 1h
# 90d (a bare number is seconds). Sizes: 512MiB 2GB. Counts: 250M. ~ is the home folder; a relative
# path begins at the folder of this file. `python -m scissorsd.config.sample` writes this file anew.
#
# Four whole configurations for common work come with it: product-on-white.yaml (shops),
# portrait.yaml, sticker.yaml and masks-only.yaml (print shops, retouchers).
"""
_IN_USE: dict[str, Any] = {
    "state": "/var/lib/scissorsd",
    "models": "/var/lib/scissorsd/models",
    "providers": "auto",
    "limits": {"file": "512MiB", "pixels": "250M"},
    "inboxes": {
        "shop": {
            "path": "/srv/shop/inbox",
            "outbox": "/srv/shop/outbox",
            "watch": "auto",
            "settle": "2s",
            "ignore": ["*.draft.*"],
            "rules": [
                {
                    "name": "product shots",
                    "match": "products/**",
                    "model": "u2net",
                    "mask": {"edges": "auto"},
                    "outputs": [
                        {"kind": "cutout", "format": "png"},
                        {"kind": "mask", "folder": "masks"},
                        {"kind": "flat", "background": "white", "format": "jpeg", "quality": 92},
                        {"kind": "comparison", "folder": "compare"},
                    ],
                    "when_no_subject": "review",
                    "source": "move",
                },
                {"name": "drafts", "match": "drafts/**", "skip": True},
                {"name": "everything else"},
            ],
        },
        "phone": {"path": "/srv/phone/inbox", "outbox": "/srv/phone/outbox", "settle": "5s"},
    },
}


def sample() -> str:
    """Return the annotated sample as YAML."""
    lines = _Writer().section(Configuration, _IN_USE)
    return "\n".join([_HEADER, *lines]).rstrip() + "\n"


def json_schema() -> str:
    """Return the JSON Schema, without what pydantic adds for machines alone."""
    schema = _tidied(Configuration.model_json_schema())
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The configuration of scissorsd",
    }
    return json.dumps(head | schema, indent=2, ensure_ascii=False) + "\n"


class _Writer:
    """Writes each section with all its options the first time, and what is in use after that."""

    def __init__(self) -> None:
        self._told: set[type[Section]] = set()

    def section(self, section: type[Section], values: dict[str, Any]) -> list[str]:
        first = section not in self._told
        self._told.add(section)
        lines: list[str] = []
        for name, field in section.model_fields.items():
            if first:
                lines += _comment(field)
            if name in values:
                lines += self._option(name, field, values[name])
            elif first:
                lines += [f"#{line}" for line in self._option(name, field, _example(field))]
            if first and section is Configuration:
                lines.append("")
        return lines

    def _option(self, name: str, field: FieldInfo, value: Any) -> list[str]:  # noqa: ANN401
        inner = section_of(field.annotation)
        if inner is None:
            return [f"{name}: {_scalar(value)}"]
        origin = get_origin(field.annotation)
        write = self._table if origin is dict else self._rows if origin is list else self.section
        return [f"{name}:", *_indented(write(inner, value))]

    def _table(self, section: type[Section], rows: dict[str, dict[str, Any]]) -> list[str]:
        lines: list[str] = []
        for key, row in rows.items():
            lines += ["", f"{key}:", *_indented(self.section(section, row))]
        return lines[1:]

    def _rows(self, section: type[Section], rows: list[dict[str, Any]]) -> list[str]:
        return [line for row in rows for line in self._row(section, row)]

    def _row(self, section: type[Section], row: dict[str, Any]) -> list[str]:
        """Return one of a list: in a line where it is short and its options were explained."""
        flat = not any(isinstance(value, _ROWS) for value in row.values())
        if flat and section in self._told:
            return [f"- {_scalar(row)}" if len(row) > 1 else f"- {_scalar(row)[1:-1]}"]
        first = section not in self._told
        lines = self.section(section, row)
        return ["-", *_indented(lines)] if first else ["- " + lines[0], *_indented(lines[1:])]


def _indented(lines: Iterator[str] | list[str]) -> list[str]:
    return [f"  {line}".rstrip() for line in lines]


def _comment(field: FieldInfo) -> list[str]:
    choices = _choices(field.annotation)
    notes = " | ".join(choices) if len(choices) > 1 else ""
    default = _scalar(_default(field))
    shows_default = default not in {"", '""'} and "Default" not in (field.description or "")
    notes = "; ".join(filter(None, [notes, f"default: {default}" if shows_default else ""]))
    notes = notes or ("required" if field.is_required() else "")
    text = f"{field.description} ({notes})" if notes else str(field.description)
    return textwrap.wrap(text, _WIDTH - 16, initial_indent="# ", subsequent_indent="# ")


def _choices(annotation: object) -> list[str]:
    if get_origin(annotation) is Literal:
        return [str(choice) for choice in get_args(annotation)]
    return next((choices for arg in get_args(annotation) if (choices := _choices(arg))), [])


def _default(field: FieldInfo) -> object:
    return None if field.default is PydanticUndefined else field.default


def _example(field: FieldInfo) -> object:
    """Return what an option that is not in use shows: its default, else its first example."""
    inner = section_of(field.annotation)
    if inner:
        row = {name: _example(inner.model_fields[name]) for name in inner.model_fields}
        origin = get_origin(field.annotation)
        return {"mine": row} if origin is dict else [row] if origin is list else row
    default = _default(field)
    return field.examples[0] if default in (None, "") and field.examples else default


def _scalar(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_scalar(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_scalar(inner) for inner in value) + "]"
    if value is None:
        return ""
    if not isinstance(value, str):
        return json.dumps(value)
    bare = _PLAIN.fullmatch(value) and value.lower() not in _WORDS_OF_YAML
    return value if bare else json.dumps(value, ensure_ascii=False)


def _tidied(schema: Any, *, named: bool = False) -> Any:  # noqa: ANN401 (JSON)
    """Drop the titles made of names, and `null`, which the configuration does not take."""
    if isinstance(schema, list):
        return [_tidied(inner) for inner in schema if inner != {"type": "null"}]
    if not isinstance(schema, dict):
        return schema
    tidy = {
        key: _tidied(inner, named=key in {"properties", "$defs"})
        for key, inner in schema.items()
        if named or not (key == "title" or (key == "default" and inner is None))
    }
    alternatives = tidy.get("anyOf", [])
    return tidy.pop("anyOf")[0] | tidy if len(alternatives) == 1 else tidy


def main() -> None:
    """Write both files."""
    for name, text in ((SAMPLE, sample()), (SCHEMA, json_schema())):
        (FOLDER / name).write_text(text, encoding="utf-8")
        sys.stdout.write(f"{FOLDER / name}\n")


if __name__ == "__main__":
    main()
