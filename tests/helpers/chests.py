"""A dataset of drawn chests, and a run on it whose network is a few means of gray values."""

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest

from cxrcore import datasets, explanations, images, index, models, profiles, store
from cxrcore.datasets import Dataset
from cxrcore.films import Film
from cxrcore.gate import copies
from cxrcore.inference import Prediction
from cxrcore.pixels import Preparation, prepare_one
from tests.helpers import other_images, tested

COUNTS = {"validation": 60, "test": 8, "train": 60}
SIZE = 64  # of the run's input


class Ward(NamedTuple):
    """The dataset and the run."""

    dataset: Dataset
    run: store.Run

    def of(self, part: str) -> list[str]:
        """The image ids of a part of the split."""
        ids = list(self.dataset.table["image_id"])
        first = sum(list(COUNTS.values())[: list(COUNTS).index(part)])
        return ids[first : first + COUNTS[part]]

    def film(self, image_id: str) -> Film:
        return Film.read(self.dataset.path_of(image_id))


def film(gray: np.ndarray, **facts: object) -> Film:
    """A film that is in no dataset."""
    return Film(**({"name": "film.png", "digest": "0" * 32, "gray": gray} | facts))


def embed(_: object, films: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """In place of a network: means of 8 x 8 cells, and of how much rows and columns vary."""
    values = films.astype(np.float32)
    cells = np.stack([images.resize(one, 8).ravel() for one in values])
    fine = np.abs(np.diff(values, axis=1)).reshape(len(films), -1, 7 * SIZE).mean(axis=2)
    return cells, (cells[:, ::4], fine)


def answer(run: store.Run, gray: np.ndarray) -> Prediction:
    """What the run is said to see of a film."""
    seen = prepare_one(gray, None, Preparation(run.recipe.image_size))
    embedding, depths = embed(None, seen[None])
    inner = tuple(depth[0] for depth in depths)
    return Prediction(run.run_id, embedding=embedding[0], depths=inner, seen=seen)


def keep_run(dataset: Dataset, number: int, **changes: object) -> store.Run:
    """A run that was validated and tested on the first films and trained on the rest."""
    parts = [part for part in ("validation", "test") for _ in range(COUNTS[part])]
    shares = tested.answered(dataset, [0] * len(parts), [0.9] * len(parts))
    recipe = models.get("cnn-plain").override(image_size=SIZE)
    return tested.keep(dataset, number, shares, None, parts, **({"recipe": recipe} | changes))


@pytest.fixture(scope="session")
def made_ward(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ward]:
    """The folder of everything, and what is in it; take `ward`, which points the settings there."""
    root = tmp_path_factory.mktemp("ward")
    rng = np.random.default_rng(3)
    for number in range(sum(COUNTS.values())):
        place = root / "films" / "AB"[number % 2] / f"{number:03d}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(place), other_images.chest(rng, 128))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CXR_MODELS", str(root / "models"))
        patch.setenv("CXR_DATA", str(root / "data"))
        patch.setattr(explanations, "embed", embed)
        dataset = datasets.load(root / "films")
        index.measure(dataset, workers=1)
        copies.prepare(dataset)
        run = keep_run(dataset, 1)
        profiles.make(run, dataset, None)
    return root, Ward(dataset, run)


@pytest.fixture
def ward(made_ward: tuple[Path, Ward], monkeypatch: pytest.MonkeyPatch) -> Ward:
    """The dataset and the run, with its profile; do not change them."""
    root, made = made_ward
    monkeypatch.setenv("CXR_MODELS", str(root / "models"))
    monkeypatch.setenv("CXR_DATA", str(root / "data"))
    monkeypatch.setattr(explanations, "embed", embed)
    return made
