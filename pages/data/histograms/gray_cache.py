"""What the histograms page computes and keeps: gray profiles and distances of groups of images."""
# ruff: noqa: ARG001  (arguments that a function does not use are the key of its cache)

from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from cxrcore import figures, pixels, settings
from cxrcore.datasets import Dataset
from cxrcore.figures import GrayProfile
from cxrcore.index import Index
from cxrcore.pixels import Pixels, Preparation
from cxrcore.quality.distances import Distances, Kind, distances
from pages.shared import cache, file_times

WHOLE = "none"  # the region that leaves all in
SIZE = 224  # pixels a side at which regions are measured, as most of the models see them
NAMES = {"modality": {"xray": "X-ray", "ct": "CT"}}  # column -> its values as people call them


@dataclass(frozen=True)
class Selection:
    """Which images, in which groups.

    `by` is a column of the image table, `names` its values as `groups` gives them. Only images of
    `modality`, if it is not None, and only those that can be used in `region`.
    """

    by: str
    names: tuple[str, ...]
    modality: str | None
    region: str


@dataclass(frozen=True, eq=False)
class Gray:
    """How the gray values of the groups are spread, and how far apart they are."""

    profiles: list[GrayProfile]
    distances: dict[Kind, Distances]


def groups(images: pd.DataFrame, by: str) -> pd.Series:
    """The group of each image by a column of the table, as people call it; missing stays so."""
    return images[by].replace(NAMES[by]) if by in NAMES else images[by]


def prepared(of: Dataset, region: str) -> Pixels | None:
    """The measured pixels of a region; None while they are still to be made.

    Raises:
        StoreError: they are damaged.
    """
    folder = settings.data_dir() / "pixels"
    found = _prepared(of, region, cache.token(of), repr(file_times.stamp([folder])))
    return found if found is not None and found.measured else None


@st.cache_resource(max_entries=16, show_spinner=False)
def _prepared(_of: Dataset, region: str, token: str, stamp: str) -> Pixels | None:
    return pixels.find(_of, Preparation(SIZE, region))


def unusable(of: Dataset, region: str) -> int:
    """Images that cannot be used in a region that is prepared: damaged, or without a mask."""
    found = prepared(of, region)
    return 0 if found is None else int((~found.usable).sum())


def gray(of: Dataset, measured: Index, selection: Selection, shown: str) -> Gray:
    """Profiles and distances of the groups of a selection, in the whole images or in its region.

    Args:
        of: the dataset.
        measured: its index.
        selection: which images; the pixels of its region are there already.
        shown: WHOLE or the selection's region.

    Raises:
        StoreError: the pixels are damaged.
    """
    own = None if selection.region == WHOLE else prepared(of, selection.region)
    made = "" if own is None else own.folder.name
    stamp = file_times.stamp([settings.data_dir() / "index" / f"{of.fingerprint}.parquet"])
    return _gray(of, measured, own, selection, shown, cache.token(of), f"{stamp} {made}")


@st.cache_resource(max_entries=32, show_spinner="Adding up the histograms …")
def _gray(
    _of: Dataset,
    _measured: Index,
    _own: Pixels | None,
    selection: Selection,
    shown: str,
    token: str,
    stamp: str,
) -> Gray:
    table = cache.images(_of, _measured)
    rows = np.ones(len(table), bool) if _own is None else _own.usable.copy()
    if selection.modality is not None:
        rows &= (table["modality"] == selection.modality).fillna(False).to_numpy(bool)
    histograms = _measured.histograms
    rows &= histograms.any(axis=1)
    if _own is not None and shown != WHOLE:
        histograms = _own.histograms()
    named = groups(table, selection.by).astype(object)
    named = named.where(named.notna(), None).to_numpy()[rows]  # pd.NA can't be compared
    patients = table["patient_id"].astype(object).to_numpy()[rows]
    return Gray(
        figures.gray_profiles(histograms[rows], named, selection.names),
        distances(histograms[rows], named, selection.names, units=patients),
    )
