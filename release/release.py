"""What a release is made of, and whether it may be made: docs/releasing.md.

    python release/release.py check    refuse, in words, where what must agree does not
    python release/release.py build    sdist and wheel into dist/, built twice and found equal
    python release/release.py dist     the same, with release notes, an SBOM and SHA256SUMS
    python release/release.py sums     SHA256SUMS of all that lies in dist/, anew

It works on the checkout that is the current folder, and builds its last commit. `build` and `dist`
need the tools of config/release.txt in this interpreter's environment; `make dist` sees to that.
"""

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

DIST = Path("dist")
ROOM = Path("build")
SUMS = "SHA256SUMS"
NAME = "scissorsd"
PYTHON = (sys.executable, "-m")
HEADING = re.compile(r"^## \[(?P<version>[^\]]+)\] – (?P<date>.+)$", re.MULTILINE)
# The two builds differ in what must not matter: folder, time zone, the seed of hashes, rights.
CIRCUMSTANCES = (
    ("a", {"TZ": "UTC", "PYTHONHASHSEED": "1", "LC_ALL": "C"}, 0o022),
    ("another/folder", {"TZ": "Asia/Kolkata", "PYTHONHASHSEED": "2", "LC_ALL": "C.UTF-8"}, 0o077),
)


class Refusal(Exception):  # noqa: N818 - it is one
    """What stands in the way, in words."""


# --- what there is -----------------------------------------------------------------------------


def do(*words: str | Path, **how: Any) -> str:  # noqa: ANN401 - subprocess.run's own
    """Run a command; return what it prints."""
    done = subprocess.run(words, capture_output=True, text=True, check=False, **how)
    if done.returncode != 0:
        command = " ".join(map(str, words))
        raise Refusal(f"this failed: {command}\n{done.stdout}{done.stderr}".rstrip())
    return str(done.stdout)


def git(*words: str) -> str:
    """Return what git says."""
    return do("git", *words).rstrip("\n")


def committed(path: str) -> str:
    """Return a file of the last commit, whatever lies in the folder now."""
    return git("show", f"HEAD:{path}") + "\n"


def version() -> str:
    """Return the version that the program gives itself."""
    found = re.search(r'(?m)^__version__ = "(.+)"$', committed("scissorsd/__init__.py"))
    if found is None:
        raise Refusal("scissorsd/__init__.py has no __version__")
    return found[1]


def notes(number: str) -> str:
    """Return what CHANGELOG.md says of a version, without its heading."""
    text = committed("CHANGELOG.md")
    for heading in HEADING.finditer(text):
        if heading["version"] == number:
            return re.split(r"(?m)^## ", text[heading.end() :])[0].strip() + "\n"
    raise Refusal(f"CHANGELOG.md has no heading ## [{number}] – …")


# --- whether it may be -------------------------------------------------------------------------


def problems() -> Iterator[str]:
    """Yield all that stands in the way of a release, a sentence or two each."""
    number = version()
    yield from _tree()
    yield from _changelog(number)
    yield from _image(number)
    yield from _tag(number)


def _tree() -> Iterator[str]:
    changed = [line[3:] for line in git("status", "--porcelain").splitlines()]
    if changed:
        names = ", ".join(changed[:3]) + (", …" if changed[3:] else "")
        yield f"Not committed: {names}. Commit it, or put it away."


def _changelog(number: str) -> Iterator[str]:
    newest = HEADING.search(committed("CHANGELOG.md"))
    wanted = f"## [{number}] – {datetime.now(UTC).date()}"
    if newest is None:
        yield f"CHANGELOG.md has no heading of a version. Write: {wanted}"
    elif newest["version"] != number:
        yield f"CHANGELOG.md begins with {newest['version']}, scissorsd/__init__.py says {number}."
    elif not re.fullmatch(r"\d{4}-\d{2}-\d{2}", newest["date"]):
        yield (
            f"CHANGELOG.md has “{newest['date']}” for a date. Write the day of the release, and "
            f"commit and tag that: {wanted}"
        )


def _image(number: str) -> Iterator[str]:
    if f"\nARG VERSION={number}\n" not in committed("Dockerfile"):
        yield f"Dockerfile labels the image with another version. Write: ARG VERSION={number}"


def _tag(number: str) -> Iterator[str]:
    wanted = f"v{number}"
    here = [tag for tag in git("tag", "--points-at", "HEAD").splitlines() if re.match(r"v\d", tag)]
    if wanted not in here and git("tag", "--list", wanted):
        where = git("rev-parse", "--short", f"{wanted}^{{commit}}")
        yield f"The tag {wanted} is on {where}, not here. Raise the version, or check that out."
    elif wanted not in here:
        yield f"This commit has no tag: git tag -a {wanted} -m 'scissorsd {number}'"
    yield from (f"This commit is {tag}, the version {number}." for tag in here if tag != wanted)


