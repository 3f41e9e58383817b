"""A user number that /etc/passwd does not know, without HOME, as in containers and under cron."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from .driver import Workplace

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None, reason="only root can become someone else"
)

SOMEONE = ("setpriv", "--reuid=4321", "--regid=4321", "--clear-groups")


class Homeless(Workplace):
    """A workplace of nobody whom the machine knows."""

    def __init__(self, folder: Path, models: Path) -> None:
        super().__init__(folder, models)
        for name in ("HOME", "XDG_STATE_HOME", "U2NET_HOME"):
            del self._environment[name]
        # Who is nobody here cannot write down what was covered, either.
        self._environment.pop("COVERAGE_PROCESS_CONFIG", None)

    def _command(self, arguments: "tuple[str | Path, ...]") -> list[str]:
        return [*SOMEONE, *super()._command(arguments)]


@pytest.fixture
def homeless(models_folder: Path) -> Iterator[Homeless]:
    """Set up a workplace that is open to all; pytest's own folders are not."""
    with tempfile.TemporaryDirectory() as name:
        workplace = Homeless(Path(name), models_folder)
        for path in (Path(name), *Path(name).rglob("*")):
            path.chmod(0o777)
        if workplace.run("--version").returncode:
            pytest.skip("this Python, or what is tested, is closed to other users")
        yield workplace
        workplace.close()


@pytest.mark.full
def test_what_needs_a_home_says_so(homeless: Homeless) -> None:
    """Every command that would look into a home folder names what to give in its place."""
    path = homeless.put("a.jpg")
    out = homeless.outbox
    for command in (
        ("status",),
        ("health",),
        ("why", path),
        ("retry", "--failed"),
        ("once", homeless.inbox, out),
        ("watch", homeless.inbox, out),
    ):
        answer = homeless.run(*command)
        assert answer.returncode == 2, answer.stderr
        assert answer.stderr.startswith("scissorsd: there is no home folder to keep the state in")
        assert "--state FOLDER" in answer.stderr
    for command in (("models",), ("cut", path)):
        answer = homeless.run(*command)
        assert answer.returncode == 1, answer.stderr
        assert "There is no home folder to keep the models in" in answer.stderr
        assert "--models FOLDER" in answer.stderr
    doctor = homeless.run("doctor")
    assert "no home folder to keep the models in" in doctor.stdout
    assert "inotify" in doctor.stdout
    service = homeless.run("service", "install", "--user", "--dry-run")
    assert "there is no home folder for a service of your own" in service.stderr
    assert not any("Traceback" in said for said in (doctor.stderr, service.stderr))


@pytest.mark.full
def test_what_works_without_a_home(homeless: Homeless, models_folder: Path) -> None:
    """With a state folder all works, and models lie in it; a sheet needs neither."""
    homeless.put("a.jpg")
    state = ("--state", homeless.state)
    models = homeless.state / "models"
    models.mkdir(parents=True)
    shutil.copy(models_folder / "u2netp.onnx", models)
    for path in (homeless.state, models, *models.iterdir()):
        os.chown(path, 4321, 4321)
    options = ("--model", "u2netp", "--providers", "cpu", *state)
    once = homeless.run("once", homeless.inbox, homeless.outbox, *options)
    assert once.returncode == 0, once.stderr
    assert homeless.files() == ["a.png"]
    assert homeless.run("status", *state).returncode == 0
    assert "It was cut" in homeless.run("why", homeless.inbox / "a.jpg", *state).stdout
    sheet = homeless.run("sheet", homeless.outbox, "-o", homeless.folder / "sheet.jpg")
    assert sheet.returncode == 0, sheet.stderr


def test_a_home_that_cannot_be_written(homeless: Homeless) -> None:
    """A container sets HOME to / for whom it does not know; what cannot be made there is told."""
    homeless._environment["HOME"] = "/proc"
    answer = homeless.run("once", homeless.inbox, homeless.outbox)
    assert answer.returncode == 1
    assert "the state folder /proc/.local/state/scissorsd/inbox-" in answer.stderr
    assert "Give --state FOLDER" in answer.stderr
