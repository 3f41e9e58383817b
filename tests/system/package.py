"""The Debian package's life, by root on a Debian with systemd that can be thrown away.

    cd tests
    python -m system.package FIRST.deb SECOND.deb u2netp.onnx

FIRST is installed and works, is upgraded to SECOND in the middle of a backlog, removed, installed
again and purged; after each step what must stay is there, and what must go is gone. This
interpreter's environment has scissorsd, pytest, pillow and pyyaml.
"""

import hashlib
import json
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

from end_to_end.driver import journalled

from system.units import UNIT, put, run, until

HOME = Path("/opt/scissorsd")
CONFIG = Path("/etc/scissorsd/scissorsd.yaml")
STATE = Path("/var/lib/scissorsd")
SHARE = Path("/srv/scissorsd")
INBOX, OUTBOX = SHARE / "inbox", SHARE / "outbox"
SHOP = Path("/srv/shop")
FEW = [f"few-{number:02}.jpg" for number in range(10)]
MANY = [f"many-{number:03}.jpg" for number in range(100)]
DONE_BEFORE = 20


def main() -> None:
    """Live it through."""
    if len(sys.argv) != len(("script", "first", "second", "weights")):
        sys.exit(__doc__)
    first, second, weights = map(Path, sys.argv[1:])
    refused_over_another(first)
    installed(first)
    works(weights)
    upgraded(second)
    folders_of_ones_own()
    removed()
    installed_again(second)
    purged()


def say(sentence: str) -> None:
    """Print what was seen."""
    print(sentence, flush=True)  # noqa: T201 - what it is for


def apt(verb: str, package: str | Path) -> str:
    """Let apt do something, as a person does."""
    return run("apt-get", verb, "-y", "-qq", "--no-install-recommends", package, seconds=600)


def ask(*words: str) -> str:
    """Return one property of the unit."""
    return run("systemctl", *words, UNIT, check=False).strip()


def digests(*folders: Path) -> dict[Path, str]:
    """Return every picture below some folders, with its SHA-256."""
    files = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    kinds = {".jpg", ".png"}
    return {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in files if p.suffix in kinds}


def outputs(names: list[str]) -> set[Path]:
    """Return the cutouts of some pictures."""
    return {OUTBOX / Path(name).with_suffix(".png") for name in names}


def refused_over_another(package: Path) -> None:
    """See that an installation that is not the package's is not written into."""
    HOME.mkdir()
    (HOME / "pyvenv.cfg").touch()
    tried = subprocess.run(["dpkg", "-i", package], capture_output=True, text=True, check=False)  # noqa: S607
    assert tried.returncode != 0
    assert "mv /opt/scissorsd /opt/scissorsd.before" in tried.stderr
    assert [path.name for path in HOME.iterdir()] == ["pyvenv.cfg"]
    shutil.rmtree(HOME)
    say("refused over an installation that is not the package's, in words")


def installed(package: Path) -> None:
    """Install it: account, folders and configuration are there, and nothing runs by itself."""
    apt("install", package)
    assert (ask("is-active"), ask("is-enabled")) == ("inactive", "disabled")
    account = pwd.getpwnam("scissorsd")
    for folder in (INBOX, OUTBOX):
        status = folder.stat()
        assert (status.st_uid, status.st_gid) == (account.pw_uid, account.pw_gid)
        assert status.st_mode & 0o7777 == 0o2775
    said = run("scissorsd", "check")
    say(f"installed {run('scissorsd', '--version').strip()}; check: {said.splitlines()[0]}")


def works(weights: Path) -> None:
    """Enable it: it cuts what somebody of its group drops."""
    rule, small = "- name: every picture", "- {name: every picture, model: u2netp}"
    CONFIG.write_text(CONFIG.read_text().replace(rule, small))
    copy = STATE / "models" / weights.name
    shutil.copyfile(weights, copy)
    shutil.chown(copy, "scissorsd", "scissorsd")
    run("useradd", "--groups", "scissorsd", "anna")
    run("systemctl", "enable", "--now", UNIT, seconds=300)
    away = Path("/tmp/anna")  # noqa: S108 - of a machine that is thrown away
    away.mkdir()
    put(away, *FEW)
    names = " ".join(str(away / name) for name in FEW)
    run("runuser", "-u", "anna", "--", "sh", "-c", f"cp {names} {INBOX}")
    until(lambda: all(path.exists() for path in outputs(FEW)), "cutouts")
    assert {path.owner() for path in outputs(FEW)} == {"scissorsd"}
    run("scissorsd", "health")
    exposure = run("systemd-analyze", "security", "--no-pager", UNIT).splitlines()[-1]
    say(f"works: {len(FEW)} pictures of a user of its group; {exposure.strip('→ ')}")


