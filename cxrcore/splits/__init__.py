"""Training, validation and test: who goes where, so that no patient is in two of them."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, model_validator

from cxrcore.errors import DatasetError
from cxrcore.splits.folds import Ints, carve

__all__ = ["PARTS", "Split", "SplitSpec", "assign"]

PARTS = ("train", "validation", "test")


class SplitSpec(BaseModel):
    """How to divide a dataset. The same spec and images always give the same split.

    `test` and `validation` are shares of all images. `published` keeps the test part that a
    dataset came with, if it has one. `group` "patient" keeps a patient's images together.

    Raises:
        DatasetError: shares that leave too little for one of the parts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    test: float = 0.2
    validation: float = 0.16
    seed: int = 42
    published: bool = True
    group: Literal["patient", "image"] = "patient"

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


@dataclass(frozen=True, eq=False)
class Split:
    """Who is in which part.

    `assignment` has image_id as index and one of PARTS as values. `group_key` is what is kept
    together: "patient" or "image". `patients_known` is the share of images, 0..1, whose
    patient is known. `note` says for people how it was done and what to beware of.
    """

    assignment: pd.Series
    group_key: str
    patients_known: float
    note: str


def assign(table: pd.DataFrame, spec: SplitSpec) -> Split:
    """Divide the images of a dataset: stratified by class, a patient's images together.

    An image without a patient counts as a patient of its own. With a published test part, that
    is kept, and a published validation part too; else validation is taken from training.

    Args:
        table: the image table; image_id, label, patient_id and split are read.
        spec: shares, seed, and what is kept together.

    Raises:
        DatasetError: a class is too small to be in all three parts.
    """
    labels, classes = _labels(table)
    known = table["patient_id"].notna()
    by_patient = spec.group == "patient" and bool(known.any())
    groups = _groups(table, by_patient)
    rest_share = spec.validation / (1 - spec.test)
    if spec.published and (table["split"] == "test").any():
        part, followed = _published(table, groups)
        carved = not (part == "validation").any()
        if carved:
            rows = np.flatnonzero(part == "train")
            chosen = carve(labels[rows], groups[rows], classes, rest_share, spec.seed, leave=1)
            part[rows[chosen]] = "validation"
        sentence = _note_on_published(part, groups, carved, followed, by_patient)
    else:
        part = np.full(len(table), "train", object)
        test = carve(labels, groups, classes, spec.test, spec.seed, leave=2)
        part[test] = "test"
        rows = np.flatnonzero(~test)
        chosen = carve(labels[rows], groups[rows], classes, rest_share, spec.seed, leave=1)
        part[rows[chosen]] = "validation"
        sentence = _note_on_own(table, spec, by_patient)
    _require_classes(part, labels, classes)
    share = float(known.mean())
    return Split(
        assignment=pd.Series(part, index=table["image_id"].to_numpy(object), dtype="str"),
        group_key="patient" if by_patient else "image",
        patients_known=share,
        note=f"{sentence} {_note_on_patients(share, spec.group)}",
    )


def _labels(table: pd.DataFrame) -> tuple[Ints, list[str]]:
    if without := int(table["label"].isna().sum()):
        raise DatasetError(
            f"{without:,} of {len(table):,} images have no label, so they cannot be divided by "
            "class. Give them a label or leave them out."
        )
    codes, classes = pd.factorize(table["label"], sort=True)
    return codes, [str(name) for name in classes]


def _groups(table: pd.DataFrame, by_patient: bool) -> Ints:
    """(n,) a number for each group of images that stay together."""
    own = "image " + table["image_id"].astype("string")
    if by_patient:
        own = ("patient " + table["patient_id"].astype("string")).fillna(own)
    return pd.factorize(own)[0]


def _published(table: pd.DataFrame, groups: Ints) -> tuple[NDArray[np.object_], int]:
    """(n,) the published parts; images without one follow their patient, else they train.

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
        part[homeless & np.isin(groups, groups[(split == name).fillna(False).to_numpy(bool)])] = (
            name
        )
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


def _note_on_own(table: pd.DataFrame, spec: SplitSpec, by_patient: bool) -> str:
    what = "by patient: no patient is in two parts" if by_patient else "by image"
    ignored = ""
    if spec.published and table["split"].notna().any():
        ignored = " The published split has no test part and is not used."
    elif table["split"].notna().any():
        ignored = " The published split is not used, as asked."
    return f"Divided {what}.{ignored}"


def _note_on_published(
    part: NDArray[np.object_], groups: Ints, carved: bool, followed: int, by_patient: bool
) -> str:
    text = f"The published test part is kept ({(part == 'test').sum():,} images)"
    text += "; validation is taken from training." if carved else ", and the validation part."
    if followed:
        text += (
            f" {followed:,} images without a published part went with their patient, "
            "or else to training."
        )
    if by_patient:
        parts = pd.Series(part).groupby(groups).nunique()
        shared = int((parts > 1).sum())
        if shared:
            text += (
                f" Beware: in the published split {shared:,} patients are in more than one part, "
                "which makes figures look better than they are."
            )
        else:
            text += " No patient is in two parts."
    return text


def _note_on_patients(share: float, group: str) -> str:
    if share == 0:
        return "No patients are known, so images of one patient may be in two parts."
    if group == "image":
        return "Images of one patient may be in two parts, as asked."
    if share < 1:
        return (
            f"The patient is known for {100 * share:.0f} % of the images; each of the others "
            "counts as a patient of its own."
        )
    return "The patient of every image is known."