def check() -> None:
    """Raise Refusal with every problem at once."""
    found = list(problems())
    if found:
        raise Refusal("\n  ".join([f"{NAME} {version()} cannot be released as it is:", *found]))


# --- sdist and wheel ---------------------------------------------------------------------------


def build(work: Path) -> Path:
    """Build sdist and wheel of the last commit twice; return the folder of one pair, if equal."""
    pairs = [_built(work / folder, env, umask) for folder, env, umask in CIRCUMSTANCES]
    first, second = ({file.name: file.read_bytes() for file in pair.iterdir()} for pair in pairs)
    differing = sorted(name for name in first | second if first.get(name) != second.get(name))
    if differing:
        kept = Path(tempfile.mkdtemp(prefix="differing-", dir=work.parent))
        shutil.copytree(work, kept, dirs_exist_ok=True)
        raise Refusal(f"built twice, these differ: {', '.join(differing)}. Both are in {kept}")
    return pairs[0]


def _built(folder: Path, env: dict[str, str], umask: int) -> Path:
    source, out = folder / "source", folder / "out"
    source.mkdir(parents=True)
    do("git", "archive", "--output", folder / "source.tar", "HEAD")
    do("tar", "--extract", "--file", folder / "source.tar", "--directory", source)
    env = {**os.environ, **env, "SOURCE_DATE_EPOCH": git("log", "-1", "--format=%ct")}
    do(*PYTHON, "build", "--no-isolation", "--outdir", out, source, env=env, umask=umask)
    return out


# --- what lies beside them ---------------------------------------------------------------------


def sbom(wheel: Path, work: Path, out: Path) -> None:
    """Write what a fresh environment with the wheel really consists of, in CycloneDX's form."""
    fresh = work / "fresh"
    python = fresh / "bin" / "python"
    pip = (*PYTHON, "pip", "--disable-pip-version-check", "--python", python)
    do(*PYTHON, "venv", "--without-pip", fresh)
    do(*pip, "install", f"{wheel}[page]")
    do(*pip, "check")
    for told in fresh.glob(f"lib/*/site-packages/{NAME}-*.dist-info/direct_url.json"):
        told.unlink()  # where on this machine the wheel lay
    main = work / "pyproject.toml"  # only what is asked of it: the real one leaves the version open
    main.write_text(_head())
    # Another kind of machine takes other packages.
    file = out / f"{NAME}-{version()}-{platform.system().lower()}-{platform.machine()}.cdx.json"
    tool = (*PYTHON, "cyclonedx_py", "environment", "--output-reproducible")
    do(*tool, "--pyproject", main, "--output-file", file, python)


def _head() -> str:
    project = tomllib.loads(committed("pyproject.toml"))["project"] | {"version": version()}
    keys = ("name", "version", "description", "license")
    return "[project]\n" + "".join(f"{key} = {json.dumps(project[key])}\n" for key in keys)


def sums(folder: Path) -> None:
    """Write the checksum of each file, as `sha256sum --check` reads it."""
    files = sorted(file for file in folder.iterdir() if file.name != SUMS)
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files]
    (folder / SUMS).write_text("".join(lines))


def tell(folder: Path) -> None:
    """Print what there is, with sizes."""
    print(f"{folder}/, of commit {git('describe', '--always', '--tags')}:")
    if git("status", "--porcelain"):
        print("  (what is not committed is not in it)")
    for file in sorted(folder.iterdir()):
        print(f"  {file.stat().st_size / 1000:10,.1f} kB  {file.name}")


# --- the commands ------------------------------------------------------------------------------


def make(*, whole: bool) -> None:
    """Fill dist/: what was there goes only when all of the new is there."""
    ROOM.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="release-", dir=ROOM.absolute()) as name:
        work = Path(name)
        out = build(work)
        if whole:
            (wheel,) = out.glob("*.whl")
            (out / f"{NAME}-{version()}.md").write_text(notes(version()), encoding="utf-8")
            sbom(wheel, work, out)
            sums(out)
        shutil.rmtree(DIST, ignore_errors=True)
        out.rename(DIST)
    tell(DIST)


def main() -> None:
    """Do what the first word says."""
    commands: dict[str, Callable[[], None]] = {
        "check": check,
        "build": lambda: make(whole=False),
        "dist": lambda: make(whole=True),
        "sums": lambda: sums(DIST),
    }
    command = commands.get(" ".join(sys.argv[1:]))
    if command is None:
        sys.exit(__doc__)
    try:
        command()
    except Refusal as refusal:
        sys.exit(str(refusal))


if __name__ == "__main__":
    main()
