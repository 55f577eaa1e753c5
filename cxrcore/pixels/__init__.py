"""Prepared pixels: all images of a dataset at one size and in one region, made once.

    pixels/<fingerprint>-<size>-<region>-<digest>/
        pixels.npy      (n, size, size) uint8, rows as in the dataset's table
        rows.json       the unusable rows, and why
        brisque.npy     (n,) float64, made on first use
        histograms.npy  (n, 256) uint32, made on first use

The folder is complete or absent: it grows as `….making`, where an interrupted preparation
resumes, and is renamed at the end. All runs and processes share it through memory maps.
All folders together take about CXR_PIXELS_GB: before a new one is made, the least recently used
are deleted, except those used within a day. They are made again when needed.
"""

import contextlib
import hashlib
import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cxrcore import files, lungs, parallel, settings
from cxrcore.datasets import masks
from cxrcore.errors import DatasetError, StoreError
from cxrcore.images import REGIONS
from cxrcore.pixels import measures, writer
from cxrcore.pixels.preparation import Preparation, prepare_one
from cxrcore.progress import Meter, Report, silent

if TYPE_CHECKING:
    from cxrcore.datasets import Dataset

__all__ = ["Pixels", "Preparation", "find", "find_masked", "prepare", "prepare_one", "stamp"]

_SPARED_SECONDS = 86_400  # a page or a training may be using them
_ABANDONED_SECONDS = 7 * 86_400
VERSION = 2  # raise it when the preparation of the same image changes
_SCORES, _COUNTS = "brisque.npy", "histograms.npy"


@dataclass(frozen=True, eq=False)
class Pixels:
    """The prepared images of a dataset, rows in the order of its table; read-only.

    `array` is (n, size, size) uint8 gray, black for unusable images. `usable` is (n,) bool.
    `reasons` maps the image_id of the others to the reason. `folder` holds the files.
    """

    array: np.memmap
    usable: NDArray[np.bool_]
    reasons: dict[str, str]
    folder: Path

    @property
    def measured(self) -> bool:
        """Whether `brisque` and `histograms` are on disk already."""
        return all((self.folder / name).exists() for name in (_SCORES, _COUNTS))

    def brisque(self, *, report: Report = silent) -> NDArray[np.float64]:
        """(n,) BRISQUE of the prepared pixels; NaN for unusable images and those without a score.

        Computed once and stored beside the pixels.

        Raises:
            StoreError: the scores cannot be written.
        """
        found = self._stored(_SCORES, measures.scores, np.float64(np.nan), report)
        return np.asarray(found, np.float64)

    def histograms(self, *, report: Report = silent) -> NDArray[np.uint32]:
        """(n, 256) number of prepared pixels per gray value; 0 for unusable images.

        Erased pixels are black and count at gray value 0: leave that column out to describe the
        remaining ones. A row's sum is size * size. Computed once and stored beside the pixels;
        read-only.

        Raises:
            StoreError: the counts cannot be written.
        """
        found = self._stored(_COUNTS, measures.histograms, np.uint32(0), report)
        return np.asarray(found, np.uint32)

    def _stored(
        self,
        name: str,
        compute: Callable[[Path, int, Report], NDArray[np.generic]],
        unusable: np.generic,
        report: Report,
    ) -> np.memmap:
        """An array computed from the pixels, from its file, which is made if missing."""
        path = self.folder / name
        if not self.folder.is_dir():
            raise StoreError(
                f"The prepared pixels in {self.folder} were deleted. Try again: they are made again."
            )
        waiting = Meter("waiting for another process that computes this", len(self.array), report)
        with parallel.exclusive(path.with_suffix(".lock"), lambda: waiting.update(0)):
            if not path.exists():
                found = compute(self.folder, len(self.array), report)
                found[~self.usable] = unusable
                buffer = io.BytesIO()
                np.save(buffer, found)
                files.write_atomic(path, buffer.getvalue())
        return _array(path)


def find(dataset: "Dataset", preparation: Preparation) -> Pixels | None:
    """The prepared pixels of a dataset, or None if they are not made yet.

    Raises:
        StoreError: they are damaged.
    """
    try:
        dataset = _masked(dataset, preparation, None)
    except DatasetError:  # lungs were not looked for yet
        return None
    folder = _folder(dataset, preparation)
    return _open(folder, dataset) if folder.is_dir() else None


