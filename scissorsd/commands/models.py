"""The group `models`: the model files that are known, fetched and verified."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.markup import escape

from scissorsd.commands import configuration
from scissorsd.commands.console import new_console, print_table
from scissorsd.commands.messages import complain, say
from scissorsd.commands.progress import Bars
from scissorsd.core.catalogue import CATALOGUE, Model
from scissorsd.errors import EXIT_FAILURE, EXIT_OK, ScissorsError, UsageError
from scissorsd.inference import weights
from scissorsd.plain_text import for_terminal


@dataclass(frozen=True, slots=True)
class KnownModels:
    """The models that are known, and the folder of their files."""

    catalogue: Mapping[str, Model]
    folder: Path

    def named(self, name: str) -> Model:
        """Return a model by its name; raises UsageError for one that is not known."""
        if name not in self.catalogue:
            known = ", ".join(self.catalogue)
            raise UsageError(f"there is no model {name!r}; known are: {known}")
        return self.catalogue[name]


def known_models(config: Path | None, folder: Path | None) -> KnownModels:
    """Return the models of a configuration file or, without one, those of the program."""
    if config is None:
        return KnownModels(CATALOGUE, folder or weights.default_folder())
    settings = configuration.load(config)
    return KnownModels(settings.catalogue, folder or settings.models)


def show(models: KnownModels) -> None:
    """Print the known models, what is there of each, and under which licence."""
    rows, lines = [], []
    for model in models.catalogue.values():
        try:
            found = weights.find(model, models.folder)
            there, colour = (_there(model), "green") if found else ("not there", "")
        except ScissorsError as error:
            there, colour = for_terminal(error.what), "red"
        note = "" if model.tested else "  (not tested by this project)"
        file = for_terminal(str(models.folder / model.file))
        shown = f"[{colour}]{escape(there)}[/]" if colour else escape(there)
        licence = _licence(model)
        rows.append([escape(model.name), escape(file), shown + note, escape(licence)])
        lines += [f"{model.name}: {there}{note}", f"  {file}", f"  {licence}"]
    print_table(new_console(), ["model", "file", "", "licence"], rows, lines)


def _there(model: Model) -> str:
    return "there" if model.sha256 else "there (known by its MD5 only)"


def _licence(model: Model) -> str:
    """Say a model's licence, or why it is never fetched."""
    if model.unclear:
        return f"unclear, so it is never fetched, bring it yourself: {model.unclear}"
    return model.licence or "yours to know"


def fetch(models: KnownModels, names: Sequence[str]) -> Iterator[str]:
    """Fetch model files that are not there, and verify them; yield a sentence for each."""
    with Bars() as bars:
        for name in names:
            path = weights.locate(models.named(name), models.folder, progress=bars.fetching)
            bars.clear()
            yield f"{name}: {path}"


def verify(models: KnownModels, names: Sequence[str]) -> int:
    """Verify model files byte for byte, say what came of it, and return the exit code."""
    code = EXIT_OK
    for name in names or models.catalogue:
        model = models.named(name)
        path = models.folder / model.file
        if not path.exists():
            say(f"{name}: not there ({path})")
            code = EXIT_FAILURE if names else code
            continue
        try:
            sha256 = weights.verify(model, path, before=weights.known_hash(model, models.folder))
            only = "" if model.sha256 else f", by its MD5, as no other is known; SHA-256 {sha256}"
            say(f"{name}: ok ({path}){only}")
        except ScissorsError as error:
            complain(f"{name}: {error}")
            code = EXIT_FAILURE
    return code
