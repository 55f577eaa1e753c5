"""Searching the duplicates of a dataset, or the images that two datasets share."""

from typing import TYPE_CHECKING, Any

from cxrcore.jobs import Job
from cxrcore.jobs.context import Context
from cxrcore.jobs.registry import Kind
from cxrcore.work import lanes, names

if TYPE_CHECKING:
    from cxrcore.datasets import Dataset
    from cxrcore.index import Index


def job_id(dataset: str, other: str | None = None) -> str:
    """The id of the job that searches one dataset or two, in this order."""
    # Names have no capitals, so no other pair of names gives the same id.
    return f"duplicates-{dataset}-WITH-{other}" if other else f"duplicates-{dataset}"


def submit_duplicates(dataset: str, other: str | None = None) -> Job:
    """Search the duplicates of a registered dataset; its images are measured first if needed.

    Afterwards `duplicates.load` has the result, or with `other` `splits.overlap.load` that of
    the two.

    Args:
        dataset: the name it is registered under.
        other: another registered dataset, to search for images that both have instead.

    Raises:
        DatasetError: no dataset is registered under one of the names.
        JobError, StoreError: as `submit_training`.
    """
    both = f"{dataset} and {other}" if other else dataset
    title = f"Searching duplicates in {both}"
    return names.submit("duplicates", title, dataset=dataset, other=other)


def run(context: Context) -> dict[str, Any]:
    """Search one dataset or two."""
    from cxrcore import duplicates
    from cxrcore.splits import overlap

    first = _measured(context, context.spec.details["dataset"])
    if other := context.spec.details.get("other"):
        pairs = overlap.find(*first, *_measured(context, other), report=context.progress)
        count = int(pairs["first"].nunique())
        noun = "image is" if count == 1 else "images are"
        return {"message": f"{count:,} {noun} in {other} as well."}
    found = duplicates.find(*first, report=context.progress)
    count = int(found.groups.nunique())
    noun = "group" if count == 1 else "groups"
    return {"message": f"{count:,} {noun} of duplicates, {len(found.groups):,} images."}


def _measured(context: Context, name: str) -> tuple["Dataset", "Index"]:
    from cxrcore import datasets, index

    dataset = datasets.load(name)
    return dataset, index.measure(dataset, report=context.progress)


KIND = Kind("duplicates", run, lanes.PREPARING, job_id)
