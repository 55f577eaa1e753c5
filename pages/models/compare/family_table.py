"""The families of a dataset, kept between reruns."""
# ruff: noqa: ARG001  (arguments that a function does not use are the key of its cache)

import pandas as pd
import streamlit as st

from cxrcore import settings, store
from pages.shared import cache


def table(dataset_name: str) -> pd.DataFrame:
    """The rows of `store.families` with several runs, read again when the runs change."""
    runs = cache.runs_table(dataset_name)
    key = tuple(zip(runs["run_id"], runs["created"], runs["state"], strict=True))
    return _table(dataset_name, str(settings.models_dir()), hash(key))


@st.cache_data(max_entries=16, show_spinner=False)
def _table(dataset_name: str, root: str, key: int) -> pd.DataFrame:
    found = store.families(dataset_name)
    return found[found["wanted"] > 1].reset_index(drop=True)
