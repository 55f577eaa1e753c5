"""What is done for each kind of job, in the job's own process.

Each function is given a Context and returns the fields of the Job that its end decides. The
modules it needs are imported when its turn has come, not before: a waiting process stays small.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from cxrcore import settings
from cxrcore.errors import Cancelled, JobError
from cxrcore.jobs import record
from cxrcore.jobs.record import JobSpec
from cxrcore.jobs.status import Status, say
from cxrcore.progress import Progress

if TYPE_CHECKING:
    from cxrcore.training import TrainingProgress

# The trainings of the demonstration: small images, small batches and few epochs, so that three
# models are there in less than two minutes on a laptop. With so few images the published
# schedule would divide the learning rate to nothing before the networks begin to learn. Two
# differ in what they see, two in the network: that is what there is to compare.
_DEMO = {"image_size": 56, "batch_size": 6, "plateau": None, "best_by": "val_loss"}
DEMO_TRAININGS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("cnn-batchnorm", {**_DEMO, "epochs": 12}),
    ("cnn-batchnorm", {**_DEMO, "epochs": 12, "region": "lungs-crop"}),
    ("cnn-plain", {**_DEMO, "epochs": 14, "region": "lungs-crop", "learning_rate": 4e-4}),
)


@dataclass
class Context:
    """What a piece of work may use: its specification, its folder, and ways to tell and ask."""

    spec: JobSpec
    folder: Path
    status: Status
    stopped: Callable[[], bool]  # whether a signal asked the process to end
    _stage: str = field(default="", init=False)  # the last that the log tells of
    _epochs: int = field(default=-1, init=False)

    @property
    def checkpoint(self) -> Path:
        """The folder that a later process continues from."""
        return self.folder / record.CHECKPOINT

    def should_stop(self) -> bool:
        """Whether somebody cancelled the job or the process was told to end; costs microseconds."""
        return self.stopped() or (self.folder / record.CANCEL).exists()

    def waits(self, ahead: int) -> None:
        """Tell how many wait before this job."""
        before = f", {ahead} before it" if ahead else ""
        self.status.update(stage="waiting", message=f"Waiting for its turn{before}.")

    def progress(self, progress: Progress) -> None:
        """Report of countable work. Raises Cancelled when the job should stop."""
        if self.should_stop():
            raise Cancelled(f"Stopped while {progress.stage}; what was done is kept.")
        self._tell_stage(progress.stage)
        self.status.update(
            stage=progress.stage,
            share=progress.share,
            message=f"{progress.done:,} of {progress.total:,}",
            images_per_second=_number(progress.rate),
            eta_seconds=_number(progress.eta_seconds),
        )

    def training(self, progress: "TrainingProgress") -> None:
        """Report of a training."""
        changes: dict[str, Any] = {
            "stage": progress.stage,
            "epoch": progress.epoch,
            "epochs": progress.epochs,
            "batch": progress.batch,
            "batches": progress.batches,
            "share": _share(progress, self.status.job.share),
            "images_per_second": _number(progress.images_per_second),
            "eta_seconds": _number(progress.eta_seconds),
        }
        self._tell_stage(progress.stage)
        if len(progress.history) != self._epochs:
            changes["history"] = plain_history(progress.history)
            if self._epochs >= 0:  # what an earlier process reached is in the log already
                self._tell_epoch(changes["history"], progress.epochs)
            self._epochs = len(progress.history)
        self.status.update(**changes)

    def _tell_epoch(self, history: list[dict[str, float | int]], epochs: int) -> None:
        if history:
            row = {name: value for name, value in history[-1].items() if name != "epoch"}
            figures = ", ".join(f"{name} {value:.5g}" for name, value in row.items())
            say(f"epoch {len(history)} of {epochs}: {figures}")

    def _tell_stage(self, stage: str) -> None:
        if stage != self._stage:
            self._stage = stage
            say(stage)


Work = Callable[[Context], Mapping[str, Any]]


def plain_history(history: Sequence[Mapping[str, Any]]) -> list[dict[str, float | int]]:
    """Epochs with plain finite numbers only; what is not a finite number is left out."""
    rows = []
    for row in history:
        numbers = {name: _number(value) for name, value in row.items()}
        rows.append({name: value for name, value in numbers.items() if value is not None})
    return rows


def _number(value: Any) -> float | int | None:
    """A plain int or float of any number, NumPy's too; None for None and what is not finite."""
    if value is None:
        return None
    plain = float(value)
    if not math.isfinite(plain):
        return None
    return int(value) if isinstance(value, int) else plain


