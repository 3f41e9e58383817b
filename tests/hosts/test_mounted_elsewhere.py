"""A watcher, and a host that has the same folders under other paths, by real mounts."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from end_to_end.deaths import whole
from end_to_end.driver import wait_for
from end_to_end.mounts import Mounts, mounted, needs_bindfs, needs_mounts
from PIL import Image

from scissorsd.records.journal import Journal

from .studio import Studio
from .test_watching import MOVED, done_once
from .working import Host

pytestmark = needs_mounts

# In a mount namespace of its own: the folder $1 is at $2 and, where it was, an empty one is.
ELSEWHERE = """
set -e
mount --bind "$1" "$2"
$3
mount -t tmpfs tmpfs "$1"
mkdir "$1"/{inbox,outbox,masks}
shift 3
exec "$@"
"""


# In a mount namespace of its own: at $1 is a full disk that says that it is $2's outbox.
FULL = """
set -e
mount -t tmpfs -o size=4k tmpfs "$1"
echo "$2" > "$1"/.scissorsd-owner
shift 2
exec "$@"
"""


def host_elsewhere(folder: Path, point: Path, also: str = "true") -> type[Host]:
    """Return a kind of host that has a folder at another point, and only there."""
    point.mkdir()
    shell = ("unshare", "--mount", "bash", "-c", ELSEWHERE, "bash", str(folder), str(point), also)
    return type("HostElsewhere", (Host,), {"before": shell})


@pytest.mark.full
def test_folders_are_found(studio: Studio, tmp_path: Path) -> None:
    """Inbox, outbox, other folders of outputs and backgrounds are found without --map, and told."""
    place = studio.place
    (place.folder / "masks").mkdir()
    Image.new("RGB", (8, 8), "blue").save(place.folder / "blue.png")
    outputs = [
        {"kind": "cutout"},
        {"kind": "mask", "folder": str(place.folder / "masks")},
        {"kind": "flat", "background": str(place.folder / "blue.png"), "folder": "flats"},
    ]
    studio.configure(source="move", outputs=outputs)
    host = studio.host("one", kind=host_elsewhere(place.folder, tmp_path / "shop"))
    daemon = studio.daemon()
    place.put("0.jpg")
    assert daemon.wait("job.finished", source="0.jpg")["host"] == "one"
    daemon.stop()
    assert studio.files() == ["0.png", "flats/0-flat.jpg", "processed/0.jpg"]
    assert whole(place.outbox / "0.png")
    assert [file.name for file in (place.folder / "masks").iterdir()] == ["0-mask.png"]
    found = {line["theirs"]: line["here"] for line in host.events("host.found")}
    theirs = [place.inbox, place.outbox, place.folder / "masks", place.folder]
    there = tmp_path / "shop"
    assert found == {str(one): str(there / one.relative_to(place.folder)) for one in theirs}
    assert daemon.noise == []


@pytest.mark.full
def test_an_outbox_that_only_the_host_cannot_write_to(studio: Studio, tmp_path: Path) -> None:
    """What a host cannot write is cut by the watcher, and the host says why it takes no orders."""
    also = f"mount -o remount,bind,ro {tmp_path / 'shop'}"
    host = studio.host("one", kind=host_elsewhere(studio.place.folder, tmp_path / "shop", also))
    daemon = studio.daemon()
    studio.place.put("0.jpg")
    finished = daemon.wait("job.finished", source="0.jpg")
    assert "host" not in finished
    assert "Read-only file system" in host.wait_for("host.paused")["why"]
    wait_for(lambda: studio.files() == ["0.png"])
    daemon.stop()


@pytest.mark.full
def test_an_outbox_that_is_full_only_on_a_host(studio: Studio, tmp_path: Path) -> None:
    """A host whose disk is full pauses and says so; others cut on, and no inbox waits for it."""
    studio.configure(**MOVED)
    studio.place.state.mkdir()
    journal = Journal(studio.place.state)
    point = tmp_path / "full"
    point.mkdir()
    shell = ("unshare", "--mount", "bash", "-c", FULL, "bash", str(point), journal.id)
    journal.close()
    maps = (f"{studio.place.outbox}={point}",)
    full = studio.host("full", maps=maps, kind=type("FullHost", (Host,), {"before": shell}))
    daemon = studio.daemon()
    studio.place.put("0.jpg")
    assert "host" not in daemon.wait(
        "job.finished", source="0.jpg"
    )  # by itself, as no other host is there
    assert "No space left on device" in full.wait_for("host.paused")["why"]
    studio.host("one")
    stems = ["0"]
    for number in range(1, 5):
        studio.place.put(f"{number}.jpg", number=number)
        stems.append(str(number))
    done_once(studio, stems, daemon)
    assert not full.events("order.cut")
    assert not daemon.told("inbox.barred")


@pytest.fixture
def held() -> Iterator[Mounts]:
    """Mount what the test asks for."""
    with mounted() as found:
        yield found


@pytest.mark.full
@needs_bindfs
def test_a_host_that_writes_as_another_user(studio: Studio, tmp_path: Path, held: Mounts) -> None:
    """Once for each host it is told that what it writes belongs to another than here."""
    point = tmp_path / "shop"
    held.through_bindfs(studio.place.folder, point, "--create-for-user=nobody")
    studio.host("stranger", maps=(f"{studio.place.folder}={point}",))
    daemon = studio.daemon()
    for number in range(2):
        studio.place.put(f"{number}.jpg", number=number)
        assert daemon.wait("job.finished", source=f"{number}.jpg")["host"] == "stranger"
    told = daemon.told("host.other_user")
    assert [(line["host"], line["user"]) for line in told] == [("stranger", "nobody")]
    assert (studio.place.outbox / "0.png").owner() == "nobody"
    daemon.stop()


@pytest.mark.full
@needs_bindfs
@pytest.mark.parametrize("fate", ["unmounted", "its server dies"])
def test_a_share_goes_on_a_host_only(
    studio: Studio, tmp_path: Path, held: Mounts, fate: str
) -> None:
    """A host's mount goes away and comes back: nothing is lost meanwhile, and it reads there again.

    Where it is not mounted the host sees no folders, and gets pictures over the hub; a mount that
    is dead is its own trouble, and it pauses.
    """
    studio.configure(**MOVED)
    point = tmp_path / "shop"
    server = held.through_bindfs(studio.place.folder, point)
    host = studio.host("one", maps=(f"{studio.place.folder}={point}",))
    daemon = studio.daemon()
    studio.place.put("0.jpg")
    assert daemon.wait("job.finished", source="0.jpg")["host"] == "one"
    if fate == "its server dies":
        server.kill()
        server.wait()
    else:
        held.unmount(point)
    studio.place.put("1.jpg", number=1)
    finished = daemon.wait("job.finished", source="1.jpg")
    if fate == "its server dies":
        host.wait_for("host.paused")
        held.unmount(point)
    else:
        host.wait_for("host.blind")
        assert finished["host"] == "one"
    held.bind(studio.place.folder, point)
    host.wait_for("host.resumed" if fate == "its server dies" else "host.sees")
    stems = ["0", "1"]

    def is_cut_there() -> bool:
        stems.append(str(len(stems)))
        source = studio.place.put(f"{stems[-1]}.jpg", number=len(stems)).name
        daemon.wait("job.finished", source=source)
        return any(line["source"].endswith(f"/{source}") for line in host.events("order.cut"))

    wait_for(is_cut_there)
    done_once(studio, stems, daemon)
