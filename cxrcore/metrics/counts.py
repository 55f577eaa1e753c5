"""Metrics that follow from the confusion matrix alone, with their 95 % intervals.

`counts` is (k, k) everywhere: images of class i (row, true) that were predicted as class j (column).
Metrics of a class are (k,) arrays in class order, NaN where they are undefined. Two conventions are
scikit-learn's: a class that is never predicted has precision 0, one without images recall and F1 0.
"""

import numpy as np
import numpy.typing as npt

from cxrcore.metrics.intervals import wilson

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def precision(counts: Counts) -> Floats:
    """TP / (TP + FP); 0 for a class that is never predicted."""
    return counts.diagonal() / counts.sum(axis=0).clip(min=1)


def recall(counts: Counts) -> Floats:
    """TP / (TP + FN); 0 for a class without images."""
    return counts.diagonal() / counts.sum(axis=1).clip(min=1)


def f1(counts: Counts) -> Floats:
    """2 TP / (2 TP + FP + FN); 0 for a class without images that is never predicted."""
    either = counts.sum(axis=0) + counts.sum(axis=1)
    return 2 * counts.diagonal() / either.clip(min=1)


def specificity(counts: Counts) -> Floats:
    """TN / (TN + FP); NaN where every image is of the class."""
    others = counts.sum() - counts.sum(axis=1)
    false_positives = counts.sum(axis=0) - counts.diagonal()
    return _ratio(others - false_positives, others)


def accuracy(counts: Counts) -> float:
    """Share of the images that are predicted correctly; NaN without images."""
    return float(_ratio(np.trace(counts), counts.sum()))


def balanced_accuracy(counts: Counts) -> float:
    """Mean recall of the classes that have images; NaN without images."""
    present = counts.sum(axis=1) > 0
    return float(recall(counts)[present].mean()) if present.any() else float("nan")


def matthews(counts: Counts) -> float:
    """Matthews correlation of several classes, -1..1.

    0 where every image is predicted as one class, the limit that Chicco and Jurman derive (BMC
    Genomics 21:6, 2020); NaN where all images are of one class: there is nothing to correlate.

    Source: Gorodkin 2004, Computational Biology and Chemistry 28, 367-374 (R_K).
    """
    n, true, predicted = (float(counts.sum()), counts.sum(axis=1) / 1.0, counts.sum(axis=0) / 1.0)
    spread_true, spread_predicted = n * n - true @ true, n * n - predicted @ predicted
    if spread_true == 0:
        return float("nan")
    if spread_predicted == 0:
        return 0.0
    covariance = np.trace(counts) * n - true @ predicted
    return float(covariance / np.sqrt(spread_true * spread_predicted))


def accuracy_interval(counts: Counts) -> tuple[float, float]:
    """Wilson's interval of the accuracy."""
    return wilson(int(np.trace(counts)), int(counts.sum()))


def precision_intervals(counts: Counts) -> list[tuple[float, float]]:
    """Wilson's interval of each class; NaN for one that is never predicted."""
    return _intervals(counts.diagonal(), counts.sum(axis=0))


def recall_intervals(counts: Counts) -> list[tuple[float, float]]:
    """Wilson's interval of each class; NaN for one without images."""
    return _intervals(counts.diagonal(), counts.sum(axis=1))


def specificity_intervals(counts: Counts) -> list[tuple[float, float]]:
    """Wilson's interval of each class; NaN where every image is of the class."""
    others = counts.sum() - counts.sum(axis=1)
    return _intervals(others - counts.sum(axis=0) + counts.diagonal(), others)


def _ratio(part: npt.ArrayLike, whole: npt.ArrayLike) -> Floats:
    """part / whole; NaN where the whole is 0."""
    whole = np.asarray(whole, float)
    return np.divide(part, whole, out=np.full_like(whole, np.nan), where=whole > 0)


def _intervals(hits: Counts, n: Counts) -> list[tuple[float, float]]:
    unknown = (float("nan"), float("nan"))
    return [wilson(int(h), int(m)) if m else unknown for h, m in zip(hits, n, strict=True)]
