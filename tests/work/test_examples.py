"""Example films of runs that have none, made by a job (of a store that version 0.4 wrote)."""

import dataclasses
import json

import numpy as np
import pytest

from cxrcore import datasets, images, jobs, settings, store, work
from cxrcore.errors import DatasetError, StoreError
from cxrcore.inference.models import Models, predict
from cxrcore.inference.pictures import Picture
from cxrcore.jobs import disk
from cxrcore.jobs.model import now
from cxrcore.training import examples
from tests.helpers import store_04

WHOLE, ON_LUNGS = "cnn-plain-599e2266", "cnn-plain-c707513a"
FOLDS = ("cnn-plain-eaacc043", "cnn-plain-5b68c166")


@pytest.fixture
def old_store(own_folders, tmp_path, monkeypatch):
    """Two runs of version 0.4 and their films."""
    store_04.place(own_folders.models, own_folders.data, tmp_path / "films")
    for run_id in FOLDS:
        store.delete(run_id)
    monkeypatch.setattr("cxrcore.priority.give_way", lambda: None)


@pytest.fixture
def run_job(old_store, monkeypatch):
    """Submits the job and does its work in this process."""

    def put_down(spec: jobs.JobSpec) -> jobs.Job:
        folder = disk.folder_of(spec.job_id)
        known = spec.model_dump(include={"job_id", "kind", "title", "dataset"})
        job = jobs.Job(**known, state="queued", created=now())
        disk.write(folder / disk.SPEC, spec)
        disk.write(folder / disk.STATUS, job)
        return job

    monkeypatch.setattr(jobs, "start", put_down)
    return lambda: jobs.run(disk.folder_of(work.submit_examples("films").job_id))


def test_every_run_gets_the_map_that_the_explanation_room_makes_of_its_first_films(run_job):
    films, models = datasets.load("films"), Models(2)
    assert run_job().message == "2 of 2 runs have their example films."
    for run_id in (WHOLE, ON_LUNGS):
        run = store.load_run(run_id)
        found = store.examples(run)
        predictions = run.predictions()
        test = predictions[predictions["split"] == "test"]
        wanted = [
            image_id
            for name in run.classes
            for image_id in sorted(test.loc[test["label"] == name, "image_id"])[:3]
        ]
        assert [example.image_id for example in found.films] == wanted
        assert len(wanted) == 3  # there is one film of the other class
        for example in found.films:
            mask = films.mask_of(example.image_id) if run_id == ON_LUNGS else None
            path = films.path_of(example.image_id)
            picture = Picture(images.decode(path), mask)
            [live] = predict(models, picture, [run_id], methods=("grad-cam",))
            assert (example.predicted, example.label) == (
                live.predicted,
                films.table.set_index("image_id").loc[example.image_id, "label"],
            )
            np.testing.assert_allclose(example.probabilities, live.probabilities, atol=1e-5)
            heat = live.maps["grad-cam"]
            np.testing.assert_allclose(example.map(), heat, atol=max(heat.max() / 255, 1e-9))
            assert np.abs(example.pixels().astype(int) - live.seen).mean() < 3
        assert 0 < found.latency_ms < 60_000
        assert found.device.startswith("CPU: ")
        assert store.list_runs().set_index("run_id").loc[run_id, "latency"] == found.latency_ms


def test_only_what_is_lacking_or_damaged_is_made_and_a_run_that_fails_holds_up_no_other(
    run_job, monkeypatch
):
    whole, on_lungs = store.load_run(WHOLE), store.load_run(ON_LUNGS)
    made = store.Examples(films=(), latency_ms=1.0, device="")
    asked = []

    def make(run: store.Run, *_: object) -> None:
        asked.append(run.run_id)
        if run.run_id == ON_LUNGS:
            raise StoreError("its film is gone")
        store.keep_examples(run, made)

    monkeypatch.setattr(examples, "make", make)
    store.keep_examples(whole, made)
    damaged = settings.models_dir() / ".examples" / f"{whole.seal}.json"
    damaged.write_text(json.dumps({"films": []}))
    said = (
        "1 of 2 runs have their example films. Not those of cnn-plain-c707513a; the log says why."
    )
    assert run_job().message == said
    assert sorted(asked) == sorted([WHOLE, ON_LUNGS])
    assert store.examples(on_lungs) is None
    asked.clear()
    assert run_job().message.startswith("0 of 1 runs")
    assert asked == [ON_LUNGS]


def test_without_any_of_its_films_it_says_so(old_store):
    run, films = store.load_run(WHOLE), datasets.load("films")
    kept = films.table[~films.table["image_id"].str.startswith(("7f1f", "91dd", "5637"))]
    gone = dataclasses.replace(films, table=kept.reset_index(drop=True))
    with pytest.raises(StoreError, match="None of the test films of cnn-plain-599e2266"):
        examples.make(run, gone, model=object())


def test_they_are_made_for_registered_datasets():
    with pytest.raises(DatasetError, match="No dataset is registered as 'films'"):
        work.submit_examples("films")
