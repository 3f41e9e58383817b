"""What `doctor` has found, and how it is printed."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from scissorsd.commands.console import new_console, print_sentence

_COLOURS = {"ok": "", "note": "yellow", "bad": "red"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found: good, worth knowing, or bad; and what to do."""

    grade: Literal["ok", "note", "bad"]
    message: str
    advice: str = ""


def show_findings(findings: Iterable[Finding]) -> bool:
    """Print what `doctor` found, as it finds it; true if nothing of it is bad."""
    console = new_console()
    good = True
    for finding in findings:
        print_sentence(
            console, f"{finding.grade:4}  {finding.message}", _COLOURS[finding.grade], under=6
        )
        if finding.advice:
            print_sentence(console, f"      {finding.advice}", under=0)
        good = good and finding.grade != "bad"
    return good
