"""A run with a small network, and a dataset from elsewhere that shares films with its own."""

from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from cxrcore import datasets, index, models, store
from cxrcore.datasets import Dataset
from tests.helpers import tested

if TYPE_CHECKING:
    import keras

SIDE = 48  # pixels, of the films and the network: nothing is resized


def network(k: int) -> "keras.Model":
    """Untrained, small, and with answers that differ from film to film."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(5)
    x = inputs = keras.Input((SIDE, SIDE, 3))
    x = layers.Rescaling(1 / 255)(x)
    x = layers.Conv2D(4, 5, strides=4, activation="relu")(x)
    x = layers.Dense(2)(layers.Flatten()(x))  # as many as the made up embeddings have
    x = layers.Dense(k, "softmax", dtype="float32", name="predictions")(x)
    return keras.Model(inputs, x)


def home_run(dataset: Dataset, *, network: "keras.Model | None" = None) -> store.Run:
    """A run trained on every third film; the others are for validation and test, in turn.

    Its answers are made up, but for those of `network`, if one is given.
    """
    rows = np.flatnonzero(np.arange(len(dataset.table)) % 3)
    parts = np.where(rows % 3 == 1, "validation", "test")
    k = len(dataset.classes)
    shares = np.random.default_rng(1).dirichlet(np.ones(k), len(rows))
    write = (lambda path: path.write_bytes(b"w")) if network is None else network.save
    recipe = models.get("cnn-plain").override(image_size=SIDE)
    return tested.keep(dataset, 1, shares, rows, parts, write, recipe=recipe)


def other(tiny: Dataset, folder: Path) -> Dataset:
    """Registered as `other`: labels a, B and X, 8 new films, and four of `tiny`.

    `a/trained.png` is the very file of a training film, `a/copy.jpg` one at another size and compression,
    `B/validated.jpg` such a copy of a validation film, `B/tested.png` the file of a test film.
    """
    rng = np.random.default_rng(11)
    for label in ("a", "B", "X"):
        (folder / label).mkdir(parents=True)
        for number in range(4 if label != "X" else 2):
            gray = rng.normal(100, 30, (SIDE, SIDE)).clip(0, 255).astype(np.uint8)
            cv2.imwrite(str(folder / label / f"new{number}.png"), gray)
    files = [tiny.path_of(row) for _, row in tiny.table.iterrows()]
    (folder / "a" / "trained.png").write_bytes(files[0].read_bytes())
    (folder / "B" / "tested.png").write_bytes(files[2].read_bytes())
    for name, source in (("a/copy.jpg", files[3]), ("B/validated.jpg", files[1])):
        gray = cv2.imread(str(source), cv2.IMREAD_GRAYSCALE)
        larger = cv2.resize(gray, (72, 72), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / name), larger, [cv2.IMWRITE_JPEG_QUALITY, 92])
    dataset = datasets.register("other", folder)
    index.measure(dataset, workers=1)
    return dataset
