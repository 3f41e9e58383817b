import json
from pathlib import Path

import pytest

from scissorsd import logs
from scissorsd.config import from_values
from scissorsd.core.settling import Sighting
from scissorsd.daemon.inbox_state import TELL_AGAIN
from scissorsd.daemon.job_log import LINES, JobLines
from scissorsd.daemon.outcomes import Ended, Failed, Outcome, Task
from scissorsd.folders.mounts import Root
from scissorsd.rate_limit import RateLimiter

RULE = {"name": "all"}
INBOX = from_values(
    {"state": "state", "inboxes": {"shop": {"path": "in", "outbox": "out", "rules": [RULE]}}},
    base=Path("/srv"),
).config.inboxes[0]


def ended(name: str, outcome: Outcome) -> Ended:
    """Say what came of a picture."""
    source = Sighting(name, size=1, mtime_ns=1, inode=1, device=1)
    roots = Root(INBOX.path), Root(INBOX.outbox)
    return Ended(Task(INBOX, *roots, source, INBOX.rules[0], 0.0), outcome, 0.1, 0.1)


def test_ten_thousand_equal_failures(capsys: pytest.CaptureFixture[str]) -> None:
    """Ten thousand failures that differ only in the picture's name make a hundred lines, and one.

    Those of another kind are told meanwhile, and the same ones again when the time has come.
    """
    logs.set_up()
    lines = JobLines()
    for number in range(10_000):
        name = f"{number}.jpg"
        lines.write(ended(name, Failed(f"/srv/in/{name} is not a picture")), now=number / 100)
    lines.write(ended("other.jpg", Failed("it is too large")), now=100.0)
    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["event"] for line in told] == [
        *["job.failed"] * LINES,
        "job.failed_many",
        "job.failed",
    ]
    assert told[-1]["source"] == "other.jpg"
    lines.write(ended("a.jpg", Failed("/srv/in/a.jpg is not a picture")), now=TELL_AGAIN)
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["source"] == "a.jpg"


def test_what_is_said_seldom() -> None:
    """A thing is said so many times within a while, and then again; each thing counts alone."""
    limiter = RateLimiter(2, within=10.0)
    assert [limiter.left("a", now) for now in (0.0, 1.0, 2.0, 9.9)] == [2, 1, 0, 0]
    assert limiter.left("b", 3.0) == 2
    assert [limiter.left("a", now) for now in (10.0, 11.0, 12.0)] == [2, 1, 0]


def test_what_was_said_long_ago_is_forgotten() -> None:
    """What was said of a hundred thousand different things does not fill the memory."""
    limiter = RateLimiter(1, within=10.0)
    for number in range(100_000):
        assert limiter.left(str(number), now=number / 100) == 1
    assert len(limiter._allowed) <= 11_000
