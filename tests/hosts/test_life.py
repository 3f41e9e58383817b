"""What becomes of orders that are out while folders move, hosts are upgraded, or are no more."""

import signal

import pytest
import yaml
from end_to_end.driver import wait_for

from scissorsd.hosts import names

from .studio import Studio
from .test_restarting import cut_by, given_out
from .test_watching import MOVED, done_once, put, stands_still
from .working import NETWORK

pytestmark = pytest.mark.full


# --- a folder moves --------------------------------------------------------------------------


def moved(studio: Studio, name: str) -> None:
    """Move one of the folders, as docs/backup.md says it."""
    place = studio.place
    old = getattr(place, name)
    new = old.with_name(f"{name}-anew")
    old.rename(new)
    done = place.run("move", old, new, "-c", place.config)
    assert done.returncode == 0, done.stderr
    values = yaml.safe_load(place.config.read_text())
    values["inboxes"]["shop"]["path" if name == "inbox" else name] = str(new)
    place.config.write_text(yaml.safe_dump(values, sort_keys=False))
    setattr(place, name, new)


@pytest.mark.parametrize("bytes_", [0, "12MiB"])
@pytest.mark.parametrize("when", ["in line", "answered"])
@pytest.mark.parametrize("folders", [["inbox"], ["outbox"], ["inbox", "outbox"]])
def test_folders_move(studio: Studio, when: str, folders: list[str], bytes_: object) -> None:
    """Orders that are out while folders are renamed cost no picture, and hosts go on by path."""
    studio.configure(hosts={"bytes": bytes_}, **MOVED)
    fault = "host.read=stop" if when == "in line" else ""
    host = studio.host("one", fault, slots=1, HOST_FORGETS=1)
    first = studio.daemon("" if when == "in line" else "order.sent=stop@2")
    stems = put(studio, 3)
    if when == "in line":
        wait_for(lambda: stands_still(host))
        wait_for(lambda: studio.hub.count(names.orders_queue(NETWORK)) == 1)
        first.stop()
    else:
        wait_for(lambda: cut_by(host))
        first.kill()
    assert given_out(studio)
    for name in folders:
        moved(studio, name)
    host.process.send_signal(signal.SIGCONT)
    second = studio.daemon()
    done_once(studio, stems, second)

    def is_cut_by_path() -> bool:
        number = len(stems)
        stems.append(str(number))
        studio.place.put(f"{number}.jpg", number=number)
        third.wait("job.finished", source=f"{number}.jpg")
        return "host" in third.told("job.finished")[-1] and not third.told("order.carried")

    third = studio.daemon()
    wait_for(is_cut_by_path)
    done_once(studio, stems, third)
