"""What a person may choose, as tables that the browser draws: a field is a select, or a line."""

from collections.abc import Iterable, Mapping
from typing import Any

from scissorsd.config.quick_desk import EDGES_IN_ORDER
from scissorsd.core.formats import FORMATS
from scissorsd.page.naming import shown

Field = dict[str, Any]


def _select(name: str, label: str, options: Mapping[str, str]) -> Field:
    return {"name": name, "label": label, "options": [*options.items()]}


def _model(models: Iterable[str], **more: str) -> Field:
    return _select("model", "Model", {**more, **{shown(name): shown(name) for name in models}})


def _edges(**more: str) -> Field:
    return _select("edges", "Edges", {**more, **{name: f"{name} edges" for name in EDGES_IN_ORDER}})


# The words of an output in a rule; the background is chosen by its looks.
FINISH: tuple[Field, ...] = (
    _select("crop", "Crop", {"": "no crop", "subject": "cropped"}),
    _select(
        "margin", "Margin", {"": "no margin", **{m: f"{m} margin" for m in ("5%", "10%", "20%")}}
    ),
    _select("aspect", "Shape", {"": "any shape", **{a: a for a in ("1:1", "4:5", "3:2", "16:9")}}),
    {
        "name": "size",
        "label": "Size in pixels",
        "type": "text",
        "placeholder": "full size, or 1000x1000",
    },
    _select("shadow", "Shadow", {"": "no shadow", "soft": "soft shadow"}),
    _select(
        "format", "Format", {"": "any format", **{name: row.title for name, row in FORMATS.items()}}
    ),
)


def of_redo(models: Iterable[str]) -> list[Field]:
    """Return what may be wished of a picture that is cut again."""
    keep = _select("keep", "Parts", {"": "all parts", "largest": "largest part only"})
    same = {"": "same model"}, {"": "same edges"}
    return [_model(models, **same[0]), _edges(**same[1]), keep]


def of_desk(models: Iterable[str], model: str, edges: str) -> list[Field]:
    """Return what a picture on the quick desk is cut with, and what is chosen at first."""
    return [{**_model(models), "value": model}, {**_edges(), "value": edges}]
