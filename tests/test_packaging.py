"""What ships around the program: unit, image, Makefile, and what must never be tracked."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml

from scissorsd.cli import watch
from scissorsd.errors import EXIT_BAD_CONFIG

ROOT = Path(__file__).parent.parent
UNIT = ROOT / "systemd" / "scissorsd.service"
DOCKERFILE = ROOT / "Dockerfile"
ENTRYPOINT = ROOT / "config" / "container-entrypoint.sh"

LARGEST_TRACKED = 3_000_000  # bytes; the smallest weights are 4.6 MB
WEIGHTS = {".onnx", ".ort", ".pt", ".pth", ".safetensors", ".whl"}
# Split, so that this file does not hold what it looks for.
REGISTRIES = tuple(
    b".".join(host)
    for host in (
        (b"pypi", b"org"),
        (b"pypi", b"python", b"org"),
        (b"pythonhosted", b"org"),
        (b"anaconda", b"org"),
        (b"npmjs", b"org"),
        (b"docker", b"io"),
        (b"ghcr", b"io"),
        (b"nvcr", b"io"),
        (b"quay", b"io"),
    )
)
as_root = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None, reason="only root can become someone else"
)


def tool(name: str) -> str:
    """Find a program beside this interpreter or on the PATH, or skip the test."""
    here = str(Path(sys.executable).parent)
    path = shutil.which(name, path=os.pathsep.join((here, os.environ.get("PATH", os.defpath))))
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def run(*command: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the checkout, with `env` added to the environment."""
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | env, capture_output=True, text=True, check=False
    )


