"""What two or more pages keep between reruns: datasets, indexes, figures, thumbnails, runs.

Keys are names, content hashes and stamps of files, never tables or arrays. Tables are kept with
`cache_resource` and are read-only: `cache_data` would copy 20,000 rows at each rerun.
"""
# ruff: noqa: ARG001  (arguments that a function does not use are the key of its cache)

import itertools
import weakref
from collections.abc import Callable

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pyarrow as pa
import streamlit as st

from cxrcore import datasets, figures, files, settings, store
from cxrcore import images as image_files
from cxrcore import index as indexes
from cxrcore.datasets import Dataset
from cxrcore.errors import CxrError
from cxrcore.index import Index
from pages.shared import waiting
from pages.shared.text import literal

_versions: "weakref.WeakKeyDictionary[Dataset, int]" = weakref.WeakKeyDictionary()
_counter = itertools.count()
_SIDE = 900  # pixels, longest side of a large image


# --- datasets -------------------------------------------------------------------------------


def chosen_dataset() -> Dataset:
    """The dataset of the sidebar; without one, say what to do next and end the run.

    Synthetic data is marked as such, so call it below the page's title.
    """
    name = st.session_state.get("dataset")
    try:
        names = [entry.name for entry in datasets.registered()]
        if name not in names:
            waiting.no_dataset(any_registered=bool(names))
        chosen = dataset(str(name))
    except CxrError as error:
        st.error(literal(str(error)))
        st.stop()
    if chosen.synthetic:
        st.caption(":material/science: Synthetic demonstration data: simulated, no patient.")
    return chosen


def dataset(name: str) -> Dataset:
    """The registered dataset of that name, read again when one of its folders has changed.

    Raises:
        DatasetError: no such name, or its folder is not usable.
    """
    if datasets.is_read(name):
        return datasets.current(name)
    with st.spinner("Reading the list of images …"):
        return datasets.current(name)


def token(of: Dataset) -> str:
    """A key for one loaded dataset, another one each time it is read."""
    if of not in _versions:
        _versions[of] = next(_counter)
    return f"{of.fingerprint}-{_versions[of]}"


def colours(of: Dataset) -> dict[str, str]:
    """The colour of each class of a dataset."""
    return figures.class_colours(of.classes)


# --- index ----------------------------------------------------------------------------------


def measured_index(of: Dataset) -> Index:
    """The dataset's index; while it is not measured, offer to measure it and end the run."""
    try:
        found = index(of)
        if found is None:
            waiting.measuring(of, indexes.missing(of))
    except CxrError as error:
        st.error(literal(str(error)))
        st.stop()
    return found


def index(of: Dataset) -> Index | None:
    """The index, or None when images are still to be measured."""
    return _index(of, token(of), indexes.stamp(of))


@st.cache_resource(max_entries=6, show_spinner="Reading the measurements …")
def _index(_of: Dataset, token: str, stamp: files.Stamp) -> Index | None:
    found = indexes.load(_of)
    # Give back the memory that reading took: a tenth of the server's.
    pa.default_memory_pool().release_unused()
    return found


def images(of: Dataset, measured: Index) -> pd.DataFrame:
    """The image table with its measurements beside it; read-only, rows as `of.table`."""
    return _images(of, measured, token(of), indexes.stamp(of))


@st.cache_resource(max_entries=6, show_spinner=False)
def _images(_of: Dataset, _measured: Index, token: str, stamp: files.Stamp) -> pd.DataFrame:
    # The table's columns win: it has the sizes of images that can't be decoded.
    extra = _measured.table.columns.difference(_of.table.columns, sort=False)
    return pd.concat([_of.table, _measured.table[extra]], axis=1)


def places(of: Dataset) -> dict[str, int]:
    """image_id -> row in `of.table`."""
    return _places(of, token(of))


@st.cache_resource(max_entries=6, show_spinner=False)
def _places(_of: Dataset, token: str) -> dict[str, int]:
    return {image_id: row for row, image_id in enumerate(_of.table["image_id"])}


