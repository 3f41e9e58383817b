"""The file in which a daemon puts down how it stands, written by other versions."""

import json
from dataclasses import asdict
from pathlib import Path

from scissorsd.records import status_file
from scissorsd.records.status_file import DaemonStatus, HeldKind, InboxStatus, ProviderStatus, Try

SHOP = InboxStatus(
    name="shop",
    path="/in",
    outbox="/out",
    mode="events",
    why="",
    away="",
    trouble="",
    silent="",
    settling=1,
    ready=2,
    working=3,
    held=4,
    held_why="",
    paused="",
    unseen="",
    held_kinds=(HeldKind("no", 4, ("a.jpg", "b.jpg")),),
    paused_until=7.5,
    tries=(Try("a.jpg", "no", 7.5),),
)
PROVIDER = ProviderStatus("u2net", "cpu", "full", ("cpu",), {})
STANDING = DaemonStatus(
    pid=1,
    version="1",
    config="",
    beat=1.0,
    started_at=1.0,
    stopping=False,
    seconds_left=None,
    providers=(PROVIDER,),
    inboxes=(SHOP,),
)


def test_there_and_back(tmp_path: Path) -> None:
    """What is put down is read again."""
    status_file.write(tmp_path, STANDING)
    read = status_file.read(tmp_path)
    assert read is not None
    assert read.inboxes == (SHOP,)


def test_of_other_versions(tmp_path: Path) -> None:
    """What an older daemon does not tell has a default; what a newer one adds is passed over."""
    values = json.loads(json.dumps(asdict(STANDING)))
    for later in ("held_kinds", "paused_until", "tries"):
        del values["inboxes"][0][later]
    for part in (values, values["inboxes"][0], values["providers"][0]):
        part["of_tomorrow"] = {"any": "thing"}
    (tmp_path / status_file.FILE).write_text(json.dumps(values))
    read = status_file.read(tmp_path)
    assert read is not None
    assert (read.inboxes[0].held, read.inboxes[0].held_kinds) == (4, ())


def test_kinds_of_what_is_held() -> None:
    """The most frequent come first, of each the first five by name."""
    held = [(f"{n}.jpg", f"no {n}", "rare" if n == 3 else "often") for n in range(8)]
    often, rare = status_file.kinds_of_held(held)
    assert often == HeldKind("no 0", 7, ("0.jpg", "1.jpg", "2.jpg", "4.jpg", "5.jpg"))
    assert rare == HeldKind("no 3", 1, ("3.jpg",))
