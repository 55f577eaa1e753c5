"""How well probabilities rank the images of a class above all others: AUC and average precision.

Neither depends on a threshold. Images of equal probability count as one step.
"""

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.integer]
Floats = npt.NDArray[np.floating]


def auc(truth: Ints, probabilities: Floats) -> npt.NDArray[np.float64]:
    """(k,) areas under the ROC curve, each class against the rest, 0..1.

    The probability that an image of the class ranks above one of another class, ties counting half
    (Hanley and McNeil 1982, Radiology 143, 29-36): the Mann-Whitney statistic divided by its maximum.
    NaN for a class without images, and where every image is of the class.

    Args:
        truth: (n,) class numbers, 0 to k-1.
        probabilities: (n, k).

    >>> auc(np.array([0, 0, 1]), np.array([[0.9, 0.1], [0.4, 0.6], [0.4, 0.6]])).tolist()
    [0.75, 0.75]
    """
    return np.array([_auc(truth == k, column) for k, column in enumerate(probabilities.T)])


def average_precision(truth: Ints, probabilities: Floats) -> npt.NDArray[np.float64]:
    """(k,) average precisions, each class against the rest, 0..1; NaN for a class without images.

    The sum over all thresholds of precision times the gain in recall, without interpolation (as
    scikit-learn; Davis and Goadrich 2006, doi 10.1145/1143844.1143874). Chance scores the share of the class.

    Args:
        truth: (n,) class numbers, 0 to k-1.
        probabilities: (n, k).

    >>> average_precision(np.array([0, 1, 0]), np.array([[0.9], [0.5], [0.1]])).round(4).tolist()
    [0.8333]
    """
    columns = enumerate(probabilities.T)
    return np.array([_average_precision(truth == k, column) for k, column in columns])


def _auc(positive: npt.NDArray[np.bool_], scores: Floats) -> float:
    p = int(positive.sum())
    n = len(positive) - p
    if not p or not n:
        return float("nan")
    _, place, sizes = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = np.cumsum(sizes) - (sizes - 1) / 2  # of equal scores the mean rank
    return float((ranks[place][positive].sum() - p * (p + 1) / 2) / (p * n))


def _average_precision(positive: npt.NDArray[np.bool_], scores: Floats) -> float:
    p = int(positive.sum())
    if not p:
        return float("nan")
    _, place, sizes = np.unique(-scores, return_inverse=True, return_counts=True)  # highest first
    hits = np.bincount(place, weights=positive, minlength=len(sizes))
    return float((hits / p) @ (hits.cumsum() / sizes.cumsum()))
