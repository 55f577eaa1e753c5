"""Datasets derived from the chosen one, kept between reruns."""
# ruff: noqa: ARG001  (arguments that a function does not use are the key of its cache)

import streamlit as st

from cxrcore import datasets
from cxrcore.datasets import Dataset
from pages.shared import cache


def against_rest(of: Dataset, label: str) -> Dataset:
    """`datasets.against_rest`, computed once."""
    return _against_rest(of, cache.token(of), label)


@st.cache_resource(max_entries=6, show_spinner=False)
def _against_rest(_of: Dataset, token: str, label: str) -> Dataset:
    return datasets.against_rest(_of, label)
