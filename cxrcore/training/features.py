"""Features: the output of a frozen trunk for every image, computed once and shared by all heads.

One file per trunk and preparation of a dataset (docs/decisions/0032), at most CXR_FEATURES_GB in
all (docs/decisions/0029). A training keeps the file it reads open, so deleting it does no harm.
"""

import contextlib
import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cxrcore import files, parallel, settings
from cxrcore.pixels import Pixels
from cxrcore.progress import Meter
from cxrcore.store import TRAINING_VERSION
from cxrcore.training.data import Feed, Rows, outputs
from cxrcore.training.monitor import Reporter

if TYPE_CHECKING:
    import keras

_BATCH = 32
_ABANDONED_SECONDS = 86_400  # no file takes this long to write
_OPENED_SECONDS = 60  # another training may be about to open it


@dataclass(frozen=True)
class Features:
    """Where the features of a dataset lie or would lie, and how large they are."""

    path: Path
    shape: tuple[int, ...]  # (n, ...) float32, rows as those of the pixels
    reused: bool  # they exist already

    @property
    def bytes(self) -> int:
        """Size of the file without its header."""
        return 4 * int(np.prod(self.shape))

    def obstacle(self) -> str:
        """Why they cannot be kept, as the end of a sentence; empty where they can."""
        allowed = settings.features_bytes()
        if self.reused:
            return ""
        if self.bytes > allowed:
            return f"CXR_FEATURES_GB allows {allowed / 1e9:.0f} GB"
        folder = next(parent for parent in self.path.absolute().parents if parent.exists())
        free = shutil.disk_usage(folder).free
        if self.bytes > free // 2:  # leave room for runs and checkpoints
            return f"{free / 1e9:.1f} GB are free, of which features take at most half"
        return ""


def of(trunk: "keras.Model", pixels: Pixels) -> Features:
    """The features of all images, under the content of the trunk's weights.

    The name of the pixels' folder identifies dataset and preparation; the kinds of layers and the
    shape tell trunks apart that have the same weights and end elsewhere.
    """
    kinds = " ".join(type(layer).__name__ for layer in trunk.layers)
    named = f"{TRAINING_VERSION} {pixels.folder.name} {kinds} {trunk.output.shape[1:]}"
    state = hashlib.blake2b(named.encode(), digest_size=16)
    for variable in trunk.weights:
        state.update(np.ascontiguousarray(np.asarray(variable)).tobytes())
    path = settings.data_dir() / "features" / f"{state.hexdigest()}.npy"
    return Features(path, (len(pixels.array), *trunk.output.shape[1:]), path.exists())


def compute(
    features: Features, trunk: "keras.Model", pixels: Pixels, reporter: Reporter
) -> np.memmap:
    """The features from their file, which one process at a time computes where it is missing.

    `trunk` computes in float32. Rows of images that cannot be used are 0.

    Raises:
        Cancelled: the training was stopped; unfinished features are dropped.
        StoreError: the disk is full or the data folder cannot be written.
    """
    path = features.path
    meter = Meter(
        "waiting for another training", len(pixels.array), reporter.for_stage("computing features")
    )
    with parallel.exclusive(path.with_suffix(".lock"), lambda: meter.update(0)):
        with contextlib.suppress(FileNotFoundError):
            os.utime(path)  # used now: the least recently used are deleted first
        if not path.exists():
            _make_room(features)
            _write(features, trunk, pixels, reporter)
        kept: np.memmap = np.load(path, mmap_mode="r", allow_pickle=False)
    return kept


def _make_room(features: Features) -> None:
    """Delete the least recently used files until the new one fits, even those being read."""
    folder = features.path.parent
    files.remove_abandoned(folder, f".{features.path.name}.*", 0)  # we hold the lock
    files.remove_abandoned(folder, ".*.npy.*", _ABANDONED_SECONDS)
    allowed = settings.features_bytes() - features.bytes
    files.make_room(folder.glob("[!.]*.npy"), allowed, unused_seconds=_OPENED_SECONDS)


def _write(features: Features, trunk: "keras.Model", pixels: Pixels, reporter: Reporter) -> None:
    numbers = np.flatnonzero(pixels.usable)
    rows = Rows(pixels.array)
    feed = Feed(rows, numbers, np.zeros(len(numbers), np.int32), _BATCH)
    meter = Meter("computing features", len(numbers), reporter.for_stage("computing features"))
    row_bytes = features.bytes // len(pixels.array)
    try:
        # Not through a memory map: on a full disk that would crash instead of raising.
        with files.atomic_file(features.path) as file:
            header = {"descr": "<f4", "fortran_order": False, "shape": features.shape}
            np.lib.format.write_array_header_1_0(file, header)
            begin, done = file.tell(), 0
            file.truncate(begin + features.bytes)
            for output in outputs(trunk, feed):
                batch = np.asarray(output, "<f4")
                for number, row in zip(numbers[done : done + len(batch)], batch, strict=True):
                    file.seek(begin + row_bytes * int(number))
                    file.write(row.tobytes())
                done += len(batch)
                meter.update(done)
    finally:
        rows.close()
