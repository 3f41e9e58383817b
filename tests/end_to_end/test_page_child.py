"""The page is a process beside the daemon: each lives and dies without harm to the other."""

import json
import os
import signal
import socket
from pathlib import Path

import pytest
import yaml

from scissorsd.commands import doctor_page
from scissorsd.config import load
from scissorsd.page.child import NICE

from .driver import Workplace, picture, wait_for
from .pages import ANYWHERE, page_of, with_page

AT_ONCE = {"SCISSORSD_SECONDS": "PAGE_FIRST_PAUSE=0.05,PAGE_LONGEST_PAUSE=0.1"}


def test_the_page_is_told_of_and_ends_with_the_daemon(place: Workplace) -> None:
    """It listens after READY; `status`, its JSON and `doctor` say where; a stop ends both."""
    daemon, page = with_page(place)
    events = [line["event"] for line in daemon.lines]
    assert events.index("daemon.ready") < events.index("page.listening")
    wait_for(lambda: page.address in place.ask("status"))
    status = json.loads(place.ask("status", "--json"))
    assert status["page"] == {"address": page.address, "why": ""}
    (found,) = doctor_page.examine(load(place.config).config)
    assert (found.grade, found.message) == ("ok", f"page: {page.address}")
    daemon.stop()
    assert page.is_gone()
    assert daemon.told("page.stopped", address=page.address)


def test_a_page_that_dies_is_started_again_and_is_no_trouble(place: Workplace) -> None:
    """Killed, it comes back, and meanwhile pictures are cut and the daemon is healthy."""
    daemon, page = with_page(place, variables=AT_ONCE)
    page.kill()
    place.put("a.jpg")
    daemon.finished("a.jpg")
    assert "signal 9" in daemon.wait("page.died")["why"]
    assert place.run("health", "-c", place.config).returncode == 0
    again = page_of(daemon, times=2)
    assert again.put("shop/b.jpg", picture("b.jpg", number=1))[0] == 201
    daemon.finished("b.jpg")
    daemon.stop()
    assert again.is_gone()


def test_pictures_go_first(place: Workplace) -> None:
    """Each thread of the page waits where the daemon wants a processor, too."""
    daemon, page = with_page(place)
    page.put("shop/a.jpg", picture())
    threads = [int(path.name) for path in Path(f"/proc/{page.pid}/task").iterdir()]
    assert all(os.getpriority(os.PRIO_PROCESS, one) >= NICE for one in threads)
    daemon.finished("a.jpg")
    daemon.stop()


@pytest.mark.full
def test_a_page_ends_with_a_daemon_that_is_killed(place: Workplace) -> None:
    """Nothing tells it but the end of its standard input."""
    daemon, page = with_page(place)
    daemon.kill()
    wait_for(page.is_gone)


@pytest.mark.full
def test_a_page_that_hangs_does_not_hold_up_a_stop(place: Workplace) -> None:
    """It is killed where it does not end by itself."""
    daemon, page = with_page(place)
    os.kill(page.pid, signal.SIGSTOP)
    daemon.stop()
    assert page.is_gone()


@pytest.mark.full
def test_a_reload_starts_the_page_anew_where_it_concerns_it(place: Workplace) -> None:
    """Another `page:` is another process; the same one goes on; none is none."""
    daemon, page = with_page(place)
    for number, settings in enumerate(({}, {"workers": 1}), 1):  # neither is the page's business
        place.change_config(**settings)
        daemon.send(signal.SIGHUP)
        daemon.wait("config.reloaded", times=number)
    place.change_config(page={**ANYWHERE, "keep": "2d"})
    daemon.send(signal.SIGHUP)
    other = page_of(daemon, times=2)
    assert page.is_gone()
    assert len(daemon.told("page.stopped")) == 1
    values = yaml.safe_load(place.config.read_text())
    del values["page"]
    place.config.write_text(yaml.safe_dump(values))
    daemon.send(signal.SIGHUP)
    daemon.wait("page.stopped", times=2)
    assert other.is_gone()
    assert daemon.told("inbox.closed", inbox="quick")
    wait_for(lambda: json.loads(place.ask("status", "--json"))["page"] is None)
    daemon.stop()


@pytest.mark.full
def test_a_taken_port_is_said_in_words_and_the_watch_goes_on(place: Workplace) -> None:
    """The page comes once the port is free; until then `status` says why it is not there."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        listen = f"127.0.0.1:{other.getsockname()[1]}"
        place.change_config(page={"listen": listen})
        daemon = place.start(variables=AT_ONCE)
        assert listen in daemon.wait("page.died")["why"]
        place.put("a.jpg")
        daemon.finished("a.jpg")
        wait_for(lambda: f"not there: the page cannot listen at {listen}" in place.ask("status"))
    page_of(daemon)
    daemon.stop()


def test_a_missing_extra_is_one_line(place: Workplace, tmp_path: Path) -> None:
    """The line says what to install; nothing is started again and again, and pictures are cut."""
    (tmp_path / "site").mkdir()
    without = "import sys\nsys.modules['uvicorn'] = None\n"
    (tmp_path / "site" / "sitecustomize.py").write_text(without)
    path = f"{tmp_path / 'site'}:{place._environment['PYTHONPATH']}"
    place.change_config(page=ANYWHERE)
    daemon = place.start(variables={"PYTHONPATH": path, **AT_ONCE})
    place.put("a.jpg")
    daemon.finished("a.jpg")
    daemon.stop()
    (said,) = daemon.told("page.missing")
    assert "uvicorn not installed: pip install 'scissorsd[page]'" in said["why"]
    assert not daemon.told("page.died")


@pytest.mark.full
@pytest.mark.parametrize("before", [True, False], ids=["before the folders", "after them"])
def test_watch_has_the_page_on(place: Workplace, *, before: bool) -> None:
    """`--page=ADDRESS` may stand anywhere, and drops go into the watched inbox."""
    words = ["inbox", "outbox", "--model", "u2netp", "--edges", "soft", "--providers", "cpu"]
    option = "--page=127.0.0.1:0"
    daemon = place.start("watch", *([option, *words] if before else [*words, option]))
    page = page_of(daemon)
    status, said = page.put("inbox/a.jpg", picture())
    assert (status, said["path"]) == (201, "a.jpg")
    daemon.finished("a.jpg")
    wait_for(lambda: page.address in place.run("status").stdout)  # written once a second
    daemon.stop()


@pytest.mark.full
def test_once_has_no_page(place: Workplace) -> None:
    """It ends when nothing is left to do; so there is nobody to drop anything for."""
    place.change_config(page=ANYWHERE)
    place.put("a.jpg")
    assert "page." not in place.run("once", "-c", place.config).stderr
    assert place.files() == ["a.png"]
