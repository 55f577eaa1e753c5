"""The demonstration: a simulated dataset, measured, and three trainings on it."""

from typing import Any

from cxrcore import jobs, settings
from cxrcore.jobs import Job, JobSpec
from cxrcore.jobs.context import Context
from cxrcore.jobs.registry import Kind
from cxrcore.work import lanes, training

# Three models in less than two minutes on a laptop; two differ in the region, two in the network.
# With so few images the published schedule would end before the networks begin to learn.
_QUICK = {"image_size": 56, "batch_size": 6, "plateau": None, "best_by": "val_loss"}
TRAININGS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("cnn-batchnorm", {**_QUICK, "epochs": 12}),
    ("cnn-batchnorm", {**_QUICK, "epochs": 12, "region": "lungs-crop"}),
    ("cnn-plain", {**_QUICK, "epochs": 14, "region": "lungs-crop", "learning_rate": 4e-4}),
)


def submit_demo(patients: int | None = None, shortcut: bool = False) -> Job:
    """Make the demonstration dataset, measure it and submit its trainings.

    Args:
        patients: simulated patients per class; None for the default, or for that of an existing
            demonstration, from which another number may not differ.
        shortcut: plant a corner marker that follows the class, in a dataset of its own named
            `demo-shortcut`, so that it can be compared with `demo`.

    Raises:
        JobError, SettingsError, StoreError: as `submit_training`.
    """
    from cxrcore.datasets import demo

    name = f"{demo.FOLDER_NAME}-shortcut" if shortcut else demo.FOLDER_NAME
    options: dict[str, Any] = {"shortcut": shortcut}
    if patients is not None:
        options["patients"] = patients
    title = "Making the demonstration" + (" with a shortcut" if shortcut else "")
    details = {"name": name, "options": options}
    return jobs.start(JobSpec(job_id=name, kind="demo", title=title, dataset=name, details=details))


def run(context: Context) -> dict[str, Any]:
    """Make the dataset unless it exists, measure it, and submit the trainings."""
    from cxrcore import datasets, index, models
    from cxrcore.datasets import demo
    from cxrcore.training import plan

    name, options = context.spec.details["name"], context.spec.details["options"]
    folder = settings.data_dir() / name
    exists = folder.is_dir()
    if not exists or "patients" in options:  # `make` refuses a folder of another number
        demo.make(folder, report=context.progress, **options)
    dataset = datasets.register(name, folder)
    index.measure(dataset, report=context.progress)
    for recipe, changes in TRAININGS:
        training.submit_training(plan(models.get(recipe).override(**changes), dataset))
    images = f"{len(dataset.table):,} images"
    how = "were there already" if exists else "are made and measured"
    return {"message": f"{images} {how}. The trainings are submitted."}


KIND = Kind("demo", run, lanes.PREPARING, lambda dataset="demo": dataset)
