"""Who goes to training, validation and test, so that no patient is in two of them."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, model_validator

from cxrcore.errors import DatasetError
from cxrcore.splits import notes
from cxrcore.splits.folds import Ints, carve
from cxrcore.splits.together import Together

PARTS = ("train", "validation", "test")


class SplitSpec(BaseModel):
    """How to divide a dataset. The same spec and images always give the same split.

    `test` and `validation` are shares of all images. `published` keeps the test part that a
    dataset came with, if it has one. `group` "patient" keeps a patient's images together,
    `duplicates` "together" those that show one film.

    Raises:
        DatasetError: shares that leave too little for one of the parts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    test: float = 0.2
    validation: float = 0.16
    seed: int = 42
    published: bool = True
    group: Literal["patient", "image"] = "patient"
    duplicates: Literal["together", "ignored"] = "together"

    @model_validator(mode="after")
    def _check(self) -> "SplitSpec":
        for name in ("test", "validation"):
            if not 0.02 <= (share := getattr(self, name)) <= 0.5:
                raise DatasetError(
                    f"The share for {name} must be 0.02 to 0.5 of the images. It is {share:g}. "
                    "The studies use about 0.2."
                )
        if self.test + self.validation > 0.8:
            raise DatasetError(
                f"Test ({self.test:g}) and validation ({self.validation:g}) leave less than a "
                "fifth of the images for training. Lower one of them."
            )
        return self

    def keeps_published(self, table: pd.DataFrame) -> bool:
        """Whether the published test part of the image table `table` is kept."""
        return self.published and bool((table["split"] == "test").any())


@dataclass(frozen=True, eq=False)
class Split:
    """Who is in which part.

    `assignment` has image_id as index and one of PARTS as values. `group_key` is what is kept
    together: "patient" or "image", with "+duplicates" where groups of duplicates are, too.
    `patients_known` is the share of images, 0..1, whose patient is known. `note` says for
    people how it was done and what to beware of.
    """

    assignment: pd.Series
    group_key: str
    patients_known: float
    note: str


def assign(table: pd.DataFrame, spec: SplitSpec, groups: pd.Series | None = None) -> Split:
    """Divide the images of a dataset: stratified by class, patients and duplicates together.

    An image without a patient counts as a patient of its own. What hangs together by patients
    and duplicates stays together: a copy under another patient joins the two. With a
    published test part, that is kept, and a published validation part too; else validation is
    taken from training.

    Args:
        table: the image table; image_id, label, patient_id and split are read.
        spec: shares, seed, and what is kept together.
        groups: `Duplicates.groups`, image_id -> group; None where they were not searched.

    Raises:
        DatasetError: a class is too small to be in all three parts.
    """
    labels, classes = _labels(table)
    known = table["patient_id"].notna()
    used = groups if spec.duplicates == "together" else None
    together = Together.of(table, spec.group == "patient" and bool(known.any()), used)
    rest_share = spec.validation / (1 - spec.test)
    keeps_published = spec.keeps_published(table)
    if keeps_published:
        part, followed = _published(table, together.units)
        carved = not (part == "validation").any()
        if carved:
            rows = np.flatnonzero(part == "train")
            units = together.units[rows]
            chosen = carve(labels[rows], units, classes, rest_share, spec.seed, leave=1)
            part[rows[chosen]] = "validation"
        sentence = notes.on_published(part, together, carved, followed)
    else:
        part = np.full(len(table), "train", object)
        test = carve(labels, together.units, classes, spec.test, spec.seed, leave=2)
        part[test] = "test"
        rows = np.flatnonzero(~test)
        units = together.units[rows]
        chosen = carve(labels[rows], units, classes, rest_share, spec.seed, leave=1)
        part[rows[chosen]] = "validation"
        sentence = notes.on_own(table["split"], spec.published, together)
    _require_classes(part, labels, classes)
    share = float(known.mean())
    said = [
        sentence,
        notes.on_duplicates(
            together, asked=spec.duplicates == "together", published=keeps_published
        ),
        notes.on_patients(share, spec.group),
    ]
    return Split(
        assignment=pd.Series(part, index=table["image_id"].to_numpy(object), dtype="str"),
        group_key=together.key,
        patients_known=share,
        note=" ".join(said),
    )


def _labels(table: pd.DataFrame) -> tuple[Ints, list[str]]:
    if without := int(table["label"].isna().sum()):
        raise DatasetError(
            f"{without:,} of {len(table):,} images have no label, so they cannot be divided by "
            "class. Give them a label or leave them out."
        )
    codes, classes = pd.factorize(table["label"], sort=True)
    return codes, [str(name) for name in classes]


def _published(table: pd.DataFrame, units: Ints) -> tuple[NDArray[np.object_], int]:
    """(n,) the published parts; images without one follow what they belong to, else they train.

    Also how many there were without one.
    """
    split = table["split"]
    if odd := sorted(set(split.dropna()) - set(PARTS)):
        raise DatasetError(
            f"The column split holds {odd}; only {', '.join(PARTS)} are known. Correct it."
        )
    homeless = split.isna().to_numpy(bool)
    part = np.array(split.fillna("train"), object)
    for name in ("validation", "test"):
        there = units[(split == name).fillna(False).to_numpy(bool)]
        part[homeless & np.isin(units, there)] = name
    return part, int(homeless.sum())


def _require_classes(part: NDArray[np.object_], labels: Ints, classes: list[str]) -> None:
    for name in PARTS:
        counts = np.bincount(labels[part == name], minlength=len(classes))
        if not counts.all():
            lacking = classes[int(np.argmin(counts))]
            raise DatasetError(
                f"The published split has no image of class {lacking!r} in {name}, at least 1 is "
                f"needed; the dataset has {int((labels == classes.index(lacking)).sum())}. "
                "Divide anew instead of keeping the published split, or leave the class out."
            )
