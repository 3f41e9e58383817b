"""Records the folders of a scissorsd of another version, killed in the middle of its work.

For test_old_states.py. It runs that version itself, from a worktree of it, so that what is recorded
is what it really leaves: a journal with its WAL, status and speeds files, outboxes with temporary
files. The journal holds absolute paths, which is why everything lies in one folder of a fixed name,
ROOT; the test lays it there again, and nothing that was recorded is ever rewritten.

    git worktree add --detach /tmp/old 5774e5b
    cd tests && python -m end_to_end.record_old_state /tmp/old end_to_end/recorded/5774e5b.tar.xz
"""

import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import yaml
from PIL import Image, ImageDraw

from .networks import write_darkness

ROOT = Path("/tmp/scissorsd-recorded")  # noqa: S108 - of a fixed name, see above
TIMES = "times.json"  # a tar keeps no nanoseconds
NOT_UTF_8 = os.fsdecode(b"caf\xe9.png")
EXPECTED = {
    "keep/done.jpg": "done",
    f"keep/{NOT_UTF_8}": "done",
    "move/done.jpg": "done",
    "delete/done.jpg": "done",
    "review/blank.jpg": "done",
    "keep/failed.jpg": "failed",
    f"move/{NOT_UTF_8}": "failed",
    "fail/blank.jpg": "failed",
    "keep/held.jpg": "held",
    "keep/begun.jpg": "begun",
    "keep/half.jpg": "begun",  # one of its outputs is in its place
    "move/published.jpg": "published",
    "delete/published.jpg": "published",
}
FAULTS = (
    "read:held.jpg=EBUSY*",
    "decode:begun.jpg=hang*",
    "publish:half-mask.png=hang*",
    "move:published.jpg=hang*",
    "delete:published.jpg=hang*",
)
MANY = [{"kind": "cutout"}, {"kind": "mask", "folder": "masks"}, {"kind": "flat"}]
RULES: list[dict[str, object]] = [
    {"name": "product shots", "match": "keep/**", "outputs": [*MANY, {"kind": "comparison"}]},
    {
        "name": "it's \"moved\" (kind='mask')",
        "match": "move/**",
        "outputs": [{"kind": "mask"}, {"kind": "flat", "background": "navy", "format": "jpeg"}],
        "source": "move",
    },
    {"name": "caf\N{LATIN SMALL LETTER E WITH ACUTE}", "match": "delete/**", "source": "delete"},
    {"name": "looked at", "match": "review/**", "outputs": MANY, "when_no_subject": "review"},
    {"name": "refused", "match": "fail/**", "when_no_subject": "fail"},
]


def drawn(number: int, *, blank: bool = False) -> Image.Image:
    """Draw a picture of a width of its own."""
    width = 40 + number
    image = Image.new("RGB", (width, 48), "whitesmoke")
    if not blank:
        ImageDraw.Draw(image).ellipse((width // 4, 8, 3 * width // 4, 40), fill="black")
    return image


def write_pictures(inbox: Path) -> None:
    """Write what is dropped, with whole seconds of the past for their times."""
    for number, name in enumerate(EXPECTED):
        path = inbox / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name in {"keep/failed.jpg", f"move/{NOT_UTF_8}"}:
            path.write_bytes(b"not a picture")
        else:
            drawn(number, blank="blank" in name).save(path)
        os.utime(path, (1_700_000_000 + number, 1_700_000_000 + number))


def write_config(root: Path) -> None:
    """Write the configuration of the recorded daemon, and its network."""
    values = {
        "state": str(root / "state"),
        "models": str(root / "models"),  # where the speeds file is
        "workers": 8,
        "custom_models": {"darkness": write_darkness(root / "darkness.onnx")},
        "inboxes": {
            "shop": {
                "path": str(root / "inbox"),
                "outbox": str(root / "outbox"),
                "settle": "100ms",
                "rules": [{"model": "darkness", **rule} for rule in RULES],
            }
        },
    }
    (root / "scissorsd.yaml").write_text(yaml.safe_dump(values, sort_keys=False))


def states(root: Path) -> dict[str, str]:
    """Return the state of each job by its picture's path."""
    if not (root / "state/jobs.sqlite").exists():
        return {}
    with closing(sqlite3.connect(f"file:{root}/state/jobs.sqlite?mode=ro", uri=True)) as db:
        if not db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'jobs'").fetchone():
            return {}  # it is being made
        return {
            os.fsdecode(path): state for path, state in db.execute("SELECT path, state FROM jobs")
        }


def run(tree: Path, root: Path) -> None:
    """Run the daemon of that version until every picture is as it is wanted; kill it then."""
    daemon = subprocess.Popen(
        [sys.executable, "-m", "scissorsd", "run", "-c", str(root / "scissorsd.yaml")],
        env={**os.environ, "PYTHONPATH": str(tree), "SCISSORSD_FAULTS": ",".join(FAULTS)},
        cwd=root,
    )
    try:
        wanted = [root / "outbox/keep/half.png", root / "models/speeds.json"]
        while not (states(root) == EXPECTED and all(path.exists() for path in wanted)):
            assert daemon.poll() is None, "it ended"
            time.sleep(0.2)
        time.sleep(2)  # for a beat, and whatever is left to do
        assert states(root) == EXPECTED
    finally:
        daemon.send_signal(signal.SIGKILL)
        daemon.wait()


def files(root: Path) -> Iterator[Path]:
    """Yield what is recorded: what is not made anew by SQLite itself, or by the test."""
    for path in sorted(root.rglob("*")):
        if path.is_file() and path.suffix != ".onnx" and not path.name.endswith("-shm"):
            yield path


def pack(root: Path, archive: Path) -> None:
    """Pack all the files, and their times."""
    times = {str(path.relative_to(root)): path.stat().st_mtime_ns for path in files(root)}
    (root / TIMES).write_text(json.dumps(times))
    with tarfile.open(archive, "w:xz") as tar:
        for path in files(root):
            content = path.read_bytes()
            member = tarfile.TarInfo(str(path.relative_to(root)))
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


def unpack(archive: Path, root: Path) -> None:
    """Lay the files where they were, with the times that they had."""
    with tarfile.open(archive) as tar:
        tar.extractall(root, filter="data")
    for name, mtime_ns in json.loads((root / TIMES).read_text()).items():
        os.utime(root / name, ns=(mtime_ns, mtime_ns))
    # What the kernel counted on the machine of the recording says nothing of this one.
    (root / "state" / "oom.json").unlink(missing_ok=True)
    write_darkness(root / "darkness.onnx")


def main() -> None:
    """Record the version that lies in a tree."""
    tree, archive = Path(sys.argv[1]), Path(sys.argv[2])
    ROOT.mkdir()
    write_pictures(ROOT / "inbox")
    write_config(ROOT)
    run(tree, ROOT)
    archive.parent.mkdir(exist_ok=True)
    pack(ROOT, archive)


if __name__ == "__main__":
    main()
