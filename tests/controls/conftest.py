"""A dataset with lung masks, all but one film, and a run whose network is known in closed form."""

import keras
import numpy as np
import pytest
from keras import layers

from cxrcore import datasets, index
from tests.cli.conftest import run as command  # noqa: F401
from tests.conftest import write_masked_dataset
from tests.helpers import tested

SIDE = 32
SLOPE = 0.08  # logits of the classes for each gray level of the mean
EVEN = 25.6  # mean gray level at which both classes are as likely: about that of the lungs alone


@pytest.fixture
def films(tmp_path):
    """Six films of A and of B; the lungs of B's film 2 cannot be found, for it is noise."""
    dataset = datasets.register("masked", write_masked_dataset(tmp_path / "masked", images=6))
    index.measure(dataset)
    return dataset


@pytest.fixture
def run(films):
    """The whole picture, tested on all but the first film; one of five A and two of six B are wrong."""
    called = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 0])
    rows = range(1, 12)
    return tested.keep(films, 1, tested.answered(films, called, np.full(11, 0.8)), rows)


@pytest.fixture
def network(monkeypatch):
    """Softmax of -s m and s (m - 2 EVEN), with m the mean gray level and s the SLOPE."""
    model = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2, activation="softmax"),
        ]
    )
    kernel = np.array([[-SLOPE, SLOPE]] * 3) / 3
    model.set_weights([kernel, np.array([0.0, -2 * EVEN * SLOPE])])
    monkeypatch.setattr("cxrcore.inference.Models.get", lambda *_: model)
    monkeypatch.setattr("cxrcore.priority.give_way", lambda: None)
    return model
