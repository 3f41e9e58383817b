"""The configuration: YAML in, a Config out, every problem at once with its place in the file."""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields
from pathlib import Path, PurePath
from typing import Any

from pydantic import ValidationError

from scissorsd.config.check_folders import check_folders, why_entangled
from scissorsd.config.check_globs import check_globs
from scissorsd.config.check_outputs import check_output, format_of
from scissorsd.config.check_page import check_page
from scissorsd.config.check_rules import check_rules
from scissorsd.config.description import describe
from scissorsd.config.outputs import MaskSection, OutputSection, WordsSection
from scissorsd.config.page import PageSection
from scissorsd.config.problems import Document
from scissorsd.config.quick_desk import with_quick_desk
from scissorsd.config.schema import Configuration, CustomModelSection, InboxSection, RuleSection
from scissorsd.config.validation import problems_of, validate
from scissorsd.config.yaml_positions import YamlError, read
from scissorsd.core.catalogue import CATALOGUE, Model
from scissorsd.core.keeping import Keep
from scissorsd.core.rules import Length, MaskOptions, Output, Rule
from scissorsd.errors import ConfigError
from scissorsd.plain_text import escape_unprintable
from scissorsd.settings import (
    Config,
    DropLimits,
    Inbox,
    Limits,
    Loaded,
    Page,
    default_models_folder,
)

__all__ = [
    "describe",
    "from_values",
    "load",
    "output_of",
    "state_of",
    "why_entangled",
]

_LARGEST_FILE = 2**20  # bytes; far beyond any configuration


def load(path: Path, *, folders: bool = True) -> Loaded:
    """Read a configuration file; raises ConfigError with every problem at once.

    Without `folders` the folders may lie in each other: a command that only asks about a daemon
    answers all the same.
    """
    origin = escape_unprintable(str(path))
    try:
        document = read(_text(path, origin), origin)
    except YamlError as error:
        raise ConfigError(Document(origin, {}).lines([error.problem])) from None
    return _loaded(document, path.absolute().parent, folders=folders)


def from_values(
    values: Mapping[str, object],
    *,
    origin: str = "command line",
    base: Path,
    folders: bool = True,
) -> Loaded:
    """Check values that come from no file, as `load` does; raises ConfigError.

    Relative paths begin at `base`.
    """
    tidy = _tidied(values)
    document = Document(origin, tidy if isinstance(tidy, dict) else {})
    return _loaded(document, base, folders=folders)


def output_of(words: Mapping[str, object]) -> Output:
    """Return the output that such words ask for in a rule; its background is a colour.

    Raises ConfigError with a sentence for each word that cannot be. What has no effect is ignored.
    """
    document = Document("", dict(words))
    try:
        section = WordsSection.model_validate(words)
    except ValidationError as error:
        problems = problems_of(error, document)
    else:
        problems = [problem for problem in check_output((), section) if not problem.warning]
        if not problems:
            return _output(section)
    raise ConfigError(tuple(f"{problem.loc[-1]}: {problem.message}" for problem in problems))


def state_of(path: Path) -> Path | None:
    """Return the state folder that a configuration file names, with mistakes or without."""
    origin, base = escape_unprintable(str(path)), path.absolute().parent
    try:
        text = _text(path, origin)
    except ConfigError:
        return None
    with suppress(YamlError):
        configuration = validate(read(text, origin), base).configuration
        if configuration is not None:
            return configuration.state
    written = _STATE.search(text)
    return base / os.path.expanduser(written[2]) if written else None  # noqa: PTH111 (see parse_texts.place)


_STATE = re.compile(r"""^state:[ \t]*(['"]?)([^'"#\n]+?)\1[ \t]*(?:#.*)?$""", re.MULTILINE)


