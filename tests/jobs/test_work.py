"""The real work in real processes: a tiny training, a measured dataset, the demonstration."""

import os
import signal

import pytest

from cxrcore import datasets, index, jobs, recipes, store, training
from cxrcore.jobs import work
from cxrcore.training import TrainSpec

TENSORFLOW_SECONDS = 120.0  # to import it, build and train, on a machine that has other work


def tiny_plan(folder, **changes: object) -> TrainSpec:
    recipe = recipes.get("cnn-plain").override(image_size=96, batch_size=8, **changes)
    return training.plan(recipe, datasets.register("tiny", folder))


@pytest.mark.slow
def test_a_training_that_was_killed_resumes_to_a_run_and_is_not_trained_twice(
    bench, tiny_dataset_folder
):
    spec = tiny_plan(tiny_dataset_folder, epochs=8)
    job = jobs.submit_training(spec)
    assert (job.job_id, job.dataset) == (spec.run_id, "tiny")
    bench.until(lambda: len(jobs.get(job.job_id).history) >= 1, TENSORFLOW_SECONDS)
    os.kill(jobs.get(job.job_id).pid, signal.SIGKILL)
    before = bench.until_state("interrupted", job.job_id)
    assert not store.exists(spec.run_id)
    jobs.resume(job.job_id)
    done = bench.until_state("done", job.job_id, TENSORFLOW_SECONDS)
    assert done.run_id == spec.run_id
    assert len(done.history) == store.load_run(spec.run_id).epochs_run > len(before.history)
    assert done.history[: len(before.history) - 1] == before.history[:-1]
    assert jobs.log(job.job_id).count(f"{job.title}: process") == 2
    assert not (bench.folder(job.job_id) / "checkpoint").exists()
    again = jobs.submit_training(spec)
    assert (again.state, again.run_id, again.pid) == ("done", spec.run_id, None)


@pytest.mark.slow
def test_the_demonstration_ends_with_a_measured_dataset_and_its_trainings_submitted(bench):
    jobs.submit_demo(patients=2)
    demo = bench.until_state("done", "demo", TENSORFLOW_SECONDS)
    dataset = datasets.load("demo")
    assert dataset.synthetic
    assert index.missing(dataset) == 0
    trainings = [job for job in jobs.list_jobs() if job.kind == "train"]
    for job in trainings:
        jobs.cancel(job.job_id)  # that they can be trained is known from the test above
    assert {job.dataset for job in trainings} == {demo.dataset} == {"demo"}
    assert len(trainings) == len(work.DEMO_TRAININGS)


def test_a_dataset_is_measured_and_damage_is_counted(bench, tiny_dataset_folder):
    (tiny_dataset_folder / "A" / "00009999_000.png").write_bytes(b"no picture")
    dataset = datasets.register("tiny", tiny_dataset_folder)
    jobs.submit_index("tiny")
    job = bench.until_state("done", "index-tiny")
    assert job.message == (
        f"{len(dataset.table)} images are measured. "
        "1 could not be read; the quality page lists them."
    )
    assert index.missing(dataset) == 0
