"""Measuring the images of a dataset."""

from typing import Any

from cxrcore.jobs import Job
from cxrcore.jobs.context import Context
from cxrcore.jobs.registry import Kind
from cxrcore.work import lanes, names


def submit_index(dataset: str) -> Job:
    """Measure the images of a registered dataset that were not measured before.

    Raises:
        DatasetError: no dataset is registered under that name.
        JobError, StoreError: as `submit_training`.
    """
    return names.submit("index", f"Measuring the images of {dataset}", dataset=dataset)


def run(context: Context) -> dict[str, Any]:
    """Measure every image of the dataset."""
    from cxrcore import datasets, index

    dataset = datasets.load(context.spec.details["dataset"])
    measured = index.measure(dataset, report=context.progress)
    damaged = len(measured.damaged)
    note = f" {damaged:,} could not be read; the quality page lists them." if damaged else ""
    return {"message": f"{len(measured.table):,} images are measured.{note}"}


KIND = Kind("index", run, lanes.PREPARING, lambda dataset: f"index-{dataset}")
