"""Comparing runs: all intervals, and the pairs by one figure."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from cxrcore import jobs
from cxrcore.jobs import Job, JobSpec
from cxrcore.jobs.context import Context
from cxrcore.jobs.registry import Kind
from cxrcore.work import lanes


def job_id(names: Sequence[str], metric: str = "accuracy", class_name: str = "") -> str:
    """The id of the job that compares these runs and families, in any order."""
    text = json.dumps([sorted(names), metric, class_name])
    return f"comparison-{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}"


def submit_comparison(names: Sequence[str], metric: str = "accuracy", class_name: str = "") -> Job:
    """Compare runs and families in a process of its own; what is kept already is not repeated.

    Afterwards `comparison.load` and `comparison.load_intervals` have the results.

    Args:
        names: run ids and names of families.
        metric: as in `comparison.compare`.
        class_name: as in `comparison.compare`.

    Raises:
        StoreError: there is no such run or family.
        ComparisonError: the classes differ, or there is no such metric or class.
        JobError: the process cannot be started.
    """
    from cxrcore import comparison

    chosen = comparison.subjects(names)
    comparison.load(chosen, metric, class_name)  # raises what the job would fail with
    count = f"{len(chosen)} models" if len(chosen) > 1 else "one model"
    spec = JobSpec(
        job_id=job_id(names, metric, class_name),
        kind="comparison",
        title=f"Comparing {count} on {chosen[0].runs[0].dataset}",
        dataset=chosen[0].runs[0].dataset,
        details={"names": list(names), "metric": metric, "class_name": class_name},
    )
    return jobs.start(spec)


def run(context: Context) -> dict[str, Any]:
    """Compute and keep the intervals of each and the comparison of all."""
    from cxrcore import comparison, store

    details = context.spec.details
    chosen = comparison.subjects(details["names"])
    comparison.intervals(chosen, report=context.progress)
    context.update("comparing")
    found = comparison.compare(chosen, details["metric"], details["class_name"])
    return {"message": comparison.verdict(found, store.titles()).text}


KIND = Kind("comparison", run, lanes.PREPARING, job_id)
