"""Duplicates that are searched by a job, in a real process."""

import pytest
from PIL import Image

from cxrcore import datasets, duplicates, jobs, work
from cxrcore.errors import DatasetError
from cxrcore.splits import overlap


def test_duplicates_are_searched_in_a_process_of_its_own(
    bench, tiny_dataset_folder, make_tiny_dataset
):
    first = tiny_dataset_folder / "A" / "00000004_000.png"
    Image.open(first).save(tiny_dataset_folder / "A" / "z.jpg", quality=95)
    dataset = datasets.register("tiny", tiny_dataset_folder)
    other = datasets.register("other", make_tiny_dataset("other"))
    assert duplicates.load(dataset) is None
    job = work.submit_duplicates("tiny")
    assert (job.kind, job.dataset) == ("duplicates", "tiny")
    done = bench.until_state("done", job.job_id)
    assert done.message == "1 group of duplicates, 2 images."
    found = duplicates.load(dataset)
    assert found is not None
    assert len(found.groups) == 2

    job = work.submit_duplicates("tiny", "other")
    done = bench.until_state("done", job.job_id)
    assert done.message == "37 images are in other as well."
    assert overlap.load(dataset, other) is not None


def test_a_search_is_for_registered_datasets(tiny_dataset_folder):
    datasets.register("tiny", tiny_dataset_folder)
    with pytest.raises(DatasetError, match="No dataset is registered as 'other'"):
        work.submit_duplicates("tiny", "other")
    assert jobs.list_jobs() == []


def test_no_two_searches_have_one_name(monkeypatch, tiny_dataset_folder):
    started = []
    monkeypatch.setattr(jobs, "start", started.append)
    for name in ("a", "a-b", "b-c", "c"):
        datasets.register(name, tiny_dataset_folder)
    for pair in (("a",), ("a-b",), ("a", "b-c"), ("a-b", "c")):
        work.submit_duplicates(*pair)
    assert len({spec.job_id for spec in started}) == 4
