"""What the quality page keeps: scores, what they depend on, outliers.

Results are keyed by the content of the scores.
"""
# ruff: noqa: ARG001  (arguments that a function does not use are the key of its cache)

import hashlib
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from cxrcore import quality
from cxrcore.datasets import Dataset
from cxrcore.pixels import Pixels, Preparation
from cxrcore.quality import Shortcut
from pages.shared import cache, preparations


@dataclass(frozen=True, eq=False)
class Scores:
    """BRISQUE of each image of a dataset, rows as in its table; read-only.

    `values` is (n,) float64, NaN where an image has none. `unusable` says by image_id why an image
    cannot be used at all. `key` identifies the content.
    """

    values: NDArray[np.float64]
    unusable: dict[str, str] = field(default_factory=dict)
    key: str = ""


def stored(of: Dataset, images: pd.DataFrame) -> Scores:
    """Scores of the images as they are stored, at their own size.

    Args:
        of: the dataset.
        images: from `cache.images`.
    """
    scores = images["brisque"].to_numpy(np.float64, na_value=np.nan)
    return Scores(scores, key=_key(of, scores))


def prepared(of: Dataset, preparation: Preparation) -> Scores | None:
    """Scores of the images as a model sees them; None while they are not computed.

    Raises:
        StoreError: the prepared pixels are damaged.
    """
    found = preparations.measured_pixels(of, preparation)
    return None if found is None else _prepared(of, found, cache.token(of), str(found.folder))


@st.cache_resource(max_entries=16, show_spinner=False)
def _prepared(_of: Dataset, _pixels: Pixels, token: str, folder: str) -> Scores:
    scores = _pixels.brisque()
    return Scores(scores, _pixels.reasons, _key(_of, scores))


def _key(of: Dataset, scores: NDArray[np.float64]) -> str:
    content = hashlib.blake2b(scores.tobytes(), digest_size=8).hexdigest()
    return f"{cache.token(of)}-{content}"


def shortcut(of: Dataset, images: pd.DataFrame, scores: Scores) -> Shortcut:
    """Whether the scores depend on class and source."""
    return _shortcut(of, images, scores, scores.key)


@st.cache_resource(max_entries=24, show_spinner=False)
def _shortcut(_of: Dataset, _images: pd.DataFrame, _scores: Scores, key: str) -> Shortcut:
    return quality.shortcut(_scores.values, _images["label"], _images["source"], names=_of.classes)


def ranks(images: pd.DataFrame, scores: Scores) -> pd.DataFrame:
    """How unusual each score is for its source: `quality.outliers.ranks`."""
    return _ranks(images, scores, scores.key)


@st.cache_resource(max_entries=24, show_spinner=False)
def _ranks(_images: pd.DataFrame, _scores: Scores, key: str) -> pd.DataFrame:
    return quality.outliers.ranks(_scores.values, _images["source"])
