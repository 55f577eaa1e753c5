"""The run's record and log, from all that a training knows."""

import pandas as pd

from cxrcore import store
from cxrcore.store import Run
from cxrcore.training import machine
from cxrcore.training.checkpoint import State
from cxrcore.training.evaluation import Outcome
from cxrcore.training.inputs import Material
from cxrcore.training.network import Network
from cxrcore.training.plan import TrainSpec


def opening(spec: TrainSpec, material: Material, state: State) -> list[str]:
    """The first lines of the training's log."""
    counts = ", ".join(f"{count} {name}" for name, count in material.selection.counts.items())
    recipe = spec.recipe
    return [
        f"{spec.run_id}: {recipe.title} on {spec.dataset}",
        f"images: {counts}; {len(material.selection.removed)} left out",
        f"classes: {', '.join(spec.classes)}",
        f"split: {material.split.note}",
        f"leaks: {material.leaks.sentence} {material.leaks.unproven}",
        f"start: {state.weights_used} weights, {recipe.image_size} px, batches of "
        f"{recipe.batch_size}, {recipe.optimizer} at {recipe.learning_rate:g}, seed {recipe.seed}",
        f"machine: {machine.device()}, {state.precision}",
        *spec.notes,
    ]


def record(
    spec: TrainSpec,
    material: Material,
    state: State,
    outcome: Outcome,
    net: Network,
    seconds: float,
) -> Run:
    """The record of a training that has ended; `seconds` is all its time on the clock."""
    dataset, chosen = material.dataset, material.selection
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
        split_counts=chosen.counts,
        group_key=material.split.group_key,
        patients_known=material.split.patients_known,
        split_note=material.split.note,
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
        metrics=outcome.metrics,
        leaks=material.leaks,
        metrics_clean=outcome.metrics_clean,
        notes=[*spec.notes, *_notes(material, state)],
    )


def save(run: Run, state: State, outcome: Outcome, net: Network) -> Run:
    """Keep the run.

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
    return store.save(run, net.whole.save, outcome.predictions, history, outcome.embeddings, log)


def _notes(material: Material, state: State) -> list[str]:
    notes = []
    if removed := len(material.selection.removed):
        total = len(material.dataset.table)
        notes.append(f"{removed:,} of {total:,} images are left out; the run lists why.")
    if state.best_epoch:
        notes.append(
            f"The weights are those of epoch {state.best_epoch} of {state.epoch}, which had the "
            "lowest validation loss."
        )
    return notes
