"""Start a training, the measuring or preparing of a dataset, or the demonstration."""

from typing import TYPE_CHECKING, Any

from cxrcore.errors import DatasetError
from cxrcore.jobs import control, record
from cxrcore.jobs.lookup import id_of
from cxrcore.jobs.record import Job, JobSpec, Room

if TYPE_CHECKING:
    from cxrcore.training import TrainSpec


def submit_training(spec: "TrainSpec", room: Room | None = None) -> Job:
    """Train in a process of its own; the job's id is the run's id.

    A run that is in the store already comes back at once as a job that is done. A training of
    the same run that is active is returned as it is, and one that was interrupted, cancelled
    or failed goes on from its checkpoint.

    Args:
        spec: from `training.plan`.
        room: what it asks of a node of the Ray cluster; None for what the settings say.

    Raises:
        JobError: the process cannot be started.
        SettingsError: CXR_MAX_JOBS makes no sense.
        StoreError: the jobs' folder cannot be written.
    """
    from cxrcore import store

    run_id = spec.run_id
    seen = _seen(spec.recipe.image_size, spec.recipe.region)
    title = f"{spec.recipe.title}, {seen}, on {spec.dataset}"
    family, part = spec.family, _part(spec)
    title += part and f", {part}"
    if store.exists(run_id):
        now = record.now()
        return Job(
            job_id=run_id,
            kind="train",
            title=title,
            state="done",
            dataset=spec.dataset,
            family=family,
            part=part,
            run_id=run_id,
            message=f"Run {run_id} was trained before.",
            share=1.0,
            created=now,
            started=now,
            finished=now,
        )
    details = spec.model_dump(mode="json")
    work = JobSpec(
        job_id=run_id,
        kind="train",
        title=title,
        dataset=spec.dataset,
        family=family,
        part=part,
        details=details,
        room=room,
    )
    return control.start(work)


def _part(spec: "TrainSpec") -> str:
    """Which training of its family it is, as a phrase; empty for one on its own."""
    from cxrcore.models import RECIPES

    said = [f"fold {spec.split.fold} of {spec.split.folds}"] if spec.split.folds else []
    published = RECIPES.get(spec.recipe.name)
    if published is None or spec.recipe.seed != published.seed:
        said.append(f"seed {spec.recipe.seed}")
    return ", ".join(said)


def submit_index(dataset: str) -> Job:
    """Measure the images of a registered dataset in a process of its own; only new ones are.

    Raises:
        DatasetError: no dataset is registered under that name.
        JobError, StoreError: as in `submit_training`.
    """
    _require_registered(dataset)
    work = JobSpec(
        job_id=id_of("index", dataset),
        kind="index",
        title=f"Measuring the images of {dataset}",
        dataset=dataset,
        details={"dataset": dataset},
    )
    return control.start(work)


def submit_pixels(dataset: str, size: int, region: str = "none") -> Job:
    """Prepare a registered dataset as a model sees it, in a process of its own.

    Afterwards `pixels.find` has the prepared images, with their BRISQUE scores and histograms.
    What is there already is kept, so asking again costs next to nothing.

    Args:
        dataset: the name it is registered under.
        size: side of the square in pixels, 1..2048.
        region: one of `images.REGIONS`.

    Raises:
        DatasetError: no dataset is registered under that name.
        ImageError: no such size or region.
        JobError, StoreError: as in `submit_training`.
    """
    from cxrcore.pixels import Preparation

    _require_registered(dataset)
    preparation = Preparation(size, region)
    work = JobSpec(
        job_id=id_of("pixels", dataset, preparation=preparation),
        kind="pixels",
        title=f"Preparing {dataset} at {_seen(size, region)}",
        dataset=dataset,
        details={"dataset": dataset, "size": size, "region": region},
    )
    return control.start(work)


def submit_duplicates(dataset: str, other: str | None = None) -> Job:
    """Search the duplicates of a registered dataset in a process of its own.

    Images are measured first where they were not. Afterwards `duplicates.load` has the result,
    or with `other` `splits.overlap.load` that of the two.

    Args:
        dataset: the name it is registered under.
        other: another registered dataset, to search what both have instead.

    Raises:
        DatasetError: no dataset is registered under one of the names.
        JobError, StoreError: as in `submit_training`.
    """
    for name in filter(None, (dataset, other)):
        _require_registered(name)
    both = f"{dataset} and {other}" if other else dataset
    work = JobSpec(
        job_id=id_of("duplicates", dataset, other=other),
        kind="duplicates",
        title=f"Searching duplicates in {both}",
        dataset=dataset,
        details={"dataset": dataset, "other": other},
    )
    return control.start(work)


def _seen(size: int, region: str) -> str:
    """What a model gets of an image, for a title."""
    from cxrcore.images import REGION_NAMES

    return f"{size} px" if region == "none" else f"{size} px, {REGION_NAMES[region].lower()}"


def _require_registered(dataset: str) -> None:
    from cxrcore import datasets

    names = [entry.name for entry in datasets.registered()]
    if dataset not in names:
        raise DatasetError(
            f"No dataset is registered as {dataset!r}; there are: {', '.join(names) or 'none'}. "
            "Register it with: python -m cxrcore data add NAME FOLDER"
        )


def submit_demo(patients: int | None = None, shortcut: bool = False) -> Job:
    """Make the demonstration dataset, measure it and submit its trainings.

    Args:
        patients: simulated patients a class; None for the usual number, or for those of the
            demonstration that is there already. Another number than there is fails the job.
        shortcut: plant a corner marker that follows the class. That is a dataset of its own,
            named `demo-shortcut`, so that it can be compared with `demo`.

    Raises:
        JobError, SettingsError, StoreError: as in `submit_training`.
    """
    from cxrcore.datasets import demo

    name = f"{demo.FOLDER_NAME}-shortcut" if shortcut else demo.FOLDER_NAME
    options: dict[str, Any] = {"shortcut": shortcut}
    if patients is not None:
        options["patients"] = patients
    title = "Making the demonstration" + (" with a shortcut" if shortcut else "")
    details = {"name": name, "options": options}
    work = JobSpec(job_id=name, kind="demo", title=title, dataset=name, details=details)
    return control.start(work)
