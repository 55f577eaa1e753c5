"""Making the example films of the runs of a dataset that have none."""

from typing import Any

from cxrcore.errors import CxrError
from cxrcore.jobs import Job
from cxrcore.jobs.context import Context
from cxrcore.jobs.registry import Kind
from cxrcore.jobs.status import log_line
from cxrcore.progress import Meter
from cxrcore.work import lanes, names


def submit_examples(dataset: str) -> Job:
    """Make the example films of all runs of a registered dataset that lack them.

    Afterwards `store.examples` has them. Those that were made when a job ends early are kept.

    Raises:
        DatasetError: no dataset is registered under that name.
        JobError, StoreError: as `submit_training`.
    """
    return names.submit("examples", f"Making the example films of {dataset}", dataset=dataset)


def run(context: Context) -> dict[str, Any]:
    """Make the films of one run after the other; one that fails does not hold up the others."""
    from cxrcore import datasets, priority, store
    from cxrcore.inference import Models
    from cxrcore.training import examples, machine

    name = context.spec.details["dataset"]
    runs = [run for run in store.runs(name) if run.has_layers]
    lacking = [run for run in runs if store.examples(run) is None]
    meter = Meter("explaining films", len(lacking), context.progress)
    meter.update(0)
    failed = []
    if lacking:
        priority.give_way()
        machine.start_tensorflow()
        dataset, models = datasets.load(name), Models(limit=1)
    for done, run in enumerate(lacking, start=1):
        try:
            examples.make(run, dataset, models.get(run))
        except CxrError as error:
            failed.append(run.run_id)
            log_line(f"{run.run_id}: {error}")
        meter.update(done)
    message = f"{len(lacking) - len(failed):,} of {len(lacking):,} runs have their example films."
    if failed:
        message += f" Not those of {', '.join(failed)}; the log says why."
    return {"message": message}


KIND = Kind("examples", run, lanes.PREPARING, lambda dataset: f"examples-{dataset}")
