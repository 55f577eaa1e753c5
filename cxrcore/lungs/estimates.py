"""Lung masks of all films of a dataset, estimated once and kept by the content of the film.

    lungs/<network>/<ab>/<image_id>.png    an accepted mask: 255 right lung, 254 left lung, 0
    lungs/<network>/<ab>/<image_id>.json   the verdict on that film, accepted or refused
    lungs/<network>/<fingerprint>-<digest>.parquet   the verdicts on all films of a dataset

`<network>` is the digest of the network, so that another one begins anew. A film that was done in
any dataset is not done again; one that could not be read is tried again at every call.
"""

import contextlib
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from cxrcore import files, images, parallel, settings
from cxrcore.datasets import masks
from cxrcore.errors import DatasetError, ImageError, StoreError
from cxrcore.index.measurement import read_gray
from cxrcore.lungs import corrections, grid, segmentation
from cxrcore.progress import Meter, Report, silent

if TYPE_CHECKING:
    from cxrcore.datasets import Dataset

# Columns and their meaning; a refused film has no areas.
COLUMNS = {
    "image_id": "of the film",
    "reason": "why there is no mask; missing where there is one",
    "confidence": "of the network, 0..1",
    "right": "share of the picture that is right lung, 0..1",
    "left": "share of the picture that is left lung, 0..1",
    "dice": "agreement with the dataset's own mask, 0..1; missing where there is none",
    "notes": "what was done to the film first; missing where nothing was",
}
_WHITE = {grid.RIGHT: 255, grid.LEFT: 254}  # both are white to whoever reads the picture
_CHUNK = 16  # films a task; at most these are lost when it is stopped
_FEW = 64  # fewer films are done faster than processes start


@dataclass(frozen=True, eq=False)
class Estimates:
    """The estimated masks of a dataset; treat it as read-only.

    `table` has the columns of COLUMNS and, corrections by people included (`corrections`):
    `file`, the PNG mask (missing where there is none), and `corrected`, whether people decided.
    Its rows are those of the dataset's table, in its order. `network` is the digest of the
    network.
    """

    table: pd.DataFrame
    network: str

    @property
    def refused(self) -> pd.DataFrame:
        """The rows without a mask."""
        return self.table[self.table["file"].isna()]


class _Chunk(NamedTuple):
    """A few films for one process: image_id, file, reference of the dataset's own mask."""

    films: list[tuple[str, Path, Path | None]]
    folder: Path


def estimate(
    dataset: "Dataset", *, report: Report = silent, workers: int | None = None
) -> Estimates:
    """Look for the lungs on every film of a dataset that was not done before.

    A second process with the same request waits for the first. If it is interrupted, everything
    done so far is kept.

    Args:
        dataset: whose films; its own masks are compared with.
        report: receives the progress; may raise to stop.
        workers: processes; all cores if None. A few films are done in this process.

    Raises:
        StoreError: the disk is full or the data folder cannot be written.
        DatasetError: a process died, or all files of the dataset are missing.
        WeightsError: the network's file is missing or damaged.
    """
    segmentation.network()  # before any process starts: one message, not many
    path = _file(dataset)
    waiting = Meter("waiting for another process that looks for lungs", len(dataset.table), report)
    with parallel.exclusive(path.with_suffix(".lock"), lambda: waiting.update(0)):
        rows = _estimated(dataset, report, workers)
        table = pd.DataFrame(rows, columns=list(COLUMNS))
        order = pd.Index(table["image_id"]).get_indexer(dataset.table["image_id"])
        buffer = io.BytesIO()
        table.iloc[order].to_parquet(buffer, index=False)
        files.write_atomic(path, buffer.getvalue())
    found = load(dataset)
    if found is None:
        raise StoreError(
            f"The lung masks of {dataset.name} cannot be read back from {path.parent}. Check the "
            "disk, then estimate them again."
        )
    return found


def load(dataset: "Dataset") -> Estimates | None:
    """The estimated masks of a dataset; None unless all of its films were done."""
    try:
        table = pd.read_parquet(_file(dataset))
    except (OSError, ValueError):  # absent, or damaged: it can be made again
        return None
    if list(table["image_id"]) != list(dataset.table["image_id"]):
        return None
    table = table.astype(
        dict.fromkeys(("image_id", "reason", "notes"), "string")
        | dict.fromkeys(("confidence", "right", "left", "dice"), "float64")
    )
    folder = _folder()
    table["file"] = pd.array(
        [
            pd.NA if refused else str(_place(folder, image_id, ".png"))
            for image_id, refused in zip(table["image_id"], table["reason"].notna(), strict=True)
        ],
        dtype="string",
    )
    return Estimates(corrections.applied(table), segmentation.DIGEST)


