"""What the histograms page keeps: gray profiles of groups of images and their distances."""
# ruff: noqa: ARG001  (arguments that a function does not use are the key of its cache)

from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from cxrcore import files, quality
from cxrcore import index as indexes
from cxrcore.datasets import Dataset
from cxrcore.index import Index
from cxrcore.pixels import Pixels, Preparation
from cxrcore.quality import GrayProfile
from cxrcore.quality.distances import Distances, Kind, distances
from pages.shared import cache, preparations

WHOLE = "none"  # the region that masks nothing
SIZE = 224  # pixels, the side at which regions are measured: that of most models
MODALITIES = {"xray": "X-ray", "ct": "CT"}


@dataclass(frozen=True)
class Selection:
    """Which images, in which groups.

    `by` is a column of the image table, `names` its values as `groups` gives them. Only images of
    `modality`, unless it is None, and only those that can be used in `region`, whose lung masks are
    those of `masks`.
    """

    by: str
    names: tuple[str, ...]
    modality: str | None
    region: str
    masks: str = "given"


@dataclass(frozen=True, eq=False)
class Gray:
    """The gray values of the groups, and the distances between them."""

    profiles: list[GrayProfile]
    distances: dict[Kind, Distances]


def groups(images: pd.DataFrame, by: str) -> pd.Series:
    """The group of each image by a column of the table, as a reader knows it; missing if unknown."""
    return images[by].replace(MODALITIES) if by == "modality" else images[by]


def preparation(selection: Selection) -> Preparation:
    """The pixels of the region of a selection."""
    return Preparation(SIZE, selection.region, selection.masks)


def prepared(of: Dataset, selection: Selection) -> Pixels | None:
    """The measured pixels of the region of a selection; None while they are not made.

    Raises:
        StoreError: they are damaged.
    """
    return preparations.measured_pixels(of, preparation(selection))


def gray(of: Dataset, measured: Index, selection: Selection, shown: str) -> Gray:
    """Profiles and distances of the groups of a selection, in the whole images or in its region.

    Args:
        of: the dataset.
        measured: its index.
        selection: which images; the pixels of its region are prepared.
        shown: WHOLE or the selection's region.

    Raises:
        StoreError: the pixels are damaged.
    """
    masked = None if selection.region == WHOLE else prepared(of, selection)
    name = "" if masked is None else masked.folder.name
    key = cache.token(of), indexes.stamp(of), name
    return _gray(of, measured, masked, selection, shown, key)


@st.cache_resource(max_entries=32, show_spinner="Adding up the histograms …")
def _gray(
    _of: Dataset,
    _measured: Index,
    _masked: Pixels | None,
    selection: Selection,
    shown: str,
    key: tuple[str, files.Stamp, str],
) -> Gray:
    table = cache.images(_of, _measured)
    rows = np.ones(len(table), bool) if _masked is None else _masked.usable.copy()
    if selection.modality is not None:
        rows &= (table["modality"] == selection.modality).fillna(False).to_numpy(bool)
    histograms = _measured.histograms
    rows &= histograms.any(axis=1)
    if _masked is not None and shown != WHOLE:
        histograms = _masked.histograms()
    group = groups(table, selection.by).astype(object)
    group = group.where(group.notna(), None).to_numpy()[rows]  # pd.NA can't be compared
    patients = table["patient_id"].astype(object).to_numpy()[rows]
    return Gray(
        quality.gray_profiles(histograms[rows], group, selection.names),
        distances(histograms[rows], group, selection.names, units=patients),
    )
