"""What the answers of the page hold, as JSON Schema. Every key of an answer stands here."""

from collections.abc import Mapping
from typing import Any

from scissorsd.page.view.cards import JOURNALLED

Schema = Mapping[str, Any]

TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
FLAG: Schema = {"type": "boolean"}
BYTES: Schema = {"type": "string", "format": "binary"}
ANYTHING: Schema = {"type": "object", "additionalProperties": True}


def either(schema: Schema) -> Schema:
    """Return a schema of what may also be null."""
    return {"anyOf": [schema, {"type": "null"}]}


def listed(schema: Schema) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": schema}


def one_of(*words: str) -> Schema:
    """Return the schema of a choice."""
    return {"type": "string", "enum": list(words)}


def table(**properties: Schema) -> Schema:
    """Return the schema of an object that has all of these."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def partly(needed: Mapping[str, Schema], **more: Schema) -> Schema:
    """Return the schema of an object that has all that is needed, and may have more."""
    return {**table(**needed), "properties": {**needed, **more}}


def ref(name: str) -> Schema:
    """Return what stands for a schema by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


_OUTPUT = table(n=WHOLE, kind=TEXT, name=TEXT, there=FLAG)
_ACT = partly({"verb": TEXT, "label": TEXT, "icon": TEXT}, className=TEXT)
_FIELD = partly(
    {"name": TEXT, "label": TEXT},
    options=listed(listed(TEXT)),
    value=TEXT,
    type=TEXT,
    placeholder=TEXT,
)
_CARD: dict[str, Schema] = {
    "inbox": TEXT,
    "path": TEXT,
    "address": TEXT,
    "name": TEXT,
    "batch": either(TEXT),
    "state": one_of("waiting", "cutting", "done", "failed", "held"),
    "look": TEXT,
    "icon": TEXT,
    "words": TEXT,
    "seen": FLAG,
    "review": FLAG,
    "judged": one_of("", "accepted", "rejected"),
    "verdict": TEXT,
    "doubt": either(NUMBER),
    "about": TEXT,
    "reason": TEXT,
    "rule": TEXT,
    "provider": TEXT,
    "model": TEXT,
    "size": WHOLE,
    "version": TEXT,
    "begun_at": NUMBER,
    "ended_at": NUMBER,
    "acts": listed(_ACT),
    "outputs": listed(_OUTPUT),
    "best": either(WHOLE),
    "finishable": FLAG,
    "place": either(WHOLE),
}
_PROVIDER = table(model=TEXT, provider=TEXT, precision=TEXT, asked=listed(TEXT), refused=ANYTHING)
_FOLDER = table(folder=TEXT, rule=TEXT, words=listed(TEXT), skip=FLAG)

SCHEMAS: Mapping[str, Schema] = {
    "Error": table(error=table(code=TEXT, what=TEXT, advice=TEXT)),
    "RemovebgError": table(errors=listed(partly({"title": TEXT, "code": TEXT}, detail=TEXT))),
    "RembgError": table(detail=TEXT),
    "Drop": table(inbox=TEXT, path=TEXT, rule=TEXT, size=WHOLE, mtime_ns=TEXT),
    "Card": table(**_CARD, cursor=TEXT),
    "Picture": table(**_CARD, why=listed(TEXT)),
    "Counts": table(**dict.fromkeys(JOURNALLED, WHOLE)),
    "Listing": table(
        pictures=listed(ref("Card")),
        next=either(TEXT),
        counts=ref("Counts"),
        told=TEXT,
        none=TEXT,
        seconds_left=either(NUMBER),
        time_left=TEXT,
    ),
    "Said": table(said=listed(TEXT)),
    "Status": table(
        running=FLAG,
        healthy=FLAG,
        troubles=listed(TEXT),
        silent_s=either(NUMBER),
        seconds_left=either(NUMBER),
        version=TEXT,
        daemon_version=either(TEXT),
        providers=listed(_PROVIDER),
        inboxes=listed(ANYTHING),
        mistakes=listed(TEXT),
        refused=either(ANYTHING),
        banner=TEXT,
        page=table(address=TEXT, auth=TEXT),
        counts=ref("Counts"),
    ),
    "Choices": table(
        inboxes=listed(
            table(name=TEXT, quick=FLAG, drops=FLAG, away=TEXT, folders=listed(_FOLDER))
        ),
        targets=listed(
            table(
                value=TEXT,
                inbox=TEXT,
                folder=TEXT,
                title=TEXT,
                words=TEXT,
                quick=FLAG,
                closed=FLAG,
            )
        ),
        models=listed(table(name=TEXT, here=FLAG)),
        edges=listed(TEXT),
        quick=either(table(model=TEXT, edges=TEXT, words=ANYTHING, fields=listed(_FIELD))),
        redo=listed(_FIELD),
        finish=listed(_FIELD),
        limits=table(file=WHOLE, waiting=WHOLE),
        too_large=TEXT,
        accept=listed(TEXT),
    ),
    "Settings": table(
        sections=listed(
            table(
                title=TEXT,
                lines=listed(partly({}, text=TEXT, code=TEXT)),
            )
        )
    ),
    "Background": table(background=TEXT),
    "Ticket": table(id=TEXT, count=WHOLE),
    "Wish": {
        "type": "object",
        "properties": {
            "model": TEXT,
            "edges": one_of("auto", "soft", "fine", "best"),
            "keep": one_of("all", "largest"),
            "holes": one_of("keep", "fill", "open"),
            "version": TEXT,
        },
    },
    "Version": partly({}, version=TEXT),
    "Pictures": partly(
        {"pictures": listed(table(inbox=TEXT, path=TEXT))}, outputs=one_of("all", "first")
    ),
    "Key": table(key=TEXT),
    "Account": table(
        data=table(
            attributes=table(
                credits=table(total=NUMBER, subscription=NUMBER, payg=NUMBER, enterprise=NUMBER),
                api=table(free_calls=WHOLE, sizes=TEXT),
            )
        )
    ),
    "RemovebgResult": table(
        data=table(
            foreground_top=WHOLE,
            foreground_left=WHOLE,
            foreground_width=WHOLE,
            foreground_height=WHOLE,
            result_b64=TEXT,
        )
    ),
}
