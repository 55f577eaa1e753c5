"""Testing a run on another dataset."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from cxrcore.jobs import Job
from cxrcore.jobs.context import Context
from cxrcore.jobs.registry import Kind
from cxrcore.work import lanes, names


def job_id(run_id: str, dataset: str, mapping: Mapping[str, str] | None = None) -> str:
    """The id of the job that tests a run on a dataset."""
    text = json.dumps([run_id, dataset, sorted((mapping or {}).items())])
    return f"external-{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}"


def submit_external(run_id: str, dataset: str, mapping: Mapping[str, str] | None = None) -> Job:
    """Test a run on another registered dataset in a process of its own; nothing is trained.

    Afterwards `external.find` has the test. Both datasets are measured and searched for films in common
    first, if that was not done before.

    Args:
        run_id: a run with a network.
        dataset: the name the other dataset is registered under.
        mapping: label -> class of the run, see `external.evaluate`.

    Raises:
        ComparisonError: the datasets are the same, or no class is in common.
        DatasetError: the dataset is not registered.
        JobError, StoreError: as `submit_training`; also, there is no such run or it has no network.
    """
    from cxrcore import datasets, external, store

    names.require_registered(dataset)
    run = store.load_run(run_id)
    run.model_path()
    external.find(run, datasets.load(dataset), mapping)  # raises what the job would fail with
    title = f"Testing {store.title(run)} on {dataset}"
    details = {"run_id": run_id, "dataset": dataset, "mapping": dict(mapping or {})}
    return names.submit("external", title, **details)


def run(context: Context) -> dict[str, Any]:
    """Find the films that the run knows, predict the others and keep the test."""
    from cxrcore import datasets, external, priority, store

    details = context.spec.details
    priority.give_way()
    found = external.evaluate(
        store.load_run(details["run_id"]),
        datasets.load(details["dataset"]),
        details["mapping"],
        report=context.progress,
    )
    test = found.metrics["test"]
    message = f"accuracy {test.accuracy:.4f} on {test.n:,} films; {len(found.removed):,} left out."
    return {"message": message}


KIND = Kind("external", run, lanes.PREPARING, job_id)
