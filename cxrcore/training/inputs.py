"""What a training reads: dataset, split, pixels and row numbers of a specification."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cxrcore import datasets, duplicates, index, lungs, parallel, pixels, splits
from cxrcore.datasets import Dataset
from cxrcore.errors import DatasetError, TrainingError
from cxrcore.pixels import Pixels
from cxrcore.splits import Leaks, Split, leaks
from cxrcore.training.monitor import Reporter
from cxrcore.training.plan import TrainSpec, grouping_of
from cxrcore.training.selection import Selection, select


@dataclass(frozen=True)
class Inputs:
    """All that a training needs of its dataset."""

    dataset: Dataset
    split: Split
    pixels: Pixels
    selection: Selection
    leaks: Leaks  # among the images used
    seconds_once: float  # for measuring images and finding duplicates, which are stored


def load_inputs(spec: TrainSpec, reporter: Reporter, division: str | None = None) -> Inputs:
    """Load all that a training needs of its dataset; TensorFlow is not needed yet.

    `division` is the `Split.digest` with which a training began that goes on now, see `_divided`.
    Images are measured and duplicates searched where that has not been done (docs/decisions/0014).

    Raises:
        TrainingError: the dataset changed, or a class has no images left.
        DatasetError: the dataset is gone, or its classes are too small to split.
        Cancelled: the training was stopped; pixels prepared so far are kept.
    """
    reporter.report("preparing pixels")
    report = reporter.for_stage("preparing pixels")
    if not Path(spec.dataset_path).exists():
        raise DatasetError(
            f"The folder of dataset {spec.dataset!r}, {spec.dataset_path}, does not exist. Connect "
            "its disk or restore the folder, then try again: completed epochs are kept."
        )
    dataset = datasets.load(Path(spec.dataset_path), spec.layout, spec.options, report=report)
    if dataset.fingerprint != spec.fingerprint:
        raise TrainingError(
            f"The dataset in {spec.dataset_path} has changed since this training was planned: its "
            f"fingerprint is {dataset.fingerprint}, not {spec.fingerprint}. Start a new training "
            "to use the images that are there now."
        )
    if grouping_of(dataset, spec.recipe, spec.split) != spec.grouping:
        raise TrainingError(
            f"The patients, the published split or the lung masks of {spec.dataset_path} have "
            "changed since this training was planned, and with them the training set. Start a new "
            "training to use what is there now."
        )
    start = time.monotonic()
    groups = _duplicates(dataset, reporter)
    seconds_once = time.monotonic() - start
    split = _divided(dataset, spec, groups, division)
    preparation = spec.recipe.preparation
    if preparation.region != "none":
        looking = reporter.for_stage("looking for lungs")
        lungs.masked(dataset, preparation.masks, report=looking)
        reporter.stop_if_asked()
    prepared = pixels.prepare(dataset, preparation, report=report)
    reporter.stop_if_asked()
    chosen = select(dataset, spec.classes, split, prepared, spec.recipe.max_brisque)
    parallel.end_workers()
    used = dataset.table.iloc[np.sort(np.concatenate(list(chosen.rows.values())))]
    found = leaks.find(used, split.assignment, groups)
    return Inputs(dataset, split, prepared, chosen, found, seconds_once)


def _divided(dataset: Dataset, spec: TrainSpec, groups: pd.Series, division: str | None) -> Split:
    """The split; that of duplicates as they were found earlier if a training began with it."""
    split = splits.assign(dataset.table, spec.split, groups)
    if division not in (None, split.digest) and (before := duplicates.earlier(dataset)):
        as_before = splits.assign(dataset.table, spec.split, before.groups)
        return as_before if as_before.digest == division else split
    return split


def _duplicates(dataset: Dataset, reporter: Reporter) -> pd.Series:
    """The groups of duplicates; images are measured first where they were not.

    Duplicates are searched even where the split ignores them, because leaks are counted.
    """
    measured = index.measure(dataset, report=reporter.for_stage("measuring images"))
    reporter.stop_if_asked()
    report = reporter.for_stage("searching duplicates")
    return duplicates.find(dataset, measured, report=report).groups
