"""Training probes on embeddings."""

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cxrcore.jobs import Job
from cxrcore.jobs.context import Context
from cxrcore.jobs.registry import Kind
from cxrcore.work import lanes, names

if TYPE_CHECKING:
    from cxrcore.embeddings import Plan


def job_id(
    dataset: str, embeddings: str, probe: str, seed: int, splits: list[Mapping[str, Any]]
) -> str:
    """The id of the job that trains a probe on each of these splits."""
    text = json.dumps([dataset, embeddings, probe, seed, splits])
    return f"probe-{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}"


def details(plans: "list[Plan]") -> dict[str, Any]:
    """What the job of plans that differ in the split alone is made of."""
    first = plans[0]
    return {
        "dataset": first.dataset.name,
        "embeddings": first.record.name,
        "probe": first.kind,
        "seed": first.recipe.seed,
        "splits": [each.split.model_dump(mode="json") for each in plans],
    }


def submit_probes(plans: "list[Plan]") -> Job:
    """Train probes in a process of its own; afterwards `embeddings.find` has each.

    Args:
        plans: one, or one a fold; they differ in the split alone.

    Raises:
        DatasetError: the dataset is not registered.
        JobError, StoreError: as `submit_training`.
    """
    return names.submit("probe", plans[0].recipe.title, **details(plans))


def run(context: Context) -> dict[str, Any]:
    """Train each probe and keep it."""
    from cxrcore import datasets, embeddings, priority
    from cxrcore.splits import SplitSpec

    given = context.spec.details
    dataset = datasets.load(given["dataset"])
    priority.give_way()
    runs = []
    for split in given["splits"]:
        wanted = embeddings.plan(
            dataset,
            given["embeddings"],
            given["probe"],
            SplitSpec.model_validate(split),
            seed=given["seed"],
        )
        runs.append(embeddings.train(wanted, report=context.progress))
    accuracies = ", ".join(f"{found.metrics['test'].accuracy:.4f}" for found in runs)
    return {"run_id": runs[0].run_id, "message": f"test accuracy {accuracies}"}


KIND = Kind("probe", run, lanes.PREPARING, job_id)
