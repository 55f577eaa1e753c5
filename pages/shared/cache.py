"""What pages share and keep between reruns: every `st.cache_*` of the dashboard is here.

Keys are names, content hashes and times of change of files, never tables or arrays. Tables are
kept with `cache_resource` and are read-only: `cache_data` would copy 20,000 rows at each rerun.
"""
# ruff: noqa: ARG001  (arguments that a function does not use are the key of its cache)

import itertools
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pyarrow as pa
import streamlit as st

from cxrcore import datasets, figures, settings, store
from cxrcore import images as pictures
from cxrcore import index as indexing
from cxrcore.datasets import Dataset
from cxrcore.errors import CxrError
from cxrcore.index import Index
from cxrcore.inference import Prediction, Worker
from pages.shared import file_times, waiting

LARGE_SIDE = 900  # pixels, longest side of the one image shown large

_versions: "weakref.WeakKeyDictionary[Dataset, int]" = weakref.WeakKeyDictionary()
_counter = itertools.count()


# --- datasets -------------------------------------------------------------------------------


def chosen_dataset() -> Dataset:
    """The dataset of the sidebar; without one, says what to do next and ends the run.

    Draws the line that says where data is synthetic, so call it below the page's title.
    """
    name = st.session_state.get("dataset")
    try:
        names = [entry.name for entry in datasets.registered()]
        if name not in names:
            waiting.no_dataset(any_registered=bool(names))
        chosen = dataset(str(name))
    except CxrError as error:
        st.error(str(error))
        st.stop()
    if chosen.synthetic:
        st.caption(":material/science: Synthetic demonstration data: simulated, no patient.")
    return chosen


def dataset(name: str) -> Dataset:
    """The registered dataset of that name, read anew when one of its folders has changed.

    Raises:
        DatasetError: no such name, or its folder is not usable.
    """
    entry = next((entry for entry in datasets.registered() if entry.name == name), None)
    if entry is None:
        return datasets.load(name)  # raises, with the names there are
    return _dataset(name, str(entry.path), entry.layout, str(settings.data_dir())).dataset


@dataclass(frozen=True)
class _Loaded:
    """A dataset, and the times of change of what it was read from."""

    dataset: Dataset
    sources: tuple[Path, ...]
    stamp: file_times.Stamp


def _unchanged(loaded: _Loaded) -> bool:
    return file_times.stamp(loaded.sources) == loaded.stamp


@st.cache_resource(max_entries=6, show_spinner="Reading the list of images …", validate=_unchanged)
def _dataset(name: str, path: str, layout: str | None, data_dir: str) -> _Loaded:
    loaded = datasets.load(name)
    sources = file_times.sources(loaded)
    return _Loaded(loaded, sources, file_times.stamp(sources))


def token(of: Dataset) -> str:
    """Tells one loaded dataset from every other, also from an earlier reading of the same."""
    if of not in _versions:
        _versions[of] = next(_counter)
    return f"{of.fingerprint}-{_versions[of]}"


def colours(of: Dataset) -> dict[str, str]:
    """The colour of each class of a dataset."""
    return figures.class_colours(of.classes)


# --- index ----------------------------------------------------------------------------------


def measured_index(of: Dataset) -> Index:
    """The dataset's index; while it is not measured, offers to measure it and ends the run."""
    try:
        found = index(of)
        if found is None:
            waiting.measuring(of, indexing.missing(of))
    except CxrError as error:
        st.error(str(error))
        st.stop()
    return found


def index(of: Dataset) -> Index | None:
    """The index, or None when images are still to be measured."""
    return _index(of, token(of), _index_stamp(of))


def _index_stamp(of: Dataset) -> str:
    return repr(file_times.stamp([settings.data_dir() / "index" / f"{of.fingerprint}.parquet"]))


@st.cache_resource(max_entries=6, show_spinner="Reading the measurements …")
def _index(_of: Dataset, token: str, stamp: str) -> Index | None:
    found = indexing.load(_of)
    # What reading the dataset and its measurements took goes back: a tenth of the server's memory.
    pa.default_memory_pool().release_unused()
    return found


def images(of: Dataset, measured: Index) -> pd.DataFrame:
    """The image table with its measurements beside it; read-only, rows as `of.table`."""
    return _images(of, measured, token(of), _index_stamp(of))


