"""Who is on the films: from the tables of the datasets, as they are now."""

import hashlib
import weakref
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxrcore import datasets
from cxrcore.datasets import Dataset
from cxrcore.errors import CxrError
from cxrcore.store import Run


@dataclass(frozen=True, eq=False)
class Patients:
    """The patients of images.

    Attributes:
        known: image_id -> patient, without missing ones.
        digest: of them.
        reasons: sentences, why they are not known.
    """

    known: pd.Series
    digest: str
    reasons: tuple[str, ...] = ()


# A dataset as it was read -> its patients and their digest.
_known: weakref.WeakKeyDictionary[Dataset, tuple[pd.Series, str]] = weakref.WeakKeyDictionary()


def find(runs: Iterable[Run]) -> Patients:
    """The patients of the datasets that the runs name; of an image in two of them from the first."""
    found, reasons = [], []
    for name in dict.fromkeys(run.dataset for run in runs):
        try:
            if name not in [entry.name for entry in datasets.registered()]:
                reasons.append(f"The dataset {name!r} is not registered here.")
            else:
                found.append(_patients(datasets.current(name)))
        except CxrError as error:
            reasons.append(f"The dataset {name!r} cannot be read: {error}")
    if not found:
        return Patients(pd.Series(dtype="str"), "", tuple(reasons))
    known = pd.concat([known for known, _ in found])
    digest = "-".join(digest for _, digest in found)
    return Patients(known[~known.index.duplicated()], digest, tuple(reasons))


def numbers(patients: pd.Series) -> npt.NDArray[np.integer] | None:
    """(n,) numbers of the patients; a film without one stands for itself. None: all unknown."""
    if patients.isna().all():
        return None
    own = "image " + patients.index.to_series().astype("str")
    return pd.factorize(("patient " + patients).fillna(own))[0]


def _patients(dataset: Dataset) -> tuple[pd.Series, str]:
    if dataset not in _known:
        table = dataset.table.set_index("image_id")
        known = table["patient_id"].dropna().astype("str").sort_index()
        text = "".join(f"{image_id}\t{patient}\n" for image_id, patient in known.items())
        digest = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
        _known[dataset] = known, digest
    return _known[dataset]
