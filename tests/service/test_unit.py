"""The unit's text: paths as systemd reads them back, and what differs between units."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from scissorsd.errors import UsageError
from scissorsd.service import unit, worker_unit
from scissorsd.service.unit import Unit, text

SHIPPED = Path(__file__).parents[2] / "systemd"
HARD = (
    "/srv/shop in",
    "/srv/100%done",
    "/srv/Müller & Söhne",
    "/srv/back\\slash",
    '/srv/a "quoted" name',
    "/srv/it's",
    "/srv/$HOME/a",
    "/srv/a:b;c",
    "/srv/ends in \\",
    "/srv/写真",
)


def values(written: str, key: str) -> list[str]:
    """Return what stands behind a key, in order."""
    lines = (line.partition("=") for line in written.splitlines())
    return [value for name, _, value in lines if name == key]


def test_the_shipped_files_are_up_to_date() -> None:
    """What is in systemd/ is what the template gives now (`python -m …`)."""
    for name, content in unit.shipped().items():
        assert (SHIPPED / name).read_text(encoding="utf-8") == content
    assert (SHIPPED / worker_unit.NAME).read_text(encoding="utf-8") == worker_unit.shipped()


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ("/srv/plain", "/srv/plain"),
        ("/srv/Müller", "/srv/Müller"),
        ("/srv/two words", '"/srv/two words"'),
        ("/srv/100%", "/srv/100%%"),
        ("/srv/a\\b", '"/srv/a\\\\b"'),
        ('/srv/a"b', '"/srv/a\\"b"'),
        ("/srv/$HOME", "/srv/$HOME"),
    ],
)
def test_paths_are_written_as_systemd_reads_them(path: str, written: str) -> None:
    """Spaces, percent signs, backslashes and quotes come through as they are."""
    assert values(text(Unit(writable=(path,))), "ReadWritePaths") == [written]


def test_a_dollar_in_an_argument_is_no_variable() -> None:
    """The dollar is doubled in arguments, and left alone in the program's path."""
    (command,) = values(text(Unit(program=("/opt/$x/s",), config="/etc/$x.yaml")), "ExecStart")
    assert command == "/opt/$x/s run -c /etc/$$x.yaml"


@pytest.mark.parametrize("path", ["/srv/a\nb", "/srv/a\tb", "/srv/\udcff"])
def test_what_no_unit_can_hold_is_refused(path: str) -> None:
    """A line break in a path would become a setting of its own."""
    with pytest.raises(UsageError, match="cannot stand in a unit"):
        text(Unit(writable=(path,)))


@pytest.mark.parametrize(
    ("version", "kind", "steps"),
    [(None, "notify", []), (252, "notify", []), (253, "notify-reload", []),
     (254, "notify-reload", ["6"])],
)  # fmt: skip
def test_each_systemd_gets_what_it_knows(version: int | None, kind: str, steps: list[str]) -> None:
    """notify-reload from 253 on, growing delays from 254 on."""
    written = text(Unit(systemd=version))
    assert values(written, "Type") == [kind]
    assert values(written, "RestartSteps") == steps
    assert len(values(written, "ExecReload")) == (kind == "notify")


def test_one_users_unit_asks_for_nothing_that_needs_root() -> None:
    """It has no account and no file system of its own, and keeps the filters."""
    written = text(Unit(personal=True))
    for key in ("User", "ProtectSystem", "CapabilityBoundingSet", "DevicePolicy", "StateDirectory"):
        assert values(written, key) == []
    assert values(written, "NoNewPrivileges") == ["yes"]
    assert values(written, "WantedBy") == ["default.target"]


def test_homes_are_hidden_but_for_what_is_named() -> None:
    """Folders under homes are bound into an empty /home; without any, /home is closed."""
    written = text(Unit(bind_paths=("/home/anna/in",), bind_read_only_paths=("/home/anna/.venv",)))
    assert values(written, "ProtectHome") == ["tmpfs"]
    assert values(written, "BindPaths") == ["/home/anna/in"]
    assert values(written, "BindReadOnlyPaths") == ["/home/anna/.venv"]
    assert values(text(Unit()), "ProtectHome") == ["yes"]


def test_tmpfiles_names_the_services_own_folders() -> None:
    """A state folder elsewhere is made with the account's name, quoted where it must be."""
    assert 'd "/srv/my state" 0750 scissorsd scissorsd -\n' in unit.tmpfiles(["/srv/my state"])


@pytest.mark.parametrize("personal", [False, True])
def test_systemd_reads_every_path_without_a_word(tmp_path: Path, personal: bool) -> None:  # noqa: FBT001
    """systemd-analyze has nothing to say to a unit full of hard names."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    hard = Unit(
        program=(sys.executable, "-m", "scissorsd"),
        config='/etc/a 100% \\ "strange" $name.yaml',
        writable=HARD,
        optional_writable=("/nas drive",),
        bind_paths=("/home/anna/in box",),
        bind_read_only_paths=("/home/anna/my:venv",),
        open_tmp=True,
        personal=personal,
    )  # fmt: skip
    for made in (hard, replace(hard, marked=False)):
        file = tmp_path / "scissorsd.service"
        file.write_text(text(made), encoding="utf-8")
        who = "--user" if personal else "--system"
        said = subprocess.run(
            [analyze, "verify", who, "--man=no", file],
            capture_output=True,
            text=True,
            check=False,
            env={"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"},
        )
        assert (said.returncode, said.stderr) == (0, "")
