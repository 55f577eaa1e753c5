"""Lung masks that pages show: estimated ones, datasets that have them, the choice between them."""
# ruff: noqa: ARG001  (arguments that a function does not use are the key of its cache)

import streamlit as st

from cxrcore import files, lungs
from cxrcore.datasets import Dataset
from cxrcore.lungs import Estimates
from cxrcore.regions import MASK_NAMES
from pages.shared import cache

# Where masks come from, as a remark on pixels.
REMARKS = {
    lungs.GIVEN: "",
    lungs.COMPLETED: "lung masks estimated where the dataset has none",
    lungs.ESTIMATED: "lung masks estimated",
}


def estimates(of: Dataset) -> Estimates | None:
    """The estimated masks of a dataset; None while its lungs are still to be looked for.

    Raises:
        StoreError: the file of corrections is damaged.
    """
    return _estimates(of, cache.token(of), lungs.stamp())


@st.cache_resource(max_entries=6, show_spinner="Reading the lung masks …")
def _estimates(_of: Dataset, token: str, stamp: files.Stamp) -> Estimates | None:
    return lungs.load(_of)


def estimated(of: Dataset) -> Dataset:
    """The dataset with the estimated masks in place of its own.

    Raises:
        DatasetError: its lungs were not looked for yet.
    """
    return _estimated(of, cache.token(of), lungs.stamp())


@st.cache_resource(max_entries=6, show_spinner=False)
def _estimated(_of: Dataset, token: str, stamp: files.Stamp) -> Dataset:
    return lungs.masked(_of, lungs.ESTIMATED)


def has_own(of: Dataset) -> bool:
    """Whether the dataset came with masks for some of its films."""
    return bool(of.table["mask"].notna().any())


def choice(of: Dataset, region: str, key: str) -> str:
    """Let a reader choose where the masks of a region come from, of `MASK_NAMES`.

    Args:
        of: the dataset; one without own masks has estimated ones.
        region: of `images.REGIONS`; the whole picture needs no mask.
        key: of the page; the choice is part of the address.
    """
    if region == "none":
        return lungs.GIVEN
    offered = [name for name in MASK_NAMES if lungs.source_of(of, name) == name]
    return st.selectbox(
        "Lung masks",
        offered,
        format_func=MASK_NAMES.__getitem__,
        key=f"{key}_masks",
        bind="query-params",
        disabled=len(offered) == 1,
        width=320,
    )
