"""From a specification to pixels and row numbers."""

from dataclasses import dataclass
from pathlib import Path

from cxrcore import datasets, pixels, splits
from cxrcore.datasets import Dataset
from cxrcore.errors import TrainingError
from cxrcore.pixels import Pixels, Preparation
from cxrcore.splits import Split
from cxrcore.training.plan import TrainSpec
from cxrcore.training.reporting import Reporter
from cxrcore.training.selection import Selection, select


@dataclass(frozen=True)
class Material:
    """What is trained on."""

    dataset: Dataset
    split: Split
    pixels: Pixels
    selection: Selection


def gather(spec: TrainSpec, reporter: Reporter) -> Material:
    """Everything that training needs of the dataset; TensorFlow is not needed yet.

    Raises:
        TrainingError: the dataset changed, or a class has no images left.
        DatasetError: the dataset is gone, or its classes are too small to split.
        Cancelled: asked to stop; pixels that were prepared are kept.
    """
    reporter.tell("preparing pixels")
    report = reporter.of("preparing pixels")
    dataset = datasets.load(Path(spec.dataset_path), spec.layout, spec.options, report=report)
    if dataset.fingerprint != spec.fingerprint:
        raise TrainingError(
            f"The dataset in {spec.dataset_path} has changed since this training was planned: its "
            f"fingerprint is {dataset.fingerprint}, not {spec.fingerprint}. Start the training "
            "again to train on what is there now."
        )
    split = splits.assign(dataset.table, spec.split)
    preparation = Preparation(spec.recipe.image_size, spec.recipe.arm)
    prepared = pixels.prepare(dataset, preparation, report=report)
    reporter.stop_if_asked()
    chosen = select(dataset, spec.classes, split, prepared, spec.recipe.max_brisque)
    return Material(dataset, split, prepared, chosen)
