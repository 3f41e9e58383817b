"""`scissorsd backup` beside a daemon, and `scissorsd restore` after it."""

import sqlite3
from contextlib import closing

import pytest

from scissorsd.records.migrations import LATEST

from .deaths import finished, repaired
from .driver import Workplace


def test_back_to_monday(place: Workplace) -> None:
    """Backed up while it runs and put back later: what was cut since is seen, not cut again."""
    place.configure({"name": "all", "outputs": [{"kind": "cutout"}, {"kind": "mask"}]})
    backup = place.folder / "monday.sqlite"
    place.put("a.jpg")
    daemon = place.start()
    daemon.finished("a.jpg")
    said = place.ask("backup", backup)
    assert f"{backup}: 1 picture, the latest of" in said
    assert "checked." in said
    assert f"scissorsd restore {backup} -c {place.config}" in said
    refused = place.run("backup", backup, "-c", place.config)
    assert refused.returncode == 2
    assert "is there already" in refused.stderr
    assert place.ask("backup", "--overwrite", backup)

    running = place.run("restore", backup, "-c", place.config)
    assert running.returncode == 1
    assert "Stop it, run this again" in running.stderr
    place.put("b.jpg", number=1)
    daemon.finished("b.jpg")
    daemon.stop()

    said = place.ask("restore", backup)
    assert f"is that of {backup}: 1 picture" in said
    assert "is kept as" in said
    assert f"scissorsd adopt -c {place.config}" in said
    assert [entry.path for entry in place.entries()] == ["a.jpg"]
    before = place.files()
    assert finished(repaired(place, jobs=2)) == {}
    assert place.files() == before


@pytest.mark.full
def test_what_is_refused_in_words(place: Workplace) -> None:
    """Nothing to back up, no backup, and a newer one: a sentence each, and its exit code."""
    nothing = place.run("backup", "x", "-c", place.config)
    assert nothing.returncode == 2
    assert "nothing was ever cut" in nothing.stderr
    place.put("a.jpg")
    repaired(place)
    (place.folder / "text").write_text("This is my shopping list.\n" * 400)
    text = place.run("restore", "text", "-c", place.config)
    assert text.returncode == 1
    assert "is no backup of a job journal" in text.stderr
    place.ask("backup", "newer")
    with closing(sqlite3.connect(place.folder / "newer")) as db:
        db.execute(f"PRAGMA user_version = {LATEST + 1}")
    newer = place.run("restore", "newer", "-c", place.config)
    assert newer.returncode == 78
    assert "made by a newer scissorsd" in newer.stderr
    assert "Traceback" not in newer.stderr + text.stderr
    assert [entry.state for entry in place.entries()] == ["done"]
