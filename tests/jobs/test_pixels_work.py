"""Pixels that are prepared by a job, in a real process."""

import numpy as np
import pytest

from cxrcore import datasets, jobs, pixels, quality, work
from cxrcore.errors import DatasetError, ImageError
from cxrcore.pixels import Preparation


def test_a_dataset_is_prepared_scored_and_counted_in_a_process_of_its_own(
    bench, tiny_dataset_folder
):
    (tiny_dataset_folder / "A" / "00009999_000.png").write_bytes(b"no picture")
    dataset = datasets.register("tiny", tiny_dataset_folder)
    assert pixels.find(dataset, Preparation(40)) is None
    job = work.submit_pixels("tiny", 40)
    assert (job.kind, job.dataset) == ("pixels", "tiny")
    done = bench.until_state("done", job.job_id)
    assert done.message == (
        "36 images are prepared and measured. 1 cannot be used: damaged, or without a lung mask."
    )
    found = pixels.find(dataset, Preparation(40))
    assert found is not None
    assert found.measured
    scores = found.brisque()
    assert np.isnan(scores[~found.usable]).all()
    row = int(np.flatnonzero(found.usable)[3])
    assert scores[row] == pytest.approx(quality.brisque(np.asarray(found.array[row])))
    assert found.histograms()[row].sum() == 40 * 40


def test_pixels_of_each_size_and_arm_are_a_job_of_their_own(monkeypatch, tiny_dataset_folder):
    started = []
    monkeypatch.setattr(jobs, "start", started.append)
    datasets.register("tiny", tiny_dataset_folder)
    for size, region in ((32, "none"), (40, "none"), (40, "lungs-crop")):
        work.submit_pixels("tiny", size, region)
    assert len({spec.job_id for spec in started}) == 3
    assert [spec.title for spec in started][1:] == [
        "Preparing tiny at 40 px",
        "Preparing tiny at 40 px, cropped to the lungs",
    ]


def test_pixels_that_cannot_be_are_refused_before_a_process_is_started(tiny_dataset_folder):
    datasets.register("tiny", tiny_dataset_folder)
    with pytest.raises(ImageError, match="no region 'heart'"):
        work.submit_pixels("tiny", 40, "heart")
    with pytest.raises(DatasetError, match="No dataset is registered as 'other'"):
        work.submit_pixels("other", 40)
    assert jobs.list_jobs() == []


def test_pixels_are_not_measured_until_scores_and_counts_are_there(tiny_dataset_folder):
    dataset = datasets.load(tiny_dataset_folder)
    made = pixels.prepare(dataset, Preparation(32))
    assert not made.measured
    made.brisque()
    assert not made.measured
    made.histograms()
    found = pixels.find(dataset, Preparation(32))
    assert found is not None
    assert found.measured
    assert np.array_equal(found.array, made.array)