@st.cache_resource(max_entries=6, show_spinner=False)
def _images(_of: Dataset, _measured: Index, token: str, stamp: str) -> pd.DataFrame:
    # Where both have a column the table's is kept: it has sizes of pictures that can't be decoded.
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
        of: the dataset it is about.
        build: makes the figure.
        key: its name, then all that decides how it looks.
    """
    return _figure(build, "|".join(map(str, (token(of), _index_stamp(of), *key))))


@st.cache_resource(max_entries=64, show_spinner=False)
def _figure(_build: Callable[[], go.Figure], key: str) -> go.Figure:
    return _build()


# --- pictures -------------------------------------------------------------------------------


def thumbnails(of: Dataset, image_ids: Sequence[str]) -> list[bytes]:
    """128-px JPEGs, in order; a gray tile where an image is damaged."""
    found = index(of)
    kept = [found.thumbnail(image_id) if found else None for image_id in image_ids]
    return [
        jpeg or _made_thumbnail(of, image_id)
        for jpeg, image_id in zip(kept, image_ids, strict=True)
    ]


@st.cache_data(max_entries=2000, show_spinner=False)
def _made_thumbnail(_of: Dataset, image_id: str) -> bytes:
    try:
        return pictures.thumbnail(pictures.decode(_of.path_of(image_id)))
    except CxrError:
        return pictures.thumbnail(np.full((128, 128), 96, np.uint8))


@st.cache_data(max_entries=32, show_spinner=False)
def picture(_of: Dataset, image_id: str) -> bytes:
    """One image large, as JPEG, its longest side at most LARGE_SIDE pixels.

    Raises:
        ImageError: it is damaged or gone.
    """
    gray = pictures.decode(_of.path_of(image_id))
    side = min(LARGE_SIDE, max(gray.shape))
    scale = side / max(gray.shape)
    size = max(1, round(gray.shape[1] * scale)), max(1, round(gray.shape[0] * scale))
    small = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()


# --- runs and predictions -------------------------------------------------------------------


def runs_table(dataset_name: str) -> pd.DataFrame:
    """`store.list_runs` of a dataset, read anew when a file of the store has changed."""
    root = settings.models_dir()
    folders = sorted(p for p in root.glob("*") if p.is_dir() and p.name[0] not in "._")
    stamp = file_times.stamp([file for folder in folders for file in (folder, *_inside(folder))])
    return _runs_table(dataset_name, str(root), hash(stamp))


@st.cache_data(max_entries=16, show_spinner=False)
def _runs_table(dataset_name: str, root: str, stamp: int) -> pd.DataFrame:
    return store.list_runs(dataset_name)


def run(run_id: str) -> store.Run:
    """A stored run.

    Raises:
        StoreError: it is missing or damaged.
    """
    folder = settings.models_dir() / run_id
    return _run(run_id, str(folder), hash(file_times.stamp(_inside(folder))))


def _inside(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:  # not there, or deleted by another session a moment ago
        return []


@st.cache_resource(max_entries=64, show_spinner=False)
def _run(run_id: str, folder: str, stamp: int) -> store.Run:
    return store.load_run(run_id)


@st.cache_resource(show_spinner=False, on_release=lambda old: old.close())
def worker() -> Worker:
    """The one process that holds loaded models, for all sessions."""
    return Worker()


def predict(
    name: str, image: bytes, mask: str | None, run_ids: tuple[str, ...], class_name: str | None
) -> list[Prediction]:
    """What each run says about an image, with its maps; the last answers are remembered.

    Args:
        name: what messages call the image.
        image: its bytes.
        mask: path of its lung mask, if it has one.
        run_ids: in order.
        class_name: the class to explain; None for the one that each run predicts.

    Raises:
        ImageError, ExplainError, JobError: as `Worker.predict`.
    """
    arguments: Any = (name, image, mask, run_ids, class_name, str(settings.models_dir()))
    found = _predict(*arguments)
    if any(prediction.error for prediction in found):
        _predict.clear(*arguments)  # it may work the next time
    return found


@st.cache_data(max_entries=24, show_spinner="The models are looking …")
def _predict(
    name: str,
    image: bytes,
    mask: str | None,
    run_ids: tuple[str, ...],
    class_name: str | None,
    models_dir: str,
) -> list[Prediction]:
    path = None if mask is None else Path(mask)
    return worker().predict(image, run_ids, mask=path, class_name=class_name, name=name)
