"""Areas under ROC curves: covariance as DeLong has it, intervals, paired differences."""

import math

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, stdtr

from cxrcore.errors import CxrError
from cxrcore.statistics import estimate as estimates
from cxrcore.statistics.estimate import Z95, Difference, Estimate, covariance
from cxrcore.statistics.patients import cautious, codes, sums, worst

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.floating]


def influences(
    positive: Bools, scores: Floats, groups: npt.ArrayLike | None = None
) -> tuple[Floats, Floats]:
    """AUC of each row of scores, and how each film moves it.

    The influence of a film is DeLong's structural component less the AUC, by mid-ranks in
    O(m n log n). Their products summed give his covariance; summed by patients first Obuchowski's,
    with the geometric mean of her other two factors for the part between positive and negative films,
    so that no variance is negative. Influences of classes can be averaged for a macro AUC.

    Args:
        positive: (n,) whether a film is of the class.
        scores: (m, n) of m models, greater for films of the class.
        groups: (n,) patients, or None.

    Returns:
        (m,) AUC, 0..1, NaN where only one kind of film exists, and (m, n) influences, all 0 where
        either kind has fewer than two films or patients: they show no spread.

    Raises:
        CxrError: scores are not (m, n).

    Source:
        DeLong, DeLong, Clarke-Pearson 1988, doi 10.2307/2531595; Sun and Xu 2014,
        doi 10.1109/LSP.2014.2337313; Obuchowski 1997, doi 10.2307/2533958.
    """
    if scores.ndim != 2 or positive.shape != scores.shape[1:]:
        raise CxrError(
            "AUC needs (n,) films and (m, n) scores. "
            f"Received: {positive.shape} and {scores.shape}. Give one row a model."
        )
    of, others = np.flatnonzero(positive), np.flatnonzero(~positive)
    moves = np.zeros(scores.shape)
    if not len(of) or not len(others):
        return np.full(len(scores), np.nan), moves
    patients = codes(groups, len(positive))
    pairs = np.empty(scores.shape)
    for row, values in zip(pairs, scores, strict=True):
        row[of] = _below(values[of], np.sort(values[others])) / len(others)
        row[others] = 1 - _below(values[others], np.sort(values[of])) / len(of)
    aucs = pairs[:, of].mean(axis=1)
    units = [len(each if patients is None else np.unique(patients[each])) for each in (of, others)]
    if min(units) > 1:
        for films, count in zip((of, others), units, strict=True):
            factor = math.sqrt(count / (count - 1)) / len(films)
            moves[:, films] = (pairs[:, films] - aucs[:, None]) * factor
    return aucs, moves


def delong(
    positive: Bools, scores: Floats, groups: npt.ArrayLike | None = None
) -> tuple[Floats, Floats]:
    """(m,) AUC of the rows of scores and their (m, m) covariance; arguments as `influences`."""
    aucs, moves = influences(positive, scores, groups)
    return aucs, covariance(moves, groups)


def interval(
    auc: float, variance: float, positives: float, negatives: float, most: float = 1.0
) -> tuple[float, float]:
    """The 95 % interval of an AUC, 0..1, also of one that is exactly 1.

    Newcombe's method 5 (Statistics in Medicine 25, 559-573, 2006) asks which true values would make
    the one found no surprise, with the variance that Hanley and McNeil give for them. Here that
    variance is multiplied by how much the one found differs from theirs.

    Args:
        auc: as found.
        variance: of it, as found by `delong`.
        positives, negatives: films of both kinds.
        most: the design effect if all films of a patient were alike.
    """
    model = _hanley(auc, positives, negatives)
    seen = min(positives, negatives) * min(auc, 1 - auc)  # about the films on the wrong side
    ratio = cautious(variance / model, most, seen) if variance > 0 else most

    def solve(inside: float, outside: float) -> float:
        for _ in range(50):
            middle = (inside + outside) / 2
            spread = Z95 * math.sqrt(ratio * _hanley(middle, positives, negatives))
            if abs(auc - middle) <= spread:
                inside = middle
            else:
                outside = middle
        return (inside + outside) / 2

    return solve(auc, 0.0), solve(auc, 1.0)


def estimate(
    positive: Bools, scores: Floats, groups: npt.ArrayLike | None = None
) -> list[Estimate]:
    """AUC of each row of scores with interval and influences; arguments as `influences`."""
    aucs, moves = influences(positive, scores, groups)
    of = int(positive.sum())
    most = worst(codes(groups, len(positive)))
    variances = covariance(moves, groups).diagonal()
    found = []
    for value, variance, row in zip(aucs, variances, moves, strict=True):
        low, high = (np.nan, np.nan)
        if np.isfinite(value):
            low, high = interval(float(value), float(variance), of, len(positive) - of, most)
        found.append(Estimate(float(value), low, high, row))
    return found


def difference(
    first: Estimate, second: Estimate, groups: npt.ArrayLike | None = None
) -> Difference:
    """The difference of two models' AUC, of a class or macro, by DeLong's test.

    With several films of a patient the quantile is Student's, with as many degrees of freedom as
    patients count: (sum v)² / sum v² of their shares v of the variance. By the normal one 60 films of
    patients, five equal models and Holm gave a false alarm in up to 17 of 100 sets, by this in 4.

    Args:
        first, second: as `estimate` makes them, or their `mean` over the classes.
        groups: (n,) patients, or None.
    """
    patients = codes(groups, len(first.influence))
    squares = np.square(sums(first.influence - second.influence, patients))
    spread = math.sqrt(squares.sum())
    if not spread > 0:
        why = "not tested: the films show no spread of the difference"
        return estimates.difference(first, second, None, why, groups)
    reached = -abs(first.value - second.value) / spread
    if patients is None:
        p, method = 2 * float(ndtr(reached)), "DeLong"
    else:
        freedom = max(1.0, float(squares.sum() ** 2 / (squares @ squares)))
        p, method = 2 * float(stdtr(freedom, reached)), "DeLong for whole patients"
    return estimates.difference(first, second, max(p, np.finfo(float).tiny), method, groups)


def _below(values: Floats, ordered: Floats) -> Floats:
    """How many of the ordered ones lie below each value; equal ones count half."""
    return (np.searchsorted(ordered, values) + np.searchsorted(ordered, values, "right")) / 2


def _hanley(auc: float, positives: float, negatives: float) -> float:
    """Variance of an AUC (Hanley and McNeil 1982, doi 10.1148/radiology.143.1.7063747).

    In Newcombe's form, with the mean number of films of a kind for both.
    """
    more = (positives + negatives) / 2 - 1
    inner = 1 + more * ((1 - auc) / (2 - auc) + auc / (1 + auc))
    return max(0.0, auc * (1 - auc) * inner / (positives * negatives))
