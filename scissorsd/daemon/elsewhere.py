"""Pictures that are cut again where they were moved to: they stay there."""

from dataclasses import replace

from scissorsd.daemon.outcomes import Task
from scissorsd.records.recuts import Elsewhere


def task_elsewhere(task: Task, asked: Elsewhere) -> Task:
    """Return the task for a picture that lies where it was moved to, and stays there."""
    return replace(
        task,
        source=replace(task.source, path=asked.path),
        rule=asked.wish.over(replace(task.rule, source="keep")),
        lies_at=asked.lies_at,
        job_id=asked.job_id,
    )