def upgraded(package: Path) -> None:
    """Upgrade it in a backlog: all once; account, state and configuration as they were."""
    before = (pwd.getpwnam("scissorsd"), STATE.stat().st_ino, CONFIG.read_bytes())
    version = run("scissorsd", "--version")
    put(INBOX, *MANY)
    until(lambda: sum(path.exists() for path in outputs(MANY)) >= DONE_BEFORE, "a part")
    there = {path: path.stat().st_ino for path in outputs(MANY) if path.exists()}
    apt("install", package)
    assert ask("is-active") == "active"
    after = (pwd.getpwnam("scissorsd"), STATE.stat().st_ino, CONFIG.read_bytes())
    assert after == before
    left = len(MANY) - sum(path.exists() for path in outputs(MANY))
    until(lambda: all(path.exists() for path in outputs(MANY)), "the rest")
    until(lambda: {entry.state for entry in journalled(STATE)} == {"done"}, "nothing left to do")
    assert set(OUTBOX.iterdir()) == outputs(FEW) | outputs(MANY)
    assert all(path.stat().st_ino == inode for path, inode in there.items())
    assert sorted(entry.path for entry in journalled(STATE)) == sorted([*FEW, *MANY])
    told = json.loads(run("scissorsd", "status", "--json"))
    assert told["daemon_version"] == told["version"]
    say(f"upgraded {version.strip()} → {package.name} after {len(there)} of {len(MANY)},")
    say(f"  {left} left when it ran again: each once; account, state and configuration as before")
    run("systemctl", "stop", UNIT)
    run("dpkg", "-i", package, seconds=600)
    assert ask("is-active") == "inactive"
    run("systemctl", "start", UNIT)
    say("upgraded while it was stopped, it stays stopped")


def folders_of_ones_own() -> None:
    """Name other folders in the configuration, and to the sandbox by `service install`."""
    shop = f"""\
  shop:
    path: {SHOP}/inbox
    outbox: {SHOP}/outbox
    rules: [{{name: all, model: u2netp}}]
"""
    CONFIG.write_text(CONFIG.read_text() + shop)
    run("scissorsd", "service", "install", "--make-folders")
    run("systemctl", "restart", UNIT)
    put(SHOP / "inbox", "mug.jpg")
    until((SHOP / "outbox" / "mug.png").exists, "a cutout in another folder")
    say("folders of one's own, after `service install --make-folders`")


def removed() -> None:
    """Remove it: program and units go; configuration, account, state and pictures stay."""
    pictures = digests(Path("/srv"))
    config = CONFIG.read_bytes()
    apt("remove", "scissorsd")
    assert ask("is-active") == "inactive"
    assert ask("show", "--value", "-p", "LoadState") in {"not-found", "masked"}
    assert not HOME.exists()
    assert not Path("/usr/bin/scissorsd").exists()
    assert not Path("/etc/systemd/system/scissorsd.service").is_file()
    assert (CONFIG.read_bytes(), (STATE / "jobs.sqlite").exists()) == (config, True)
    assert pwd.getpwnam("scissorsd")
    assert digests(Path("/srv")) == pictures
    say("removed: program and units are gone; configuration, state, account and pictures are there")


def installed_again(package: Path) -> None:
    """Install it once more: it goes on where it was, and cuts nothing again."""
    before = {path: path.stat().st_ino for path in OUTBOX.iterdir()}
    apt("install", package)
    run("scissorsd", "service", "install")
    run("systemctl", "enable", "--now", UNIT)
    put(INBOX, "late.jpg")
    until((OUTBOX / "late.png").exists, "a cutout")
    assert all(path.stat().st_ino == inode for path, inode in before.items())
    say("installed again: it goes on, and nothing is cut again")


def purged() -> None:
    """Purge it: configuration, journal and weights go, and no picture does."""
    desk = STATE / "page" / "inbox" / "u2netp-auto"
    desk.mkdir(parents=True)
    put(desk, "dropped-on-the-page.jpg")
    previews = STATE / "page" / "previews"
    previews.mkdir(parents=True)
    (previews / "a.webp").touch()
    (STATE / "page" / "seen.json").touch()
    put(STATE, "mistaken.jpg")  # dropped where it does not belong
    pictures = digests(Path("/srv"), STATE)
    said = apt("purge", "scissorsd")
    assert digests(Path("/srv"), STATE) == pictures
    left = sorted(str(path.relative_to(STATE)) for path in STATE.rglob("*") if path.is_file())
    assert left == ["mistaken.jpg", "page/inbox/u2netp-auto/dropped-on-the-page.jpg"]
    assert not CONFIG.exists()
    assert not CONFIG.parent.exists()
    assert not HOME.exists()
    assert list(Path("/etc/systemd/system").glob("scissorsd*")) == []
    assert f"left, since there are pictures or other files in it: {STATE}" in said
    say(f"purged: {len(pictures)} pictures are all there; left in {STATE}: {', '.join(left)}")


if __name__ == "__main__":
    main()
