"""The images for training, validation and test, and the reasons for leaving others out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxrcore import splits
from cxrcore.datasets import Dataset
from cxrcore.errors import TrainingError
from cxrcore.pixels import Pixels

SPLITS = ("train", "validation", "test")
_WITH_SOURCE = (
    "It comes from the source that is left out, or shares a patient or duplicate with it."
)


@dataclass(frozen=True)
class Selection:
    """Row numbers of the dataset's table by split, and the class number of every row."""

    rows: dict[str, npt.NDArray[np.intp]]
    labels: npt.NDArray[np.int32]  # (n,) of all rows
    removed: list[dict[str, str]]  # image_id, path, reason

    @property
    def counts(self) -> dict[str, int]:
        """Number of images used, by split."""
        return {name: len(rows) for name, rows in self.rows.items()}


def select(
    dataset: Dataset,
    classes: Sequence[str],
    split: splits.Split,
    pixels: Pixels,
    max_brisque: float | None,
) -> Selection:
    """Leave unusable images out of training, validation and test.

    The split is that of all images, so that runs with different quality filters or preparations
    share the test images that they both use.

    Raises:
        TrainingError: a class would have no images in one of the three.
    """
    reasons = why_not(dataset.table, pixels, max_brisque)
    return select_but(dataset, classes, split, reasons, max_brisque)


def select_but(
    dataset: Dataset,
    classes: Sequence[str],
    split: splits.Split,
    reasons: pd.Series,
    max_brisque: float | None = None,
) -> Selection:
    """As `select`, where it is known why each row is left out; see `why_not`."""
    table = dataset.table
    labels = pd.Categorical(table["label"], categories=list(classes)).codes.astype(np.int32)
    assigned = split.assignment.reindex(table["image_id"]).to_numpy(dtype=object)
    reasons = reasons.mask(reasons.isna().to_numpy() & (assigned == splits.LEFT_OUT), _WITH_SOURCE)
    used = reasons.isna().to_numpy()
    rows = {name: np.flatnonzero((assigned == name) & used) for name in SPLITS}
    for name in SPLITS:
        _require_every_class(name, labels[rows[name]], classes, reasons, max_brisque)
    excluded = table.loc[~used, ["image_id", "path"]].astype(str)
    excluded["reason"] = reasons[~used]
    return Selection(rows, labels, excluded.to_dict("records"))


def why_not(table: pd.DataFrame, pixels: Pixels, max_brisque: float | None) -> pd.Series:
    """Why each row is left out; missing for rows that are used."""
    reasons = pd.Series(pd.NA, index=table.index, dtype="str")
    for row in np.flatnonzero(~pixels.usable):
        image_id = table["image_id"].iat[row]
        reasons.iat[row] = pixels.reasons.get(image_id, "The image could not be prepared.")
    if max_brisque is None:
        return reasons
    scores = pixels.brisque()
    for row in np.flatnonzero(pixels.usable & ~(scores < max_brisque)):
        score = scores[row]
        reasons.iat[row] = (
            "BRISQUE is undefined: the prepared image is flat."
            if np.isnan(score)
            else f"BRISQUE {score:.1f}, the limit is {max_brisque:g}."
        )
    return reasons


def _require_every_class(
    name: str,
    labels: npt.NDArray[np.int32],
    classes: Sequence[str],
    reasons: pd.Series,
    max_brisque: float | None,
) -> None:
    counts = np.bincount(labels, minlength=len(classes))
    missing = [label for label, count in zip(classes, counts, strict=True) if not count]
    if not missing:
        return
    given = reasons.dropna()
    examples = "; ".join(given.unique()[:2])
    advice = "Raise the BRISQUE limit" if max_brisque is not None else "Check the images"
    raise TrainingError(
        f"No image of {', '.join(missing)} is left in {name}: {len(given)} of {len(reasons)} "
        f"images are left out{f' ({examples})' if examples else ''}. "
        f"{advice}, or add images of that class.",
        final=True,
    )
