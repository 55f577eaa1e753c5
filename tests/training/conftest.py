"""Small trainings: three classes of 48 px stripes, networks of 32 px."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cxrcore import datasets, duplicates, index, models, pixels, priority, training
from cxrcore.training import examples
from tests.conftest import Folders, write_tiny_dataset


@pytest.fixture(autouse=True)
def usual_priority(monkeypatch):
    """A test process that gave its priority away could not take it back."""
    monkeypatch.setattr(priority, "give_way", lambda: None)


@pytest.fixture
def examples_made() -> None:
    """Has the example films of its runs made."""


@pytest.fixture(autouse=True)
def no_examples(request, monkeypatch):
    """Else no test has them made: they take half a second of the processor each."""
    if "examples_made" not in request.fixturenames:
        monkeypatch.setattr(examples, "make", lambda *_: None)


@pytest.fixture
def make_spec(tiny_dataset_folder: Path) -> Callable[..., training.TrainSpec]:
    """A specification on the tiny dataset, with changes to the recipe."""

    def make(name: str = "cnn-plain", **changes: object) -> training.TrainSpec:
        values = {"image_size": 32, "epochs": 2, "batch_size": 8} | changes
        recipe = models.get(name).override(**values)
        return training.plan(recipe, datasets.load(tiny_dataset_folder))

    return make


@pytest.fixture(scope="session")
def _prepared_tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with all that a training prepares of the tiny dataset's images."""
    folder = tmp_path_factory.mktemp("prepared")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CXR_DATA", str(folder / "data"))
        dataset = datasets.load(write_tiny_dataset(folder / "tiny"))
        duplicates.find(dataset, index.measure(dataset))
        pixels.prepare(dataset, pixels.Preparation(32))
    return folder / "data"


@pytest.fixture
def prepared(_prepared_tiny: Path, own_folders: Folders) -> None:
    """What a training prepares is there already, for tests of what comes after that."""
    shutil.copytree(_prepared_tiny, own_folders.data)
