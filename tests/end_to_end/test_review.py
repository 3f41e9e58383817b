"""`accept` and `reject`, and what a person does in review/ by hand, with real processes."""

import io
import json
import os
import shutil
from pathlib import Path
from signal import SIGKILL

import pytest
from PIL import Image

from .driver import Workplace, wait_for
from .mounts import variables

NOT_UTF8 = os.fsdecode(b"caf\xe9.png")
BOTH = [{"kind": "cutout"}, {"kind": "mask", "folder": "masks"}]


def nothing(number: int = 0) -> bytes:
    """Draw a picture of nothing, which goes to review/; each number is its own."""
    buffer = io.BytesIO()
    Image.new("RGB", (64 + number, 48), "silver").save(buffer, "PNG")
    return buffer.getvalue()


def reviewed(place: Workplace, *names: str, **rule: object) -> None:
    """Cut pictures of nothing."""
    place.configure({"name": "all", "outputs": BOTH, **rule}, rescan="1s")
    for number, name in enumerate(names):
        place.put(name, nothing(number))
    done = place.run("once", "-c", place.config)
    assert done.returncode == 0, done.stderr


def in_review(place: Workplace) -> int:
    """Return how many pictures wait, as `status` tells programs."""
    (shop,) = json.loads(place.ask("status", "--json"))["inboxes"]
    return int(shop["review"])


def widths(place: Workplace, *below: str) -> list[int]:
    """Tell by their widths which pictures lie in a folder of the outbox."""
    found = []
    for path in place.outbox.joinpath(*below).glob("*.png"):
        with Image.open(path) as image:
            image.load()
            found.append(image.width)
    return sorted(found)


def test_accept_and_reject(place: Workplace) -> None:
    """What is accepted is in its place, what is rejected aside; both are told, and can change."""
    reviewed(place, "one/a.png", "b.png", NOT_UTF8, source="move")
    place.put("good.jpg")
    (advice,) = [line for line in place.ask("status").splitlines() if "look at" in line]
    assert f"scissorsd accept {place.outbox}/review/NAME -c {place.config}" in advice
    said = place.ask("accept", "outbox/processed/one/a.png")  # a path from here
    assert said == (
        f"{place.inbox}/one/a.png: accepted; it is now {place.outbox}/one/a.png, "
        f"{place.outbox}/masks/one/a-mask.png\n"
    )
    assert "accepted already" in place.ask("accept", place.inbox / "one" / "a.png")
    assert "caf\\xe9.png: accepted" in place.ask("accept", f"review/{NOT_UTF8}")  # from the outbox
    assert "rejected/b.png" in place.ask("reject", "review/*.txt")
    assert place.files() == [
        *(os.fsdecode(b"caf\xe9.png"), os.fsdecode(b"masks/caf\xe9-mask.png")),
        *("masks/one/a-mask.png", "one/a.png"),
        *("processed/b.png", f"processed/{NOT_UTF8}", "processed/one/a.png"),
        *("rejected/b.png", "rejected/b.png.txt", "rejected/masks/b-mask.png"),
    ]
    assert in_review(place) == 0
    assert "accepted by you on" in place.ask("why", place.outbox / "one" / "a.png")
    assert "rejected by you on" in place.ask("why", place.outbox / "rejected" / "b.png")
    assert place.ask("sheet", place.outbox).endswith("2 cutouts: 2 no subject\n")
    assert "accepted; it is now" in place.ask("accept", "rejected")
    assert "rejected" not in {path.split("/")[0] for path in place.files()}


