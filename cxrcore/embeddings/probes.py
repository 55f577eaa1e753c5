"""Probes: small classifiers on kept embeddings, as runs without a network."""

import hashlib
import json
import time
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cxrcore import duplicates, index, splits, store
from cxrcore.datasets import Dataset
from cxrcore.embeddings import classifiers, kept
from cxrcore.embeddings.titles import PROBES, Probe
from cxrcore.errors import TrainingError
from cxrcore.models import Recipe
from cxrcore.predictions import titled
from cxrcore.progress import Report, silent
from cxrcore.splits import SplitSpec, leaks
from cxrcore.store import Run
from cxrcore.training import evaluation, machine
from cxrcore.training.plan import grouping_of
from cxrcore.training.selection import Selection, select_but

VERSION = 1  # raise it when the same embeddings give another probe
_LEFT_OUT = "It has no vector among the embeddings."
_FIT = {"linear": classifiers.linear, "mlp": classifiers.mlp}


@dataclass(frozen=True, eq=False)
class Plan:
    """A probe to be trained.

    Attributes:
        dataset: of the films.
        record: of the embeddings.
        kind: of the probe.
        recipe: which carries its title and seed alone.
        split: how the films are divided.
        grouping: digest of what decides the run beside recipe, films, split and classes.
    """

    dataset: Dataset
    record: kept.Record
    kind: Probe
    recipe: Recipe
    split: SplitSpec
    grouping: str

    @property
    def run_id(self) -> str:
        """Name of the run that this training will store."""
        return store.run_id(
            self.recipe, self.dataset.fingerprint, self.split, self.dataset.classes, self.grouping
        )


def plan(
    dataset: Dataset, name: str, kind: Probe, split: SplitSpec | None = None, *, seed: int = 0
) -> Plan:
    """What decides a probe; reads no vectors.

    Args:
        dataset: registered.
        name: of its embeddings.
        kind: of the probe.
        split: as for a training.
        seed: of the first weights and the order of the films; it changes no linear probe.

    Raises:
        PredictionsError: there are no embeddings of this name.
        RecipeError: the seed is out of range.
        TrainingError: the dataset has fewer than two classes.
        StoreError: the embeddings are damaged.
    """
    if len(dataset.classes) < 2:
        raise TrainingError(
            f"A classifier needs two classes or more; {dataset.name} has {len(dataset.classes)}. Choose "
            "another dataset."
        )
    record, split = kept.record(dataset.name, name), split or SplitSpec()
    recipe = titled.recipe(f"{PROBES[kind]} · {name}", "probe", dataset.classes, seed=seed)
    facts = [kind, record.digest, grouping_of(dataset, recipe, split), VERSION]
    grouping = hashlib.blake2b(json.dumps(facts).encode(), digest_size=8).hexdigest()
    return Plan(dataset, record, kind, recipe, split, grouping)


def find(wanted: Plan) -> Run | None:
    """The probe, if it is in the store."""
    return store.load_run(wanted.run_id) if store.exists(wanted.run_id) else None


def train(wanted: Plan, *, report: Report = silent) -> Run:
    """Train a probe and keep it; one that is kept already is found.

    The vectors are standardised by mean and standard deviation of the training films. Duplicates are
    searched first, as before every training.

    Args:
        wanted: as `plan`.
        report: receives the progress; may raise to stop.

    Raises:
        DatasetError: a class is too small to be divided, or a film cannot be read.
        TrainingError: no vector is left of a class.
        StoreError: the embeddings are damaged, or the store cannot be written.
    """
    from threadpoolctl import threadpool_limits

    if (known := find(wanted)) is not None:
        return known
    dataset, classes = wanted.dataset, wanted.dataset.classes
    measured = index.measure(dataset, report=report)
    groups = duplicates.find(dataset, measured, report=report).groups
    split = splits.assign(dataset.table, wanted.split, groups)
    record, ids, vectors = kept.load(dataset.name, wanted.record.name)
    start = time.perf_counter()
    places = pd.Index(ids).get_indexer(dataset.table["image_id"].to_numpy(object))
    reasons = pd.Series(_LEFT_OUT, index=dataset.table.index, dtype="str").mask(places >= 0)
    chosen = select_but(dataset, classes, split, reasons)
    values = _standardised(vectors, places, chosen)
    labels = {part: chosen.labels[rows] for part, rows in chosen.rows.items()}
    learned, checked = ((values[part], labels[part]) for part in ("train", "validation"))
    with threadpool_limits(1):  # several wait for each other at every step: 10 times as slow
        fitted = _FIT[wanted.kind](learned, checked, wanted.recipe.seed, report)
    shares = fitted.predict(np.concatenate([values[part] for part in evaluation.EVALUATED]))
    rows = np.concatenate([chosen.rows[part] for part in evaluation.EVALUATED])
    used = dataset.table.iloc[np.sort(np.concatenate(list(chosen.rows.values())))]
    leaking = leaks.find(used, split.assignment, groups)
    scored = evaluation.score(
        dataset, classes, chosen, shares, vectors[places[rows]], leaking.image_ids
    )
    words = f"{PROBES[wanted.kind]} on the embeddings {record.name} ({record.width:,} numbers a film, from {record.file})"
    run = Run(
        run_id=wanted.run_id,
        recipe=wanted.recipe,
        dataset=dataset.name,
        dataset_path=str(dataset.root.absolute()),
        layout=dataset.layout,
        fingerprint=dataset.fingerprint,
        synthetic=dataset.synthetic,
        classes=list(classes),
        split=wanted.split,
        grouping=wanted.grouping,
        split_counts=chosen.counts,
        group_key=split.group_key,
        patients_known=split.patients_known,
        split_note=split.note,
        weights_used=f"embeddings {record.name}",
        removed=chosen.removed,
        versions=machine.versions(),
        device="CPU",
        precision="float32",
        seconds=time.perf_counter() - start,
        images_per_second=0.0,
        peak_memory_mb=machine.peak_memory_mb(),
        parameters=fitted.parameters,
        epochs_run=0,
        stopped_because=words,
        metrics=scored.metrics,
        leaks=leaking,
        metrics_clean=scored.metrics_clean,
        notes=[f"{words}. {fitted.chosen}", *_left_out(chosen)],
    )
    history = pd.DataFrame(columns=list(store.HISTORY_COLUMNS))
    log = "\n".join([*run.notes, split.note]) + "\n"
    return store.save(run, None, scored.predictions, history, scored.embeddings, log)


def _standardised(
    vectors: np.ndarray, places: np.ndarray, chosen: Selection
) -> dict[str, np.ndarray]:
    """Part -> (n, d) vectors at mean 0 and standard deviation 1 of the training films."""
    parts = {name: vectors[places[rows]] for name, rows in chosen.rows.items()}
    mean = parts["train"].mean(axis=0, dtype=np.float64)
    spread = parts["train"].std(axis=0, dtype=np.float64)
    spread[spread == 0] = 1  # the same for all films
    return {name: (part - mean) / spread for name, part in parts.items()}


def _left_out(chosen: Selection) -> list[str]:
    """A sentence on films without a vector."""
    if not chosen.removed:
        return []
    return [f"{len(chosen.removed):,} films without a vector are left out; the run lists them."]
