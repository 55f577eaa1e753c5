"""The record and log of a finished training."""

import pandas as pd

from cxrcore import lungs, store
from cxrcore.store import Run
from cxrcore.training import machine
from cxrcore.training.checkpoint import State
from cxrcore.training.evaluation import Evaluation
from cxrcore.training.inputs import Inputs
from cxrcore.training.network import Network
from cxrcore.training.plan import TrainSpec


def first_lines(spec: TrainSpec, inputs: Inputs, state: State) -> list[str]:
    """The first lines of the training's log."""
    counts = ", ".join(f"{count} {name}" for name, count in inputs.selection.counts.items())
    recipe = spec.recipe
    return [
        f"{spec.run_id}: {recipe.title} on {spec.dataset}",
        f"images: {counts}; {len(inputs.selection.removed)} left out",
        f"classes: {', '.join(spec.classes)}",
        f"split: {inputs.split.note}",
        f"leaks: {inputs.leaks.sentence} {inputs.leaks.unproven}",
        f"start: {state.weights_used} weights, {recipe.image_size} px, batches of "
        f"{recipe.batch_size}, {recipe.optimizer} at {recipe.learning_rate:g}, seed {recipe.seed}",
        f"machine: {machine.device()}, {state.precision}",
        *spec.notes,
    ]


def build_record(
    spec: TrainSpec,
    inputs: Inputs,
    state: State,
    evaluation: Evaluation,
    net: Network,
    seconds: float,
) -> Run:
    """The record of a finished training; `seconds` is its total elapsed time."""
    dataset, chosen = inputs.dataset, inputs.selection
    trained_images = chosen.counts["train"] * state.epoch
    return Run(
        run_id=spec.run_id,
        recipe=spec.recipe,
        dataset=spec.dataset,
        dataset_path=spec.dataset_path,
        layout=spec.layout,
        fingerprint=spec.fingerprint,
        synthetic=dataset.synthetic,
        classes=list(spec.classes),
        split=spec.split,
        grouping=spec.grouping,
        lungs=spec.lungs,
        split_counts=chosen.counts,
        group_key=inputs.split.group_key,
        patients_known=inputs.split.patients_known,
        split_note=inputs.split.note,
        weights_used=state.weights_used,
        removed=chosen.removed,
        versions=machine.versions(),
        device=machine.device(),
        precision=state.precision,
        seconds=seconds,
        images_per_second=trained_images / max(state.training_seconds, 1e-9),
        peak_memory_mb=machine.peak_memory_mb(),
        parameters=net.whole.count_params(),
        epochs_run=state.epoch,
        stopped_because=state.finished,
        metrics=evaluation.metrics,
        leaks=inputs.leaks,
        metrics_clean=evaluation.metrics_clean,
        notes=[*spec.notes, *_without_lungs(spec, inputs), *_notes(inputs, state)],
    )


def save(run: Run, state: State, evaluation: Evaluation, net: Network) -> Run:
    """Store the run.

    Raises:
        StoreError: the disk is full or the store cannot be written.
    """
    test = run.metrics["test"]
    closing = (
        f"done: {run.stopped_because}; test accuracy {test.accuracy:.4f}, loss {test.loss:.4f}; "
        f"{run.seconds:.1f} s, {run.images_per_second:.1f} images/s, "
        f"{run.peak_memory_mb:.0f} MB at most"
    )
    log = "\n".join([*state.log, closing]) + "\n"
    history = pd.DataFrame(state.history, columns=list(store.HISTORY_COLUMNS))
    return store.save(
        run, net.whole.save, evaluation.predictions, history, evaluation.embeddings, log
    )


def _without_lungs(spec: TrainSpec, inputs: Inputs) -> list[str]:
    """On how many films of each class no lungs were found, where masks were estimated."""
    if not spec.lungs:
        return []
    table = lungs.masked(inputs.dataset, spec.recipe.lung_masks).table
    missing = table["label"][table["mask"].isna()].value_counts()
    if missing.empty:
        return []
    counts = ", ".join(f"{name} {missing[name]:,}" for name in spec.classes if name in missing)
    return [f"No lungs were found on {missing.sum():,} films, which are left out: {counts}."]


def _notes(inputs: Inputs, state: State) -> list[str]:
    notes = []
    if removed := len(inputs.selection.removed):
        total = len(inputs.dataset.table)
        notes.append(f"{removed:,} of {total:,} images are left out; the run lists the reasons.")
    if state.best_epoch:
        notes.append(
            f"The weights are those of epoch {state.best_epoch} of {state.epoch}, which had the "
            "lowest validation loss."
        )
    return notes
