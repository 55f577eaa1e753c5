"""Dividing images into training, validation and test, with no patient in two of them."""

import hashlib
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, model_validator

from cxrcore.errors import DatasetError
from cxrcore.splits import notes
from cxrcore.splits.folds import Ints, carve, divide
from cxrcore.splits.groups import KeptGroups

PARTS = ("train", "validation", "test")
FEWEST_FOLDS, MOST_FOLDS = 2, 10
LEFT_OUT = "left out"  # in an assignment: films that are in none of PARTS


class SplitSpec(BaseModel):
    """How to divide a dataset. The same spec and images always give the same split.

    `test` and `validation` are shares of all images. `published` keeps the published test part,
    if there is one. `group` "patient" keeps a patient's images together, `duplicates` "together"
    those that show the same film.

    With `fold` f of `folds` K (1 to K, K 2 to 10) the test part is the f-th of K parts of similar
    size: over the K folds of one seed every image is tested once. `test` and a published split
    do not count then.

    `without_source` names a source of the image table whose films are left out, with those of the same
    patients and duplicates; the others are divided as if these did not exist.

    Raises:
        DatasetError: shares that leave too little for one of the parts, or no such fold.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    test: float = 0.2
    validation: float = 0.16
    seed: int = 42
    published: bool = True
    group: Literal["patient", "image"] = "patient"
    duplicates: Literal["together", "ignored"] = "together"
    fold: int | None = None
    folds: int | None = None
    without_source: str | None = None

    @model_validator(mode="after")
    def _check(self) -> "SplitSpec":
        self._check_folds()
        for name in ("test", "validation"):
            if not 0.02 <= (share := getattr(self, name)) <= 0.5:
                raise DatasetError(
                    f"The share for {name} must be 0.02 to 0.5 of the images. It is {share:g}. "
                    "The studies use about 0.2."
                )
        if self.test_share + self.validation > 0.8:
            raise DatasetError(
                f"Test ({self.test_share:g}) and validation ({self.validation:g}) leave less than a "
                "fifth of the images for training. Lower one of them."
            )
        return self

    def _check_folds(self) -> None:
        if self.fold is None and self.folds is None:
            return
        if self.folds is None or not FEWEST_FOLDS <= self.folds <= MOST_FOLDS:
            raise DatasetError(
                f"Cross-validation needs {FEWEST_FOLDS} to {MOST_FOLDS} folds. Received: "
                f"{self.folds}. Most use 5."
            )
        if self.fold is None or not 1 <= self.fold <= self.folds:
            raise DatasetError(
                f"The fold must be one of 1 to {self.folds}. Received: {self.fold}. Each "
                "fold is tested in its own run."
            )

    @property
    def test_share(self) -> float:
        """The share of the images that is tested; with folds, of one fold."""
        return 1 / self.folds if self.folds else self.test

    def in_folds(self, folds: int) -> list["SplitSpec"]:
        """One for each of 2 to 10 folds; of 1 fold, without any.

        Raises:
            DatasetError: that number of folds is not possible.
        """
        numbers = [(None, None)] if folds == 1 else [(f + 1, folds) for f in range(max(folds, 1))]
        fields = self.model_dump()
        return [SplitSpec(**fields | {"fold": fold, "folds": of}) for fold, of in numbers]

    def keeps_published(self, table: pd.DataFrame) -> bool:
        """Whether the published test part of an image table is kept."""
        return self.published and not self.folds and bool((table["split"] == "test").any())


@dataclass(frozen=True, eq=False)
class Split:
    """Which image is in which part.

    `assignment` has image_id as index and one of PARTS, or LEFT_OUT, as values. `group_key` is what is kept
    together: "patient" or "image", with "+duplicates" if groups of duplicates are as well.
    `patients_known` is the share of images, 0..1, whose patient is known. `note` explains for
    people how it was made and what to beware of.
    """

    assignment: pd.Series
    group_key: str
    patients_known: float
    note: str

    @property
    def digest(self) -> str:
        """16 hexadecimal digits over the assignment; see docs/decisions/0019."""
        pairs = sorted(self.assignment.items())
        text = "".join(f"{image_id}\t{part}\n" for image_id, part in pairs)
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def assign(table: pd.DataFrame, spec: SplitSpec, groups: pd.Series | None = None) -> Split:
    """Divide the images of a dataset: stratified by class, patients and duplicates together.

    The order of the table does not count, so renamed files stay in their parts. An image without
    a patient counts as its own patient. A duplicate with another patient ties the two patients
    together. A published test part is kept, and so is a published validation part; without one,
    validation is taken from training. With folds, one of them is the test part.

    Args:
        table: the image table; image_id, label, patient_id, split and, to leave one out, source are read.
        spec: shares, seed, and what is kept together.
        groups: `Duplicates.groups`, image_id -> group; None if duplicates were not searched.

    Raises:
        DatasetError: a class is too small to be in all three parts, or vanishes with a source.
    """
    if spec.without_source is not None:
        return _without(table, spec, spec.without_source, groups)
    order = table["image_id"]
    table = table.sort_values("image_id", kind="stable")
    labels, classes = _labels(table)
    known = table["patient_id"].notna()
    used = groups if spec.duplicates == "together" else None
    kept = KeptGroups.of(table, spec.group == "patient" and bool(known.any()), used)
    rest_share = spec.validation / (1 - spec.test_share)
    numbers = (spec.fold, spec.folds) if spec.fold and spec.folds else None
    keeps_published = spec.keeps_published(table)
    if keeps_published:
        part, followed = _published(table, kept.units)
    else:
        part = np.full(len(table), "train", object)
        if numbers:
            fold = divide(labels, kept.units, classes, numbers[1], spec.seed)
            part[fold == numbers[0] - 1] = "test"
        else:
            part[carve(labels, kept.units, classes, spec.test, spec.seed, leave=2)] = "test"
    carved = not (part == "validation").any()
    if carved:
        rows = np.flatnonzero(part == "train")
        units = kept.units[rows]
        chosen = carve(labels[rows], units, classes, rest_share, spec.seed, leave=1)
        part[rows[chosen]] = "validation"
    if keeps_published:
        sentence = notes.on_published(part, kept, carved, followed)
    else:
        sentence = notes.on_own(table["split"], spec.published, kept, numbers)
    _require_classes(part, labels, classes)
    share = float(known.mean())
    sentences = [
        sentence,
        notes.on_duplicates(kept, asked=spec.duplicates == "together", published=keeps_published),
        notes.on_patients(share, spec.group),
    ]
    return Split(
        assignment=pd.Series(part, index=table["image_id"].to_numpy(object), dtype="str").loc[
            order.to_numpy(object)
        ],
        group_key=kept.key,
        patients_known=share,
        note=" ".join(sentences),
    )


def _without(table: pd.DataFrame, spec: SplitSpec, source: str, groups: pd.Series | None) -> Split:
    """The division of the films that have nothing to do with a source."""
    inside = from_source(table, source)
    if not inside.any():
        raise DatasetError(
            f"No film comes from {source!r}. The sources are: "
            f"{', '.join(sorted(table['source'].dropna().unique())) or 'not known'}."
        )
    used = groups if spec.duplicates == "together" else None
    units = KeptGroups.of(table, spec.group == "patient", used).units
    tied = np.isin(units, units[inside])
    rest = table[~tied]
    if vanished := sorted(set(table["label"]) - set(rest["label"])):
        raise DatasetError(
            f"{', '.join(vanished)} vanishes with the source {source!r}: without its films there is none to "
            "learn from. Leave that class out of the dataset, or choose another source."
        )
    found = assign(rest, spec.model_copy(update={"without_source": None}), groups)
    note = notes.on_source(source, int(inside.sum()), int((tied & ~inside).sum()))
    every = found.assignment.reindex(table["image_id"].to_numpy(object)).fillna(LEFT_OUT)
    return replace(found, assignment=every, note=f"{note} {found.note}")


def from_source(table: pd.DataFrame, source: str) -> NDArray[np.bool_]:
    """(n,) whether films come from a source: "cohen" is also "cohen: Spain", as merged datasets name them."""
    named = table["source"].astype("str")
    found = named.eq(source) | named.str.startswith(f"{source}: ")
    return found.fillna(False).to_numpy(bool)


def _labels(table: pd.DataFrame) -> tuple[Ints, list[str]]:
    if without := int(table["label"].isna().sum()):
        raise DatasetError(
            f"{without:,} of {len(table):,} images have no label, so they cannot be divided by "
            "class. Label them or leave them out."
        )
    codes, classes = pd.factorize(table["label"], sort=True)
    return codes, [str(name) for name in classes]


def _published(table: pd.DataFrame, units: Ints) -> tuple[NDArray[np.object_], int]:
    """(n,) the published parts, and how many images have none.

    Images without a part follow their patient or duplicate, else they go to training.
    """
    split = table["split"]
    if unknown := sorted(set(split.dropna()) - set(PARTS)):
        raise DatasetError(
            f"The column split holds {unknown}; only {', '.join(PARTS)} are known. Correct it."
        )
    unassigned = split.isna().to_numpy(bool)
    part = np.array(split.fillna("train"), object)
    for name in ("validation", "test"):
        assigned = units[(split == name).fillna(False).to_numpy(bool)]
        part[unassigned & np.isin(units, assigned)] = name
    return part, int(unassigned.sum())


def _require_classes(part: NDArray[np.object_], labels: Ints, classes: list[str]) -> None:
    for name in PARTS:
        counts = np.bincount(labels[part == name], minlength=len(classes))
        if not counts.all():
            lacking = classes[int(np.argmin(counts))]
            raise DatasetError(
                f"The published split has no image of class {lacking!r} in {name}, but needs at "
                f"least one; the dataset has {int((labels == classes.index(lacking)).sum())}. "
                "Divide anew instead of keeping the published split, or leave the class out.",
                final=True,
            )
