"""The page on a state folder of an older version, and on one of a newer."""

import http.client
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from end_to_end.driver import Workplace, wait_for
from end_to_end.record_old_state import EXPECTED
from end_to_end.test_old_states import place as old_place
from playwright.sync_api import expect

from scissorsd.records.journal_file import FILE
from scissorsd.records.migrations import LATEST

from .browser import Tabs, card, free_port
from .test_page_command import ask

__all__ = ["old_place"]

SHOWN = {"begun": "waiting", "published": "waiting"}  # for the next daemon; others as they are
PREVIEW = "?width=320"
API = "/api/v1"


def said(port: int, address: str, method: str = "GET", body: str = "") -> tuple[int, bytes]:
    """Ask for an address; give the status and all that comes."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    connection.request(method, address, body or None)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content


def cards(port: int) -> dict[str, Any]:
    """Return the cards of all pictures, by their paths."""
    status, content = said(port, f"{API}/pictures?limit=200")
    assert status == 200, content
    return {card["path"]: card for card in json.loads(content)["pictures"]}


def addresses(cards: dict[str, Any]) -> Iterator[tuple[str, set[int]]]:
    """Yield every address there is to read, and what may be answered."""
    for path in ("/", f"{API}/status", f"{API}/choices", "/metrics"):
        yield path, {200}
    for query in ("state=review", "state=held&state=failed", "inbox=shop", "q=done"):
        yield f"{API}/pictures?{query}", {200}
    for path in ("/healthz", "/readyz"):
        yield path, {503}  # no daemon runs
    for one in cards.values():
        here = f"{API}/pictures/{one['address']}"
        yield here, {200}
        for preview in ("", PREVIEW):
            yield f"{here}/before{preview}", {200, 404, 415}  # deleted; no picture
            yield f"{here}/mask{preview}", {200, 404}
            for output in one["outputs"]:
                there = {200} if output["there"] else {404}
                yield f"{here}/outputs/{output['n']}{preview}", there
        yield f"{here}/finish?background=white", {200, 404, 409}


@pytest.mark.full
def test_every_address_on_a_journal_of_an_older_version(old_place: Workplace) -> None:
    """What it has recorded is shown and handed out while no daemon runs, and once one does."""
    place = old_place
    port = free_port()
    page = place.start("page", "-c", str(place.config), "--listen", f"127.0.0.1:{port}")
    ask(port, "/healthz")
    before = cards(port)
    told = {path: one["state"] for path, one in before.items()}
    assert told == {shown(path): SHOWN.get(state, state) for path, state in EXPECTED.items()}
    for address, statuses in addresses(before):
        status, content = said(port, address)
        assert status in statuses, (address, status, content[:300])
    whole = [{"inbox": "shop", "path": path} for path, one in before.items() if one["outputs"]]
    body = json.dumps({"pictures": whole, "outputs": "all"})
    status, content = said(port, f"{API}/zips", "POST", body)
    assert status == 201, content
    assert said(port, f"{API}/zips/{json.loads(content)['id']}")[0] == 200
    status, content = said(port, f"{API}/pictures/shop/fail/blank.jpg/retry", "POST")
    assert status == 200, content
    daemon = place.start()  # brings it up to date, under the page's eyes
    daemon.wait("job.failed", source="fail/blank.jpg")
    wait_for(lambda: {one["state"] for one in cards(port).values()} == {"done", "failed"})
    assert cards(port).keys() == before.keys()
    daemon.stop()
    page.process.terminate()
    assert page.exit_code() == 0
    assert not [line for line in page.lines if line["event"] == "page.failed"]


def shown(path: str) -> str:
    """Return a path as the page shows it."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


@pytest.mark.full
def test_a_journal_of_a_newer_version_is_told_in_words(place: Workplace, tabs: Tabs) -> None:
    """The page says what is the matter and what to do; with the right journal it goes on by itself.

    The journal is put into its place under the eyes of an open page, as `restore` does it.
    """
    daemon = place.start()
    place.put("a.jpg")
    daemon.finished("a.jpg")
    daemon.stop()
    journal = place.state / FILE
    newer = journal.with_name("newer.sqlite")
    with closing(sqlite3.connect(journal)) as db:
        db.execute("VACUUM INTO ?", (str(newer),))
    with closing(sqlite3.connect(newer)) as db:
        db.execute(f"PRAGMA user_version = {LATEST + 1}")
    right = journal.with_name("right.sqlite")
    journal.rename(right)
    newer.rename(journal)
    port = free_port()
    page_alone = place.start("page", "-c", str(place.config), "--listen", f"127.0.0.1:{port}")
    assert ask(port, "/readyz")[0] == 503
    page = tabs.open(f"http://127.0.0.1:{port}/")
    banner = page.locator("#banner")
    expect(banner).to_contain_text(f"{FILE} was made by a newer scissorsd")
    expect(banner).to_contain_text("Install that scissorsd again")
    right.replace(journal)
    expect(card(page, "a.jpg")).to_have_attribute("data-state", "done")
    expect(banner).to_have_text(
        "scissorsd does not run. What you drop is kept, and cut when it is back."
    )
    page_alone.process.terminate()
    assert page_alone.exit_code() == 0
    assert not [line for line in page_alone.lines if line["event"] == "page.failed"]
