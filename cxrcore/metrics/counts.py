"""Metrics that follow from the confusion matrix alone, and the cells that shares are made of.

`counts` is (..., k, k) everywhere: images of class i (row, true) that were predicted as class j
(column), for as many matrices as the leading axes hold. Metrics of a class are (..., k) in class
order, others (...), NaN where they are undefined. Two conventions are scikit-learn's: a class that
is never predicted has precision 0, one without images recall and F1 0.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def precision(counts: Counts) -> Floats:
    """TP / (TP + FP); 0 for a class that is never predicted."""
    return _share(_hits(counts), counts.sum(axis=-2))


def recall(counts: Counts) -> Floats:
    """TP / (TP + FN); 0 for a class without images."""
    return _share(_hits(counts), counts.sum(axis=-1))


def f1(counts: Counts) -> Floats:
    """2 TP / (2 TP + FP + FN); 0 for a class without images that is never predicted."""
    return _share(2 * _hits(counts), counts.sum(axis=-2) + counts.sum(axis=-1))


def specificity(counts: Counts) -> Floats:
    """TN / (TN + FP); NaN where every image is of the class."""
    others = counts.sum(axis=(-2, -1))[..., None] - counts.sum(axis=-1)
    false_positives = counts.sum(axis=-2) - _hits(counts)
    return _share(others - false_positives, others, np.nan)


def accuracy(counts: Counts) -> Floats:
    """Share of the images that are predicted correctly; NaN without images."""
    return _share(_hits(counts).sum(axis=-1), counts.sum(axis=(-2, -1)), np.nan)


def balanced_accuracy(counts: Counts) -> Floats:
    """Mean recall of the classes that have images; NaN without images."""
    present = (counts.sum(axis=-1) > 0).sum(axis=-1)
    return _share(recall(counts).sum(axis=-1), present, np.nan)


def matthews(counts: Counts) -> Floats:
    """Matthews correlation of several classes, -1..1.

    0 where every image is predicted as one class, the limit that Chicco and Jurman derive (BMC
    Genomics 21:6, 2020); NaN where all images are of one class: there is nothing to correlate.

    Source: Gorodkin 2004, Computational Biology and Chemistry 28, 367-374 (R_K).
    """
    counts = np.asarray(counts, float)
    n, true, predicted = counts.sum(axis=(-2, -1)), counts.sum(axis=-1), counts.sum(axis=-2)
    spread_true = n * n - (true * true).sum(axis=-1)
    spread_predicted = n * n - (predicted * predicted).sum(axis=-1)
    covariance = _hits(counts).sum(axis=-1) * n - (true * predicted).sum(axis=-1)
    found = _share(covariance, np.sqrt(spread_true * spread_predicted))
    return np.where(spread_true == 0, np.nan, found)


def every(k: int, _class_number: int) -> Bools:
    """(k, k) cells of the films that a figure is about: all."""
    return np.ones((k, k), bool)


def true(k: int, class_number: int) -> Bools:
    """(k, k) cells of the films of a class."""
    return np.broadcast_to((np.arange(k) == class_number)[:, None], (k, k))


def other(k: int, class_number: int) -> Bools:
    """(k, k) cells of the films of other classes."""
    return ~true(k, class_number)


def called(k: int, class_number: int) -> Bools:
    """(k, k) cells of the films that are predicted as a class."""
    return true(k, class_number).T


def either(k: int, class_number: int) -> Bools:
    """(k, k) cells of the films that are of a class or predicted as it."""
    return true(k, class_number) | called(k, class_number)


def not_called(k: int, class_number: int) -> Bools:
    """(k, k) cells of the films that are not predicted as a class."""
    return ~called(k, class_number)


def right(k: int, _class_number: int) -> Bools:
    """(k, k) cells of the films that are predicted correctly."""
    return np.eye(k, dtype=bool)


def _hits(counts: Counts) -> Counts:
    """(..., k) images predicted as what they are."""
    return counts.diagonal(axis1=-2, axis2=-1)


def _share(part: npt.ArrayLike, whole: npt.ArrayLike, otherwise: float = 0.0) -> Floats:
    """part / whole; `otherwise` where the whole is 0."""
    whole = np.asarray(whole, float)
    return np.divide(part, whole, out=np.full_like(whole, otherwise), where=whole > 0)
