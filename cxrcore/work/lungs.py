"""Looking for the lungs on the films of a dataset."""

from typing import Any

from cxrcore.jobs import Job
from cxrcore.jobs.context import Context
from cxrcore.jobs.registry import Kind
from cxrcore.work import lanes, names


def submit_lungs(dataset: str) -> Job:
    """Estimate the lung masks of a registered dataset's films that were not looked at before.

    Raises:
        DatasetError: no dataset is registered under that name.
        JobError, StoreError: as `submit_training`.
    """
    return names.submit("lungs", f"Looking for lungs on the films of {dataset}", dataset=dataset)


def run(context: Context) -> dict[str, Any]:
    """Look for lungs on every film of the dataset."""
    from cxrcore import datasets, lungs

    dataset = datasets.load(context.spec.details["dataset"])
    found = lungs.estimate(dataset, report=context.progress)
    return {"message": lungs.summary(dataset, found)}


KIND = Kind("lungs", run, lanes.PREPARING, lambda dataset: f"lungs-{dataset}")
