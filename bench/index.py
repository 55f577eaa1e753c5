"""Measuring a dataset: images a second, cold and with nothing to do, and the peak memory.

    python bench/index.py FOLDER [--workers N] [--size 200]

Uses a data folder of its own that is deleted afterwards. Also prepares the pixels at a size
and scores them. Memory is the greatest of any process; it should not grow with the dataset.
"""

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from cxrcore import datasets, index, pixels  # noqa: E402


def timed(what: str, count: int, function: Callable[[], Any]) -> Any:
    start = time.perf_counter()
    result = function()
    seconds = time.perf_counter() - start
    print(f"{what:<28}{seconds:>9.2f} s{count / seconds:>12,.0f} images/s")
    return result


def peak_mb() -> float:
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    scale = 1 if sys.platform == "darwin" else 1024  # bytes there, kilobytes here
    return max(resource.getrusage(w).ru_maxrss for w in who) * scale / 1e6


def measure(folder: Path, workers: int | None, size: int) -> None:
    dataset = timed("load, first time", 1, lambda: datasets.load(folder))
    count = len(dataset.table)
    print(f"{count:,} images")
    timed("load, again", count, lambda: datasets.load(folder))
    timed("measure", count, lambda: index.measure(dataset, workers=workers))
    timed("measure, nothing to do", count, lambda: index.measure(dataset, workers=workers))
    timed("load the index", count, lambda: index.load(dataset))
    preparation = pixels.Preparation(size)
    made = timed(
        f"prepare at {size} px",
        count,
        lambda: pixels.prepare(dataset, preparation, workers=workers),
    )
    timed("prepare, nothing to do", count, lambda: pixels.prepare(dataset, preparation))
    timed("BRISQUE of prepared pixels", count, made.brisque)
    print(f"peak memory of a process: {peak_mb():,.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--size", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as data:
        os.environ["CXR_DATA"] = data
        measure(options.folder, options.workers, options.size)


if __name__ == "__main__":
    main()
