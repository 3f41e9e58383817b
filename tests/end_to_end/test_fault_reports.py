"""An unforeseen fault of a command leaves a report, and the command says where it is."""

import importlib.metadata
import re
import stat
from pathlib import Path

from .driver import Workplace

FAULT = "a fault was planned at loop"
PRIVATE = "k7hq"  # must not be in a report


def test_of_a_daemon(place: Workplace) -> None:
    """A daemon's report is in its state folder, for its user alone; the next takes its stead."""
    for _ in range(2):
        daemon = place.start(
            *("run", "-c", str(place.config)),
            variables={"SCISSORSD_FAULTS": "loop=raise", "API_KEY": PRIVATE},
        )
        assert daemon.exit_code() == 1
        report = place.state / "fault-UnforeseenError.txt"
        assert daemon.noise == [
            f"scissorsd: something unforeseen went wrong: UnforeseenError: {FAULT}",
            "scissorsd: run it again with --debug to see where, and please report it",
            f"scissorsd: a report without any picture is in {report}",
        ]
    assert list(place.state.glob("*fault*")) == [report]
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    text = report.read_text()
    assert f"command line: run -c {place.config}\n" in text
    assert f"numpy {importlib.metadata.version('numpy')}" in text
    assert "Traceback (most recent call last):" in text
    assert text.endswith(f"UnforeseenError: {FAULT}\n")
    assert PRIVATE not in text


def test_of_a_library_that_is_broken(place: Workplace, tmp_path: Path) -> None:
    """Where no state folder is known, the report is a temporary file; no picture is named in it."""
    broken, temporary = tmp_path / "broken", tmp_path / "temporary"
    broken.mkdir()
    temporary.mkdir()
    (broken / "numpy.py").write_text(f"raise RuntimeError('https://anna:{PRIVATE}@host/ failed')")
    command = place.start(
        *("cut", "/srv/anna at the beach.jpg", "-o", "out"),
        variables={
            "PYTHONPATH": f"{broken}:{place._environment['PYTHONPATH']}",
            "TMPDIR": str(temporary),
        },
    )
    assert command.exit_code() == 1
    (report,) = temporary.iterdir()
    assert re.fullmatch(r"scissorsd-fault-RuntimeError-\w+\.txt", report.name)
    assert command.noise[-1] == f"scissorsd: a report without any picture is in {report}"
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    text = report.read_text()
    assert "command line: cut PICTURE.jpg -o out\n" in text
    assert "https://…@host/ failed" in text
    assert PRIVATE not in text
    assert "beach" not in text


def test_where_none_can_be_written(place: Workplace) -> None:
    """A report that cannot be written is told of, and does not hide the fault."""
    place.state.mkdir()
    (place.state / "fault-UnforeseenError.txt").mkdir()
    daemon = place.start(
        *("run", "-c", str(place.config)),
        variables={"SCISSORSD_FAULTS": "loop=raise", "PYTHONPATH": f"{_no_temporary_files(place)}"},
    )
    assert daemon.exit_code() == 1
    assert daemon.noise[0].startswith("scissorsd: something unforeseen went wrong: Unforeseen")
    assert daemon.noise[-1] == (
        "scissorsd: no report could be written: FileNotFoundError: "
        "[Errno 2] No usable temporary directory found"
    )


def _no_temporary_files(place: Workplace) -> str:
    """Return a PYTHONPATH under which there is no folder for temporary files."""
    folder = place.folder / "no-temporary-files"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "import errno, tempfile\n"
        "def refuse(*_):\n"
        "    raise FileNotFoundError(errno.ENOENT, 'No usable temporary directory found')\n"
        "tempfile.mkstemp = refuse\n"
    )
    return f"{folder}:{place._environment['PYTHONPATH']}"
