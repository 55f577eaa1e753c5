"""Measures of prepared pixels, computed by several processes."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxrcore import parallel, quality
from cxrcore.progress import Meter, Report
from cxrcore.quality.histogram import LEVELS, histogram

_SCORED = 256  # images per task
_COUNTED = 2048  # images per task, a tenth of a second


def scores(folder: Path, count: int, report: Report) -> NDArray[np.float64]:
    """(count,) BRISQUE of the prepared images in a folder; NaN if it has no value."""
    result = np.full(count, np.nan)
    _fill(result, quality.brisque, folder, _SCORED, Meter("scoring pixels", count, report))
    return result


def histograms(folder: Path, count: int, report: Report) -> NDArray[np.uint32]:
    """(count, 256) histograms of the prepared images in a folder."""
    result = np.zeros((count, LEVELS), np.uint32)
    _fill(result, histogram, folder, _COUNTED, Meter("counting gray values", count, report))
    return result


_Part = tuple[Callable[[np.ndarray], Any], Path, int, int]  # measure, folder, first and last row


def _fill(
    result: np.ndarray, measure: Callable[[np.ndarray], Any], folder: Path, size: int, meter: Meter
) -> None:
    """Write `measure` of every prepared image into `result`, `size` images per task."""
    parts: list[_Part] = [
        (measure, folder, first, min(first + size, len(result)))
        for first in range(0, len(result), size)
    ]
    done = 0
    with closing(parallel.unordered(_measure_rows, parts)) as finished:
        for first, values in finished:
            result[first : first + len(values)] = values
            done += len(values)
            meter.update(done)


def _measure_rows(part: _Part) -> tuple[int, np.ndarray]:
    measure, folder, first, last = part
    array = np.load(folder / "pixels.npy", mmap_mode="r")
    return first, np.asarray([measure(gray) for gray in array[first:last]])
