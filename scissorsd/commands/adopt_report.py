"""What `adopt` says in the end."""

from collections.abc import Iterator

from scissorsd.commands.adopt import Adopted, Report
from scissorsd.plain_text import for_terminal

_NAMED = 10  # doubtful pictures of an inbox are named


def in_words(adopted: Adopted, *, dry_run: bool) -> Iterator[str]:
    """Say what came of the pictures of each inbox, and what to do; lines fit for a terminal."""
    if adopted.set_aside is not None:
        yield for_terminal(f"The job journal was damaged; it lies at {adopted.set_aside} now.")
    for report in adopted.reports:
        yield from map(for_terminal, _of_inbox(report))
    doubtful = any(report.doubtful for report in adopted.reports)
    if doubtful or any(report.to_cut for report in adopted.reports):
        yield (
            "What is to be cut, and what is doubtful in an inbox, is cut when scissorsd runs, "
            "under names that are free: no file that is there is written over."
        )
    if doubtful:
        yield (
            "To keep a doubtful picture from being cut, put right what is said of it, and run this "
            "again before scissorsd runs; or take the picture out of the inbox."
        )
    if dry_run:
        yield "Nothing was written: this was a trial (--dry-run)."


def _of_inbox(report: Report) -> Iterator[str]:
    if report.away:
        yield f"{report.name}: away, so nothing of it was adopted: {report.away}"
        yield "  Bring it back, and run this again before scissorsd runs."
        return
    yield (
        f"{report.name}: {report.adopted:,} adopted, {report.known:,} known already, "
        f"{report.to_cut:,} to be cut, {len(report.doubtful):,} doubtful"
    )
    for path, why in report.doubtful[:_NAMED]:
        yield f"  doubtful: {path}: {why}"
    if len(report.doubtful) > _NAMED:
        yield f"  … and {len(report.doubtful) - _NAMED:,} more"
    if report.stay:
        yield (
            f"  {report.stay:,} of the adopted lie in the inbox, though their rule deletes "
            "sources: nothing is deleted because files of its name are there. Delete them yourself."
        )
