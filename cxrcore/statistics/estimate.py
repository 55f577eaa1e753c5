"""A figure with its interval, and what follows from several: their mean, and differences of pairs.

Bounds are combined as G. Zou and A. Donner do (Statistics in Medicine 27, 1693-1702, 2008, "MOVER"):
the distance of a bound of a sum from the sum is made of those of its parts and their correlation.
For two shares that is Newcombe's method 10 (Statistics in Medicine 17, 2635-2650, 1998). Unlike a
bootstrap or a variance alone it holds where a figure is 1 and no spread is seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxrcore.errors import CxrError
from cxrcore.statistics.patients import codes, sums

Floats = npt.NDArray[np.floating]

Z95 = 1.959963984540054  # quantile of the normal distribution, two-sided 95 %


@dataclass(frozen=True)
class Difference:
    """What one model has more than another on the same films.

    Args:
        value: first minus second.
        low, high: the 95 % interval of it.
        p: two-sided, 0..1; None where nothing can be tested, which `method` explains.
        method: of the test and the interval, in words.
    """

    value: float
    low: float
    high: float
    p: float | None
    method: str


@dataclass(frozen=True)
class Estimate:
    """A figure of one model.

    Args:
        value: the figure; NaN where it is undefined, as are the bounds then.
        low, high: its 95 % interval.
        influence: (n,) how each film moves the value: the variance is the sum over the patients of
            the squared sums over their films. All 0 where no spread is seen.
    """

    value: float
    low: float
    high: float
    influence: Floats


def covariance(influences: Floats, groups: npt.ArrayLike | None = None) -> Floats:
    """(m, m) covariance of m figures, from their influences (m, n)."""
    together = sums(influences, codes(groups, influences.shape[-1]))
    return together @ together.T


def correlations(influences: Floats, groups: npt.ArrayLike | None, unknown: float) -> Floats:
    """(m, m) correlations of m figures; `unknown` where one of them shows no spread."""
    found = covariance(influences, groups)
    spread = np.sqrt(found.diagonal())
    product = np.outer(spread, spread)
    result = np.divide(found, product, out=np.full_like(found, unknown), where=product > 0)
    np.fill_diagonal(result, 1.0)
    return result.clip(-1.0, 1.0)


def mean(parts: Sequence[Estimate], groups: npt.ArrayLike | None = None) -> Estimate:
    """The mean of figures of one model, such as those of its classes; undefined ones are left out.

    Where one shows no spread its correlation with the others is taken as 1, which is the widest.
    """
    known = [part for part in parts if np.isfinite(part.value)]
    if not known:
        return Estimate(np.nan, np.nan, np.nan, parts[0].influence)
    influences = np.array([part.influence for part in known])
    alike = correlations(influences, groups, unknown=1.0)
    value = float(np.mean([part.value for part in known]))
    below = np.array([part.value - part.low for part in known])
    above = np.array([part.high - part.value for part in known])
    low, high = (np.sqrt(max(0.0, side @ alike @ side)) / len(known) for side in (below, above))
    return Estimate(value, value - float(low), value + float(high), influences.mean(axis=0))


def difference(
    first: Estimate,
    second: Estimate,
    p: float | None,
    method: str,
    groups: npt.ArrayLike | None = None,
) -> Difference:
    """The difference of a figure between two models on the same films.

    Where one of them shows no spread, their correlation is taken as 0.

    Args:
        first, second: of the same n films.
        p: of the test that fits the figure.
        method: its name.
        groups: (n,) patients, or None.

    Raises:
        CxrError: the films differ in number.
    """
    if first.influence.shape != second.influence.shape:
        raise CxrError(
            "A paired difference needs the same films for both models. Received: "
            f"{len(first.influence)} and {len(second.influence)}. Keep the films in common."
        )
    alike = _alike(first.influence, second.influence, groups)

    def reach(one: float, other: float) -> float:
        return float(np.sqrt(max(0.0, one * one + other * other - 2 * alike * one * other)))

    value = first.value - second.value
    low = value - reach(first.value - first.low, second.high - second.value)
    high = value + reach(first.high - first.value, second.value - second.low)
    return Difference(value, low, high, p, method)


def unpaired(first: Estimate, second: Estimate) -> Difference:
    """The difference of a figure between two groups of films that have none in common.

    Newcombe's method 10 where both are shares with Wilson's interval. Whether the difference is more
    than chance is read from the interval: `p` is None.
    """
    value = first.value - second.value
    low = value - float(np.hypot(first.value - first.low, second.high - second.value))
    high = value + float(np.hypot(first.high - first.value, second.value - second.low))
    return Difference(value, low, high, None, "interval of an unpaired difference")


def _alike(first: Floats, second: Floats, groups: npt.ArrayLike | None) -> float:
    """Correlation of two models' figures, drawn to 0 by half a film; 0 without spread.

    Models that answer all of these films alike may differ in the next one; with a correlation of 1
    and a share of one half the interval would have no width. Newcombe's continuity correction is larger.
    """
    (one, both), (_, other) = covariance(np.array([first, second]), groups)
    if one <= 0 or other <= 0:
        return 0.0
    films = np.count_nonzero((first != 0) | (second != 0))
    return float(np.clip(both / np.sqrt(one * other), -1.0, 1.0)) * (1 - 0.5 / films)