def refused_by_class(dataset: "Dataset", found: Estimates) -> pd.Series:
    """Films without a mask, of each class that has some; ordered as the classes."""
    label = dataset.table["label"].fillna("no class")
    counts = label[dataset.table["image_id"].isin(found.refused["image_id"])].value_counts()
    order = [name for name in (*dataset.classes, "no class") if name in counts.index]
    return counts.reindex(order)


def summary(dataset: "Dataset", found: Estimates) -> str:
    """What was found, in a sentence or two."""
    total, refused = len(found.table), len(found.refused)
    text = f"{total - refused:,} of {total:,} films have a mask of their lungs."
    if refused:
        counts = refused_by_class(dataset, found).items()
        text += f" No mask: {', '.join(f'{name} {count:,}' for name, count in counts)}."
    return text


def stamp() -> files.Stamp:
    """Changes whenever the masks of any dataset are estimated or corrected."""
    return files.stamp([_folder(), corrections.file()])


def _estimated(dataset: "Dataset", report: Report, workers: int | None) -> list[dict[str, Any]]:
    """The row of every film, in any order."""
    films = [
        (str(row.image_id), dataset.path_of(row), dataset.mask_of(row))
        for row in dataset.table.itertuples()
    ]
    if films and not any(path.exists() for _, path, _ in films):
        # Otherwise a disconnected disk would look like many damaged films.
        raise DatasetError(
            f"The images of {dataset.name} are gone from {dataset.root}. Connect the disk or restore "
            "the folder, then try again; masks estimated earlier are kept."
        )
    folder = _folder()
    chunks = [
        _Chunk(films[first : first + _CHUNK], folder) for first in range(0, len(films), _CHUNK)
    ]
    meter = Meter("looking for lungs", len(films), report)
    meter.update(0)
    rows: list[dict[str, Any]] = []
    results = parallel.unordered(_do_chunk, chunks, 1 if len(films) < _FEW else workers)
    with contextlib.closing(results):
        for few in results:
            rows += few
            meter.update(len(rows))
    return rows


def _do_chunk(chunk: _Chunk) -> list[dict[str, Any]]:
    return [_do_film(*film, chunk.folder) for film in chunk.films]


def _do_film(image_id: str, path: Path, own: Path | None, folder: Path) -> dict[str, Any]:
    """The row of a film, from its file if it was done before."""
    verdict = _place(folder, image_id, ".json")
    try:
        row = files.read_json(verdict)
    except StoreError:
        try:
            row = _look(read_gray(path, image_id), _place(folder, image_id, ".png"))
        except (ImageError, DatasetError) as error:
            return {"image_id": image_id, "reason": str(error)}
        files.write_json(verdict, row)
    dice = None if own is None or row["reason"] else _dice(_place(folder, image_id, ".png"), own)
    return {"image_id": image_id, **row, "dice": dice}


def _look(gray: np.ndarray, picture: Path) -> dict[str, Any]:
    """Find the lungs of a film and write its mask if it was accepted."""
    found = segmentation.segment(gray)
    row: dict[str, Any] = {
        "reason": found.reason,
        "confidence": round(found.confidence, 4),
        "notes": " ".join(found.notes) or None,
    }
    if found.reason is None:
        row["right"], row["left"] = (
            round(float((found.mask == side).mean()), 4) for side in (grid.RIGHT, grid.LEFT)
        )
        white = np.zeros_like(found.mask)
        for side, level in _WHITE.items():
            white[found.mask == side] = level
        files.write_atomic(picture, images.encode_png(corrections.shrunk(white)))
    return row


def _dice(picture: Path, own: Path) -> float | None:
    """2 |A and B| / (|A| + |B|) of an estimated mask and the dataset's own; None if that is unusable."""
    try:
        found = images.decode(picture) > 0
        drawn = masks.read(own, found.shape)
    except ImageError:
        return None
    return float(2 * (found & drawn).sum() / max(found.sum() + drawn.sum(), 1))


def _folder() -> Path:
    return settings.data_dir() / "lungs" / segmentation.DIGEST


def _place(folder: Path, image_id: str, suffix: str) -> Path:
    return folder / image_id[:2] / f"{image_id}{suffix}"


def _file(dataset: "Dataset") -> Path:
    """The file with the verdicts on all films; the dataset's own masks count, for their Dice."""
    state = hashlib.blake2b(digest_size=4)
    for row in dataset.table.itertuples():
        state.update(f"{row.image_id} {masks.stamp(dataset.mask_of(row))}\n".encode())
    return _folder() / f"{dataset.fingerprint}-{state.hexdigest()}.parquet"
