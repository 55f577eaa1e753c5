"""Who is on the films: from the tables of the datasets, as they are now."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxrcore import datasets, files
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


@dataclass(frozen=True, eq=False)
class _Read:
    """The patients of one dataset, the files they come from, and their stamp at that time."""

    entry: datasets.Entry
    paths: tuple[Path, ...]
    stamp: files.Stamp
    known: pd.Series
    digest: str


_read: dict[str, _Read] = {}  # by name: reading the list of 20,000 images takes a second


def find(runs: Iterable[Run]) -> Patients:
    """The patients of the datasets that the runs name; of an image in two of them from the first."""
    found, reasons = [], []
    for name in dict.fromkeys(run.dataset for run in runs):
        try:
            entry = next((entry for entry in datasets.registered() if entry.name == name), None)
            if entry is None:
                reasons.append(f"The dataset {name!r} is not registered here.")
            else:
                found.append(_patients(entry))
        except CxrError as error:
            reasons.append(f"The dataset {name!r} cannot be read: {error}")
    if not found:
        return Patients(pd.Series(dtype="str"), "", tuple(reasons))
    known = pd.concat([each.known for each in found])
    digest = "-".join(each.digest for each in found)
    return Patients(known[~known.index.duplicated()], digest, tuple(reasons))


def numbers(patients: pd.Series) -> npt.NDArray[np.integer] | None:
    """(n,) numbers of the patients; a film without one stands for itself. None: all unknown."""
    if patients.isna().all():
        return None
    own = "image " + patients.index.to_series().astype("str")
    return pd.factorize(("patient " + patients).fillna(own))[0]


def _patients(entry: datasets.Entry) -> _Read:
    kept = _read.get(entry.name)
    if kept and kept.entry == entry and files.stamp(kept.paths) == kept.stamp:
        return kept
    dataset = datasets.load(entry.name)
    paths = datasets.source_files(dataset)
    known = dataset.table.set_index("image_id")["patient_id"].dropna().astype("str").sort_index()
    text = "".join(f"{image_id}\t{patient}\n" for image_id, patient in known.items())
    digest = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
    _read[entry.name] = _Read(entry, paths, files.stamp(paths), known, digest)
    return _read[entry.name]
