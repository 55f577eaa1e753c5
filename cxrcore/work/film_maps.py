"""Mapping the test films of a run by t-SNE."""

from typing import Any

from cxrcore.jobs import Job
from cxrcore.jobs.context import Context
from cxrcore.jobs.registry import Kind
from cxrcore.work import lanes, names


def submit_film_map(run_id: str) -> Job:
    """Map the test films of a run; afterwards `film_maps.load_tsne` has the map.

    Raises:
        DatasetError: the run's dataset is not registered.
        JobError, StoreError: as `submit_training`; also, there is no such run.
    """
    from cxrcore import store

    run = store.load_run(run_id)
    title = f"Map of the films for {store.title(run)}"
    return names.submit("film-map", title, dataset=run.dataset, run_id=run_id)


def run(context: Context) -> dict[str, Any]:
    """Compute and keep the map."""
    from cxrcore import film_maps, priority, store

    priority.give_way()
    found = film_maps.tsne(store.load_run(context.spec.details["run_id"]), context.progress)
    return {"message": f"{len(found):,} films are mapped."}


KIND = Kind("film-map", run, lanes.PREPARING, lambda run_id, **_: f"film-map-{run_id}")
