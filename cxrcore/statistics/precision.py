"""Average precision: its influences, interval and paired differences."""

import math

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit, ndtr

from cxrcore.statistics import estimate as estimates
from cxrcore.statistics.estimate import Z95, Difference, Estimate, covariance
from cxrcore.statistics.patients import codes

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.floating]


def influences(positive: Bools, scores: Floats) -> tuple[float, Floats]:
    """Average precision, 0..1, and how each film moves it: the derivatives by the films' weights.

    Films of equal score are one step. NaN and 0 without films of the class.

    Args:
        positive: (n,) whether a film is of the class.
        scores: (n,) greater for films of the class.
    """
    order = np.argsort(-scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=np.inf))
    step = np.cumsum(np.isin(np.arange(len(order)), starts)) - 1  # of each film in this order
    hits = np.add.reduceat(positive[order].astype(float), starts)
    found, films, total = hits.cumsum(), np.append(starts[1:], len(order)), hits.sum()
    if not total:
        return float("nan"), np.zeros(len(order))
    precision = found / films
    value = float(hits @ precision / total)
    gained = (hits / films)[::-1].cumsum()[::-1]  # by a film of the class in this step or above
    lost = (hits * found / films**2)[::-1].cumsum()[::-1]  # by any film
    moves = np.empty(len(order))
    moves[order] = (positive[order] * (precision + gained - value)[step] - lost[step]) / total
    return value, moves


def estimate(positive: Bools, scores: Floats, groups: npt.ArrayLike | None = None) -> Estimate:
    """Average precision with its 95 % interval; arguments as `influences`, and patients.

    The interval is symmetric on the logit scale, with the variance of the influences. Simulated at 60
    and 225 films it held the truth as often as a bootstrap. Where no spread is seen, at exactly 1, it
    is undefined.

    Source: Boyd, Eng and Page 2013, Area under the precision-recall curve: point estimates and
    confidence intervals, doi 10.1007/978-3-642-40994-3_29 (logit interval).
    """
    value, moves = influences(positive, scores)
    patients = codes(groups, len(positive))
    units = len(positive) if patients is None else int(patients.max()) + 1
    moves = moves * math.sqrt(units / max(1, units - 1))
    spread = math.sqrt(covariance(moves[None], groups)[0, 0])
    if not 0 < value < 1 or not spread:
        return Estimate(value, math.nan, math.nan, moves)
    reach = Z95 * spread / (value * (1 - value))
    low, high = expit(logit(value) - reach), expit(logit(value) + reach)
    return Estimate(value, float(low), float(high), moves)


def difference(
    first: Estimate, second: Estimate, groups: npt.ArrayLike | None = None
) -> Difference:
    """The difference of two models' average precision, of a class or macro, by the delta method.

    Args:
        first, second: as `estimate` makes them, or their `mean` over the classes.
        groups: (n,) patients, or None.
    """
    spread = math.sqrt(covariance((first.influence - second.influence)[None], groups)[0, 0])
    value = first.value - second.value
    if not np.isfinite(value) or not spread:
        why = "not tested: both models rank every film alike"
        return estimates.difference(first, second, None, why, groups)
    p = max(2 * float(ndtr(-abs(value) / spread)), np.finfo(float).tiny)
    return estimates.difference(first, second, p, "delta method", groups)
