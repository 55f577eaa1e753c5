"""What the quality page computes and keeps: scores, what they depend on, unusual images.

Results are kept by the content of the scores, so that they are right whatever the scores are of.
"""
# ruff: noqa: ARG001  (arguments that a function does not use are the key of its cache)

import hashlib
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from cxrcore import pixels, quality, settings
from cxrcore.datasets import Dataset
from cxrcore.pixels import Pixels, Preparation
from cxrcore.quality import Association, Dependence
from pages.shared import cache, file_times


@dataclass(frozen=True, eq=False)
class Scored:
    """BRISQUE of each image of a dataset, rows as its table; read-only.

    `scores` is (n,) float64, NaN where an image has none. `reasons` says by image_id why an
    image cannot be used at all. `key` tells one content from another.
    """

    scores: NDArray[np.float64]
    reasons: dict[str, str] = field(default_factory=dict)
    key: str = ""


@dataclass(frozen=True)
class Verdict:
    """What quality depends on; None where no image has a known source."""

    by_class: Dependence
    by_source: Dependence | None
    association: Association | None  # of source and class
    within: dict[str, Dependence]  # by class, inside each source


def stored(of: Dataset, images: pd.DataFrame) -> Scored:
    """Scores of the images as they are stored, at their own size.

    Args:
        of: the dataset.
        images: from `cached.images`.
    """
    scores = images["brisque"].to_numpy(np.float64, na_value=np.nan)
    return Scored(scores, key=_key(of, scores))


def prepared(of: Dataset, preparation: Preparation) -> Scored | None:
    """Scores of the images as a model sees them; None while they are still to be made.

    Raises:
        StoreError: the prepared pixels are damaged.
    """
    folder = settings.data_dir() / "pixels"
    found = _pixels(of, preparation, cache.token(of), repr(file_times.stamp([folder])))
    if found is None or not found.measured:
        return None
    return _prepared_scores(of, found, cache.token(of), str(found.folder))


@st.cache_resource(max_entries=16, show_spinner=False)
def _pixels(_of: Dataset, preparation: Preparation, token: str, stamp: str) -> Pixels | None:
    return pixels.find(_of, preparation)


@st.cache_resource(max_entries=16, show_spinner=False)
def _prepared_scores(_of: Dataset, _pixels: Pixels, token: str, folder: str) -> Scored:
    scores = _pixels.brisque()
    return Scored(scores, _pixels.reasons, _key(_of, scores))


def _key(of: Dataset, scores: NDArray[np.float64]) -> str:
    content = hashlib.blake2b(scores.tobytes(), digest_size=8).hexdigest()
    return f"{cache.token(of)}-{content}"


def verdict(of: Dataset, images: pd.DataFrame, scored: Scored) -> Verdict:
    """Whether the scores depend on class and source."""
    return _verdict(of, images, scored, scored.key)


@st.cache_resource(max_entries=24, show_spinner=False)
def _verdict(_of: Dataset, _images: pd.DataFrame, _scored: Scored, key: str) -> Verdict:
    scores, classes, sources = _scored.scores, _images["label"], _images["source"]
    by_class = quality.dependence(scores, classes, "class", names=_of.classes)
    if sources.isna().all():
        return Verdict(by_class, None, None, {})
    scored = pd.Series(np.isfinite(scores))
    return Verdict(
        by_class,
        quality.dependence(scores, sources, "source"),
        quality.association(classes.where(scored), sources),
        quality.within(scores, classes, sources),
    )


def unusual(of: Dataset, images: pd.DataFrame, scored: Scored) -> pd.DataFrame:
    """How unusual each image is for its source, as `quality.outliers.ranks`; read-only."""
    return _unusual(images, scored, scored.key)


@st.cache_resource(max_entries=24, show_spinner=False)
def _unusual(_images: pd.DataFrame, _scored: Scored, key: str) -> pd.DataFrame:
    return quality.outliers.ranks(_scored.scores, _images["source"])
