"""What `cut` makes of pictures: by its own options, or by a rule of a configuration."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from scissorsd.commands.messages import complain
from scissorsd.config import load, output_of
from scissorsd.core.catalogue import CATALOGUE, Model
from scissorsd.core.formats import FORMATS, FORMATS_OF, Format, Kind
from scissorsd.core.rules import MaskOptions, Output, Rule
from scissorsd.errors import ConfigError, UsageError
from scissorsd.inference import weights
from scissorsd.inference.sessions import Sessions
from scissorsd.inference.timings import Speeds
from scissorsd.settings import DEFAULT_CONFIG, MAX_PIXELS, Config, Inbox

_OF_AN_OUTPUT = ("format", "quality", "size", "crop", "margin", "background")
_OF_A_RULE = ("model", "second_opinion", "edges", "kinds", *_OF_AN_OUTPUT)
_OPTIONS = {"kinds": "kind", "second_opinion": "second-opinion"}  # that have another name
_USUAL: tuple[Kind, ...] = ("cutout",)
_NUMBER = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is made of each picture, and with which networks."""

    rule: Rule
    inbox: str | None  # the name of the rule's; None: the rule is our own, and names no files
    catalogue: Mapping[str, Model]
    models: Path
    max_pixels: int = MAX_PIXELS
    max_bytes: int | None = None
    providers: tuple[str, ...] | Literal["auto"] = "auto"
    require_gpu: bool = False
    precision: Literal["auto", "full", "fast"] = "auto"
    speeds: tuple[Path, ...] = ()  # beside the models: where a daemon puts down what it timed

    @property
    def model(self) -> Model:
        """The network."""
        return self.catalogue[self.rule.model]

    @property
    def is_deep(self) -> bool:
        """Whether 16 bits of a picture may be wanted."""
        return any(output.depth != "8" for output in self.rule.outputs)

    def sessions(self, fetching: weights.Progress) -> Sessions:
        """Return the sessions, as a daemon would have them; a few pictures are no time to try."""
        return Sessions(
            models=self.catalogue,
            folder=self.models,
            providers=self.providers,
            require_gpu=self.require_gpu,
            precision=self.precision,
            progress=fetching,
            speeds=Speeds((self.models, *self.speeds)),
            find_out=False,
        )


def recipe_of(options: Mapping[str, Any], given: Sequence[str]) -> Recipe:
    """Return what the options of `cut` ask for; `given` are those on the command line.

    Raises UsageError where that cannot be, and ConfigError for the configuration.
    """
    if options["rule"] is None:
        if options["config"] is not None:
            raise UsageError("-c goes with --rule", "Say which of its rules: --rule RULE.")
        return _by_options(options)
    for name in _OF_A_RULE:
        if name in given:
            raise UsageError(
                f"--{_OPTIONS.get(name, name)} does not go with --rule; the rule says it"
            )
    return _by_rule(options["rule"], options["config"], options["models"])


def _by_options(options: Mapping[str, Any]) -> Recipe:
    model, other = options["model"], options["second_opinion"]
    for name in filter(None, (model, other)):
        if name not in CATALOGUE:
            raise UsageError(f"there is no model {name!r}; known are: {', '.join(CATALOGUE)}")
    if other == model:
        raise UsageError(f"--second-opinion {other}: that is the network itself; name another")
    rule = Rule(
        "",
        model=model,
        second_opinion=other,
        mask=MaskOptions(edges=options["edges"]),
        outputs=_outputs(options),
        when_no_subject="publish",
    )
    return Recipe(rule, None, CATALOGUE, options["models"] or weights.default_folder())


def _outputs(options: Mapping[str, Any]) -> tuple[Output, ...]:
    """Return an output of each kind; say which of the options has no effect on any of them."""
    words = {word: options[word] for word in _OF_AN_OUTPUT if options[word] is not None}
    if _NUMBER.fullmatch(words.get("quality", "")):
        words["quality"] = int(words["quality"])
    outputs, remarks = list[Output](), list[list[str]]()
    for kind in dict.fromkeys(options["kinds"] or _USUAL):
        remarks.append([])
        try:
            output = output_of(words | {"kind": kind}, files=True, remark=remarks[-1].append)
        except ConfigError as error:
            raise UsageError("\n".join(f"--{problem}" for problem in error.problems)) from error
        outputs.append(output)
    for remark in remarks[0]:
        if all(remark in others for others in remarks):
            complain(f"--{remark}")
    return tuple(outputs)


def format_by_name(out: Path | None, kinds: Sequence[Kind]) -> Format | None:
    """Return the format that the ending of the one file's name asks for, if its kind may have it.

    `out` is that file, if it is no folder; `kinds` are those on the command line.
    """
    (kind, *others) = kinds or _USUAL
    if out is None or out.is_dir() or others:
        return None
    suffix = out.suffix.lower()
    return next((name for name in FORMATS_OF[kind] if suffix in FORMATS[name].suffixes), None)


def _by_rule(wanted: str, file: Path | None, models: Path | None) -> Recipe:
    if file is None and not DEFAULT_CONFIG.exists():
        raise UsageError(
            "--rule needs the configuration that has the rule",
            f"Give -c FILE; {DEFAULT_CONFIG} does not exist.",
        )
    path = file or DEFAULT_CONFIG
    config = load(path, folders=False).config
    inbox, rule = _found(wanted, config, path)
    if rule.skip:
        raise UsageError(f"the rule {rule.name!r} makes nothing: it says 'skip: true'")
    return Recipe(
        rule=rule,
        inbox=inbox.name,
        catalogue=config.catalogue,
        models=models or config.models,
        max_pixels=config.limits.pixels,
        max_bytes=config.limits.file,
        providers="auto" if "auto" in config.providers else config.providers,
        require_gpu=config.require_gpu,
        precision=config.precision,
        speeds=(config.state,),
    )


def _found(wanted: str, config: Config, path: Path) -> tuple[Inbox, Rule]:
    everyone = [(inbox, rule) for inbox in config.inboxes for rule in inbox.rules]
    found = [pair for pair in everyone if _in_full(*pair) == wanted]
    found = found or [(inbox, rule) for inbox, rule in everyone if rule.name == wanted]
    if not found:
        there = ", ".join(_in_full(*pair) for pair in everyone)
        raise UsageError(f"{path} has no rule {wanted!r}", f"There are: {there}.")
    if len(found) > 1:
        those = " or ".join(f"--rule {_in_full(*pair)!r}" for pair in found)
        raise UsageError(f"{len(found)} inboxes have a rule {wanted!r}", f"Say which: {those}.")
    return found[0]


def _in_full(inbox: Inbox, rule: Rule) -> str:
    return f"{inbox.name}/{rule.name}"
