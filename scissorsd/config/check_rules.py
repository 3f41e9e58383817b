"""What one option of a rule or a model says against another."""

from collections.abc import Iterator

from scissorsd.config.check_outputs import check_mask, check_output, path_of
from scissorsd.config.problems import Loc, Problem, meant, quoted
from scissorsd.config.schema import Configuration, RuleSection
from scissorsd.config.validation import Validated
from scissorsd.core.catalogue import CATALOGUE
from scissorsd.core.file_names import name_key

_OF_A_SKIP = {"name", "match", "skip"}


def check_rules(validated: Validated) -> Iterator[Problem]:
    """Look at the models, at the providers and at every rule with its outputs."""
    configuration = validated.configuration
    if configuration is None:
        return
    yield from _providers(validated, configuration)
    known = _models(validated)
    for name in configuration.custom_models:
        if name in CATALOGUE:
            message = f"{quoted(name)} is the name of a known model; choose another"
            yield Problem(("custom_models", name), message, about_key=True)
    yield from _classes(configuration)
    for inbox, section in configuration.inboxes.items():
        yield from _same_names(inbox, section.rules)
        for index, rule in enumerate(section.rules):
            loc = ("inboxes", inbox, "rules", index)
            yield from _rule(loc, rule, known)
            yield from check_mask((*loc, "mask"), rule.mask)
            yield from _outputs(loc, rule, validated)


def _providers(validated: Validated, configuration: Configuration) -> Iterator[Problem]:
    names = configuration.providers
    lacking = configuration.require_gpu and not {"auto", "cuda"} & set(names)
    if lacking and validated.whole("providers"):
        yield Problem(("require_gpu",), "a GPU is required, but providers has no cuda")


def _models(validated: Validated) -> list[str]:
    custom = validated.document.values.get("custom_models")
    return [*CATALOGUE, *(map(str, custom) if isinstance(custom, dict) else ())]


def _classes(configuration: Configuration) -> Iterator[Problem]:
    for name, model in configuration.custom_models.items():
        loc = ("custom_models", name)
        if model.gives == "classes" and not model.classes:
            message = "needs classes: the channels that are the subject"
            yield Problem((*loc, "gives"), message)
        elif model.classes and model.gives != "classes":
            yield Problem((*loc, "classes"), "has no effect without gives: classes", warning=True)


def _same_names(inbox: str, rules: list[RuleSection]) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for index, rule in enumerate(rules):
        name = rule.name or f"rule {index + 1}"
        if first.setdefault(name, index) != index:
            message = f"rule {first[name] + 1} of this inbox has the same name"
            yield Problem(("inboxes", inbox, "rules", index, "name"), message)


def _rule(loc: Loc, rule: RuleSection, known: list[str]) -> Iterator[Problem]:
    for option, model in (("model", rule.model), ("second_opinion", rule.second_opinion)):
        if model and model not in known:
            message = f"unknown model {quoted(model)}{meant(model, known)}"
            yield Problem((*loc, option), f"{message}; known are {', '.join(known)}")
    idle = sorted(rule.model_fields_set - _OF_A_SKIP) if rule.skip else []
    if idle:
        message = f"has no effect, since the rule skips its pictures: {', '.join(idle)}"
        yield Problem((*loc, idle[0]), message, warning=True)
        return
    if rule.second_opinion == rule.model:
        message = "has no effect: it is the rule's own model"
        yield Problem((*loc, "second_opinion"), message, warning=True)
    if rule.move_to and rule.source != "move":
        yield Problem((*loc, "move_to"), "has no effect without source: move", warning=True)


def _outputs(loc: Loc, rule: RuleSection, validated: Validated) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for index, output in enumerate(rule.outputs):
        here = (*loc, "outputs", index)
        if not validated.whole(*here):
            continue
        yield from check_output(here, output)
        path = name_key(path_of(output))
        if first.setdefault(path, index) != index:
            other = f"outputs[{first[path] + 1}]"
            message = f"gets the same name as {other}; give one a name or a folder"
            yield Problem(here, message)
