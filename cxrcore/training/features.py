"""What a frozen trunk makes of every image: computed once, kept, shared by all its heads."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cxrcore import files, settings
from cxrcore.pixels import Pixels
from cxrcore.progress import Meter
from cxrcore.store import TRAINING_VERSION
from cxrcore.training.data import Feed, Rows
from cxrcore.training.reporting import Reporter

if TYPE_CHECKING:
    import keras

_BATCH = 32


def compute(trunk: "keras.Model", pixels: Pixels, reporter: Reporter) -> np.memmap:
    """(n, d) float32 features of all images, rows as those of the pixels.

    Kept in the data folder under the content of the trunk's weights and the
    name of the pixels, which tells dataset and preparation. Rows of images
    that cannot be used are 0.

    Raises:
        Cancelled: asked to stop; features that were begun are dropped.
        StoreError: the disk is full or the data folder cannot be written.
    """
    path = _place(trunk, pixels)
    if not path.exists():
        _write(path, (len(pixels.array), trunk.output.shape[-1]), trunk, pixels, reporter)
    kept: np.memmap = np.load(path, mmap_mode="r", allow_pickle=False)
    return kept


def _place(trunk: "keras.Model", pixels: Pixels) -> Path:
    state = hashlib.blake2b(f"{TRAINING_VERSION} {pixels.folder.name}".encode(), digest_size=16)
    for variable in trunk.weights:
        state.update(np.ascontiguousarray(np.asarray(variable)).tobytes())
    return settings.data_dir() / "features" / f"{state.hexdigest()}.npy"


def _write(
    path: Path, shape: tuple[int, int], trunk: "keras.Model", pixels: Pixels, reporter: Reporter
) -> None:
    import tensorflow as tf

    numbers = np.flatnonzero(pixels.usable)
    rows = Rows(pixels.array)
    feed = Feed(rows, numbers, np.zeros(len(numbers), np.int32), _BATCH)
    batches = feed.dataset()

    @tf.function(input_signature=[batches.element_spec[0]], autograph=False)
    def apply(x: tf.Tensor) -> tf.Tensor:
        return trunk(x, training=False)

    meter = Meter("computing features", len(numbers), reporter.of("computing features"))
    try:
        # Written through the file and not a map: a full disk must raise, a map would crash.
        with files.atomic_file(path) as file:
            header = {"descr": "<f4", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            begin, done = file.tell(), 0
            file.truncate(begin + 4 * shape[0] * shape[1])
            for images, _ in batches:
                batch = np.asarray(apply(images), "<f4")
                for number, row in zip(numbers[done : done + len(batch)], batch, strict=True):
                    file.seek(begin + 4 * shape[1] * int(number))
                    file.write(row.tobytes())
                done += len(batch)
                meter.update(done)
    finally:
        rows.close()
