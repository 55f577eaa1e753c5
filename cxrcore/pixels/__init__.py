"""Prepared pixels: every image of a dataset at one size and in one arm, made once.

    pixels/<fingerprint>-<size>-<arm>-<digest>/
        pixels.npy    (n, size, size) uint8, rows as in the dataset's table
        rows.json     which rows cannot be used, and why
        brisque.npy   (n,) float64, made when first asked for

The folder is whole or absent: it grows as `….making`, where an interrupted preparation
goes on, and is renamed in the end. All runs and processes share it through memory maps.
"""

import contextlib
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cxrcore import files, parallel, settings
from cxrcore.errors import StoreError
from cxrcore.pixels import making
from cxrcore.pixels.preparation import Preparation, prepare_one
from cxrcore.progress import Meter, Report, silent

if TYPE_CHECKING:
    from cxrcore.datasets import Dataset

__all__ = ["Pixels", "Preparation", "prepare", "prepare_one"]

VERSION = 1  # raise it when the same image comes to be prepared differently


@dataclass(frozen=True, eq=False)
class Pixels:
    """The prepared images of a dataset, rows in the order of its table; read-only.

    `array` is (n, size, size) uint8, gray; black where not `usable`. `usable` is (n,) bool.
    `reasons` says by image_id why the others are not. `folder` is where they lie.
    """

    array: np.memmap
    usable: NDArray[np.bool_]
    reasons: dict[str, str]
    folder: Path

    def brisque(self, *, report: Report = silent) -> NDArray[np.float64]:
        """(n,) BRISQUE of the prepared pixels; NaN where not usable or without a score.

        Computed once and kept beside the pixels.

        Raises:
            StoreError: the scores cannot be written.
        """
        path = self.folder / "brisque.npy"
        waiting = Meter("waiting for another process that scores them", len(self.array), report)
        with parallel.exclusive(path.with_suffix(".lock"), lambda: waiting.update(0)):
            if not path.exists():
                found = making.scores(self.folder, len(self.array), report)
                buffer = io.BytesIO()
                np.save(buffer, np.where(self.usable, found, np.nan))
                files.write_atomic(path, buffer.getvalue())
        return np.asarray(_array(path), np.float64)


def prepare(
    dataset: "Dataset",
    preparation: Preparation,
    *,
    report: Report = silent,
    workers: int | None = None,
) -> Pixels:
    """The prepared pixels of a dataset; made at the first call, mapped at later ones.

    A second process that asks for the same waits and then has it. Whatever stops this, what
    was prepared is kept and a later call goes on from there.

    Args:
        dataset: whose images.
        preparation: size and arm.
        report: told how far it is; may raise to stop.
        workers: processes; all cores if None. Few images are prepared in this process.

    Raises:
        StoreError: the disk is full or the data folder cannot be written.
        DatasetError: a file is gone or has changed since the dataset was loaded.
    """
    folder = _folder(dataset, preparation)
    if not folder.is_dir():
        waiting = Meter("waiting for another process", len(dataset.table), report)
        lock = folder.with_name(f"{folder.name}.lock")
        with parallel.exclusive(lock, lambda: waiting.update(0)):
            if not folder.is_dir():
                making.make(folder, dataset, preparation, report, workers)
    return _open(folder, dataset)


def _folder(dataset: "Dataset", preparation: Preparation) -> Path:
    """Where the pixels lie.

    The fingerprint says which images there are. The digest is of what else decides the
    pixels: the order of the images, their masks, the cap on their size.
    """
    state = hashlib.blake2b(digest_size=4)
    state.update(f"{VERSION} {settings.max_pixels()}\n".encode())
    for row in dataset.table.itertuples():
        mask = dataset.mask_of(row) if preparation.arm != "none" else None
        stamp = ""
        if mask is not None:
            with contextlib.suppress(OSError):  # a mask that is gone makes the image unusable
                status = mask.stat()
                stamp = f"{status.st_size} {status.st_mtime_ns}"
        state.update(f"{row.image_id} {stamp}\n".encode())
    name = f"{dataset.fingerprint}-{preparation.key()}-{state.hexdigest()}"
    return settings.data_dir() / "pixels" / name


def _open(folder: Path, dataset: "Dataset") -> Pixels:
    array = _array(folder / "pixels.npy")
    reasons = files.read_json(folder / "rows.json")["unusable"]
    if len(array) != len(dataset.table):
        raise _damaged(folder, f"it has {len(array)} images, expected {len(dataset.table)}")
    usable = ~dataset.table["image_id"].isin(list(reasons)).to_numpy(bool)
    return Pixels(array, usable, reasons, folder)


def _array(path: Path) -> np.memmap:
    try:
        array: np.memmap = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise _damaged(path.parent, str(error)) from error
    return array


def _damaged(folder: Path, found: str) -> StoreError:
    return StoreError(
        f"The prepared pixels in {folder} are damaged: {found}. "
        "Delete the folder; they are made again when needed."
    )
