"""The Plotly figures that are useful in a notebook, from what `load`, `measure` and `train` return."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from cxrcore import figures, quality, store

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from cxrcore.datasets import Dataset
    from cxrcore.index import Index
    from cxrcore.inference import Prediction
    from cxrcore.store import Run


def histograms(index: "Index", groups: pd.Series | None = None) -> "go.Figure":
    """Mean gray-value histogram and quartile band of each group of images.

    Args:
        index: from `cxrcore.measure`.
        groups: (n,) group of each image, such as `data.table["label"]`; None for all together.
    """
    labels, names = _grouped(index, groups)
    profiles = quality.gray_profiles(index.histograms, labels, names)
    return figures.histogram_lines(profiles, figures.class_colours(names))


def brisque(index: "Index", groups: pd.Series | None = None) -> "go.Figure":
    """Distribution of the BRISQUE score (lower is better) of each group; as `histograms`."""
    labels, names = _grouped(index, groups)
    scores = index.table["brisque"].to_numpy(np.float64, na_value=np.nan)
    summary = quality.limits.quartiles(scores, labels, names)
    return figures.brisque_panels(scores, labels, summary, figures.class_colours(names), np.nan)


def classes(data: "Dataset", parts: pd.Series | None = None) -> "go.Figure":
    """Number of images of each class, stacked by `parts`, such as `data.table["source"]`."""
    return figures.class_balance(data.table["label"], data.classes, parts)


def sizes(data: "Dataset") -> "go.Figure":
    """Width and height of the images, in pixels, by class."""
    table = data.table
    return figures.image_sizes(table["width"], table["height"], table["label"], data.classes)


def curves(
    runs: "Run | Sequence[Run]", metric: Literal["loss", "accuracy"] = "loss"
) -> "go.Figure":
    """Training (dotted) and validation (solid) curve of one run or several."""
    many = runs if isinstance(runs, Sequence) else [runs]
    one = len({run.dataset for run in many}) == 1  # titles are unique in a dataset only
    names = [store.title(run) if one else f"{store.title(run)}, {run.run_id}" for run in many]
    histories = dict(zip(names, (run.history() for run in many), strict=True))
    return figures.curves(histories, metric)


def confusion(run: "Run", part: str = "test") -> "go.Figure":
    """Confusion matrix of a run, rows true and columns predicted; `part` as in `Run.metrics`."""
    return figures.confusion_heatmap(run.metrics[part].confusion, run.classes)


def probabilities(predictions: "Prediction | Sequence[Prediction]") -> "go.Figure":
    """Probability of each class, one panel per run."""
    many = predictions if isinstance(predictions, Sequence) else [predictions]
    return figures.probability_bars(many, store.titles())


def _grouped(index: "Index", groups: pd.Series | None) -> tuple[np.ndarray, list[str]]:
    """(n,) group of each image, and the groups in order."""
    if groups is None:
        return np.full(len(index.table), "all images", dtype=object), ["all images"]
    labels = groups.astype(object).fillna("unknown").to_numpy()
    return labels, sorted(set(labels))