def find_masked(dataset: "Dataset") -> tuple[Preparation, Pixels] | None:
    """Prepared pixels for which every mask was read, of any size and region; None if there are none.

    Raises:
        StoreError: they are damaged.
    """
    for folder in sorted(_root().glob(f"{dataset.fingerprint}-*")):
        size, _, rest = folder.name.removeprefix(f"{dataset.fingerprint}-").partition("-")
        region = rest.rpartition("-")[0]
        if "." in folder.name or not size.isdecimal() or region not in REGIONS[1:]:
            continue  # a lock, an unfinished preparation, or whole images
        preparation = Preparation(int(size), region)
        # None where the masks have changed since.
        if (made := find(dataset, preparation)) is not None:
            return preparation, made
    return None


def stamp() -> files.Stamp:
    """Changes whenever prepared pixels are added or deleted."""
    return files.stamp([_root()])


def prepare(
    dataset: "Dataset",
    preparation: Preparation,
    *,
    report: Report = silent,
    workers: int | None = None,
) -> Pixels:
    """The prepared pixels of a dataset; made at the first call, memory-mapped later.

    A second process with the same request waits for the first. After an interruption a later
    call resumes the work.

    Args:
        dataset: whose images.
        preparation: size, region and masks. Lungs are looked for where masks are to be estimated.
        report: receives the progress; may raise to stop.
        workers: processes; all cores if None. A few images are prepared in this process.

    Raises:
        StoreError: the disk is full or the data folder cannot be written.
        DatasetError: a file is missing or has changed since the dataset was loaded.
    """
    own, dataset = dataset, _masked(dataset, preparation, report)
    folder = _folder(dataset, preparation)
    if not folder.is_dir():
        waiting = Meter("waiting for another process", len(dataset.table), report)
        lock = folder.with_name(f"{folder.name}.lock")
        with parallel.exclusive(lock, lambda: waiting.update(0)):
            if not folder.is_dir():
                _make_room(dataset, preparation)
                masked = preparation.region != "none"
                refused = lungs.refusals(own, preparation.masks) if masked else {}
                writer.make(folder, dataset, preparation, refused, report, workers)
    return _open(folder, dataset)


def _masked(dataset: "Dataset", preparation: Preparation, report: Report | None) -> "Dataset":
    """The dataset with the masks that a preparation wants; see `lungs.masked`."""
    if preparation.region == "none":
        return dataset
    return lungs.masked(dataset, preparation.masks, report=report)


def _make_room(dataset: "Dataset", preparation: Preparation) -> None:
    folder = _root()
    files.remove_abandoned(folder, "*.making", _ABANDONED_SECONDS)
    files.remove_abandoned(folder, ".*", _ABANDONED_SECONDS)  # deleting was interrupted
    needed = len(dataset.table) * preparation.size**2
    others = (path for path in folder.glob("[!.]*") if path.is_dir() and path.suffix != ".making")
    files.make_room(others, settings.pixels_bytes() - needed, unused_seconds=_SPARED_SECONDS)


def _folder(dataset: "Dataset", preparation: Preparation) -> Path:
    """The folder of the pixels.

    The fingerprint identifies the images. The digest covers what else decides the pixels: the
    order of the images, their masks, the limit on their size.
    """
    state = hashlib.blake2b(digest_size=4)
    state.update(f"{VERSION} {settings.max_pixels()}\n".encode())
    for row in dataset.table.itertuples():
        mask = dataset.mask_of(row) if preparation.region != "none" else None
        # A missing mask makes the image unusable.
        state.update(f"{row.image_id} {masks.stamp(mask)}\n".encode())
    return _root() / f"{dataset.fingerprint}-{preparation.key()}-{state.hexdigest()}"


def _root() -> Path:
    return settings.data_dir() / "pixels"


def _open(folder: Path, dataset: "Dataset") -> Pixels:
    with contextlib.suppress(OSError):  # a shared folder may be read-only
        os.utime(folder)  # mark as used now
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
