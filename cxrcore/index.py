"""The index: what is measured once for each image and kept by content.

    data/index/v1/<fingerprint>.parquet   one row an image, with its histogram
    data/index/v1/<fingerprint>.parts/    what a measuring under way has finished so far
    data/thumbs/<2 digits>/<image_id>.jpg

Measuring runs in several processes. Each writes what it finished every few seconds, so that
stopping loses at most the images in flight; what is known of an image_id from any dataset
is never measured again.
"""

import io
import os
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from cxrcore import files, images, quality, settings
from cxrcore.datasets import Dataset
from cxrcore.errors import ImageError
from cxrcore.progress import Meter, Report, silent

VERSION = "v1"  # raise it when a measurement comes to mean something else
FACTS = {
    "image_id": "string",
    "width": "Int64",  # pixels
    "height": "Int64",
    "mean": "Float64",  # gray value, 0..255
    "std": "Float64",
    "black": "Float64",  # share of pixels that are 0, 0..1
    "white": "Float64",  # share of pixels that are 255
    "brisque": "Float64",  # missing where it is undefined, as on a flat image
    "phash": "string",
    "error": "string",  # why the image could not be measured, else missing
}
_CHUNK = 16  # images a task: short enough to stop soon, long enough to be worth sending
_POOL_FROM = 64  # fewer images are measured here, without starting processes


@dataclass(frozen=True, eq=False)
class Index:
    """Measurements of a dataset; rows stand as in `dataset.table`.

    `table` has the columns of FACTS and `path`. `histograms` is (n, 256) uint32, zeros
    where the image could not be measured.
    """

    table: pd.DataFrame
    histograms: np.ndarray

    @cached_property
    def damaged(self) -> pd.DataFrame:
        """image_id, path and error of the images that could not be measured."""
        bad = self.table["error"].notna()
        return self.table.loc[bad, ["image_id", "path", "error"]].reset_index(drop=True)

    def thumbnail(self, image_id: str) -> bytes | None:
        """JPEG whose longest side is 128 pixels, or None for a damaged image."""
        try:
            return thumbnail_file(image_id).read_bytes()
        except FileNotFoundError:
            return None


def load(dataset: Dataset) -> Index | None:
    """The index of a dataset, or None if not every image has been measured."""
    path = _index_file(dataset.fingerprint)
    rows = _read(path) if path.exists() else None
    if rows is None or not set(dataset.table["image_id"]) <= set(rows["image_id"]):
        return None
    return _aligned(dataset, rows)


def missing(dataset: Dataset) -> int:
    """How many images are still to be measured."""
    if load(dataset) is not None:
        return 0
    ids = set(dataset.table["image_id"])
    return len(ids - set(_known(ids, dataset.fingerprint)["image_id"]))


def measure(dataset: Dataset, *, report: Report = silent, workers: int | None = None) -> Index:
    """Measure what has not been measured yet, in parallel, and return the whole index.

    A damaged image becomes a row with its error. Interrupted, the next call goes on.

    Args:
        dataset: what to measure.
        report: told how many of the new images are done.
        workers: processes; all cores if None.

    Raises:
        StoreError: the disk is full or the data folder cannot be written.
    """
    if (index := load(dataset)) is not None:
        return index
    known = _known(set(dataset.table["image_id"]), dataset.fingerprint)
    todo = dataset.table[~dataset.table["image_id"].isin(known["image_id"])]
    jobs = [(row.image_id, str(dataset.path_of(row))) for row in todo.itertuples()]
    parts = _parts_folder(dataset.fingerprint)
    fresh = list(_measured(jobs, parts, report, workers))
    rows = pd.concat([known, *fresh], ignore_index=True) if fresh else known
    index = _aligned(dataset, rows)
    _write(_index_file(dataset.fingerprint), rows[rows["image_id"].isin(dataset.table["image_id"])])
    shutil.rmtree(parts, ignore_errors=True)
    return index


def thumbnail_file(image_id: str) -> Path:
    """Where the thumbnail of an image lies, whatever dataset it is in."""
    return settings.data_dir() / "thumbs" / image_id[:2] / f"{image_id}.jpg"


