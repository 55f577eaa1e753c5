"""One class against the rest over all thresholds: ROC, precision-recall, calibration, net benefit."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxrcore.metrics.calibration import bin_starts
from cxrcore.statistics import shares

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Curve:
    """Points of a curve, one a threshold, from the strictest to the loosest.

    Attributes:
        x, y: (m,) 0..1.
        threshold: (m,) a film is positive from this probability on.
    """

    x: Floats
    y: Floats
    threshold: Floats


@dataclass(frozen=True)
class Reliability:
    """How often films are of the class, by the probability they were given, in bins.

    Attributes:
        probability: (b,) mean of the bin.
        share: (b,) of its films that are of the class; `low` and `high` its 95 % interval.
        films: (b,) in the bin.
    """

    probability: Floats
    share: Floats
    low: Floats
    high: Floats
    films: npt.NDArray[np.integer]


def roc(positive: Bools, scores: Floats) -> Curve:
    """Sensitivity (y) against 1 - specificity (x), from (0, 0) to (1, 1).

    Args:
        positive: (n,) films of the class; at least one is and one is not.
        scores: (n,) probability of the class.

    >>> curve = roc(np.array([True, False, True]), np.array([0.9, 0.5, 0.4]))
    >>> curve.x.tolist(), curve.y.tolist()
    ([0.0, 0.0, 1.0, 1.0], [0.0, 0.5, 0.5, 1.0])
    """
    hits, alarms, threshold = _counts(positive, scores)
    start, never = np.zeros(1), np.full(1, np.inf)
    return Curve(
        np.concatenate([start, alarms / alarms[-1]]),
        np.concatenate([start, hits / hits[-1]]),
        np.concatenate([never, threshold]),
    )


def precision_recall(positive: Bools, scores: Floats) -> Curve:
    """Precision (y) against recall (x); arguments as `roc`.

    The average precision is the area below its steps, each as high as at its right end.
    """
    hits, alarms, threshold = _counts(positive, scores)
    return Curve(hits / hits[-1], hits / (hits + alarms), threshold)


def reliability(
    positive: Bools, scores: Floats, groups: npt.ArrayLike | None = None
) -> Reliability:
    """The calibration curve over bins of about equally many films, see `calibration.bin_starts`.

    Args:
        positive: (n,) films of the class.
        scores: (n,) probability of the class.
        groups: (n,) patients, for the intervals; or None.
    """
    order = np.argsort(scores, kind="stable")
    patients = None if groups is None else np.asarray(groups)[order]
    starts = bin_starts(scores[order].astype(np.float64))
    rows = []
    for start, end in zip(starts, [*starts[1:], len(order)], strict=True):
        hits = positive[order[start:end]]
        of = None if patients is None else patients[start:end]
        interval = shares.interval(hits, of)
        rows.append((scores[order[start:end]].mean(), hits.mean(), *interval, end - start))
    probability, share, low, high, films = np.array(rows, dtype=np.float64).reshape(-1, 5).T
    return Reliability(probability, share, low, high, films.astype(np.int64))


def net_benefit(positive: Bools, scores: Floats, thresholds: Floats) -> Floats:
    """(t,) true positives less weighed false ones, per film, when acting from each threshold on.

    A threshold t says that one missed film is as bad as (1 - t) / t false alarms. Acting on every film
    has prevalence - (1 - prevalence) t / (1 - t), acting on none 0.

    Source: Vickers and Elkin 2006, Medical Decision Making 26, 565-574,
    doi 10.1177/0272989X06295361.

    Args:
        positive: (n,) films of the class.
        scores: (n,) probability of the class.
        thresholds: (t,) within 0..1, 1 excluded.
    """
    called = scores[None, :] >= thresholds[:, None]
    hits = (called & positive).sum(axis=1) / len(positive)
    alarms = (called & ~positive).sum(axis=1) / len(positive)
    return hits - alarms * thresholds / (1 - thresholds)


def _counts(positive: Bools, scores: Floats) -> tuple[Floats, Floats, Floats]:
    """Films of the class and others from each distinct score on, and these scores, descending."""
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    last = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)  # of equal scores
    hits = np.cumsum(positive[order])[last].astype(np.float64)
    return hits, last + 1 - hits, ordered[last]
