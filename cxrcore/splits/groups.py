"""Which images stay together: those of a patient, of a group of duplicates, or both."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cxrcore.splits.folds import Ints


@dataclass(frozen=True, eq=False)
class KeptGroups:
    """Images that are kept in one part, (n,) numbers each.

    `patients` numbers the patients, or the images themselves where patients do not count or are
    unknown. `duplicates` numbers the groups of duplicates, -1 for none; None if duplicates do not
    count. `units` are the connected components of the two.
    """

    patients: Ints
    duplicates: Ints | None
    units: Ints
    by_patient: bool

    @classmethod
    def of(cls, table: pd.DataFrame, by_patient: bool, groups: pd.Series | None) -> "KeptGroups":
        """From an image table and `Duplicates.groups`."""
        own = "image " + table["image_id"].astype("string")
        if by_patient:
            own = ("patient " + table["patient_id"].astype("string")).fillna(own)
        patients = pd.factorize(own)[0]
        if groups is None:
            return cls(patients, None, patients, by_patient)
        duplicates = group_numbers(table, groups)
        return cls(patients, duplicates, _components(patients, duplicates), by_patient)

    @property
    def key(self) -> str:
        """What is kept together, for `Split.group_key`."""
        first = "patient" if self.by_patient else "image"
        return first if self.duplicates is None else f"{first}+duplicates"

    @property
    def joined(self) -> int:
        """Images that duplicates tie to another patient or to an image without one."""
        first = pd.Series(self.patients).groupby(self.units).transform("nunique")
        return int((first > 1).sum())


def group_numbers(table: pd.DataFrame, groups: pd.Series) -> Ints:
    """(n,) the group of duplicates of each image of a table, -1 for none."""
    return groups.reindex(table["image_id"]).fillna(-1).to_numpy(np.intp)


def _components(patients: Ints, duplicates: Ints) -> Ints:
    """(n,) numbers of the connected components of patients and groups of duplicates."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    inside = duplicates >= 0
    if not inside.any():
        return patients
    # A graph of patients and groups: an image that has both ties them.
    count = int(patients.max()) + 1
    size = count + int(duplicates.max()) + 1
    ends = patients[inside], count + duplicates[inside]
    links = coo_array((np.ones(len(ends[0]), bool), ends), shape=(size, size))
    components = connected_components(links, directed=False)[1]
    return pd.factorize(components[patients])[0]