@pytest.mark.full
def test_what_cannot_be_accepted(place: Workplace) -> None:
    """What is in the way or unknown is told with exit 1, and the rest accepted; away is refused."""
    reviewed(place, "a.png", "b.png")
    (place.outbox / "a.png").write_bytes(b"another's")
    answer = place.run("accept", "-c", place.config, "a.png", "never.png", "inbox/b.png")
    assert answer.returncode == 1
    assert answer.stdout.startswith(f"{place.inbox}/b.png: accepted")
    taken, _, unknown, _ = answer.stderr.splitlines()
    assert f"{place.outbox}/a.png is there already, and is not scissorsd's" in taken
    assert "nothing in review/ is called never.png" in unknown
    assert (place.outbox / "a.png").read_bytes() == b"another's"
    assert in_review(place) == 1
    for folder, which in ((place.inbox, "inbox"), (place.outbox, "outbox")):
        folder.rename(folder.with_name("away"))
        answer = place.run("reject", "-c", place.config, place.inbox / "a.png")
        assert answer.returncode == 1
        assert f"{place.inbox}/a.png cannot be rejected now" in answer.stderr
        assert f"The {which}" in answer.stderr
        folder.with_name("away").rename(folder)
    assert in_review(place) == 1


@pytest.mark.full
def test_two_at_once(place: Workplace) -> None:
    """Two that accept the same at once, one of them killed: each picture is there once, whole."""
    names = [f"{number}.png" for number in range(8)]
    reviewed(place, *names)
    command = ("accept", "-c", str(place.config), "review/*.png")
    doomed = place.start(*command, variables=variables("judge.moved=kill@5"))
    others = [place.start(*command) for _ in range(2)]
    assert doomed.exit_code() in {-SIGKILL, 0}
    for other in others:
        assert other.exit_code() == 0, other.transcript()
    assert place.run(*command).returncode == 0
    assert place.files() == sorted([*names, *(f"masks/{number}-mask.png" for number in range(8))])
    assert widths(place) == widths(place, "masks") == [64 + number for number in range(8)]


def test_by_hand(place: Workplace) -> None:
    """What is moved, deleted or half done while a daemon runs is noticed, and told once."""
    reviewed(place, "moved.png", "deleted.png", "killed.png", "half.png")
    daemon = place.start(variables=variables("never=kill", seconds="DELETED_AFTER=0.1"))
    review = place.outbox / "review"
    killed = place.start(
        *("accept", "-c", str(place.config), "killed.png"),
        variables=variables("judge.moved=kill"),
    )
    assert killed.exit_code() == -SIGKILL
    (place.outbox / "masks").mkdir(exist_ok=True)
    shutil.copyfile(review / "half.png", place.outbox / "half.png")
    (review / "half.png").unlink()
    for name in ("moved.png", "masks/moved-mask.png"):
        shutil.copyfile(review / name, place.outbox / name)  # with another time
        (review / name).unlink()
    for name in ("deleted.png", "masks/deleted-mask.png"):
        (review / name).unlink()
    for event, source in (
        ("review.accepted", "moved.png"),
        ("review.accepted", "killed.png"),
        ("review.rejected", "deleted.png"),
    ):
        daemon.wait(event, source=source)
    assert in_review(place) == 1
    assert place.files(review) == ["half.png.txt", "masks/half-mask.png"]
    assert "accepted" in place.ask("accept", "half.png")
    daemon.wait("inbox.scanned", times=len(daemon.told("inbox.scanned")) + 2)
    daemon.stop()
    assert len(daemon.told("review.accepted")) == 2
    assert len(daemon.told("review.rejected")) == 1
    assert {entry.path: entry.judged for entry in place.entries()} == {
        **dict.fromkeys(("moved.png", "killed.png", "half.png"), "accepted"),
        "deleted.png": "rejected",
    }
    assert widths(place) == [64, 66, 67]


@pytest.mark.full
def test_a_rejected_one_is_dropped_again(place: Workplace) -> None:
    """What was rejected is not cut again as its outputs are gone, unless somebody asks for it."""
    reviewed(place, "a.png")
    kept = Path(shutil.copy2(place.inbox / "a.png", place.folder / "kept.png"))
    place.ask("reject", "a.png")
    shutil.rmtree(place.outbox / "rejected")
    (place.inbox / "a.png").unlink()
    shutil.copy2(kept, place.inbox / "a.png")
    assert "Nothing to do" in place.run("once", "-c", place.config).stderr
    assert "will be taken again" in place.ask("retry", place.inbox / "a.png")
    assert "1 cut" in place.run("once", "-c", place.config).stderr
    assert wait_for(lambda: in_review(place)) == 1
