"""The data pages on a large dataset: cold first paint, reruns, memory of the server.

    python bench/pages.py [--images 20000] [--keep FOLDER] [--pages gallery quality]
    python bench/pages.py --runs 20 --pages overview compare

Makes synthetic images, measures them (a minute or two), then starts the dashboard anew for each
page and opens it in headless Chromium. --keep keeps images and measurements in a folder, so that
the next call starts at once. --runs makes runs up, each tested on all images; their comparison is
computed before the pages are timed, as a job would. Cold is from the address to a page that is drawn; a rerun is what
the key R does, to the end of the script as the browser hears of it; the memory is the resident
set of the server after that. At last all pages are visited on one server.

Budget at 20,000 images: 1.3 s cold for overview and live, 2.3 s for pages with Plotly, 150 ms for the
median of the reruns, 250 MB.
"""

import argparse
import contextlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
from common import synthetic
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "browser"), str(ROOT / "tests" / "helpers")]

from harness import CHROMIUM, CHROMIUM_FLAGS, Dashboard, Server, serving  # noqa: E402
from tested import answered, keep  # noqa: E402

from cxrcore import comparison, datasets, index, store  # noqa: E402
from cxrcore.datasets import Dataset  # noqa: E402

PAGES = ("gallery", "histograms", "quality", "duplicates")
NAME = "many"


class Timed(Dashboard):
    """A dashboard that notes when each run of the script has ended."""

    def __init__(self, page: Page, url: str) -> None:
        self.ended = 0.0
        super().__init__(page, url)

    def _frame(self, data: bytes) -> None:
        before = self.runs
        super()._frame(data)
        if self.runs > before:
            self.ended = time.perf_counter()

    def first_paint(self, page: str) -> float:
        """Milliseconds from the address to a page that is drawn."""
        start = time.perf_counter()
        self.open(f"/{page}?dataset={NAME}")
        return 1000 * (time.perf_counter() - start)

    def rerun(self) -> float:
        """Milliseconds of a rerun of the whole page."""
        start = time.perf_counter()
        self.act(lambda: self.page.keyboard.press("r"))
        return 1000 * (self.ended - start)


def rss_mb(server: Server) -> float:
    """Resident memory of the server's process; it has no children before a prediction."""
    return psutil.Process(server.process.pid).memory_info().rss / 1e6


@contextlib.contextmanager
def opened(browser: Browser, log: Path) -> Iterator[tuple[Server, Timed]]:
    """A fresh server and a fresh browser window on it."""
    with serving(log) as server:
        context = browser.new_context(viewport={"width": 1440, "height": 1000})
        yield server, Timed(context.new_page(), server.url)
        context.close()


def prepared(folder: Path, count: int, runs: int) -> None:
    """Images, their index and runs in a folder, made where they are missing."""
    os.environ["CXR_DATA"], os.environ["CXR_MODELS"] = str(folder / "data"), str(folder / "models")
    images = folder / f"images-{count}"
    if not images.is_dir():
        synthetic(images, count)
    if NAME not in [entry.name for entry in datasets.registered()]:
        datasets.register(NAME, images)
    dataset = datasets.load(NAME)
    start = time.perf_counter()
    index.measure(dataset)
    print(f"{len(dataset.table):,} images measured in {time.perf_counter() - start:.0f} s")
    if runs:
        compared(dataset, runs)


def compared(dataset: Dataset, runs: int) -> None:
    """So many runs that were tested on all images, the later the better, and their comparison."""
    truth = dataset.table["label"].map(list(dataset.classes).index).to_numpy()
    for number in range(len(store.list_runs(NAME)), runs):
        rng = np.random.default_rng(number)
        wrong = rng.random(len(truth)) > 0.6 + 0.015 * number
        called = np.where(wrong, rng.integers(0, len(dataset.classes), len(truth)), truth)
        keep(dataset, number, answered(dataset, called, rng.uniform(0.4, 1, len(truth))))
    start = time.perf_counter()
    subjects = comparison.subjects(store.list_runs(NAME)["run_id"].tolist())
    comparison.intervals(subjects)
    of = next(name for name in dataset.classes if "covid" in name.lower())
    for some in (subjects, subjects[:8], subjects[:5]):
        comparison.compare(some, "recall", of)
    print(f"{runs} runs compared in {time.perf_counter() - start:.1f} s, or kept from before")


def run(folder: Path, pages: list[str], repeat: int) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        log = folder / "server.log"
        with opened(browser, log) as (server, _):
            print(f"server without a visitor: {rss_mb(server):.0f} MB")
        print(f"{'page':<14}{'cold ms':>9}{'rerun ms':>10}{'slowest':>9}{'server MB':>11}")
        for page in pages:
            with opened(browser, log) as (server, window):
                cold = window.first_paint(page)
                times = [window.rerun() for _ in range(repeat)]
                print(
                    f"{page:<14}{cold:>9.0f}{statistics.median(times):>10.0f}"
                    f"{max(times):>9.0f}{rss_mb(server):>11.0f}",
                    flush=True,
                )
        with opened(browser, log) as (server, window):
            for _ in range(3):
                for page in pages:
                    window.first_paint(page)
            print(f"all pages on one server, three times over: {rss_mb(server):.0f} MB")
        browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--keep", type=Path, metavar="FOLDER")
    parser.add_argument("--pages", nargs="+", default=list(PAGES))
    parser.add_argument("--runs", type=int, default=0, help="made up, for overview and compare")
    parser.add_argument("--repeat", type=int, default=15, help="reruns of each page")
    options = parser.parse_args()
    if CHROMIUM is None:
        parser.error("there is no Chromium on this machine (apt-get install chromium)")
    with contextlib.ExitStack() as stack:
        folder = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        prepared(folder, options.images, options.runs)
        run(folder, options.pages, options.repeat)


if __name__ == "__main__":
    main()
