"""What a reader must know about a dataset and its runs before trusting a figure, the gravest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cxrcore import quality

if TYPE_CHECKING:
    from cxrcore.datasets import Dataset
    from cxrcore.store import Run

FEW = 30  # test images of a class; with fewer an interval of its recall spans 0.3 or more


@dataclass(frozen=True)
class Remark:
    """One thing to be careful of.

    Attributes:
        title: two to five words.
        text: one sentence.
        page: the page that shows it, by the name of its folder.
    """

    title: str
    text: str
    page: str


def remarks(dataset: "Dataset", images: pd.DataFrame | None, runs: Sequence["Run"]) -> list[Remark]:
    """All that applies, the gravest first: leaks, shortcuts, maps outside the lungs, unknown patients, few images.

    Args:
        dataset: its classes and patients.
        images: its table with the measurements beside it; None where it is not measured.
        runs: those that are compared.
    """
    found = [_leaks(runs), _source(dataset)]
    if images is not None:
        found += [_quality(dataset, images), _damaged(images)]
    found += [_elsewhere(runs), _patients(dataset), _few(runs)]
    return [remark for remark in found if remark is not None]


def _leaks(runs: Sequence["Run"]) -> Remark | None:
    worst = max(
        (run.leaks for run in runs if run.leaks), key=lambda leaks: leaks.count, default=None
    )
    if worst is None or not worst.count:
        return None
    return Remark("Test images leak", f"{worst.sentence} Figures are too good.", "compare")


def _source(dataset: "Dataset") -> Remark | None:
    """Classes that come from different sources: a model may recognise the hospital."""
    table = dataset.table[["label", "source"]].dropna()
    if table["source"].nunique() < 2 or table["label"].nunique() < 2:
        return None
    found = quality.association(table["label"], table["source"])
    return Remark("The source tells the class", found.sentence, "quality") if found.strong else None


def _quality(dataset: "Dataset", images: pd.DataFrame) -> Remark | None:
    scores = images["brisque"].to_numpy(np.float64, na_value=np.nan)
    found = quality.dependence(scores, images["label"], "class", names=dataset.classes)
    if not found.shortcut or found.clearest is None:
        return None
    group = found.clearest
    return Remark(
        "Image quality tells the class",
        f"It alone tells {group.name} from the rest in {100 * group.separation:.0f} of 100 pairs; "
        "a model can use that.",
        "quality",
    )


def _damaged(images: pd.DataFrame) -> Remark | None:
    count = int(images["error"].notna().sum())
    if not count:
        return None
    text = (
        "1 image cannot be read and is"
        if count == 1
        else f"{count:,} images cannot be read and are"
    )
    return Remark("Damaged images", f"{text} left out.", "gallery")


def _elsewhere(runs: Sequence["Run"]) -> Remark | None:
    """Models whose maps lie inside the lungs less than maps that are the same everywhere would."""
    shares = [share for run in runs if (share := run.lung_share)]
    beside = [share for share in shares if share.interval and share.interval[1] < share.area]
    if not beside:
        return None
    worst = min(beside, key=lambda share: share.mean / share.area)
    models = (
        "The model's maps lie"
        if len(shares) == 1
        else f"Maps of {len(beside)} of {len(shares)} models lie"
    )
    return Remark(
        "Maps lie beside the lungs",
        f"{models} inside the lungs less than by chance: {worst.mean:.0%}, where the lungs are {worst.area:.0%} "
        "of the picture. Letters, devices or borders may give the answer.",
        "compare",
    )


def _patients(dataset: "Dataset") -> Remark | None:
    known = float(dataset.table["patient_id"].notna().mean())
    if known >= 0.5:
        return None
    share = "for no image" if not known else f"for only {known:.0%} of the images"
    return Remark(
        "Patients are unknown",
        f"The patient is known {share}: one may be both trained and tested on, and intervals are "
        "too narrow.",
        "duplicates",
    )


def _few(runs: Sequence["Run"]) -> Remark | None:
    """The class with the fewest test images."""
    tested = [row for run in runs if "test" in run.metrics for row in run.metrics["test"].classes]
    tested = [row for row in tested if row.support]  # a test elsewhere may lack a class
    least = min(tested, key=lambda row: row.support, default=None)
    if least is None or least.support >= FEW:
        return None
    return Remark(
        "Few test images",
        f"{least.name} has {least.support}: only large differences can be seen.",
        "compare",
    )
