"""What jobs do: train, measure, prepare pixels, search duplicates, make the demonstration.

Each kind of work is one module: how to submit it, what its process does, and a `KIND` for the
registry of `cxrcore.jobs`.
"""

from typing import Any

from cxrcore import jobs
from cxrcore.jobs import Job, registry
from cxrcore.work.demo import submit_demo
from cxrcore.work.duplicates import submit_duplicates
from cxrcore.work.index import submit_index
from cxrcore.work.pixels import submit_pixels
from cxrcore.work.training import submit_training

__all__ = [
    "find",
    "submit_demo",
    "submit_duplicates",
    "submit_index",
    "submit_pixels",
    "submit_training",
]


def find(kind: str, **details: Any) -> Job | None:
    """The job for this work, in any state; None if there is none.

    Args:
        kind: "train" (details: run_id), "index" (dataset), "pixels" (dataset, size, region),
            "duplicates" (dataset, other) or "demo" (dataset).
        details: as listed; two datasets are found in either order.
    """
    wanted = {registry.kind(kind).job_id(**details)}
    if details.get("other"):
        both = {"dataset": details["other"], "other": details["dataset"]}
        wanted.add(registry.kind(kind).job_id(**both))
    return next((job for job in jobs.list_jobs() if job.job_id in wanted), None)
