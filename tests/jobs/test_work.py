"""The real work in real processes: a measured dataset, the demonstration; see `test_never_lost`."""

import pytest

from cxrcore import datasets, index, jobs, work
from cxrcore.work import demo as demo_work

TENSORFLOW_SECONDS = 120.0  # to import it, build and train, on a machine that has other work


@pytest.mark.slow
def test_the_demonstration_ends_with_a_measured_dataset_and_its_trainings_submitted(bench):
    work.submit_demo(patients=2)
    demo = bench.until_state("done", "demo", TENSORFLOW_SECONDS)
    dataset = datasets.load("demo")
    assert dataset.synthetic
    assert index.missing(dataset) == 0
    trainings = [job for job in jobs.list_jobs() if job.kind == "train"]
    for job in trainings:
        jobs.cancel(job.job_id)  # that they can be trained is known from the test above
    assert {job.dataset for job in trainings} == {demo.dataset} == {"demo"}
    assert len(trainings) == len(demo_work.TRAININGS)


def test_a_dataset_is_measured_and_damage_is_counted(bench, tiny_dataset_folder):
    (tiny_dataset_folder / "A" / "00009999_000.png").write_bytes(b"no picture")
    dataset = datasets.register("tiny", tiny_dataset_folder)
    work.submit_index("tiny")
    job = bench.until_state("done", "index-tiny")
    assert job.message == (
        f"{len(dataset.table)} images are measured. "
        "1 could not be read; the quality page lists them."
    )
    assert index.missing(dataset) == 0
