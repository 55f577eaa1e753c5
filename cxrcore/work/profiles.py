"""Making the profiles of the runs of a dataset that have none, and describing its films."""

from typing import Any

from cxrcore.errors import CxrError
from cxrcore.jobs import Job
from cxrcore.jobs.context import Context
from cxrcore.jobs.registry import Kind
from cxrcore.jobs.status import log_line
from cxrcore.work import lanes, names


def submit_profiles(dataset: str) -> Job:
    """Make the profiles of all runs of a registered dataset that lack them.

    Afterwards `profiles.load` has them, and `gate.check` finds copies among the dataset's films.
    Profiles that were made when a job ends early are kept.

    Raises:
        DatasetError: no dataset is registered under that name.
        JobError, StoreError: as `submit_training`.
    """
    return names.submit(
        "profiles", f"Learning what the films of {dataset} look like", dataset=dataset
    )


def run(context: Context) -> dict[str, Any]:
    """Make one profile after the other; one that fails does not hold up the others."""
    from cxrcore import datasets, priority, profiles, store
    from cxrcore.gate import copies
    from cxrcore.inference import Models
    from cxrcore.training import machine

    name = context.spec.details["dataset"]
    priority.give_way()
    dataset = datasets.load(name)
    copies.prepare(dataset, context.progress)
    runs = [run for run in store.runs(name) if run.has_layers]
    lacking = [run for run in runs if profiles.load(run) is None]
    failed = []
    if lacking:
        machine.start_tensorflow()
        models = Models(limit=1)
    for run in lacking:
        try:
            profiles.make(run, dataset, models.get(run), context.progress)
        except CxrError as error:
            failed.append(run.run_id)
            log_line(f"{run.run_id}: {error}")
    message = f"{len(lacking) - len(failed):,} of {len(lacking):,} runs have their profiles."
    if failed:
        message += f" Not those of {', '.join(failed)}; the log says why."
    return {"message": message}


KIND = Kind("profiles", run, lanes.PREPARING, lambda dataset: f"profiles-{dataset}")
