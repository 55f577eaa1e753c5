"""Preparing the images of a dataset for models."""

from typing import Any

from cxrcore.jobs import Job
from cxrcore.jobs.context import Context
from cxrcore.jobs.registry import Kind
from cxrcore.work import lanes, names


def job_id(dataset: str, size: int, region: str = "none") -> str:
    """The id of the job that prepares a dataset; ImageError if there is no such size or region."""
    from cxrcore.pixels import Preparation

    return f"pixels-{dataset}-{Preparation(size, region).key()}"


def submit_pixels(dataset: str, size: int, region: str = "none") -> Job:
    """Prepare the images of a registered dataset, and measure what was prepared.

    Afterwards `pixels.find` has the images, with their BRISQUE scores and histograms.

    Args:
        dataset: the name it is registered under.
        size: side of the square in pixels, 1..2048.
        region: one of `images.REGIONS`.

    Raises:
        DatasetError: no dataset is registered under that name.
        ImageError: no such size or region.
        JobError, StoreError: as `submit_training`.
    """
    from cxrcore.pixels import Preparation

    Preparation(size, region)  # refuses what cannot be prepared
    title = f"Preparing {dataset} at {names.model_input(size, region)}"
    return names.submit("pixels", title, dataset=dataset, size=size, region=region)


def run(context: Context) -> dict[str, Any]:
    """Prepare the images, and measure what was prepared."""
    from cxrcore import datasets, pixels

    details = context.spec.details
    dataset = datasets.load(details["dataset"])
    region = details.get("region") or details["arm"]  # as jobs of version 0.4 call it
    preparation = pixels.Preparation(details["size"], region)
    prepared = pixels.prepare(dataset, preparation, report=context.progress)
    prepared.brisque(report=context.progress)
    prepared.histograms(report=context.progress)
    unusable = len(prepared.reasons)
    note = f" {unusable:,} cannot be used: damaged, or without a lung mask." if unusable else ""
    return {"message": f"{prepared.usable.sum():,} images are prepared and measured.{note}"}


KIND = Kind("pixels", run, lanes.PREPARING, job_id)