def tracked() -> list[Path]:
    """Every file that git tracks, or would track once it is added."""
    listed = run(tool("git"), "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    paths = (ROOT / name for name in listed.stdout.split("\0") if name)
    return [path for path in paths if path.is_file()]


def service() -> dict[str, str]:
    """Read the unit's [Service] section; of a key given twice, the last."""
    section = UNIT.read_text().split("[Service]")[1].split("[Install]")[0]
    lines = (line.partition("=") for line in section.splitlines() if "=" in line)
    return {key: value for key, _, value in lines if not key.startswith("#")}


def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    """Everything in the unit is known to this systemd; only the program's path is not here."""
    analyze = tool("systemd-analyze")
    copy = tmp_path / UNIT.name
    copy.write_text(
        UNIT.read_text().replace("=/opt/scissorsd/bin/scissorsd ", f"={sys.executable} ")
    )
    result = run(analyze, "verify", "--man=no", copy)
    assert (result.returncode, result.stderr) == (0, "")


def test_the_unit_does_not_restart_on_a_bad_configuration() -> None:
    """The unit's exit status is the one that the program gives."""
    assert service()["RestartPreventExitStatus"] == str(EXIT_BAD_CONFIG)


def test_the_unit_watches_over_the_daemon() -> None:
    """Readiness, watchdog, reload and restart are all asked for."""
    section = service()
    assert section["Type"] == "notify"
    assert section["Restart"] == "on-failure"
    assert section["ExecReload"] == "kill -HUP $MAINPID"
    assert section["WatchdogSec"] == "60s"


def test_onnxruntime_tells_nobody_of_the_pictures() -> None:
    """Its telemetry is off from the first moment, in the service and in the image."""
    assert service()["Environment"] == "ORT_DISABLE_TELEMETRY=1"
    assert "ORT_DISABLE_TELEMETRY=1" in DOCKERFILE.read_text()


def test_hadolint_finds_nothing_wrong_with_the_dockerfile() -> None:
    """The Dockerfile follows the usual advice."""
    result = run(tool("hadolint"), DOCKERFILE)
    assert (result.returncode, result.stdout) == (0, "")


def test_the_image_is_for_the_cpu_unless_asked_otherwise() -> None:
    """Both targets are there, and the last one is what a plain `docker build` makes."""
    stages = [
        line.split() for line in DOCKERFILE.read_text().splitlines() if line.startswith("FROM")
    ]
    assert [words[3] for words in stages] == ["wheel", "base", "gpu", "cpu"]


def test_what_the_image_copies_is_not_ignored() -> None:
    """The allow-list in .dockerignore names what the Dockerfile copies; each exists."""
    allowed = {
        line[1:].rstrip("/")
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    copies = [
        line.split()
        for line in DOCKERFILE.read_text().splitlines()
        if line.startswith("COPY") and "--from" not in line
    ]
    sources = {source for words in copies for source in words[1:-1]}
    assert sources == allowed
    assert all((ROOT / source).exists() for source in sources)


@pytest.fixture
def image() -> Iterator[Path]:
    """Yield a folder open to any user, with a `scissorsd` that tells who runs it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        shutil.copy(ENTRYPOINT, folder / "entrypoint")
        program = folder / "scissorsd"
        program.write_text('#!/bin/sh\necho "$(id -u) $(id -g) $(id -G) $(umask) $*"\n')
        program.chmod(0o755)
        yield folder


def enter(image: Path, *command: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Start the entry point, or `command`, where the folder `image` is first on the PATH."""
    path = f"{image}{os.pathsep}{os.environ['PATH']}"
    return run(*command, image / "entrypoint", "health", "-c", "a file", PATH=path, **env)


@as_root
def test_the_container_becomes_the_user_that_the_nas_owner_named(image: Path) -> None:
    """PUID, PGID and UMASK hold, no group of root's is kept, and the arguments pass through."""
    result = enter(image, PUID="12345", PGID="100", UMASK="002")
    assert (result.stdout, result.stderr) == ("12345 100 100 0002 health -c a file\n", "")


@as_root
def test_the_container_never_works_as_root_by_default(image: Path) -> None:
    """Nobody named a user: it is 1000."""
    assert enter(image).stdout.startswith("1000 1000 ")


@as_root
def test_the_container_runs_as_the_user_that_docker_names(image: Path) -> None:
    """`docker run --user 4321:100` leaves no root to give up, and PUID then says nothing."""
    as_user = ("setpriv", "--reuid=4321", "--regid=100", "--clear-groups", "--")
    assert enter(image, *as_user, PUID="12345").stdout.startswith("4321 100 ")


@as_root
def test_a_user_that_is_no_number_is_refused_in_words(image: Path) -> None:
    """PUID=anna is a bad configuration, said in one line; so is UMASK=open."""
    for env in ({"PUID": "anna"}, {"UMASK": "open"}):
        result = enter(image, **env)
        assert result.returncode == EXIT_BAD_CONFIG
        assert result.stderr.count("\n") == 1
        assert f"'{next(iter(env.values()))}'" in result.stderr


@as_root
def test_a_container_that_may_not_change_its_user_says_how_it_may(image: Path) -> None:
    """Root without the capabilities for it names them, and `--user`."""
    result = enter(image, "setpriv", "--bounding-set=-setuid,-setgid", "--", PUID="1026")
    assert result.returncode == EXIT_BAD_CONFIG
    assert "--user 1026:1000" in result.stderr
    assert "--cap-add SETUID" in result.stderr


def daemon(image: Path, *, writable: bool = True, **env: str) -> tuple[str, str]:
    """Start the image without words of its own; give what scissorsd was told, and what was said."""
    for name in ("inbox", "outbox", "state", "models", "config"):
        (image / name).mkdir(exist_ok=True)
        (image / name).chmod(0o777 if writable else 0o755)
    path = f"{image}{os.pathsep}{os.environ['PATH']}"
    result = run(image / "entrypoint", PATH=path, SCISSORSD_ROOT=str(image), **env)
    told = result.stdout.strip().split(" watch ")[-1].replace(f"{image}/", "/")
    return told or str(result.returncode), result.stderr.replace(f"{image}/", "/")


def test_the_image_needs_no_configuration(image: Path) -> None:
    """Without words, variables and files it watches /inbox, and empty variables count as none."""
    assert daemon(image) == ("/inbox /outbox", "")
    assert daemon(image, SCISSORSD_MODEL="", SCISSORSD_MASK="") == ("/inbox /outbox", "")


def test_the_page_by_itself_is_reached_from_outside(image: Path) -> None:
    """`docker run … scissorsd page` listens everywhere, if neither a variable nor a file says."""
    path = f"{image}{os.pathsep}{os.environ['PATH']}"
    (image / "scissorsd").write_text('#!/bin/sh\necho "$* at $SCISSORSD_PAGE"\n')

    def told(*words: str, **env: str) -> str:
        result = run(image / "entrypoint", *words, PATH=path, PUID="0", **env)
        return result.stdout.strip()

    assert told("page") == "page at 0.0.0.0:8000"
    assert told("page", "--auth", "none", SCISSORSD_PAGE="yes").endswith("at 0.0.0.0:8000")
    assert told("page", SCISSORSD_PAGE="0.0.0.0:9000") == "page at 0.0.0.0:9000"
    assert told("page", "-c", "a file") == "page -c a file at"
    assert told("status") == "status at"


def test_the_options_of_watch_come_from_variables(image: Path) -> None:
    """Each variable becomes its option, spaces and all; a switch that is off becomes nothing."""
    told, said = daemon(
        image,
        SCISSORSD_MODEL="u2netp",
        SCISSORSD_FLAT="rgb(1, 2, 3)",
        SCISSORSD_PROVIDERS="openvino,cpu",
        SCISSORSD_MASK="yes",
        SCISSORSD_COMPARISON="off",
        SCISSORSD_REQUIRE_GPU="1",
    )
    options = "--model=u2netp --flat=rgb(1, 2, 3) --providers=openvino,cpu --mask --require-gpu"
    assert (told, said) == (f"/inbox /outbox {options}", "")


def test_every_variable_is_an_option_of_watch() -> None:
    """The entry point offers nothing that `watch` does not take, and all but its folders."""
    script = ENTRYPOINT.read_text()
    named = re.findall(r'^(?:values|switches)="(.*)"$', script, re.MULTILINE)
    offered = {name for line in named for name in line.split()}
    options = {str(p.name).upper() for p in watch.params if isinstance(p, click.Option)}
    assert offered == options - {"STATE", "MODELS"}


@pytest.mark.parametrize(
    ("word", "option"),
    [("yes", " --page=0.0.0.0:8000"), ("0.0.0.0:9", " --page=0.0.0.0:9"), ("no", "")],
)
def test_the_page_of_the_image_is_for_other_machines(image: Path, word: str, option: str) -> None:
    """SCISSORSD_PAGE=yes is port 8000 on every address of the container; no is no page."""
    assert daemon(image, SCISSORSD_PAGE=word) == (f"/inbox /outbox{option}", "")


def test_a_switch_that_is_neither_yes_nor_no_is_refused(image: Path) -> None:
    """SCISSORSD_MASK=perhaps is a bad configuration, said in one line."""
    code, said = daemon(image, SCISSORSD_MASK="perhaps")
    assert (code, said) == (
        str(EXIT_BAD_CONFIG),
        "scissorsd: SCISSORSD_MASK is yes or no, not 'perhaps'\n",
    )


def test_a_misspelt_variable_is_pointed_out(image: Path) -> None:
    """SCISSORSD_MODLE does nothing, and the log says so and what there is."""
    told, said = daemon(image, SCISSORSD_MODLE="u2netp")
    assert told == "/inbox /outbox"
    assert "SCISSORSD_MODLE is not known" in said
    assert " SCISSORSD_MODEL " in said


def test_a_configuration_file_wins_over_variables(image: Path) -> None:
    """The daemon runs on /config/scissorsd.yaml, and says that a variable beside it is idle."""
    (image / "config").mkdir()
    (image / "config" / "scissorsd.yaml").touch()
    told, said = daemon(image, SCISSORSD_MASK="yes")
    assert told.endswith(" run -c /config/scissorsd.yaml")
    assert said.startswith("scissorsd: SCISSORSD_MASK is not used, since /config/scissorsd.yaml")


@as_root
def test_a_volume_that_is_not_writable_is_named_with_its_owner(image: Path) -> None:
    """The log says which folder, whose it is and what to set; the daemon starts all the same."""
    told, said = daemon(image, writable=False, PUID="4321", PGID="100")
    assert told == "/inbox /outbox"
    assert "/outbox is not writable for 4321:100, who runs here; it belongs to 0:0." in said
    assert "Set PUID and PGID" in said
    assert "/state" not in said  # it was given to the user


def pinned(target: str) -> dict[str, str]:
    """Return the releases that an image is made of; each must come with a hash."""
    text = (ROOT / "config" / f"container-{target}.txt").read_text()
    entries = text.replace("\\\n", "").splitlines()[1:]
    assert all("--hash=sha256:" in entry for entry in entries)
    found = (re.match(r"([\w-]+)==([\w.]+)", entry) for entry in entries)
    return {match[1]: match[2] for match in found if match}


@pytest.mark.parametrize("target", ["cpu", "gpu"])
def test_all_that_the_image_needs_is_pinned_with_hashes(target: str) -> None:
    """What pyproject.toml asks for is in the image's list, in a release that it allows."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    releases = pinned(target)
    for line in [*project["dependencies"], *project["optional-dependencies"]["page"]]:
        name, least = re.match(r"([\w-]+)>=([\d.]+)", line).groups()  # type: ignore[union-attr]
        if target == "cpu" and name == "onnxruntime-gpu":
            assert name not in releases
            continue
        number = [int(part) for part in re.findall(r"\d+", releases[name])]
        assert number >= [int(part) for part in least.split(".")], name


def test_compose_gives_both_images_the_same_folders_and_rights() -> None:
    """The GPU is a profile, so that `up` starts one daemon; else the two are the same."""
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    cpu, gpu = services["scissorsd"], services["scissorsd-gpu"]
    assert ("profiles" in cpu, gpu["profiles"]) == (False, ["gpu"])
    assert (cpu["build"]["target"], gpu["build"]["target"]) == ("cpu", "gpu")
    for key in ("volumes", "environment", "container_name", "cap_drop", "init", "read_only"):
        assert cpu[key] == gpu[key]


def test_make_says_plainly_that_python_is_missing(tmp_path: Path) -> None:
    """A machine without a suitable Python is told which one is needed."""
    stamp = tmp_path / ".ready"
    result = run(tool("make"), "-s", f"VENV={tmp_path}", "PYTHON=no-such-python", stamp)
    assert result.returncode != 0
    assert "needs Python 3.11 or newer" in result.stderr


def test_make_alone_shows_what_it_can_do(tmp_path: Path) -> None:
    """`make` starts nothing: it names every target for people, as `make help` does."""
    alone, asked = (
        run(tool("make"), "-s", f"VENV={tmp_path}", *words) for words in ((), ("help",))
    )
    assert alone.stdout == asked.stdout
    for name in re.findall(r"(?m)^\.PHONY: (.*)", (ROOT / "Makefile").read_text())[0].split():
        assert name == "help" or re.search(rf"(?m)^make {name} ", alone.stdout), name
    assert not list(tmp_path.iterdir())


def test_no_package_registry_is_named() -> None:
    """Where packages come from is the machine's own setting."""
    named = [(path, host) for path in tracked() for host in REGISTRIES if host in path.read_bytes()]
    assert named == []


def test_no_weights_are_tracked() -> None:
    """Weights are fetched, never committed; nothing else here is as large as they are."""
    files = tracked()
    assert [path for path in files if path.suffix in WEIGHTS] == []
    assert [path for path in files if path.stat().st_size > LARGEST_TRACKED] == []


LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Whatever a page of ours links to in the checkout is there."""
    found = LINK.findall(page.read_text())
    assert [link for link in found if not (page.parent / link).exists()] == []
