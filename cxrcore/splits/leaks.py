"""Test images that are known from training: the same patient, or the same film.

A metric measured on them shows what a model memorised, not what it learned.
"""

from typing import Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from cxrcore.splits.assignment import SplitSpec, assign
from cxrcore.splits.groups import group_numbers

Why = Literal["patient", "duplicate", "both"]


class Leak(BaseModel):
    """One test image, and an image of training or validation with the same patient or film.

    `partner` is a duplicate if there is one, else an image of the same patient.
    """

    model_config = ConfigDict(frozen=True)

    image_id: str
    partner: str
    why: Why


class Leaks(BaseModel):
    """What the test images of a split share with training or validation.

    `found` has one entry per leaking image, in the order of the table. `validation` counts the
    validation images that share a patient or a duplicate with training: they affect the choice
    of the epoch, not the test metrics. `patients_known` is the share, 0..1, of all images.
    `duplicates_searched` says whether duplicates could be counted.
    """

    model_config = ConfigDict(frozen=True)

    test_images: int
    found: tuple[Leak, ...] = ()
    validation: int = 0
    patients_known: float
    duplicates_searched: bool

    @property
    def count(self) -> int:
        """Test images that leak."""
        return len(self.found)

    @property
    def image_ids(self) -> tuple[str, ...]:
        """Of the test images that leak."""
        return tuple(leak.image_id for leak in self.found)

    @property
    def share(self) -> float:
        """Of the test images, 0..1."""
        return self.count / self.test_images if self.test_images else 0.0

    @property
    def by_patient(self) -> int:
        """Test images whose patient is in training or validation."""
        return sum(leak.why != "duplicate" for leak in self.found)

    @property
    def by_duplicate(self) -> int:
        """Test images with a duplicate in training or validation."""
        return sum(leak.why != "patient" for leak in self.found)

    @property
    def sentence(self) -> str:
        """The leaks that were found, as a sentence."""
        other = "in training or validation"
        if not self.found:
            things = ["a patient"] if self.patients_known else []
            things += ["a duplicate"] if self.duplicates_searched else []
            if not things:
                return "Whether test images are known from training cannot be determined."
            return f"No test image shares {' or '.join(things)} with training or validation."
        of = f"{self.count:,} of {self.test_images:,} test images ({_percent(self.share)})"
        one = self.count == 1
        if not self.by_duplicate:
            return f"{of} {'shows' if one else 'show'} a patient who is also {other}."
        if not self.by_patient:
            return f"{of} {'has' if one else 'have'} a duplicate {other}."
        return (
            f"{of} {'is' if one else 'are'} known from training or validation: "
            f"{self.by_patient:,} by the patient, {self.by_duplicate:,} by a duplicate."
        )

    @property
    def unproven(self) -> str:
        """What cannot be excluded, as sentences; empty if everything is known."""
        sentences = []
        if not self.patients_known:
            sentences.append("Patients are not known; leaks by patient cannot be excluded.")
        elif self.patients_known < 1:
            sentences.append(
                f"Patients are not known for {_percent(1 - self.patients_known)} of the images; "
                "leaks among them cannot be excluded."
            )
        if not self.duplicates_searched:
            sentences.append("Duplicates were not searched.")
        return " ".join(sentences)


def find(table: pd.DataFrame, assignment: pd.Series, groups: pd.Series | None) -> Leaks:
    """What the test images of an assignment share with its training and validation images.

    Args:
        table: the images that are used; image_id and patient_id are read. Patients count
            whether or not the split keeps them together.
        assignment: image_id -> part; images that are not in `table` do not count.
        groups: `Duplicates.groups`; None if duplicates were not searched.
    """
    parts = assignment.reindex(table["image_id"]).to_numpy(object)
    patients = pd.factorize(table["patient_id"])[0]  # -1 where not known
    none = np.full(len(table), -1)
    duplicates = none if groups is None else group_numbers(table, groups)
    training, test = parts == "train", parts == "test"
    others = training | (parts == "validation")
    ids = table["image_id"].to_numpy(object)
    by_patient = _partners(patients, test, others)
    by_duplicate = _partners(duplicates, test, others)
    found = []
    for row in np.flatnonzero((by_patient >= 0) | (by_duplicate >= 0)):
        patient, twin = by_patient[row], by_duplicate[row]
        why: Why = "patient" if twin < 0 else "duplicate" if patient < 0 else "both"
        partner = ids[twin if twin >= 0 else patient]
        found.append(Leak(image_id=ids[row], partner=partner, why=why))
    validation = parts == "validation"
    shared = [_partners(numbers, validation, training) >= 0 for numbers in (patients, duplicates)]
    return Leaks(
        test_images=int(test.sum()),
        found=tuple(found),
        validation=int((shared[0] | shared[1]).sum()),
        patients_known=float(table["patient_id"].notna().mean()) if len(table) else 0.0,
        duplicates_searched=groups is not None,
    )


def would_leak(table: pd.DataFrame, spec: SplitSpec, groups: pd.Series | None) -> Leaks:
    """What an ordinary split would leak: stratified, by image, with the same shares and seed.

    Raises:
        DatasetError: a class is too small to be in all three parts.
    """
    options = {"group": "image", "duplicates": "ignored", "published": False}
    ordinary = assign(table, spec.model_copy(update=options))
    return find(table, ordinary.assignment, groups)


def _partners(numbers: np.ndarray, chosen: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(n,) for each `chosen` row the first of the `others` with the same number; -1 for none."""
    rows = np.flatnonzero(others & (numbers >= 0))
    first = pd.Series(rows, numbers[rows]).groupby(level=0).first()
    partners = first.reindex(numbers).fillna(-1).to_numpy(int)
    return np.where(chosen, partners, -1)


def _percent(share: float) -> str:
    """A share in percent, without rounding some to none or nearly all to all.

    >>> _percent(0.053), _percent(0.0004), _percent(0.9996)
    ('5 %', 'less than 1 %', 'more than 99 %')
    """
    if 0 < share < 0.01:
        return "less than 1 %"
    if 0.99 < share < 1:
        return "more than 99 %"
    return f"{100 * share:.0f} %"
