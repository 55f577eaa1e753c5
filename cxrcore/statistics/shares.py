"""Shares of films, as accuracy, recall, specificity and precision are: intervals and paired tests."""

import math

import numpy as np
import numpy.typing as npt
from scipy.special import bdtr, gammaln, stdtrit

from cxrcore.errors import CxrError
from cxrcore.statistics import estimate as estimates
from cxrcore.statistics.estimate import Z95, Difference, Estimate
from cxrcore.statistics.patients import Ints, codes, design_effect, sums

Bools = npt.NDArray[np.bool_]


def wilson(hits: float, n: float, z: float = Z95) -> tuple[float, float]:
    """Wilson's score interval of a share: lowest and highest value, 0..1, compatible with the count.

    Source: Wilson 1927, J. Am. Stat. Assoc. 22, 209-212, doi 10.1080/01621459.1927.10502953.

    Args:
        hits: how many of n, 0 to n.
        n: how many in all, independent of each other; without any the interval is 0 to 1.
        z: quantile of the normal distribution.

    >>> [round(bound, 4) for bound in wilson(8, 10)]
    [0.4902, 0.9433]
    """
    if not n:
        return 0.0, 1.0
    share = hits / n
    middle = share + z * z / (2 * n)
    spread = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def interval(hits: Bools, groups: npt.ArrayLike | None = None) -> tuple[float, float]:
    """The 95 % interval of the share of films that are hits; 0 to 1 without films.

    Wilson's, with as many films as the design effect leaves and, where patients are known, Student's
    quantile for their number.

    Args:
        hits: (n,) of the films that the share is about.
        groups: (n,) patients, or None.

    Raises:
        CxrError: there is not one patient for each film.
    """
    patients = codes(groups, len(hits))
    if not len(hits):
        return 0.0, 1.0
    share = float(hits.mean())
    rarer = min(hits.sum(), len(hits) - hits.sum())
    n = len(hits) / design_effect(hits - share, patients, float(rarer))
    return wilson(share * n, n, _quantile(patients))


def estimate(
    hits: Bools, relevant: Bools | None = None, groups: npt.ArrayLike | None = None
) -> Estimate:
    """A share with its interval and influences, NaN where no film is relevant.

    Args:
        hits: (n,) films that count.
        relevant: (n,) the films that the share is about, such as those of a class; None for all.
        groups: (n,) patients of all films, or None.
    """
    of = np.ones(len(hits), bool) if relevant is None else relevant
    n = int(of.sum())
    if not n:
        return Estimate(np.nan, np.nan, np.nan, np.zeros(len(hits)))
    share = float(hits[of].mean())
    low, high = interval(hits[of], None if groups is None else np.asarray(groups)[of])
    return Estimate(share, low, high, np.where(of, hits - share, 0.0) / n)


def difference(a: Bools, b: Bools, groups: npt.ArrayLike | None = None) -> Difference:
    """By how much the share of hits of one model is greater than that of another.

    The test is McNemar's exact one; with several films of a patient its form for whole patients, see
    `mcnemar`. The interval is made of those of both shares and their correlation; without patients
    that is Newcombe's method 10 (Statistics in Medicine 17, 2635-2650, 1998).

    Args:
        a, b: (n,) hits of the two models on the same films.
        groups: (n,) patients, or None.

    Raises:
        CxrError: the films differ in number, or there are none.
    """
    if a.shape != b.shape or not len(a):
        raise CxrError(
            "A paired difference needs the same films, one or more, for both models. Received: "
            f"{len(a)} and {len(b)}. Keep the films in common."
        )
    patients = codes(groups, len(a))
    changes = a.astype(np.int64) - b
    if changes.any():
        p = mcnemar(sums(changes, patients))
        method = "exact McNemar" if patients is None else "exact McNemar for whole patients"
    else:
        p, method = None, "not tested: both models have the same films right"
    return estimates.difference(
        estimate(a, None, groups), estimate(b, None, groups), p, method, groups
    )


def mcnemar(changes: npt.NDArray) -> float:
    """Two-sided exact p of patients' changes, 0 < p <= 1: whether gains and losses are as likely.

    If the models do equally well, exchanging their answers for all films of a patient changes nothing:
    every sign of a patient's change is as likely. The distribution of the sum is computed whole. With
    one film a patient that is McNemar's exact test (Psychometrika 12, 153-157, 1947).

    Args:
        changes: (patients,) films that only the first model has right, less those that only the other.
    """
    counts = np.bincount(np.abs(changes).astype(np.intp), minlength=1)
    counts[0] = 0
    sizes = np.flatnonzero(counts)
    counts = counts[sizes]
    found = abs(round(changes.sum()))
    if not len(sizes) or not found:
        return 1.0
    if len(sizes) == 1:  # binomial: numbers of any size without a table
        [total], [size] = counts, sizes
        return _p(2 * float(bdtr((total - found // size) // 2, total, 0.5)))
    chances = np.ones(1)  # of the sum of the sizes with a minus, 0, 1, ...
    for step, count in zip(sizes, counts, strict=True):
        picked = np.arange(count + 1)
        logs = gammaln(count + 1) - gammaln(picked + 1) - gammaln(count - picked + 1)
        spread = np.zeros(step * count + 1)
        spread[::step] = np.exp(logs - count * math.log(2))
        chances = np.convolve(chances, spread)
    fewest = (int(sizes @ counts) - found) // 2
    return _p(2 * float(chances[: fewest + 1].sum()))


def _p(found: float) -> float:
    """Of both tails: at most 1, and not 0, which only rounding makes it."""
    return min(1.0, max(found, float(np.finfo(float).tiny)))


def _quantile(patients: Ints | None) -> float:
    """Of the normal distribution, or Student's for the number of patients where films share one."""
    if patients is None:
        return Z95
    return float(stdtrit(max(1, int(patients.max())), 0.975))