def _measured(
    jobs: list[tuple[str, str]], parts: Path, report: Report, workers: int | None
) -> Iterator[pd.DataFrame]:
    """Frames of finished chunks, in the order they finish; each is on disk already."""
    chunks = [jobs[i : i + _CHUNK] for i in range(0, len(jobs), _CHUNK)]
    meter = Meter("measuring images", len(jobs), report)
    workers = workers or os.cpu_count() or 1
    if not jobs:
        return
    meter.update(0)
    if workers == 1 or len(jobs) < _POOL_FROM:
        results: Iterable[pd.DataFrame] = (_measure_chunk(chunk, parts) for chunk in chunks)
    else:
        import joblib

        parallel = joblib.Parallel(
            workers, return_as="generator_unordered", pre_dispatch="3*n_jobs"
        )
        results = parallel(joblib.delayed(_measure_chunk)(chunk, parts) for chunk in chunks)
    done = 0
    for rows in results:
        done += len(rows)
        meter.update(done)
        yield rows


def _measure_chunk(chunk: list[tuple[str, str]], parts: Path) -> pd.DataFrame:
    """Measure a few images and put the rows where an interrupted measuring finds them."""
    import cv2

    cv2.setNumThreads(1)  # the processes share the cores already
    rows = _frame([_measure_one(image_id, Path(path)) for image_id, path in chunk])
    _write(parts / f"{time.time_ns()}-{uuid.uuid4().hex[:8]}.parquet", rows)
    return rows


def _measure_one(image_id: str, path: Path) -> dict[str, object]:
    try:
        gray = images.decode(path)
    except ImageError as error:
        return {"image_id": image_id, "error": str(error), "histogram": bytes(1024)}
    counts = quality.histogram(gray)
    values = np.arange(256)
    mean = float(counts @ values) / gray.size
    score = quality.brisque(gray)
    files.write_atomic(thumbnail_file(image_id), images.thumbnail(gray))
    return {
        "image_id": image_id,
        "width": gray.shape[1],
        "height": gray.shape[0],
        "mean": mean,
        "std": float(np.sqrt(counts @ (values - mean) ** 2 / gray.size)),
        "black": counts[0] / gray.size,
        "white": counts[255] / gray.size,
        "brisque": None if np.isnan(score) else score,
        "phash": quality.phash(gray),
        "histogram": counts.astype("<u4").tobytes(),
    }


def _frame(rows: list[dict[str, object]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows).reindex(columns=[*FACTS, "histogram"])
    return frame.astype(FACTS)


def _aligned(dataset: Dataset, rows: pd.DataFrame) -> Index:
    rows = rows.drop_duplicates("image_id").set_index("image_id").loc[dataset.table["image_id"]]
    flat = np.frombuffer(b"".join(rows.pop("histogram")), "<u4")
    table = rows.reset_index()[list(FACTS)]
    table["path"] = dataset.table["path"].to_numpy()
    return Index(table, flat.reshape(-1, 256))


def _known(image_ids: set[str], fingerprint: str) -> pd.DataFrame:
    """Rows of these images from any dataset's index and from interrupted measurings."""
    folder = _index_file(fingerprint).parent
    found = [_frame([])]
    for path in sorted(folder.rglob("*.parquet")):
        rows = _read(path)
        if rows is not None and not (rows := rows[rows["image_id"].isin(image_ids)]).empty:
            found.append(rows)
    rows = pd.concat(found, ignore_index=True).drop_duplicates("image_id")
    # A file that could not be read then may be readable now; a second look costs little.
    return rows[rows["error"].isna()]


def _index_file(fingerprint: str) -> Path:
    return settings.data_dir() / "index" / VERSION / f"{fingerprint}.parquet"


def _parts_folder(fingerprint: str) -> Path:
    return _index_file(fingerprint).with_suffix(".parts")


def _write(path: Path, rows: pd.DataFrame) -> None:
    buffer = io.BytesIO()
    rows.to_parquet(buffer, index=False)
    files.write_atomic(path, buffer.getvalue())


def _read(path: Path) -> pd.DataFrame | None:
    """Rows of a cache file; None for one that is damaged, which is then measured again."""
    import pyarrow

    try:
        rows = pd.read_parquet(path)
        return rows[[*FACTS, "histogram"]].astype(FACTS)
    except (pyarrow.ArrowException, OSError, KeyError, ValueError):
        return None
