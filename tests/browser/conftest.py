"""Fixtures of the browser tests: a real Chromium, a dashboard on the test's own folders."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import CHROMIUM, CHROMIUM_FLAGS, Dashboard, Server, serving


@pytest.fixture(scope="session")
def browser():
    """Chromium of the system; a skip that says so where there is none."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine (apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server on this test's own folders."""
    with serving(tmp_path / "server.log") as running:
        yield running


@pytest.fixture
def dashboard(browser, server: Server) -> Iterator[Dashboard]:
    """A fresh browser page on the server; it fails if the page asked for anything outside."""
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    page = Dashboard(context.new_page(), server.url)
    yield page
    context.close()
    assert not page.external, f"requests left this machine: {page.external}"
