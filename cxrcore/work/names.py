"""What all kinds of work need to submit a job."""

from typing import Any

from cxrcore import jobs
from cxrcore.errors import DatasetError
from cxrcore.jobs import Job, JobSpec, registry


def submit(kind: str, title: str, **details: Any) -> Job:
    """Start the job of this kind and these details, which name a registered `dataset`.

    Raises:
        DatasetError: no dataset is registered under that name, or under `other`.
        JobError, StoreError: as `submit_training`.
    """
    for name in filter(None, (details["dataset"], details.get("other"))):
        require_registered(name)
    spec = JobSpec(
        job_id=registry.kind(kind).job_id(**details),
        kind=kind,
        title=title,
        dataset=details["dataset"],
        details=details,
    )
    return jobs.start(spec)


def require_registered(dataset: str) -> None:
    """Raise DatasetError unless a dataset is registered under this name."""
    from cxrcore import datasets

    names = [entry.name for entry in datasets.registered()]
    if dataset not in names:
        raise DatasetError(
            f"No dataset is registered as {dataset!r}; there are: {', '.join(names) or 'none'}. "
            "Register it with: python -m cxrcore data add NAME FOLDER"
        )


def model_input(size: int, region: str) -> str:
    """Size and region of a model's images, for a title: "200 px, cropped to the lungs"."""
    from cxrcore.images import REGION_NAMES

    return f"{size} px" if region == "none" else f"{size} px, {REGION_NAMES[region].lower()}"
