"""What a release asks for before it is made, and what the files around it say of it."""

import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import yaml

from scissorsd import __version__

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "release" / "release.py"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
NOBODY = {
    f"GIT_{who}_{what}": said
    for who in ("AUTHOR", "COMMITTER")
    for what, said in (("NAME", "nobody"), ("EMAIL", "nobody@localhost"))
}
HEADING = "## [1.2.0] – 2026-12-01"


class Checkout:
    """A small repository with the files that a release reads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("scissorsd/__init__.py", '__version__ = "1.2.0"\n')
        self.write(
            "CHANGELOG.md", f"# Changelog\n\n{HEADING}\n\n### Added\n\n- It.\n\n## [1.1.0] – x\n"
        )
        self.write("Dockerfile", "\nARG VERSION=1.2.0\n")
        self.git("init", "--quiet")
        self.commit()

    def write(self, name: str, content: str) -> None:
        """Write a file."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)

    def edit(self, name: str, old: str, new: str) -> None:
        """Change a file, and commit it."""
        path = self.folder / name
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))
        self.commit()

    def git(self, *words: str) -> None:
        """Let git do something, as nobody and without anybody's settings."""
        env = os.environ | NOBODY | {"GIT_CONFIG_GLOBAL": os.devnull}
        subprocess.run(["git", *words], cwd=self.folder, env=env, check=True)  # noqa: S607

    def commit(self) -> None:
        """Commit all there is."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "it")

    def refusal(self) -> str:
        """Return what `make release` would say; nothing where it would go on."""
        done = subprocess.run(
            [sys.executable, SCRIPT, "check"],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode != 0) == bool(done.stderr), done
        return done.stderr


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """Return a repository whose last commit could be released."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    checkout = Checkout(tmp_path)
    checkout.git("tag", "v1.2.0")
    return checkout


def test_a_release_goes_on_where_all_agrees(checkout: Checkout) -> None:
    """Committed, dated, tagged, and of one version: nothing is said."""
    assert checkout.refusal() == ""


def test_a_release_is_refused_with_every_reason_at_once(checkout: Checkout) -> None:
    """A changed file, no date, another image and a tag elsewhere are told together."""
    checkout.edit("CHANGELOG.md", HEADING, "## [1.2.0] – unreleased")
    checkout.edit("Dockerfile", "1.2.0", "1.1.0")
    checkout.git("tag", "v1.1.0")
    checkout.write("left.txt", "")
    head, *said = checkout.refusal().splitlines()
    assert head == "scissorsd 1.2.0 cannot be released as it is:"
    wanted = (
        *("Not committed: left.txt", "“unreleased” for a date", "ARG VERSION=1.2.0"),
        *("The tag v1.2.0 is on ", "This commit is v1.1.0"),
    )
    assert len(said) == len(wanted)
    for words, line in zip(wanted, said, strict=True):
        assert words in line


def test_a_release_of_a_version_that_the_changelog_does_not_know(checkout: Checkout) -> None:
    """A raised version alone is no release: changelog, image and tag are asked for."""
    checkout.edit("scissorsd/__init__.py", "1.2.0", "1.3.0")
    said = checkout.refusal()
    assert "CHANGELOG.md begins with 1.2.0, scissorsd/__init__.py says 1.3.0" in said
    assert "git tag -a v1.3.0" in said


def test_the_version_is_one() -> None:
    """Program, changelog and image are of one version here, too."""
    heading = re.search(r"(?m)^## \[(.+)\]", (ROOT / "CHANGELOG.md").read_text())
    argument = re.search(r"(?m)^ARG VERSION=(.+)$", (ROOT / "Dockerfile").read_text())
    assert heading is not None
    assert argument is not None
    assert (heading[1], argument[1]) == (__version__, __version__)


# --- workflows and forms -----------------------------------------------------------------------


def tool(name: str) -> str:
    """Find a program beside this interpreter or on the PATH, or skip the test."""
    here = str(Path(sys.executable).parent)
    path = shutil.which(name, path=os.pathsep.join((here, os.environ.get("PATH", os.defpath))))
    return path or pytest.skip(f"{name} is not installed")


def uses(value: object) -> list[str]:
    """Return every action that a workflow names."""
    if isinstance(value, list):
        return [found for item in value for found in uses(item)]
    if isinstance(value, dict):
        inner = [found for item in value.values() for found in uses(item)]
        return [*inner, value["uses"]] if isinstance(value.get("uses"), str) else inner
    return []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_may_read_only_and_name_others_code_by_its_hash(path: Path) -> None:
    """No workflow may write or holds a secret; each action is pinned, each job ends in time."""
    text = path.read_text()
    workflow: dict[str, Any] = yaml.safe_load(text)
    assert workflow["permissions"] == {"contents": "read"}
    assert "secrets." not in text
    assert "pull_request_target" not in text
    assert [
        name for name in uses(workflow) if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", name)
    ] == []
    for job in workflow["jobs"].values():
        assert "permissions" not in job
        assert job["timeout-minutes"] > 0


def test_every_form_asks_for_what_doctor_says() -> None:
    """Who reports a fault is asked for `scissorsd doctor`, and must answer."""
    for path in FORMS:
        if path.name == "config.yml":
            continue
        fields = {field.get("id"): field for field in yaml.safe_load(path.read_text())["body"]}
        assert "scissorsd doctor" in fields["doctor"]["attributes"]["label"]
        if path.stem == "fault":
            assert fields["doctor"]["validations"]["required"]


# --- what is put on a NAS ----------------------------------------------------------------------


def known_to_the_image() -> tuple[set[str], set[str]]:
    """Return the variables and the folders that the image knows."""
    script = (ROOT / "config" / "container-entrypoint.sh").read_text()
    lines = re.findall(r'(?m)^(?:values|switches)="(.*)"$', script)
    names = {f"SCISSORSD_{name}" for line in lines for name in line.split()}
    return names | {"PUID", "PGID", "UMASK"}, {"/inbox", "/outbox", "/models", "/state", "/config"}


def test_the_template_for_unraid_names_what_the_image_knows() -> None:
    """Each folder, variable and port of config/unraid.xml means something to the image."""
    variables, folders = known_to_the_image()
    root = ET.parse(ROOT / "config" / "unraid.xml").getroot()  # noqa: S314 - it is ours
    named: dict[str, set[str]] = {}
    for field in root.iter("Config"):
        named.setdefault(field.attrib["Type"], set()).add(field.attrib["Target"])
    assert named["Variable"] <= variables
    assert named["Path"] == folders
    assert named["Port"] == {"8000"}


def test_the_template_for_portainer_names_what_the_image_knows() -> None:
    """Each folder, variable and port of config/portainer.json means something to the image."""
    variables, folders = known_to_the_image()
    (template,) = json.loads((ROOT / "config" / "portainer.json").read_text())["templates"]
    assert {field["name"] for field in template["env"]} <= variables
    assert {volume["container"] for volume in template["volumes"]} == folders - {"/config"}
    assert template["ports"] == ["8000:8000/tcp"]
