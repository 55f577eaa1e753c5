"""What is kept of duplicates and leaks between reruns: groups in order, and what splits leak."""
# ruff: noqa: ARG001  (arguments that a function does not use are the key of its cache)

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from cxrcore import duplicates, settings
from cxrcore.datasets import Dataset
from cxrcore.duplicates import Duplicates
from cxrcore.errors import DatasetError
from cxrcore.splits import Leaks, SplitSpec, assign, leaks, overlap
from pages.shared import cache, file_times

LABELS, PATIENTS, PARTS = "label", "patient_id", "split"


def found(of: Dataset) -> Duplicates | None:
    """The duplicates of a dataset, or None while they were not searched.

    Raises:
        StoreError: the result cannot be read.
    """
    return _found(of, cache.token(of), _stamp())


def _stamp() -> str:
    folder = settings.data_dir() / "duplicates"
    return f"{duplicates.VERSION} {file_times.stamp([folder, folder / 'across'])}"


@st.cache_resource(max_entries=6, show_spinner=False)
def _found(_of: Dataset, token: str, stamp: str) -> Duplicates | None:
    return duplicates.load(_of)


@dataclass(frozen=True, eq=False)
class Groups:
    """The groups of duplicates in the order of the page; read-only.

    `members` has the columns of the dataset's table, `group` and `alike` (the highest correlation
    with another of the group), sorted by group. `table` has a row a group, the odd ones first:
    images, lowest, highest (correlation), and whether label, patient_id and split differ in it.
    `pairs` are those of `Duplicates.pairs` with path, label, patient_id, source and split of both.
    """

    members: pd.DataFrame
    table: pd.DataFrame
    pairs: pd.DataFrame


def groups(of: Dataset, duplicate: Duplicates) -> Groups:
    """The groups with what is known of their images."""
    return _groups(of, duplicate, cache.token(of), _stamp())


@st.cache_resource(max_entries=6, show_spinner=False)
def _groups(_of: Dataset, _duplicate: Duplicates, token: str, stamp: str) -> Groups:
    rows = _of.table.set_index("image_id", drop=False).loc[_duplicate.groups.index]
    members = rows.assign(group=_duplicate.groups.to_numpy())
    pairs = _duplicate.pairs
    both = pd.concat([pairs.set_index(end)["correlation"] for end in ("first", "second")])
    members["alike"] = both.groupby(level=0).max().reindex(members.index)
    members = members.sort_values(["group", "path"], kind="stable").reset_index(drop=True)
    by_group = members.groupby("group")
    table = pd.DataFrame({"images": by_group.size()})
    correlations = pairs.groupby(pairs["first"].map(_duplicate.groups))["correlation"]
    table["lowest"], table["highest"] = correlations.min(), correlations.max()
    for column in (LABELS, PATIENTS, PARTS):
        table[column] = by_group[column].nunique() > 1
    order = [LABELS, PATIENTS, PARTS, "images", "highest"]
    table = table.sort_values(order, ascending=False, kind="stable")
    return Groups(members, table, described(pairs, _of, _of))


def described(pairs: pd.DataFrame, first: Dataset, second: Dataset) -> pd.DataFrame:
    """Pairs with what is known of both images, for CSV."""
    result = pairs.copy()
    for end, dataset in (("first", first), ("second", second)):
        known = dataset.table.set_index("image_id")
        for column in ("path", "label", "patient_id", "source", "split"):
            result[f"{end}_{column}"] = known[column].reindex(pairs[end]).to_numpy(object)
    return result


def shared(of: Dataset, other: Dataset) -> pd.DataFrame | None:
    """The pairs that two datasets share, or None while they were not searched; read-only."""
    return _shared(of, other, cache.token(of), cache.token(other), _stamp())


@st.cache_resource(max_entries=12, show_spinner=False)
def _shared(
    _of: Dataset, _other: Dataset, token: str, other_token: str, stamp: str
) -> pd.DataFrame | None:
    return overlap.load(_of, _other)


def splits_of(of: Dataset, duplicate: Duplicates) -> dict[str, Leaks] | str:
    """What three ways to divide a dataset leak, by name; or why it cannot be divided.

    The published split is among them where there is one with a test part.
    """
    return _splits_of(of, duplicate, cache.token(of), _stamp())


ORDINARY, PUBLISHED, OURS = "Ordinary: by image", "Published", "By patient and duplicate"


@st.cache_resource(max_entries=12, show_spinner="Dividing the images …")
def _splits_of(
    _of: Dataset, _duplicate: Duplicates, token: str, stamp: str
) -> dict[str, Leaks] | str:
    groups, usual = _duplicate.groups, SplitSpec()
    anew = usual.model_copy(update={"published": False})
    counted: dict[str, Leaks] = {}
    try:
        counted[ORDINARY] = leaks.would_leak(_of.table, usual, groups)
        if usual.keeps_published(_of.table):
            kept = assign(_of.table, usual, groups)
            counted[PUBLISHED] = leaks.find(_of.table, kept.assignment, groups)
        own = assign(_of.table, anew, groups)
        counted[OURS] = leaks.find(_of.table, own.assignment, groups)
    except DatasetError as error:
        return str(error)
    return counted
