"""What the duplicates page keeps: groups in order, pairs with another dataset, what splits leak."""
# ruff: noqa: ARG001  (arguments that a function does not use are the key of its cache)

import pandas as pd
import streamlit as st

from cxrcore import duplicates, files
from cxrcore.datasets import Dataset
from cxrcore.duplicates import Duplicates
from cxrcore.duplicates.groups import GroupTables, group_tables
from cxrcore.errors import DatasetError
from cxrcore.splits import comparison, overlap
from cxrcore.splits.comparison import SplitComparison
from pages.shared import cache

_Key = tuple[str, files.Stamp]


def load(of: Dataset) -> Duplicates | None:
    """The duplicates of a dataset, None while nobody searched for them."""
    return _load(of, _key(of))


def _key(of: Dataset) -> _Key:
    return cache.token(of), duplicates.stamp(of)


@st.cache_resource(max_entries=6, show_spinner=False)
def _load(_of: Dataset, key: _Key) -> Duplicates | None:
    return duplicates.load(_of)


def groups(of: Dataset, found: Duplicates) -> GroupTables:
    """The groups with the data of their images; read-only."""
    return _groups(of, found, _key(of))


@st.cache_resource(max_entries=6, show_spinner=False)
def _groups(_of: Dataset, _found: Duplicates, key: _Key) -> GroupTables:
    return group_tables(_of, _found)


def shared(of: Dataset, other: Dataset) -> pd.DataFrame | None:
    """The pairs that two datasets share, None while nobody searched for them; read-only."""
    return _shared(of, other, (cache.token(of), cache.token(other)), overlap.stamp(of, other))


@st.cache_resource(max_entries=12, show_spinner=False)
def _shared(
    _of: Dataset, _other: Dataset, tokens: tuple[str, str], stamp: files.Stamp
) -> pd.DataFrame | None:
    return overlap.load(_of, _other)


def splits(of: Dataset, found: Duplicates) -> SplitComparison | str:
    """What three ways to divide a dataset leak; or why it cannot be divided."""
    return _splits(of, found, _key(of))


@st.cache_resource(max_entries=12, show_spinner="Dividing the images …")
def _splits(_of: Dataset, _found: Duplicates, key: _Key) -> SplitComparison | str:
    try:
        return comparison.compare(_of.table, _found.groups)
    except DatasetError as error:
        return str(error)
