"""A real journal, and the page's addresses under a real server."""

from collections.abc import Iterator

import pytest
from end_to_end.conftest import mounts, place
from end_to_end.driver import Workplace
from playwright.sync_api import Browser

from .browser import Tabs, chromium, chromium_path
from .served import Served, served

__all__ = ["browser", "mounts", "page", "place", "tabs"]


@pytest.fixture
def page(place: Workplace) -> Iterator[Served]:
    """Serve the files of a workplace; its configuration is read when it is first asked."""
    with served(place) as server:
        yield server


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start Chromium, once for all tests of this process."""
    path = chromium_path()
    if path is None:
        pytest.skip("there is no Chromium here (on Debian: apt install chromium)")
    with chromium(path) as started:
        yield started


@pytest.fixture
def tabs(browser: Browser) -> Iterator[Tabs]:
    """Open tabs for one test; in the end nothing was asked of others, and nothing forbidden."""
    opened = Tabs(browser)
    yield opened
    opened.context.close()
    opened.check()
