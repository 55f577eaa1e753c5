"""Mapping the films of a split for a run, with one method, and how much lies inside the lungs."""

import zlib
from typing import Any

from cxrcore.jobs import Job
from cxrcore.jobs.context import Context
from cxrcore.jobs.registry import Kind
from cxrcore.work import lanes, names

_ROWS = 512  # films in memory at once


def job_id(
    run_id: str, method: str, split: str = "test", layer: str | None = None, **_: object
) -> str:
    """The id of the job that maps a split."""
    name = f"explanations-{run_id}-{split}-{method.replace('+', '-plus')}"
    return name if layer is None else f"{name}-{zlib.crc32(layer.encode()):08x}"


def submit_explanations(
    run_id: str, method: str = "grad-cam", *, split: str = "test", layer: str | None = None
) -> Job:
    """Map all films of a split of a run, each for the class that the run predicts.

    Afterwards `store.maps.load` has the maps, and of the Grad-CAMs of the test films the run has its
    in-lung share. Nothing is kept of a job that ends while it maps.

    Args:
        run_id: a run whose dataset is registered.
        method: one of `explanations.METHODS`.
        split: "test" or "validation".
        layer: of `explanations.layers`, for class activation maps; None for the last one.

    Raises:
        ExplainError: there is no such method.
        DatasetError: the run's dataset is not registered.
        JobError, StoreError: as `submit_training`; also, there is no such run.
    """
    from cxrcore import explanations, store

    explanations.check([method])
    run = store.load_run(run_id)
    run.model_path()  # raises where there is none
    title = f"{explanations.METHODS[method].title} of the {split} films for {store.title(run)}"
    details = {"run_id": run_id, "method": method, "split": split, "layer": layer}
    return names.submit("explanations", title, dataset=run.dataset, **details)


def run(context: Context) -> dict[str, Any]:
    """Map the films in batches and keep the maps."""
    import numpy as np

    from cxrcore import datasets, explanations, pixels, priority, store
    from cxrcore.errors import Cancelled, CxrError, ExplainError
    from cxrcore.explanations.lung_share import lung_share
    from cxrcore.inference import Models
    from cxrcore.progress import Meter
    from cxrcore.store import maps
    from cxrcore.training import machine

    details = context.spec.details
    method, split, layer = (details[name] for name in ("method", "split", "layer"))
    found = store.load_run(details["run_id"])
    dataset = datasets.load(details["dataset"])
    preparation = found.recipe.preparation
    prepared = pixels.prepare(dataset, preparation, report=context.progress)
    table = found.predictions()
    wanted = table.loc[table["split"] == split, "image_id"]
    rows = np.flatnonzero(dataset.table["image_id"].isin(wanted).to_numpy() & prepared.usable)
    if not len(rows):
        raise ExplainError(
            f"None of the {split} films of {found.run_id} is in {dataset.name} any more. "
            "Restore the films in the dataset's folder, or train the model again."
        )
    priority.give_way()
    machine.start_tensorflow()
    model = Models(limit=1).get(found)
    meter = Meter("mapping films", len(rows), context.progress)
    parts: list[maps.Maps] = []
    done = empty = 0
    for start in range(0, len(rows), _ROWS):
        images = prepared.array[rows[start : start + _ROWS]]
        for classes, heats in explanations.maps(model, images, method, layer=layer):
            ids = dataset.table["image_id"].iloc[rows[done : done + len(heats)]]
            parts.append(maps.Maps.of(ids, [found.classes[index] for index in classes], heats))
            done += len(heats)
            empty += int(np.count_nonzero(parts[-1].strongest <= 0))
            meter.update(done)
    maps.keep(found, method, maps.join(parts), split=split, layer=layer)
    note = f" Nothing speaks for the answer in {empty:,} of them." if empty else ""
    try:
        share = lung_share(
            found, dataset, method, split=split, layer=layer, report=context.progress
        )
        said = "" if share is None else share.kept.sentence
    except Cancelled:
        raise
    except CxrError as error:  # maps need no lungs
        said = f"How much of them lies inside the lungs is not known. {error}"
    return {"message": f"{len(rows):,} {split} films are mapped.{note} {said}".rstrip()}


KIND = Kind("explanations", run, lanes.PREPARING, job_id)
