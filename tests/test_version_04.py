"""A store that version 0.4 wrote opens, answers requests and goes on (tests/data/README.md)."""

import importlib.util

import numpy as np
import pytest

from cxrcore import datasets, index, jobs, models, settings, store, training, work
from cxrcore.inference import predict_here
from cxrcore.models import networks
from tests.helpers import store_04

WHOLE, ON_LUNGS = "cnn-plain-599e2266", "cnn-plain-c707513a"
FOLDS = ("cnn-plain-eaacc043", "cnn-plain-5b68c166")
DELETED, STOPPED = "cnn-plain-d2ab70b3", "cnn-plain-b59f3228"
RUNS = (WHOLE, ON_LUNGS, *FOLDS)


@pytest.fixture(autouse=True)
def old_store(own_folders, tmp_path):
    """The store of version 0.4 in this test's folders."""
    store_04.place(own_folders.models, own_folders.data, tmp_path / "films")


@pytest.fixture
def films():
    return datasets.load("films")


@pytest.fixture
def recipe():
    """What was trained then."""
    return models.get("cnn-plain").override(image_size=32, epochs=1, batch_size=8)


def test_every_run_is_listed_whole_with_its_figures():
    table = store.list_runs("films").set_index("run_id")
    assert set(table.index) == set(RUNS)
    assert (table["state"] == "ok").all()
    assert table.loc[WHOLE, "accuracy"] == pytest.approx(1 / 3)
    assert table.loc[WHOLE, "loss"] == pytest.approx(0.6821152328540352)
    assert dict(table["region"]) == dict.fromkeys(RUNS, "none") | {ON_LUNGS: "lungs"}
    assert dict(table["family"]).keys() == set(RUNS)


@pytest.mark.parametrize("run_id", RUNS)
def test_the_files_of_a_run_can_be_read(run_id):
    run = store.load_run(run_id)
    predictions = run.predictions()
    test = predictions[predictions["split"] == "test"]
    right = (test["label"] == test["predicted"]).mean()
    assert run.metrics["test"].accuracy == pytest.approx(right)
    assert run.embeddings().shape == (len(predictions), 4)
    assert run.history()["epoch"].tolist() == [1]
    assert run.log().startswith(f"{run_id}: Plain CNN on films")


@pytest.mark.parametrize("run_id", [WHOLE, ON_LUNGS])
def test_a_model_predicts_what_it_predicted_then(run_id, films):
    run = store.load_run(run_id)
    kept = run.predictions().iloc[0]
    (now,) = predict_here(
        films.path_of(kept["image_id"]), [run_id], mask=films.mask_of(kept["image_id"])
    )
    assert now.error is None
    expected = kept[[f"p_{name}" for name in run.classes]].to_numpy(np.float32)
    np.testing.assert_allclose(now.probabilities, expected, atol=1e-5)
    assert now.maps["grad-cam"].shape == (32, 32)


def test_folds_are_still_one_family():
    table = store.families("films").set_index("family")
    family = store.family_of(store.load_run(FOLDS[0]))
    assert family == store.family_of(store.load_run(FOLDS[1]))
    assert table.loc[family, ["runs", "wanted", "folds"]].tolist() == [2, 2, 2]
    assert table.loc[family, "accuracy"] == pytest.approx(0.5)
    assert len(table) == 3


@pytest.mark.parametrize("run_id", RUNS)
def test_a_run_has_the_name_that_its_record_gives_it(run_id):
    run = store.load_run(run_id)
    decided = run.recipe, run.fingerprint, run.split, run.classes, run.grouping
    assert store.run_id(*decided) == run_id


def test_an_identical_request_finds_its_run(films, recipe):
    series = training.plan_series(recipe, films, folds=2)
    assert [spec.run_id for spec in series] == list(FOLDS)
    assert training.plan(recipe.override(region="lungs"), films).run_id == ON_LUNGS
    assert training.plan(recipe.override(epochs=2), films).run_id == STOPPED
    job = work.submit_training(training.plan(recipe, films))
    assert (job.state, job.run_id) == ("done", WHOLE)


def test_the_dataset_and_its_index_are_as_measured_then(films):
    assert [entry.name for entry in datasets.registered()] == ["films"]
    assert films.classes == ("Clear", "Dense")
    assert index.missing(films) == 0
    measured = index.load(films)
    assert (measured.table["width"] == 44).all()
    assert measured.table["brisque"].iloc[1] == pytest.approx(57.571940, abs=1e-5)
    assert (measured.histograms.sum(axis=1) == 44 * 44).all()
    assert measured.thumbnail(measured.table["image_id"].iloc[0])[:2] == b"\xff\xd8"


def test_jobs_are_listed_as_they_ended():
    states = {job.job_id: job.state for job in jobs.list_jobs()}
    assert states == {
        WHOLE: "done",
        "index-films": "done",
        STOPPED: "interrupted",
        "pixels-films-32-lungs": "interrupted",
    }
    assert jobs.get(STOPPED).epoch == 1
    assert "ready" in jobs.log(WHOLE)


def test_an_interrupted_training_goes_on_after_its_first_epoch(monkeypatch):
    path = store_04.FOLDER.parent / "make_store.py"
    maker = importlib.util.module_from_spec(
        specification := importlib.util.spec_from_file_location("make_store", path)
    )
    specification.loader.exec_module(maker)
    monkeypatch.setattr(networks, "build", maker.tiny)
    job = jobs.run(settings.jobs_dir() / STOPPED)
    assert (job.state, job.run_id) == ("done", STOPPED), job.message
    run = store.load_run(STOPPED)
    assert run.epochs_run == 2
    assert "continued after epoch 1" in run.log()


def test_an_interrupted_preparation_goes_on():
    job = jobs.run(settings.jobs_dir() / "pixels-films-32-lungs")
    assert job.state == "done", job.message
    assert job.message == "16 images are prepared and measured."


def test_a_deleted_run_comes_back():
    assert store.trashed() == [DELETED]
    store.restore(DELETED)
    assert store.load_run(DELETED).recipe.seed == 7