def _share(progress: "TrainingProgress", before: float) -> float:
    """Part of all epochs; while a resumed training prepares, what it had reached before."""
    if progress.stage in ("evaluating", "saving"):
        return 1.0
    if progress.stage != "training" or not progress.epochs:
        return before
    inside = progress.batch / progress.batches if progress.batches else 0.0
    # At the end of an epoch its row is in the history before the next epoch is begun.
    done = max(progress.epoch - 1 + min(inside, 1.0), len(progress.history))
    return min(1.0, done / progress.epochs)


def train(context: Context) -> dict[str, Any]:
    """Train the network of the specification; the run lies in the store afterwards."""
    from cxrcore import training
    from cxrcore.tracking import mlflow

    try:
        spec = training.TrainSpec.model_validate(context.spec.details)
    except ValidationError as error:
        raise JobError(
            f"The specification of {context.spec.job_id} is not one of this version "
            f"({error.errors()[0]['msg']}). Remove the job and start the training again."
        ) from error
    run = training.train(
        spec,
        checkpoint=context.checkpoint,
        report=context.training,
        should_stop=context.should_stop,
    )
    tracked = mlflow.log_finished(run)
    return {"run_id": run.run_id, "message": f"Run {run.run_id} is ready. {tracked}".rstrip()}


def index(context: Context) -> dict[str, Any]:
    """Measure every image of a dataset."""
    from cxrcore import datasets
    from cxrcore import index as index_module

    dataset = datasets.load(context.spec.details["dataset"])
    measured = index_module.measure(dataset, report=context.progress)
    damaged = len(measured.damaged)
    note = f" {damaged:,} could not be read; the quality page lists them." if damaged else ""
    return {"message": f"{len(measured.table):,} images are measured.{note}"}


def pixels(context: Context) -> dict[str, Any]:
    """Prepare the images of a dataset as a model sees them, and measure what was prepared."""
    from cxrcore import datasets
    from cxrcore import pixels as pixels_module

    wanted = context.spec.details
    dataset = datasets.load(wanted["dataset"])
    preparation = pixels_module.Preparation(
        wanted["size"],
        wanted.get("region") or wanted["arm"],  # as jobs of version 0.4 call it
    )
    prepared = pixels_module.prepare(dataset, preparation, report=context.progress)
    prepared.brisque(report=context.progress)
    prepared.histograms(report=context.progress)
    unusable = len(prepared.reasons)
    note = f" {unusable:,} cannot be used: damaged, or without a lung mask." if unusable else ""
    return {"message": f"{prepared.usable.sum():,} images are prepared and measured.{note}"}


def duplicates(context: Context) -> dict[str, Any]:
    """Search the duplicates of a dataset, or the images that it shares with another."""
    from cxrcore import datasets
    from cxrcore import duplicates as duplicates_module
    from cxrcore import index as index_module
    from cxrcore.splits import overlap

    def measured(name: str) -> tuple[datasets.Dataset, index_module.Index]:
        dataset = datasets.load(name)
        return dataset, index_module.measure(dataset, report=context.progress)

    first = measured(context.spec.details["dataset"])
    if other := context.spec.details.get("other"):
        pairs = overlap.find(*first, *measured(other), report=context.progress)
        count = int(pairs["first"].nunique())
        noun = "image is" if count == 1 else "images are"
        return {"message": f"{count:,} {noun} in {other} as well."}
    found = duplicates_module.find(*first, report=context.progress)
    count = int(found.groups.nunique())
    noun = "group" if count == 1 else "groups"
    return {"message": f"{count:,} {noun} of duplicates, {len(found.groups):,} images."}


def demo(context: Context) -> dict[str, Any]:
    """Make the demonstration dataset, measure it, and submit its trainings."""
    from cxrcore import datasets, models, training
    from cxrcore import index as index_module
    from cxrcore.datasets import demo as demo_module
    from cxrcore.jobs import submit

    name, wanted = context.spec.details["name"], context.spec.details["options"]
    folder = settings.data_dir() / name
    kept = folder.is_dir()
    if not kept or "patients" in wanted:  # what is there but was made otherwise is refused
        demo_module.make(folder, report=context.progress, **wanted)
    dataset = datasets.register(name, folder)
    index_module.measure(dataset, report=context.progress)
    for recipe, changes in DEMO_TRAININGS:
        chosen = models.get(recipe).override(**changes)
        submit.submit_training(training.plan(chosen, dataset))
    images = f"{len(dataset.table):,} images"
    how = "were there already" if kept else "are made and measured"
    return {"message": f"{images} {how}. The trainings are submitted."}


WORK: dict[str, Work] = {
    "train": train,
    "index": index,
    "pixels": pixels,
    "duplicates": duplicates,
    "demo": demo,
}