def figure(of: Dataset, build: Callable[[], go.Figure], *key: object) -> go.Figure:
    """A figure of a measured dataset, built once for each `key`; read-only.

    Building one with many panels takes a tenth of a second, more than all else on a page.

    Args:
        of: the dataset.
        build: makes the figure.
        key: its name, then everything it depends on.
    """
    return kept_figure(build, token(of), indexes.stamp(of), *key)


def kept_figure(build: Callable[[], go.Figure], *key: object) -> go.Figure:
    """As `figure`, of anything that `key` tells completely."""
    return _figure(build, "|".join(map(str, key)))


@st.cache_resource(max_entries=64, show_spinner=False)
def _figure(_build: Callable[[], go.Figure], key: str) -> go.Figure:
    return _build()


# --- images -------------------------------------------------------------------------------


def thumbnail(of: Dataset, image_id: str) -> bytes:
    """A 128-px JPEG of an image; a gray tile if it is damaged."""
    measured = index(of)
    kept = measured.thumbnail(image_id) if measured else None
    return kept or _new_thumbnail(of, image_id)


@st.cache_data(max_entries=2000, show_spinner=False)
def _new_thumbnail(_of: Dataset, image_id: str) -> bytes:
    try:
        return image_files.thumbnail(image_files.decode(_of.path_of(image_id)))
    except CxrError:
        return image_files.thumbnail(np.full((128, 128), 96, np.uint8))


@st.cache_data(max_entries=32, show_spinner=False)
def large_image(_of: Dataset, image_id: str) -> bytes:
    """An image as JPEG, its longest side at most 900 pixels.

    Raises:
        ImageError: it is damaged or gone.
    """
    gray = image_files.decode(_of.path_of(image_id))
    return image_files.thumbnail(gray, min(_SIDE, max(gray.shape)), quality=92)


# --- runs -------------------------------------------------------------------


def runs_table(dataset_name: str) -> pd.DataFrame:
    """`store.list_runs` of a dataset, read again when a file of the store has changed."""
    return _runs_table(dataset_name, str(settings.models_dir()), hash(store.stamp()))


@st.cache_data(max_entries=16, show_spinner=False)
def _runs_table(dataset_name: str, root: str, stamp: int) -> pd.DataFrame:
    return store.list_runs(dataset_name)


def run_classes(of: Dataset) -> list[str]:
    """The classes of the runs of a dataset, those of the newest run first; else its own.

    An external test keeps the classes that its run has at home.
    """
    table = runs_table(of.name)
    known = table.loc[table["state"] == "ok", "classes"]
    return list(dict.fromkeys(name for names in known for name in names)) or list(of.classes)


def titles(dataset_name: str | None) -> dict[str, str]:
    """Name of each run and family of a dataset, or of all -> its title; see `store.titles`.

    Titles are plain text. People and files may have written anything there: Markdown takes it through `text.literal`.
    """
    return _titles(dataset_name, str(settings.models_dir()), hash(store.stamp()))


@st.cache_data(max_entries=16, show_spinner=False)
def _titles(dataset_name: str | None, root: str, stamp: int) -> dict[str, str]:
    return store.titles(dataset_name)


def run_colours(dataset_name: str) -> dict[str, str]:
    """Name of each undamaged run and family of a dataset -> its colour, the same on every page."""
    found = members(dataset_name)
    return figures.run_colours(found, found)


def members(dataset_name: str) -> dict[str, list[str]]:
    """`store.by_creation` of a dataset, read again when a file of the store has changed."""
    return _members(dataset_name, str(settings.models_dir()), hash(store.stamp()))


@st.cache_data(max_entries=16, show_spinner=False)
def _members(dataset_name: str, root: str, stamp: int) -> dict[str, list[str]]:
    return store.by_creation(dataset_name)


def run(run_id: str) -> store.Run:
    """A stored run.

    Raises:
        StoreError: it is missing or damaged.
    """
    return _run(run_id, str(settings.models_dir()), store.stamp(run_id))


@st.cache_resource(max_entries=64, show_spinner=False)
def _run(run_id: str, root: str, stamp: files.Stamp) -> store.Run:
    return store.load_run(run_id)
