"""Predicting a run's test films without lungs."""

from typing import Any

from cxrcore.jobs import Job
from cxrcore.jobs.context import Context
from cxrcore.jobs.registry import Kind
from cxrcore.work import lanes, names


def submit_controls(run_id: str) -> Job:
    """Predict the test films of a run on each region without the whole picture.

    Afterwards `controls.untrained` has the answer. Nothing is kept of a job that ends early, but
    lungs that were found and pixels that were prepared.

    Raises:
        DatasetError: the run's dataset is not registered.
        JobError, StoreError: as `submit_training`; also, there is no such run.
    """
    from cxrcore import store

    run = store.load_run(run_id)
    title = f"Test films without lungs for {store.title(run)}"
    return names.submit("controls", title, dataset=run.dataset, run_id=run_id)


def run(context: Context) -> dict[str, Any]:
    """Predict the films, keep the answers, and say what they mean."""
    from cxrcore import controls, datasets, priority, store

    found = store.load_run(context.spec.details["run_id"])
    dataset = datasets.load(context.spec.details["dataset"])
    priority.give_way()
    controls.predict(found, dataset, report=context.progress)
    answer = controls.untrained(found, dataset)
    return {"message": "" if answer is None else controls.sentence(answer)}


KIND = Kind("controls", run, lanes.PREPARING, lambda run_id, **_: f"controls-{run_id}")
