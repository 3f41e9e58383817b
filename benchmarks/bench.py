"""What the benchmarks share: where their things lie, the machine, the results, the tables."""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from math import isfinite
from pathlib import Path
from typing import Any

import yaml

from scissorsd import __version__
from scissorsd.inference import providers, weights
from scissorsd.machine import cpu_name, has_bf16, usable_cpus
from scissorsd.records.journal_file import FILE

TESTS = Path(__file__).parent.parent / "tests"
DARKNESS = "darkness"

Figures = dict[str, Any]  # what a benchmark found, as it goes into its JSON file

PACKAGES = (*providers.PACKAGES, "pillow", "isal", "numpy")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a benchmark keeps its things."""

    cache: Path  # pictures, results, rembg's virtual environment, and work/ for one run
    models: Path
    run: int = 1  # of several, whose results are told together

    def empty(self, name: str) -> Path:
        """Return an empty folder for one run."""
        folder = self.cache / "work" / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def save(self, name: str, figures: Figures) -> None:
        """Keep what was found, with the machine and the day, for the report.

        The first of several runs takes the place of all that were kept before.
        """
        folder = self.cache / "results"
        if self.run == 1:
            for old in folder.glob(f"run-*/{name}.json"):
                old.unlink()
        else:
            folder /= f"run-{self.run}"
        folder.mkdir(parents=True, exist_ok=True)
        day = datetime.now(tz=UTC).strftime("%Y-%m-%d")
        whole = {"day": day, "machine": machine(), **figures}
        (folder / f"{name}.json").write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")


def parser(about: str | None) -> argparse.ArgumentParser:
    """Make a parser with the options that every benchmark has."""
    options = argparse.ArgumentParser(description=(about or "").partition("\n")[0])
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    options.add_argument(
        "--cache",
        type=Path,
        default=home / "scissorsd-bench",
        help="where pictures, results and rembg are kept (default: %(default)s)",
    )
    options.add_argument("--models", type=Path, default=weights.default_folder())
    options.add_argument(
        "--run", type=int, default=1, help="of several, this one (from 1): the report tells all"
    )
    return options


def place(arguments: argparse.Namespace) -> Place:
    """Return the place that the options name."""
    return Place(arguments.cache.absolute(), arguments.models.absolute(), arguments.run)


# --- what runs, and on what ------------------------------------------------------------------


def rule_for(model: str, edges: str) -> dict[str, object]:
    """Return a rule that makes cutouts: `soft` is rembg's own work, the others do more."""
    rule: dict[str, object] = {"model": model, "mask": {"edges": edges}}
    if edges == "soft":
        rule["outputs"] = [{"kind": "cutout", "colour": "as_is"}]
    return rule


def write_config(
    folder: Path,
    models: Path,
    inbox: Path,
    outbox: Path,
    *,
    rule: Mapping[str, object],
    providers: str = "auto",
    **options: object,
) -> Path:
    """Write a configuration of one inbox and one rule into a folder; the state lies there too.

    The model may also be "darkness", of the tests, which takes no time.

    A journal that a run before left there is removed, so that nothing is known; what else it
    left stays, such as which provider is the fastest here.
    """
    for journal in (folder / "state").glob(f"{FILE}*"):
        journal.unlink()
    rule = {"name": "all", "when_no_subject": "publish", **rule}
    values: dict[str, object] = {
        "state": str(folder / "state"),
        "models": str(models),
        "providers": "auto" if providers == "auto" else [providers],
        "inboxes": {
            "bench": {"path": str(inbox), "outbox": str(outbox), "rules": [rule], **options}
        },
    }
    if rule.get("model") == DARKNESS:
        sys.path.append(str(TESTS))
        write = import_module("end_to_end.networks").write_darkness
        values["custom_models"] = {DARKNESS: write(folder / f"{DARKNESS}.onnx")}
    path = folder / "scissorsd.yaml"
    path.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    return path


def machine() -> dict[str, str | int]:
    """Name what the figures come from."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "cpu": cpu_name() + ("" if has_bf16() else " (without bf16)"),
        "cores": usable_cpus(),
        "memory": f"{pages / 2**30:.0f} GiB",
        "gpu": gpu_name(),
        "system": f"Linux {platform.release()}",
        "software": ", ".join(
            [f"scissorsd {__version__}", f"Python {platform.python_version()}", *versions()]
        ),
    }


def gpu_name() -> str:
    """Return the name of the NVIDIA GPU that is there, or "none"."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return "none"
    asked = [program, "--query-gpu=name", "--format=csv,noheader"]
    answer = subprocess.run(asked, capture_output=True, text=True, check=False)
    return ", ".join(answer.stdout.split("\n")).strip(", ") or "none"


def versions() -> Iterator[str]:
    """Yield the versions of what does the work."""
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            yield f"{package} {version(package)}"


# --- telling ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Goal:
    """A number to reach, and the one that was measured."""

    work: str
    measured: float
    limit: float
    unit: str = ""
    at_least: bool = False  # else at most

    def row(self) -> tuple[str, str, str, str]:
        """Return the goal as a row: work, goal, measured, met or missed by how much."""
        met = self.measured >= self.limit if self.at_least else self.measured <= self.limit
        missed = f"missed by {abs(self.measured - self.limit) / self.limit:.0%}"
        sign = "≥" if self.at_least else "≤"
        goal = f"{sign} {self.limit:g} {self.unit}".rstrip()
        measured = f"{number(self.measured)} {self.unit}".rstrip()
        return self.work, goal, measured, "met" if met else missed


def number(value: float) -> str:
    """Write a figure with three digits that count."""
    if not isfinite(value):
        return "–"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return (
        f"{value:.1f}"
        if abs(value) >= 10
        else f"{value:.2f}"
        if abs(value) >= 0.1
        else (f"{value:.2g}")
    )


def table(headings: Sequence[str], rows: Iterable[Sequence[str | float]]) -> str:
    """Write a Markdown table; figures to the right."""
    right = ["---"] + ["---:"] * (len(headings) - 1)
    written = [[cell if isinstance(cell, str) else number(cell) for cell in row] for row in rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in [headings, right, *written])
