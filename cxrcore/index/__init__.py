"""The index: measurements of each image, stored by the content of the image.

Measuring can be interrupted: every few images form a file of their own until all are done.
An image that was measured in any dataset is not measured again.
"""

import contextlib
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from cxrcore import files, parallel, settings
from cxrcore.errors import DatasetError, StoreError
from cxrcore.index import rows
from cxrcore.index.measurement import Chunk, measure_chunk, thumbnail_file
from cxrcore.progress import Meter, Report, silent

if TYPE_CHECKING:
    from cxrcore.datasets import Dataset

__all__ = ["COLUMNS", "Index", "load", "measure", "missing", "stamp"]

# Columns and their meaning; a damaged image has only image_id and error.
COLUMNS = {
    "image_id": "BLAKE2b-128 of the file's bytes, 32 hexadecimal digits",
    "width": "pixels",
    "height": "pixels",
    "mean": "mean gray value, 0..255",
    "std": "standard deviation of the gray values",
    "black": "share of pixels with value 0, 0..1",
    "white": "share of pixels with value 255, 0..1",
    "brisque": "BRISQUE of the image at its own size; missing if it has no value",
    "phash": "perceptual hash, 16 hexadecimal digits",
    "error": "why the image cannot be used; missing when it can",
}
_CHUNK = 16  # images per task; at most these are lost when it is stopped
_FEW = 64  # fewer images are measured faster than processes start
_IMAGE_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, eq=False)
class Index:
    """The measurements of a dataset's images; treat it as read-only.

    `table` has the columns of COLUMNS and one row per row of the dataset's table, in its
    order. `paths` are the dataset's, for `damaged`; `fingerprint` is the dataset's.
    """

    table: pd.DataFrame
    paths: pd.Series
    fingerprint: str

    @property
    def histograms(self) -> NDArray[np.uint32]:
        """(n, 256) number of pixels per gray value, in the table's order; zeros for errors.

        Read from disk at every use, since they are far larger than the rest (20 MB for 20,000
        images). Keep what you compute from them.

        Raises:
            StoreError: the file was removed or damaged since the table was read.
        """
        ids = self.table["image_id"]
        found = rows.read_histograms(self.fingerprint, ids)
        if found is None:
            raise _unreadable(f"the dataset {self.fingerprint}")
        return found

    def thumbnail(self, image_id: str) -> bytes | None:
        """JPEG with the longest side at 128 pixels; None for a damaged or unknown image."""
        if not _IMAGE_ID.fullmatch(image_id):  # it becomes a file name
            return None
        try:
            return thumbnail_file(settings.data_dir(), image_id).read_bytes()
        except FileNotFoundError:
            return None

    @cached_property
    def damaged(self) -> pd.DataFrame:
        """image_id, path and error of the unusable images."""
        damaged = self.table["error"].notna()
        result = self.table.loc[damaged, ["image_id", "error"]]
        result.insert(1, "path", self.paths[damaged])
        return result.reset_index(drop=True)


def measure(dataset: "Dataset", *, report: Report = silent, workers: int | None = None) -> Index:
    """Measure the images of a dataset that have not been measured yet.

    A second process with the same request waits for the first. If it is interrupted, Ctrl-C
    included, everything measured so far is kept. Damaged images are tried again at every call,
    because a disk may have been repaired or a limit raised.

    Args:
        dataset: its images are measured.
        report: receives the progress; may raise to stop.
        workers: processes; all cores if None. A few images are measured in this process.

    Raises:
        StoreError: the disk is full or the data folder cannot be written.
        DatasetError: a process died, or all files of the dataset are missing.
    """
    ids = dataset.table["image_id"]
    waiting = Meter("waiting for another process that measures these images", len(ids), report)
    with parallel.exclusive(rows.lock_file(dataset.fingerprint), lambda: waiting.update(0)):
        known = rows.known(dataset.fingerprint, ids)
        complete = [i for i in known.index[known["error"].isna()] if _has_thumbnail(i)]
        todo = dataset.table[~ids.isin(complete)]
        _measure(dataset, todo, report, workers)
        if len(todo) or not rows.complete(dataset.fingerprint, len(ids)):
            rows.finish(dataset.fingerprint, ids)
        found = rows.read(dataset.fingerprint)
    if found is None:
        raise _unreadable(dataset.name)
    return _index(dataset, found)


def load(dataset: "Dataset") -> Index | None:
    """The index of a dataset; None unless all of its images are measured."""
    if not rows.complete(dataset.fingerprint, len(dataset.table)):
        return None
    found = rows.read(dataset.fingerprint)
    return None if found is None else _index(dataset, found)


def stamp(dataset: "Dataset") -> files.Stamp:
    """Changes whenever the dataset's index is written or deleted."""
    return files.stamp([rows.file_of(dataset.fingerprint)])


def missing(dataset: "Dataset") -> int:
    """Number of images of a dataset that are not measured yet."""
    if rows.complete(dataset.fingerprint, len(dataset.table)):
        return 0
    ids = dataset.table["image_id"]
    return len(ids) - len(rows.known(dataset.fingerprint, ids))


def _measure(dataset: "Dataset", todo: pd.DataFrame, report: Report, workers: int | None) -> None:
    paths = [str(dataset.root / path) for path in todo["path"]]
    images = list(zip(todo["image_id"].astype(str), paths, strict=True))
    folder = rows.parts_folder(dataset.fingerprint)
    chunks = [
        Chunk(images[first : first + _CHUNK], folder, settings.data_dir())
        for first in range(0, len(images), _CHUNK)
    ]
    meter = Meter("measuring images", len(images), report)
    meter.update(0)
    done = 0
    results = parallel.unordered(measure_chunk, chunks, 1 if len(images) < _FEW else workers)
    with contextlib.closing(results):
        for count in results:
            done += count
            meter.update(done)
    if paths and not any((dataset.root / path).exists() for path in dataset.table["path"]):
        # Otherwise a disconnected disk would look like many damaged images.
        raise DatasetError(
            f"The images of {dataset.name} are gone from {dataset.root}. Connect the disk or restore "
            "the folder, then measure again; earlier measurements are kept."
        )


def _has_thumbnail(image_id: str) -> bool:
    try:
        return thumbnail_file(settings.data_dir(), image_id).stat().st_size > 0
    except FileNotFoundError:
        return False


def _unreadable(name: str) -> StoreError:
    return StoreError(
        f"The measurements of {name} cannot be read back from {settings.data_dir()}. "
        "Check the disk, then measure again."
    )


def _index(dataset: "Dataset", found: pa.Table) -> Index:
    """The index from the rows of a dataset's file, in the order of its table."""
    found = found.take(rows.places(found["image_id"], dataset.table["image_id"]))
    text = dict.fromkeys(("image_id", "phash", "error"), "string")
    table = found.to_pandas().astype(text | {"width": "Int64", "height": "Int64"})
    return Index(table, dataset.table["path"], dataset.fingerprint)
