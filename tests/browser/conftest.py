"""Fixtures of the browser tests: a real Chromium, a dashboard on the test's own folders."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cxrcore import datasets, index
from tests.browser.harness import CHROMIUM, CHROMIUM_FLAGS, Dashboard, Server, opened, serving
from tests.conftest import write_tiny_dataset


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """On two busy cores a browser may miss a moment; what fails twice is a fault. Reruns are listed."""
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="module")
def browser():
    """Chromium of the system; a skip that says so where there is none."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine (apt-get install chromium)")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=30_000)  # a busy machine draws late

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server on this test's own folders."""
    with serving(tmp_path / "server.log") as running:
        yield running


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for all tests that only look, on a measured dataset of 36 images, `tiny`."""
    folder = tmp_path_factory.mktemp("shared")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CXR_MODELS", str(folder / "models"))
        patch.setenv("CXR_DATA", str(folder / "data"))
        index.measure(datasets.register("tiny", write_tiny_dataset(folder / "tiny")))
        server = Server(folder / "server.log")
        server.start()
    yield server
    server.stop()


@pytest.fixture
def dashboard(browser, server: Server) -> Iterator[Dashboard]:
    """`opened` on this test's own server."""
    with opened(browser, server) as page:
        yield page


@pytest.fixture
def shared_dashboard(browser, shared_server: Server) -> Iterator[Dashboard]:
    """`opened` on the shared server."""
    with opened(browser, shared_server) as page:
        yield page
