"""A watcher, and a host that has the same folders under other paths, by real mounts."""

from pathlib import Path

import pytest
from end_to_end.deaths import whole
from end_to_end.driver import wait_for
from end_to_end.mounts import needs_mounts
from PIL import Image

from .studio import Studio
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
