"""One watcher and its hosts, all real: who is killed when, and that each picture is cut once."""

from collections import Counter

from .studio import Studio

MOVED = {"source": "move", "outputs": [{"kind": "cutout"}, {"kind": "mask", "folder": "masks"}]}


def test_two_hosts_cut_for_a_watcher(studio: Studio) -> None:
    """Two hosts cut all that a watcher gives out: each picture once, its source moved, no litter."""
    studio.configure(**MOVED)
    with studio.host("one"), studio.host("two"):
        daemon = studio.daemon()
        for number in range(12):
            studio.place.put(f"{number}.jpg", number=number)
        for number in range(12):
            daemon.finished(f"{number}.jpg")
        hosts = Counter(line.get("host") for line in daemon.told("job.finished"))
        assert set(hosts) == {"one", "two"}
        assert studio.files() == sorted(
            path
            for number in range(12)
            for path in (f"{number}.png", f"masks/{number}-mask.png", f"processed/{number}.jpg")
        )
        assert studio.place.files(studio.place.inbox) == []
        daemon.stop()