def _loaded(document: Document, base: Path, *, folders: bool) -> Loaded:
    validated = validate(document, base)
    problems = [
        *document.problems,
        *validated.problems,
        *(check_folders(validated) if folders else ()),
        *check_rules(validated),
        *check_globs(validated),
        *check_page(validated),
    ]
    lines = document.lines(problems)
    if validated.configuration is None or not all(problem.warning for problem in problems):
        raise ConfigError(lines)
    return Loaded(with_quick_desk(_config(validated.configuration)), lines)


def _text(path: Path, origin: str) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_FILE + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError((f"{origin}: cannot be read: {reason}",)) from None
    if len(data) > _LARGEST_FILE:
        raise ConfigError((f"{origin}: too large to be a configuration",))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig", "replace")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise ConfigError((f"{origin}:{line}:{column}: not UTF-8 text",)) from None


def _tidied(value: object) -> object:
    """Turn what Python code would pass into what a file would hold."""
    if isinstance(value, Mapping):
        return {str(key): _tidied(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_tidied(inner) for inner in value]
    return str(value) if isinstance(value, PurePath) else value


def _config(section: Configuration) -> Config:
    custom = {name: _model(name, model) for name, model in section.custom_models.items()}
    return Config(
        state=section.state,
        models=section.models or (default_models_folder() or section.state / "models").absolute(),
        providers=tuple(section.providers),
        require_gpu=section.require_gpu,
        precision=section.precision,
        workers=section.workers,
        memory=section.memory,
        limits=Limits(section.limits.file, section.limits.pixels),
        inboxes=tuple(_inbox(name, inbox) for name, inbox in section.inboxes.items()),
        catalogue=CATALOGUE | custom,
        page=_page(section.page) if section.page is not None else None,
    )


def _page(section: PageSection) -> Page:
    limits = section.limits
    return Page(
        listen=section.listen,
        auth=section.auth,
        hosts=tuple(section.hosts),
        proxies=tuple(section.proxies),
        metrics_from=tuple(section.metrics_from),
        drop_into=tuple(section.drop_into) if section.drop_into is not None else None,
        quick=section.quick,
        keep=section.keep,
        limits=DropLimits(limits.file, limits.waiting, limits.room),
        path=section.path,
    )


def _model(name: str, section: CustomModelSection) -> Model:
    return Model(
        name=name,
        file=str(section.file),
        sha256=section.sha256,
        input_size=section.size,
        mean=_three(section.mean),
        std=_three(section.std),
        tested=False,
    )


def _three(values: list[float]) -> tuple[float, float, float]:
    red, green, blue = values
    return red, green, blue


def _inbox(name: str, section: InboxSection) -> Inbox:
    return Inbox(
        name=name,
        path=section.path,
        outbox=section.outbox,
        watch=section.watch,
        require_mount=section.require_mount,
        recursive=section.recursive,
        settle=section.settle,
        rescan=section.rescan,
        ignore=tuple(section.ignore),
        rules=tuple(_rule(f"rule {number}", r) for number, r in enumerate(section.rules, 1)),
        keep=Keep(section.keep.processed, section.keep.failed, section.keep.review),
        remove_emptied=section.remove_emptied,
    )


def _rule(default_name: str, section: RuleSection) -> Rule:
    return Rule(
        name=section.name or default_name,
        match=tuple(section.match or ()),
        skip=section.skip,
        model=section.model,
        mask=_mask(section.mask),
        outputs=tuple(_output(output) for output in section.outputs),
        when_no_subject=section.when_no_subject,
        when_doubtful=section.when_doubtful,
        source=section.source,
        move_to=section.move_to,
    )


def _mask(section: MaskSection) -> MaskOptions:
    inwards = section.shrink
    return MaskOptions(
        edges=section.edges,
        threshold=section.threshold,
        feather=section.feather,
        grow=Length(-inwards.amount, inwards.unit) if inwards.amount else section.grow,
        keep=section.keep,
        holes=section.holes,
    )


def _output(section: OutputSection) -> Output:
    values: dict[str, Any] = {field.name: getattr(section, field.name) for field in fields(Output)}
    return Output(**values | {"format": format_of(section), "name": section.name or ""})
