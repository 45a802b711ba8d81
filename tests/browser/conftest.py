"""A browser for the pages: the Chromium of the machine, offline, one tab for all tests."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.browser.made_up_reports import write_reports
from tests.browser.pages import Reports, watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Page

FLAGS = ("--disable-gpu", "--disable-quic", "--host-resolver-rules=MAP * ~NOTFOUND")
DRAWN = """[...document.querySelectorAll('.chart:not(#minutes *)')]
    .every((one) => one.querySelector('.main-svg'))"""


class Tab(NamedTuple):
    """The tab of the browser, what pages in it did wrong, and the loop that drives it."""

    page: Page
    faults: list[str]
    loop: asyncio.AbstractEventLoop

    @contextmanager
    def driven(self) -> Iterator[None]:
        """Let the loop count as running in this thread; other tests must not meet it."""
        asyncio._set_running_loop(self.loop)
        try:
            yield
        finally:
            asyncio._set_running_loop(None)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where the browser is; without one the tests of pages are skipped."""
    names = ("chromium", "chromium-browser", "google-chrome")
    place = next(filter(None, map(shutil.which, names)), None)
    if place is None:
        pytest.skip("no Chromium was found")
    return place


@pytest.fixture(scope="session")
def _tab(chromium: str) -> Iterator[Tab]:
    from playwright.sync_api import sync_playwright

    playwright = sync_playwright().start()
    browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
    tab = Tab(browser.new_page(offline=True), [], asyncio.get_running_loop())
    watch(tab.page, tab.faults)
    asyncio._set_running_loop(None)
    yield tab
    with tab.driven():
        browser.close()
        playwright.stop()


@pytest.fixture
def open_page(_tab: Tab) -> Iterator[Callable[..., Page]]:
    """Opens a page from disk; afterwards, what it should not have done fails the test.

    All tests share a tab: Chromium knows the script of the charts there once it has read it for a
    page, which takes longer than all else. Pages keep nothing, so each begins anew.
    """
    page = _tab.page

    def opened(path: Path, *, width: int = 1440, dark: bool = False) -> Page:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(media="screen", color_scheme="dark" if dark else "light")
        page.goto(path.as_uri())
        page.wait_for_function(DRAWN)
        return page

    with _tab.driven():
        yield opened
        page.goto("about:blank")
        faults = _tab.faults.copy()
        _tab.faults.clear()
    assert faults == []


@pytest.fixture(scope="session")
def reports(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Reports:
    """Made-up reports, written by the first process that asks for them; not to be changed."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    done = shared / "reports-are-written"
    with (shared / "reports.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            write_reports(shared / "made-up")
            done.touch()
    return Reports(shared / "made-up" / "reports")
