"""Preparing the images of a dataset for models."""

from typing import Any

from cxrcore.jobs import Job
from cxrcore.jobs.context import Context
from cxrcore.jobs.registry import Kind
from cxrcore.work import lanes, names


def job_id(dataset: str, size: int, region: str = "none", masks: str = "given") -> str:
    """The id of the job that prepares a dataset; ImageError if there is no such preparation."""
    from cxrcore.pixels import Preparation

    name = f"pixels-{dataset}-{Preparation(size, region, masks).key()}"
    return name if masks == "given" else f"{name}-{masks}"


def submit_pixels(dataset: str, size: int, region: str = "none", masks: str = "given") -> Job:
    """Prepare the images of a registered dataset, and measure what was prepared.

    Lungs are looked for first where masks are to be estimated and were not yet.

    Afterwards `pixels.find` has the images, with their BRISQUE scores and histograms.

    Args:
        dataset: the name it is registered under.
        size: side of the square in pixels, 1..2048.
        region: one of `images.REGIONS`.
        masks: where its lung masks come from, one of `regions.MASK_NAMES`.

    Raises:
        DatasetError: no dataset is registered under that name.
        ImageError: no such size, region or masks.
        JobError, StoreError: as `submit_training`.
    """
    from cxrcore.pixels import Preparation

    Preparation(size, region, masks)  # refuses what cannot be prepared
    title = f"Preparing {dataset} at {names.model_input(size, region)}"
    more = {} if masks == "given" else {"masks": masks}  # as before there was a choice
    return names.submit("pixels", title, dataset=dataset, size=size, region=region, **more)


def run(context: Context) -> dict[str, Any]:
    """Prepare the images, and measure what was prepared."""
    from cxrcore import datasets, pixels

    details = context.spec.details
    dataset = datasets.load(details["dataset"])
    region = details.get("region") or details["arm"]  # as jobs of version 0.4 call it
    preparation = pixels.Preparation(details["size"], region, details.get("masks", "given"))
    prepared = pixels.prepare(dataset, preparation, report=context.progress)
    prepared.brisque(report=context.progress)
    prepared.histograms(report=context.progress)
    unusable = len(prepared.reasons)
    note = f" {unusable:,} cannot be used: damaged, or without a lung mask." if unusable else ""
    return {"message": f"{prepared.usable.sum():,} images are prepared and measured.{note}"}


KIND = Kind("pixels", run, lanes.PREPARING, job_id)
