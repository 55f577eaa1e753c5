"""Profiles of the runs of a dataset, made by a job (of a store that version 0.4 wrote)."""

import numpy as np
import pytest

from cxrcore import datasets, gate, jobs, profiles, store, work
from cxrcore.errors import DatasetError, StoreError
from cxrcore.films import Film
from cxrcore.inference import predict_here
from cxrcore.jobs import disk
from cxrcore.jobs.model import now
from tests.helpers import store_04

WHOLE, ON_LUNGS = "cnn-plain-599e2266", "cnn-plain-c707513a"


@pytest.fixture
def run_job(own_folders, tmp_path, monkeypatch):
    """Submits the job for two runs of version 0.4 and does its work in this process."""
    store_04.place(own_folders.models, own_folders.data, tmp_path / "films")
    for run_id in ("cnn-plain-eaacc043", "cnn-plain-5b68c166"):
        store.delete(run_id)

    def put_down(spec: jobs.JobSpec) -> jobs.Job:
        folder = disk.folder_of(spec.job_id)
        known = spec.model_dump(include={"job_id", "kind", "title", "dataset"})
        job = jobs.Job(**known, state="queued", created=now())
        disk.write(folder / disk.SPEC, spec)
        disk.write(folder / disk.STATUS, job)
        return job

    monkeypatch.setattr("cxrcore.priority.give_way", lambda: None)
    monkeypatch.setattr(jobs, "start", put_down)
    return lambda: jobs.run(disk.folder_of(work.submit_profiles("films").job_id))


def test_runs_of_version_04_get_profiles_that_agree_with_their_predictions(run_job):
    assert run_job().message == "2 of 2 runs have their profiles."
    films, run = datasets.load("films"), store.load_run(WHOLE)
    profile = profiles.load(run)
    tested = set(run.predictions()["image_id"])
    assert {i.decode() for i in profile.image_ids} == set(films.table["image_id"]) - tested
    trained_on = profile.image_ids[0].decode()
    [seen] = predict_here(films.path_of(trained_on), [WHOLE], methods=())
    nearest = profile.nearest(seen.embedding)
    assert nearest[0].image_id == trained_on
    assert nearest[0].distance < 0.05 * nearest[1].distance
    assert np.isfinite(profile.scores(seen.seen, seen.depths)[:3]).all()
    report = gate.check(Film.read(films.path_of(trained_on)), [seen], films)
    assert [f.severity for f in report.findings if f.kind == "known"] == ["warning"]
    assert run_job().message == "0 of 0 runs have their profiles."


def test_a_run_that_fails_holds_up_no_other(run_job, monkeypatch):
    make = profiles.make

    def fail(run, *rest):
        if run.run_id == ON_LUNGS:
            raise StoreError("its films are gone")
        return make(run, *rest)

    monkeypatch.setattr(profiles, "make", fail)
    said = "1 of 2 runs have their profiles. Not those of cnn-plain-c707513a; the log says why."
    assert run_job().message == said
    assert profiles.load(store.load_run(WHOLE)) is not None


def test_they_are_made_for_registered_datasets():
    with pytest.raises(DatasetError, match="No dataset is registered as 'films'"):
        work.submit_profiles("films")
