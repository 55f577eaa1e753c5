"""Small trainings: three classes of 48 px stripes, networks of 32 px."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cxrcore import datasets, models, priority, training


@pytest.fixture(autouse=True)
def usual_priority(monkeypatch):
    """A test process that gave its priority away could not take it back."""
    monkeypatch.setattr(priority, "give_way", lambda: None)


@pytest.fixture
def make_spec(tiny_dataset_folder: Path) -> Callable[..., training.TrainSpec]:
    """A specification on the tiny dataset, with changes to the recipe."""

    def make(name: str = "cnn-plain", **changes: object) -> training.TrainSpec:
        values = {"image_size": 32, "epochs": 2, "batch_size": 8} | changes
        recipe = models.get(name).override(**values)
        return training.plan(recipe, datasets.load(tiny_dataset_folder))

    return make
