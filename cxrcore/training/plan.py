"""Plan a training: check the request and name its run before anything is computed.

What decides the split decides the name (docs/decisions/0018).
"""

import datetime
import functools
import hashlib
import statistics
from typing import Any

from pydantic import BaseModel, ConfigDict

from cxrcore import lungs, store
from cxrcore.datasets import Dataset
from cxrcore.errors import StoreError, TrainingError
from cxrcore.models import Recipe
from cxrcore.regions import MASK_NAMES
from cxrcore.splits import SplitSpec


class TrainSpec(BaseModel):
    """All that a process needs to train; as JSON it is a job's specification.

    `grouping` is the digest of `grouping_of`. `lungs` says what estimates its lung masks, see
    `lungs.identity`; "" if nothing does. `sweep` is the sweep that it is part of, "" if none: then
    the median rule may end it. `notes` are sentences for the run's record; they do
    not influence `run_id`, nor does `sweep`.
    """

    model_config = ConfigDict(frozen=True)

    recipe: Recipe
    dataset: str
    dataset_path: str
    layout: str | None = None
    options: dict[str, Any] = {}
    fingerprint: str
    classes: tuple[str, ...]
    split: SplitSpec
    grouping: str
    lungs: str = ""
    sweep: str = ""
    notes: tuple[str, ...] = ()

    @property
    def run_id(self) -> str:
        """Name of the run that this training will store."""
        decided = self.recipe, self.fingerprint, self.split, self.classes, self.grouping
        return store.run_id(*decided)

    @property
    def family(self) -> str:
        """Name of the family of runs that differ from this one only in seed and fold."""
        classes = self.classes
        return store.family_id(self.recipe, self.fingerprint, self.split, classes, self.grouping)


def plan(recipe: Recipe, dataset: Dataset, split: SplitSpec | None = None) -> TrainSpec:
    """The specification of a training; needs neither files nor TensorFlow.

    A recipe of a region, on a dataset without lung masks, is planned with estimated ones; a note
    in the specification says so.

    Raises:
        TrainingError: the dataset has fewer than two classes, another number than the recipe
            can distinguish, or not the one that the recipe favours.
    """
    if len(dataset.classes) < 2:
        raise TrainingError(
            f"A classifier needs two classes or more; {dataset.name} has "
            f"{', '.join(dataset.classes) or 'none'}. Put the images of each class into a folder "
            "of its own."
        )
    if recipe.n_classes not in (None, len(dataset.classes)):
        raise TrainingError(
            f"{recipe.name} distinguishes {recipe.n_classes} classes; {dataset.name} has "
            f"{len(dataset.classes)}: {', '.join(dataset.classes)}. Choose another model, or one "
            "class against the rest (train … --against-rest CLASS), or add two of the classes as "
            "a dataset of their own (data add NAME PATH --option classes=A,B)."
        )
    if recipe.favoured_class not in (None, *dataset.classes):
        raise TrainingError(
            f"The class not to be missed, {recipe.favoured_class!r}, is no class of {dataset.name}. "
            f"Its classes are {', '.join(dataset.classes)}."
        )
    if recipe.weights == "random" and (recipe.trained_stages, recipe.head_epochs) != (None, None):
        raise TrainingError(
            f"{recipe.name} starts from random weights, and layers that do not train would stay "
            "random. Choose pretrained weights, or let all layers train from the first epoch."
        )
    recipe, notes = _with_masks(recipe, dataset)
    split = split or SplitSpec()
    return TrainSpec(
        recipe=recipe,
        dataset=dataset.name,
        dataset_path=str(dataset.root.absolute()),
        layout=dataset.layout,
        options=dict(dataset.options),
        fingerprint=dataset.fingerprint,
        classes=dataset.classes,
        split=split,
        grouping=grouping_of(dataset, recipe, split),
        lungs=lungs.identity(dataset, recipe.lung_masks),
        notes=notes,
    )


def _with_masks(recipe: Recipe, dataset: Dataset) -> tuple[Recipe, tuple[str, ...]]:
    """The recipe with the masks that this dataset has or gets, and notes about them."""
    if recipe.region == "none":
        return recipe.override(lung_masks=lungs.GIVEN), ()
    source = lungs.source_of(dataset, recipe.lung_masks)
    notes = []
    if source != lungs.GIVEN:
        notes.append(
            f"Lung masks: {MASK_NAMES[source][0].lower()}{MASK_NAMES[source][1:]}, by the network "
            f"{lungs.DIGEST[:8]}."
        )
    return recipe.override(lung_masks=source), tuple(notes)


def grouping_of(dataset: Dataset, recipe: Recipe, split: SplitSpec) -> str:
    """16 hexadecimal digits over what decides a training besides images and labels.

    These are the patients, the published split where it is kept, the sources where one is left out, and the lung masks, or what
    estimates them, where the recipe uses them. They can be corrected without changing the dataset's fingerprint.
    """
    columns = ["image_id", "patient_id"]
    columns += ["split"] if split.keeps_published(dataset.table) else []
    columns += ["source"] if split.without_source else []
    columns += ["mask"] if recipe.region != "none" else []
    estimated = lungs.identity(dataset, recipe.lung_masks)
    return _digest_of(dataset, tuple(columns), estimated)


# Pages plan at every rerun, where 30 ms for 20,000 images is a lot.
@functools.lru_cache(maxsize=8)
def _digest_of(dataset: Dataset, columns: tuple[str, ...], estimated: str) -> str:
    cells = dataset.table[list(columns)].astype(object)
    cells = cells.where(cells.notna(), "")
    rows = sorted(zip(*(cells[column] for column in columns), strict=True))
    text = "\n".join("\t".join(row) for row in (columns, *rows))
    text += f"\n{estimated}" if estimated else ""
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def estimate(recipe: Recipe, n_train: int, n_classes: int) -> float | None:
    """Estimated seconds of a training, from earlier runs of the same network; None without any.

    The most similar run counts (same layers that train before same image size before same number of classes before newest).
    Its epochs are scaled by the number of images and pixels; the time it spent outside epochs
    is not.
    """
    known = [
        run
        for run in store.runs()
        if run.recipe.network == recipe.network and run.epochs_run and run.split_counts.get("train")
    ]
    if not known:
        return None

    def similarity(run: store.Run) -> tuple[bool, bool, bool, datetime.datetime]:
        layers = ("trained_stages", "head_epochs")
        same_layers = all(getattr(run.recipe, name) == getattr(recipe, name) for name in layers)
        same_size = run.recipe.image_size == recipe.image_size
        same_classes = len(run.classes) == n_classes
        return same_layers, same_size, same_classes, datetime.datetime.fromisoformat(run.created)

    nearest = max(known, key=similarity)
    each, once = _epoch_and_rest(nearest)
    work = n_train * recipe.image_size**2
    done = nearest.split_counts["train"] * nearest.recipe.image_size**2
    return once + each * recipe.all_epochs * work / done


def pace() -> dict[str, store.Run]:
    """The newest run that was trained in this store, by its network: it says how fast that is."""
    trained = [run for run in store.runs() if run.epochs_run and run.images_per_second]
    return {run.recipe.network: run for run in sorted(trained, key=lambda run: run.created)}


def _epoch_and_rest(run: store.Run) -> tuple[float, float]:
    """Median seconds of an epoch, and seconds spent outside epochs."""
    try:
        epochs = [float(seconds) for seconds in run.history()["seconds"]]
    except StoreError:  # the record itself is intact
        epochs = []
    if not epochs:
        return run.seconds / run.epochs_run, 0.0
    return statistics.median(epochs), max(0.0, run.seconds - sum(epochs))
