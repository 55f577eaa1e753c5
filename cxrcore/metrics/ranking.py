"""How well probabilities rank the images of a class above all others: AUC and average precision.

Neither depends on a threshold. Images of equal probability count as one step. `weights` (d, n) counts
how often each image is in each of d samples; the results then have a leading axis d.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.integer]
Floats = npt.NDArray[np.floating]


def auc(truth: Ints, probabilities: Floats, weights: Floats | None = None) -> Floats:
    """(k,) areas under the ROC curve, each class against the rest, 0..1.

    The probability that an image of the class ranks above one of another class, ties counting half
    (Hanley and McNeil 1982, Radiology 143, 29-36): the Mann-Whitney statistic divided by its maximum.
    NaN for a class without images, and where every image is of the class.

    Args:
        truth: (n,) class numbers, 0 to k-1.
        probabilities: (n, k).
        weights: (d, n), or None for each image once.

    >>> auc(np.array([0, 0, 1]), np.array([[0.9, 0.1], [0.4, 0.6], [0.4, 0.6]])).tolist()
    [0.75, 0.75]
    """
    return _each(_auc, truth, probabilities, weights)


def average_precision(truth: Ints, probabilities: Floats, weights: Floats | None = None) -> Floats:
    """(k,) average precisions, each class against the rest, 0..1; NaN for a class without images.

    The sum over all thresholds of precision times the gain in recall, without interpolation (as
    scikit-learn; Davis and Goadrich 2006, doi 10.1145/1143844.1143874). Chance scores the share of the class.

    Args:
        truth: (n,) class numbers, 0 to k-1.
        probabilities: (n, k).
        weights: (d, n), or None for each image once.

    >>> average_precision(np.array([0, 1, 0]), np.array([[0.9], [0.5], [0.1]])).round(4).tolist()
    [0.8333]
    """
    return _each(_average_precision, truth, probabilities, weights)


def mean_defined(values: npt.ArrayLike) -> Floats:
    """The mean over the last axis of those that are not NaN; NaN where all are."""
    values = np.asarray(values, float)
    known = ~np.isnan(values)
    total = np.where(known, values, 0.0).sum(axis=-1)
    return np.where(known.any(axis=-1), total / known.sum(axis=-1).clip(min=1), np.nan)


def _each(
    figure: Callable[[Floats, Floats], Floats],
    truth: Ints,
    probabilities: Floats,
    weights: Floats | None,
) -> Floats:
    """The figure of each class from the images of each probability, the greatest first."""
    counts = np.ones((1, len(truth))) if weights is None else weights
    found = []
    for number, column in enumerate(probabilities.T):
        order = np.argsort(-column, kind="stable")
        ordered = column[order]
        starts = np.flatnonzero(np.diff(ordered, prepend=np.inf))
        images = counts[:, order]
        hits = images * (truth[order] == number)
        if len(starts) < len(order):
            hits, images = (np.add.reduceat(each, starts, axis=1) for each in (hits, images))
        found.append(figure(hits, images))
    values = np.stack(found, axis=-1)
    return values[0] if weights is None else values


def _auc(hits: Floats, images: Floats) -> Floats:
    """(d,) from (d, steps) images of the class and all images, the highest step first."""
    others = images - hits
    p, n = hits.sum(axis=1), others.sum(axis=1)
    above = others.cumsum(axis=1) - others / 2  # of other classes, equal ones half
    lost = np.einsum("ds,ds->d", hits, above, dtype=float)
    pairs = (p * n).astype(float)
    return 1 - np.divide(lost, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)


def _average_precision(hits: Floats, images: Floats) -> Floats:
    """(d,) from (d, steps) images of the class and all images, the highest step first."""
    precision = hits.cumsum(axis=1) / images.cumsum(axis=1).clip(min=1)
    gained = np.einsum("ds,ds->d", hits, precision, dtype=float)
    p = hits.sum(axis=1).astype(float)
    return np.divide(gained, p, out=np.full(len(p), np.nan), where=p > 0)
