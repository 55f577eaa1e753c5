"""From a specification to pixels and row numbers."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cxrcore import datasets, duplicates, index, parallel, pixels, splits
from cxrcore.datasets import Dataset
from cxrcore.errors import DatasetError, TrainingError
from cxrcore.pixels import Pixels, Preparation
from cxrcore.splits import Leaks, Split, leaks
from cxrcore.training.monitor import Reporter
from cxrcore.training.plan import TrainSpec, grouping_of
from cxrcore.training.selection import Selection, select


@dataclass(frozen=True)
class Material:
    """What is trained on."""

    dataset: Dataset
    split: Split
    pixels: Pixels
    selection: Selection
    leaks: Leaks  # of the images that are used
    seconds_once: float  # spent on measuring images and searching duplicates, which are kept


def gather(spec: TrainSpec, reporter: Reporter) -> Material:
    """Everything that training needs of the dataset; TensorFlow is not needed yet.

    Images are measured and duplicates searched where that was not done before.

    Raises:
        TrainingError: the dataset changed, or a class has no images left.
        DatasetError: the dataset is gone, or its classes are too small to split.
        Cancelled: asked to stop; pixels that were prepared are kept.
    """
    reporter.tell("preparing pixels")
    report = reporter.of("preparing pixels")
    if not Path(spec.dataset_path).exists():
        raise DatasetError(
            f"The folder of dataset {spec.dataset!r}, {spec.dataset_path}, is not there. Connect "
            "its disk or bring the folder back, then try again: the epochs that are done are kept."
        )
    dataset = datasets.load(Path(spec.dataset_path), spec.layout, spec.options, report=report)
    if dataset.fingerprint != spec.fingerprint:
        raise TrainingError(
            f"The dataset in {spec.dataset_path} has changed since this training was planned: its "
            f"fingerprint is {dataset.fingerprint}, not {spec.fingerprint}. Start the training "
            "again to train on what is there now."
        )
    if grouping_of(dataset, spec.recipe, spec.split) != spec.grouping:
        raise TrainingError(
            f"The patients, the published split or the lung masks of {spec.dataset_path} have "
            "changed since this training was planned, and with them who is trained on. Start the "
            "training again to train on what is there now."
        )
    begun = time.monotonic()
    groups = _duplicates(dataset, reporter)
    seconds_once = time.monotonic() - begun
    split = splits.assign(dataset.table, spec.split, groups)
    preparation = Preparation(spec.recipe.image_size, spec.recipe.region)
    prepared = pixels.prepare(dataset, preparation, report=report)
    reporter.stop_if_asked()
    chosen = select(dataset, spec.classes, split, prepared, spec.recipe.max_brisque)
    parallel.end_workers()
    used = dataset.table.iloc[np.sort(np.concatenate(list(chosen.rows.values())))]
    found = leaks.find(used, split.assignment, groups)
    return Material(dataset, split, prepared, chosen, found, seconds_once)


def _duplicates(dataset: Dataset, reporter: Reporter) -> pd.Series:
    """The groups of duplicates; images are measured for it if they were not before.

    They are searched even where the split ignores them, since what leaks is counted.
    """
    measured = index.measure(dataset, report=reporter.of("measuring images"))
    reporter.stop_if_asked()
    report = reporter.of("searching duplicates")
    return duplicates.find(dataset, measured, report=report).groups
