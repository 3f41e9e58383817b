"""What one run has done so far."""

from dataclasses import dataclass, field

from scissorsd.daemon.outcomes import Done, Failed, Outcome, Task


@dataclass(slots=True)
class Totals:
    """How many pictures of this run came out, and which failed."""

    done: int = 0
    failed: int = 0
    verdicts: dict[str, int] = field(default_factory=dict)
    failures: list[tuple[str, str]] = field(default_factory=list)  # picture, reason

    def count(self, task: Task, outcome: Outcome, *, name_failures: bool) -> None:
        """Count a task that ended for good; with `name_failures` also keep which failed."""
        match outcome:
            case Done(verdict=verdict):
                self.done += 1
                if verdict is not None:
                    self.verdicts[verdict] = self.verdicts.get(verdict, 0) + 1
            case Failed(reason=reason):
                self.failed += 1
                if name_failures:
                    self.failures.append((str(task.path), reason))
