"""Measuring a dataset: images a second, cold and with nothing to do, memory, size on disk.

    python bench/index.py FOLDER [--workers N] [--size 200]
    python bench/index.py --synthetic 20000

Uses a data folder of its own that is deleted afterwards, and so are synthetic images. Also
prepares the pixels at a size and scores them. Memory is that of all processes together at its
greatest; it should not grow with the dataset. --synthetic 20000 takes two minutes or so,
100000 a quarter of an hour and 6 GB of disk.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from common import Peak, size_mb, synthetic

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from cxrcore import datasets, index, pixels  # noqa: E402


def timed(what: str, count: int, function: Callable[[], Any]) -> Any:
    start = time.perf_counter()
    with Peak() as peak:
        result = function()
    seconds = time.perf_counter() - start
    rate = f"{count / seconds:>12,.0f} images/s" if count else " " * 21
    memory = f"{peak.mb:>8,.0f} MB" if peak.mb else ""
    print(f"{what:<28}{seconds:>9.2f} s{rate}{memory}", flush=True)
    return result


def measure(folder: Path, data: Path, workers: int | None, size: int) -> None:
    dataset = timed("load, first time", 0, lambda: datasets.load(folder))
    count = len(dataset.table)
    timed("load, again", count, lambda: datasets.load(folder))
    timed("measure", count, lambda: index.measure(dataset, workers=workers))
    timed("measure, nothing to do", count, lambda: index.measure(dataset, workers=workers))
    timed("load the index", count, lambda: index.load(dataset))
    for part in ("index", "thumbs"):
        mb = size_mb(data / part)
        print(f"{part + ' on disk':<28}{mb:>9.1f} MB{1e6 * mb / count:>12,.0f} bytes an image")
    preparation = pixels.Preparation(size)
    made = timed(
        f"prepare at {size} px",
        count,
        lambda: pixels.prepare(dataset, preparation, workers=workers),
    )
    timed("prepare, nothing to do", count, lambda: pixels.prepare(dataset, preparation))
    timed("BRISQUE of prepared pixels", count, made.brisque)
    mb = size_mb(data / "pixels")
    print(f"{'pixels on disk':<28}{mb:>9.1f} MB{1e6 * mb / count:>12,.0f} bytes an image")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--synthetic", type=int, metavar="N", help="make so many images instead")
    parser.add_argument("--workers", type=int)
    parser.add_argument("--size", type=int, default=200)
    options = parser.parse_args()
    if (options.folder is None) == (options.synthetic is None):
        parser.error("name a folder or say --synthetic N")
    with tempfile.TemporaryDirectory() as temporary:
        data = Path(temporary) / "data"
        os.environ["CXR_DATA"] = str(data)
        folder = options.folder
        if options.synthetic:
            folder = Path(temporary) / "images"
            timed("make images", options.synthetic, lambda: synthetic(folder, options.synthetic))
        measure(folder, data, options.workers, options.size)


if __name__ == "__main__":
    main()
