"""A disk that is really full at each thing that a training writes; a dataset that goes away."""

import shutil
from collections.abc import Callable

import numpy as np
import pytest

from cxrcore import datasets, pixels, training
from cxrcore.errors import StoreError
from cxrcore.models import networks
from cxrcore.training.checkpoint import Checkpoint
from cxrcore.training.monitor import TrainingProgress
from tests.helpers import small_disk
from tests.helpers.trainings import Watcher, figures, small

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


@pytest.fixture(autouse=True)
def small_network(monkeypatch):
    """The network does not matter here; this one is quick to trace."""
    monkeypatch.setattr(networks, "build", small)


@pytest.fixture
def disk(tmp_path, monkeypatch):
    """A small disk with runs and data on it."""
    with small_disk.mounted(tmp_path / "disk") as disk:
        monkeypatch.setenv("CXR_MODELS", str(disk.folder / "models"))
        monkeypatch.setenv("CXR_DATA", str(disk.folder / "data"))
        yield disk


# Where the disk is full, what cannot be written then, and how many epochs are kept.
PLACES: list[tuple[Callable[[TrainingProgress], bool], str, int]] = [
    (lambda told: told.stage == "measuring images", "thumbs", 0),
    (lambda told: told.stage == "searching duplicates", "duplicates", 0),
    (lambda told: told.stage == "preparing pixels" and told.batches > 0, "pixels", 0),
    (lambda told: told.stage == "computing features", "features", 0),
    (lambda told: told.stage == "training", "model-1.npz", 0),
    (lambda told: len(told.history) == 2, "model-3.npz", 2),
    (lambda told: told.stage == "evaluating", "/models/", 3),
]


def test_wherever_the_disk_is_full_it_is_said_and_the_next_try_goes_on_from_there(make_spec, disk):
    spec = make_spec("chexnet-probe", weights="random", epochs=3)
    checkpoint = disk.folder / "checkpoint"
    trained = set()
    for full_at, what, epochs in PLACES:
        seen: list[TrainingProgress] = []

        def report(told, seen=seen, full_at=full_at):
            if full_at(told) and not disk.is_full:
                disk.fill()
            seen.append(told)

        with pytest.raises(StoreError, match=r"No space left on device \(.* free there") as raised:
            training.train(spec, checkpoint=checkpoint, report=report)
        assert what in str(raised.value)
        assert str(raised.value).endswith("then try again; nothing was changed.")
        state = Checkpoint(checkpoint).load(spec.run_id)
        assert (state.epoch if state else 0) == epochs
        trained.update(told.epoch for told in seen if told.stage == "training" and told.batch)
        assert [path.name for path in disk.folder.rglob(".*")] == []  # nothing half-written stays
        disk.clear()
    watcher = Watcher()
    run = training.train(spec, checkpoint=checkpoint, report=watcher.report)
    assert trained == {1, 2, 3}
    assert "training" not in {told.stage for told in watcher.seen}
    assert list(run.history()["epoch"]) == [1, 2, 3]


def test_the_room_for_pixels_is_asked_for_at_once_and_given_back(tiny_dataset_folder, disk):
    dataset = datasets.load(tiny_dataset_folder)
    disk.fill(left=8192)
    with pytest.raises(StoreError, match=r"pixels\.npy .* \(8 kB free there, 37 kB needed\)"):
        pixels.prepare(dataset, pixels.Preparation(32))
    assert not [path for path in disk.folder.rglob("*") if "npy" in path.name]
    disk.clear()
    assert pixels.prepare(dataset, pixels.Preparation(32)).usable.all()


def test_a_full_disk_tells_how_much_is_needed(make_spec, disk):
    watcher = Watcher()

    def report(told):
        watcher.report(told)
        if told.stage == "training" and not disk.is_full:
            disk.fill(left=8192)

    spec = make_spec()
    with pytest.raises(StoreError, match=r"\((8|12) kB free there, \d+ kB needed\)"):
        training.train(spec, checkpoint=disk.folder / "checkpoint", report=report)


def test_a_dataset_that_vanishes_once_its_pixels_are_prepared_does_no_harm(
    make_spec, tiny_dataset_folder, tmp_path, own_folders
):
    def report(told):
        if told.stage == "training" and tiny_dataset_folder.exists():
            tiny_dataset_folder.rename(tmp_path / "away")

    spec = make_spec(epochs=2)
    run = training.train(spec, report=report)
    assert not tiny_dataset_folder.exists()
    assert run.epochs_run == 2
    found = figures(run)
    shutil.rmtree(own_folders.models)
    (tmp_path / "away").rename(tiny_dataset_folder)
    np.testing.assert_array_equal(figures(training.train(spec)), found)
