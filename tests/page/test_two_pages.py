"""Two pages on one state folder: `scissorsd page -c FILE` twice, or beside a daemon's own."""

import signal

import pytest
from end_to_end.driver import Daemon, Workplace, picture, wait_for
from end_to_end.pages import Page, answer, begun, temporaries, with_page

from .browser import Tabs, card, drop, free_port, source, states
from .test_page_command import ask

pytestmark = pytest.mark.full


def beside(place: Workplace) -> tuple[Daemon, Page]:
    """Start a page of its own process, and wait until it listens."""
    port = free_port()
    started = place.start("page", "-c", str(place.config), "--listen", f"127.0.0.1:{port}")
    ask(port, "/healthz")
    return started, Page({"address": f"http://127.0.0.1:{port}/", "pid": started.process.pid})


def ended(page: Daemon) -> None:
    """End such a page, and see that it did so in good order."""
    page.send(signal.SIGTERM)
    assert page.exit_code() == 0
    assert not page.told("page.failed")


def test_a_second_page_at_the_same_address_says_so(place: Workplace) -> None:
    """Beside a daemon that has its own, it ends and says who has the address, and where to look."""
    daemon, at = with_page(place, listen=f"127.0.0.1:{free_port()}")
    told = place.run("page", "-c", place.config)
    assert told.returncode == 1
    where = at.address.removeprefix("http://").rstrip("/")
    assert f"cannot listen at {where}: another program, or another page, does" in told.stderr
    assert "`scissorsd status` tells where the page of a daemon is" in told.stderr
    wait_for(lambda: at.address in place.ask("status"))
    assert not at.is_gone()
    daemon.stop()


def test_two_pages_show_the_same_and_take_drops_alike(place: Workplace, tabs: Tabs) -> None:
    """What is dropped on one is seen on both, and on a daemon's own; each picture is cut once."""
    daemon, own = with_page(place, quick=False)
    processes, others = zip(*(beside(place) for _ in range(2)), strict=True)
    at_all = [tabs.open(at.address) for at in (own, *others)]
    for number, page in enumerate(at_all):
        drop(page, source(place, f"{number}.jpg", number=number))
    for page in at_all:
        states(page, "done", "0.jpg", "1.jpg", "2.jpg")
    both = [at.begin("shop/mug.jpg", len(picture(number=n))) for n, at in enumerate(others)]
    begun(place.inbox, 2)
    for number, connection in enumerate(both):
        connection.send(picture(number=number))
    said = [answer(connection) for connection in both]
    assert sorted(one["path"] for _, one in said) == ["mug-2.jpg", "mug.jpg"]
    for page in at_all:
        states(page, "done", "mug.jpg", "mug-2.jpg")
    for process in processes:
        ended(process)
    daemon.stop()
    assert len(daemon.told("job.finished")) == 5


def test_a_page_leaves_the_drops_of_another_alone(place: Workplace, tabs: Tabs) -> None:
    """What comes to one goes on when another starts or is killed; what a killed one left is swept.

    The next page does so, a daemon's or one of its own process.
    """
    first, at = beside(place)
    connection = at.begin("shop/a.jpg", len(picture()))
    begun(place.inbox)
    doomed, killed = beside(place)
    broken = killed.begin("shop/b.jpg", 1 << 20)
    begun(place.inbox, 2)
    doomed.kill()
    broken.close()
    third, _ = beside(place)
    wait_for(lambda: len(temporaries(place.inbox)) == 1)
    connection.send(picture())
    assert answer(connection)[0] == 201
    assert place.files(place.inbox) == ["a.jpg"]
    page = tabs.open(at.address)
    states(page, "waiting", "a.jpg")
    daemon = place.start()
    states(page, "done", "a.jpg")
    assert card(page, "a.jpg").count() == 1
    daemon.stop()
    for process in (first, third):
        ended(process)
