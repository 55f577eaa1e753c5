"""Batches for the network, read by row number from a file on disk.

Rows are read from the file, not through the memory map: pages of a map count as memory of the
process, whose peak would grow with the dataset.
"""

import contextlib
import mmap
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cxrcore.errors import TrainingError
from cxrcore.training import augment

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

_PREFETCHED = 2  # batches kept ready; more only costs memory


class Rows:
    """Rows of an array on disk, by number; the open file may be deleted."""

    def __init__(self, array: np.memmap) -> None:
        owner: object = array.base  # the map itself, unless this is a part of another array
        if not isinstance(owner, mmap.mmap):
            raise TrainingError(
                "Rows need the memory map of a whole file; a slice of one does not know its place in "
                "the file. Pass what numpy.load(..., mmap_mode='r') returned."
            )
        self.shape: tuple[int, ...] = array.shape[1:]
        self.dtype: np.dtype = array.dtype
        self._row_bytes = int(np.prod(self.shape)) * self.dtype.itemsize
        self._offset = array.offset
        self._path = Path(str(array.filename))
        self._file = open(self._path, "rb", buffering=0)  # noqa: SIM115 - closed by close()
        self._seeking = threading.Lock()  # an abandoned iterator may still be reading ahead

    def take(self, numbers: npt.NDArray[np.integer]) -> npt.NDArray[np.generic]:
        """(len(numbers), ...) copies of the rows, in the order of `numbers`.

        Raises:
            TrainingError: the file has been truncated.
        """
        batch = np.empty((len(numbers), *self.shape), self.dtype)
        for place, number in enumerate(numbers):
            row = memoryview(batch[place]).cast("B")
            with self._seeking:
                self._file.seek(self._offset + int(number) * self._row_bytes)
                read = self._file.readinto(row)
            if read != self._row_bytes:
                raise TrainingError(
                    f"{self._path} ends before row {number}: it was damaged while the training "
                    "ran. Delete it and start the training again, which makes it again."
                )
        return batch

    def use(self) -> None:
        """Mark the file as used, so that it is not deleted to make room for others."""
        for path in (self._path, self._path.parent):
            with contextlib.suppress(OSError):  # deleted already, or read-only
                os.utime(path)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class Feed:
    """Batches of some rows with their classes.

    With `seed`, the order of each epoch depends on (seed, epoch) alone, so that a resumed
    training gets the same batches as an uninterrupted one. Set `epoch` before iterating. With
    `strength`, images are augmented, differently in each epoch.
    """

    def __init__(
        self,
        rows: Rows,
        numbers: npt.NDArray[np.integer],
        labels: npt.NDArray[np.integer],
        batch_size: int,
        seed: int | None = None,
        strength: augment.Strength | None = None,
    ) -> None:
        self._rows, self._strength = rows, strength
        self._numbers, self._labels = numbers, labels.astype(np.int32)
        self._batch_size, self._seed = batch_size, seed
        self.epoch = 0
        self.failure: TrainingError | None = None  # TensorFlow would drop it

    def __len__(self) -> int:
        return -(-len(self._numbers) // self._batch_size)

    @property
    def images(self) -> int:
        """How many images one epoch has."""
        return len(self._numbers)

    def batches(self) -> Iterator[tuple[npt.NDArray[np.generic], npt.NDArray[np.int32]]]:
        """(rows, classes) of one epoch as stored on disk; the last batch may be smaller."""
        self._rows.use()
        order = np.arange(len(self._numbers))
        if self._seed is not None:
            order = np.random.default_rng([self._seed, self.epoch]).permutation(order)
        for start in range(0, len(order), self._batch_size):
            chosen = order[start : start + self._batch_size]
            numbers = self._numbers[chosen]
            try:
                rows = self._rows.take(numbers)
            except TrainingError as error:
                self.failure = error
                raise
            if self._strength is not None:
                rows = augment.augment(rows, numbers, self._strength, self._seed or 0, self.epoch)
            yield rows, self._labels[chosen]

    def dataset(self) -> "tf.data.Dataset":
        """The same as tensors for a network: float32, gray images repeated to three channels."""
        import tensorflow as tf

        signature = (
            tf.TensorSpec((None, *self._rows.shape), self._rows.dtype),
            tf.TensorSpec((None,), tf.int32),
        )
        batches = tf.data.Dataset.from_generator(self.batches, output_signature=signature)
        batches = batches.apply(tf.data.experimental.assert_cardinality(len(self)))
        # The tuner of TensorFlow 2.21 sleeps ever longer, and an epoch ends only when it wakes:
        # epochs took up to twice as long. There is nothing to tune.
        options = tf.data.Options()
        options.autotune.enabled = False
        return batches.map(_as_input).prefetch(_PREFETCHED).with_options(options)


def _as_input(x: "tf.Tensor", y: "tf.Tensor") -> "tuple[tf.Tensor, tf.Tensor]":
    import tensorflow as tf

    if x.dtype == tf.uint8:
        x = tf.repeat(tf.cast(x, tf.float32)[..., tf.newaxis], 3, axis=-1)
    return x, y


def outputs(model: "keras.Model", feed: Feed) -> Iterator[Any]:
    """What `model` answers to each batch of a feed, as at inference.

    Raises:
        TrainingError: the file of rows has been truncated.
    """
    import tensorflow as tf

    batches = feed.dataset()

    @tf.function(input_signature=[batches.element_spec[0]], autograph=False)
    def infer(x: tf.Tensor) -> Any:
        return model(x, training=False)

    try:
        for x, _ in batches:
            yield infer(x)
    except Exception as error:
        if feed.failure is not None:
            raise feed.failure from error
        raise
