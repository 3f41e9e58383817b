"""The configuration: YAML in, a Config out, every problem at once with its place in the file."""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import fields
from functools import partial
from pathlib import Path, PurePath
from typing import Any, TypeVar

from pydantic import ValidationError

from scissorsd.config.check_folders import check_folders, why_entangled
from scissorsd.config.check_globs import check_globs
from scissorsd.config.check_outputs import check_mask, check_output, format_of
from scissorsd.config.check_page import check_page
from scissorsd.config.check_rules import check_rules
from scissorsd.config.check_shared import check_shared
from scissorsd.config.custom_models import CustomModelSection
from scissorsd.config.description import describe
from scissorsd.config.outputs import MaskSection, OutputSection, WordsSection
from scissorsd.config.page import PageSection
from scissorsd.config.problems import Document, Problem
from scissorsd.config.quick_desk import with_quick_desk
from scissorsd.config.schema import Configuration, InboxSection, RuleSection
from scissorsd.config.sections import Section
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
    Hosts,
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
    "mask_of",
    "model_of",
    "output_of",
    "state_of",
    "why_entangled",
]

_S = TypeVar("_S", bound=Section)
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


def output_of(
    words: Mapping[str, object],
    *,
    files: bool = False,
    remark: Callable[[str], None] | None = None,
) -> Output:
    """Return the output that such words ask for in a rule; its background is a colour.

    With `files` it may also be the path of a picture. Raises ConfigError with a sentence for each
    word that cannot be. `remark` is told of each that has no effect.
    """
    kind = OutputSection if files else WordsSection
    return _output(_section(kind, words, partial(check_output, ()), remark))


def mask_of(words: Mapping[str, object]) -> MaskOptions:
    """Return what such words ask for in a rule's mask; raises ConfigError as `output_of` does."""
    return _mask(_section(MaskSection, words, partial(check_mask, ())))


def model_of(name: str, words: Mapping[str, object]) -> Model:
    """Return the custom model that such words describe; raises ConfigError as `output_of` does."""
    return _model(name, _section(CustomModelSection, words))


def _section(
    kind: type[_S],
    words: Mapping[str, object],
    check: Callable[[_S], Iterable[Problem]] | None = None,
    remark: Callable[[str], None] | None = None,
) -> _S:
    """Return the section that words come to which stand in no file."""
    try:
        section = kind.model_validate(words)
    except ValidationError as error:
        raise _refused(problems_of(error, Document("", dict(words)))) from None
    problems = list(check(section)) if check else []
    if wrong := [problem for problem in problems if not problem.warning]:
        raise _refused(wrong)
    if remark is not None:
        for problem in problems:
            remark(f"{_place_of(problem)} {problem.message}")
    return section


def _refused(problems: Iterable[Problem]) -> ConfigError:
    return ConfigError(tuple(f"{_place_of(problem)}: {problem.message}" for problem in problems))


def _place_of(problem: Problem) -> str:
    return ".".join(map(str, problem.loc))


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
        *check_shared(validated),
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
        hosts=Hosts(**dict(section.hosts)) if section.hosts is not None else None,
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
        removebg=section.removebg.size if section.removebg is not None else None,
        path=section.path,
    )


def _model(name: str, section: CustomModelSection) -> Model:
    return Model(
        name=name,
        file=str(section.file),
        sha256=section.sha256,
        input_size=section.size,
        scale=section.scale,
        mean=_three(section.mean),
        std=_three(section.std),
        output=section.output,
        gives=section.gives,
        classes=tuple(section.classes),
        grid=section.grid,
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
        rules=tuple(
            _rule(f"rule {number}", rule, section.outbox)
            for number, rule in enumerate(section.rules, 1)
        ),
        keep=Keep(section.keep.processed, section.keep.failed, section.keep.review),
        remove_emptied=section.remove_emptied,
    )


def _rule(default_name: str, section: RuleSection, outbox: Path) -> Rule:
    return Rule(
        name=section.name or default_name,
        match=tuple(section.match or ()),
        skip=section.skip,
        model=section.model,
        second_opinion=section.second_opinion or "",
        mask=_mask(section.mask),
        outputs=tuple(_output(output, outbox) for output in section.outputs),
        when_no_subject=section.when_no_subject,
        when_doubtful=section.when_doubtful.then,
        doubtful_above=section.when_doubtful.above,
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


def _output(section: OutputSection, outbox: Path | None = None) -> Output:
    folder = PurePath(section.folder)
    if outbox is not None and folder.is_relative_to(outbox):  # by its whole path
        inside = folder.relative_to(outbox).as_posix()
        section = section.model_copy(update={"folder": "" if inside == "." else inside})
    values: dict[str, Any] = {field.name: getattr(section, field.name) for field in fields(Output)}
    return Output(**values | {"format": format_of(section), "name": section.name or ""})
