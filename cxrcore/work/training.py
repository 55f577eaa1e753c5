"""Training a network."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from cxrcore import jobs
from cxrcore.errors import CxrError, EndedEarly, JobError
from cxrcore.jobs import Job, JobSpec, Resources
from cxrcore.jobs.context import Context, finite
from cxrcore.jobs.model import now
from cxrcore.jobs.registry import Kind
from cxrcore.jobs.status import log_line
from cxrcore.work import lanes, names

if TYPE_CHECKING:
    from cxrcore.store import Run
    from cxrcore.sweeps import Sweep
    from cxrcore.sweeps.median import History
    from cxrcore.training import TrainingProgress, TrainSpec


def submit_training(spec: "TrainSpec", resources: Resources | None = None) -> Job:
    """Train in a process of its own; the job's id is the run's id.

    For a run in the store, a job that is done is returned at once. An active training of the same
    run is returned as it is; an ended one goes on from its checkpoint.

    Args:
        spec: from `training.plan`.
        resources: what it asks of a node of the Ray cluster; None for what the settings say.

    Raises:
        JobError: the process cannot be started.
        SettingsError: CXR_MAX_JOBS or one of the CXR_RAY_ variables is wrong.
        StoreError: the jobs' folder cannot be written.
    """
    from cxrcore import store

    run_id, part = spec.run_id, _part(spec)
    seen = names.model_input(spec.recipe.image_size, spec.recipe.region)
    title = f"{spec.recipe.title}, {seen}, on {spec.dataset}" + (part and f", {part}")
    job = JobSpec(
        job_id=run_id,  # docs/decisions/0003
        kind="train",
        title=title,
        dataset=spec.dataset,
        family=spec.family,
        part=part,
        details=spec.model_dump(mode="json"),
        resources=resources,
    )
    if not store.exists(run_id):
        return jobs.start(job)
    time = now()
    return Job(
        **job.model_dump(exclude={"details", "resources"}),
        state="done",
        run_id=run_id,
        message=f"Run {run_id} was trained before.",
        share=1.0,
        created=time,
        started=time,
        finished=time,
    )


def submit_sweep(
    sweep: "Sweep", specs: Sequence["TrainSpec"], resources: Resources | None = None
) -> list[Job]:
    """Keep a sweep and queue its trainings, from `sweeps.plan_sweep`; errors as `submit_training`."""
    from cxrcore import sweeps

    sweeps.save(sweep)
    return [submit_training(spec, resources) for spec in specs]


def _part(spec: "TrainSpec") -> str:
    """Fold and seed, as a phrase; empty for a single training with the recipe's seed."""
    from cxrcore.models import RECIPES

    parts = [f"without {spec.split.without_source}"] if spec.split.without_source else []
    parts += [f"fold {spec.split.fold} of {spec.split.folds}"] if spec.split.folds else []
    published = RECIPES.get(spec.recipe.name)
    if published is None or spec.recipe.seed != published.seed:
        parts.append(f"seed {spec.recipe.seed}")
    return ", ".join(parts)


def run(context: Context) -> dict[str, Any]:
    """Train the network of the specification; the run is in the store afterwards."""
    from cxrcore import training
    from cxrcore.tracking import mlflow

    try:
        spec = training.TrainSpec.model_validate(context.spec.details)
    except ValidationError as error:
        raise JobError(
            f"The specification of {context.spec.job_id} is not one of this version "
            f"({error.errors()[0]['msg']}). Remove the job and start the training again.",
            final=True,
        ) from error
    try:
        trained = training.train(
            spec,
            checkpoint=context.checkpoint,
            report=Reporter(context, _median_rule(spec)),
            should_stop=context.should_stop,
        )
    except EndedEarly as error:
        share = context.status.job.share
        return {"state": "cancelled", "message": str(error), "share": share}
    message = f"Run {trained.run_id} is ready. {mlflow.log_finished(trained)}".rstrip()
    if spec.split.without_source:
        message += f" {_tested_there(trained, context)}"
    return {"run_id": trained.run_id, "message": message}


def _tested_there(trained: "Run", context: Context) -> str:
    """Test a run on the source that it was trained without; a sentence. The run is whole in any case."""
    from cxrcore import datasets, external

    try:
        found = external.evaluate(trained, datasets.load(trained.dataset), report=context.progress)
    except CxrError as error:
        return f"It could not be tested on {trained.split.without_source}: {error}"
    test = found.metrics["test"]
    return f"On {trained.split.without_source}: accuracy {test.accuracy:.4f} ({test.n:,} films)."


def _median_rule(spec: "TrainSpec") -> "Callable[[History], str]":
    """Says why a training of a sweep should end after an epoch; nothing ends others."""
    from cxrcore.sweeps import histories, read
    from cxrcore.sweeps.median import hopeless

    if not spec.sweep:
        return lambda _: ""
    sweep = read(spec.sweep)
    return lambda history: hopeless(history, histories(sweep, but=spec.run_id))


class Reporter:
    """Writes the progress of a training to the job's status and log.

    `rule` gets the epochs after each one and says why the training should end, or "".
    """

    def __init__(self, context: Context, rule: "Callable[[History], str]" = lambda _: "") -> None:
        self._context, self._rule = context, rule
        self._epochs: int | None = None  # in the log

    def __call__(self, progress: "TrainingProgress") -> None:
        """Report."""
        changes: dict[str, Any] = {}
        if len(progress.history) != self._epochs:
            changes["history"] = finite_history(progress.history)
            if self._epochs is not None:  # earlier epochs are in the log already
                self._log_epoch(changes["history"], progress.epochs)
            self._epochs = len(progress.history)
        self._context.update(
            progress.stage,
            epoch=progress.epoch,
            epochs=progress.epochs,
            batch=progress.batch,
            batches=progress.batches,
            share=_share(progress, self._context.status.job.share),
            images_per_second=finite(progress.images_per_second),
            eta_seconds=finite(progress.eta_seconds),
            **changes,
        )
        if changes and progress.epoch < progress.epochs and (why := self._rule(progress.history)):
            raise EndedEarly(why)

    def _log_epoch(self, history: Sequence[Mapping[str, float | int]], epochs: int) -> None:
        if history:
            row = {name: value for name, value in history[-1].items() if name != "epoch"}
            values = ", ".join(f"{name} {value:.5g}" for name, value in row.items())
            log_line(f"epoch {len(history)} of {epochs}: {values}")


def finite_history(history: Sequence[Mapping[str, Any]]) -> list[dict[str, float | int]]:
    """Epochs with plain finite numbers only; other values are dropped."""
    rows = [{name: finite(value) for name, value in row.items()} for row in history]
    return [{name: value for name, value in row.items() if value is not None} for row in rows]


def _share(progress: "TrainingProgress", before: float) -> float:
    """Part of all epochs; while a training prepares, as it was `before`."""
    if progress.stage in ("evaluating", "saving"):
        return 1.0
    if progress.stage != "training" or not progress.epochs:
        return before
    inside = progress.batch / progress.batches if progress.batches else 0.0
    # An epoch is in the history before the next one begins.
    done = max(progress.epoch - 1 + min(inside, 1.0), len(progress.history))
    return min(1.0, done / progress.epochs)


KIND = Kind("train", run, lanes.TRAINING, lambda run_id: run_id)
