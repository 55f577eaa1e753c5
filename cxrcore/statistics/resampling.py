"""Bootstrap of films or whole patients, for figures without a formula of their own.

Draws follow from the seed alone; callers take it from the content, so that a figure computed twice is
the same. Patients are drawn from all, not by class: one of them may have films of several classes.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri, stdtrit

from cxrcore.errors import CxrError
from cxrcore.statistics.estimate import Difference
from cxrcore.statistics.patients import codes

Floats = npt.NDArray[np.floating]

_CHUNK_BYTES = 16 * 2**20


def weights(
    films: int, draws: int, seed: int, groups: npt.ArrayLike | None = None
) -> Iterator[npt.NDArray[np.float32]]:
    """How often each film is drawn, in chunks of (c, n) that together have `draws` rows.

    Whole patients are drawn with replacement, or films where patients are not known. A row sums to the
    number of films, with patients of different sizes on average.

    Args:
        films: n.
        draws: of the bootstrap.
        seed: any whole number, not negative.
        groups: (n,) patients, or None.
    """
    patients = codes(groups, films)
    units = films if patients is None else int(patients.max()) + 1
    rng = np.random.default_rng(seed)
    chunk = max(1, _CHUNK_BYTES // (4 * films))
    for start in range(0, draws, chunk):
        rows = min(chunk, draws - start)
        drawn = rng.integers(0, units, (rows, units), dtype=np.int32)
        drawn += (np.arange(rows, dtype=np.int64) * units)[:, None].astype(np.int32)
        counts = np.bincount(drawn.ravel(), minlength=rows * units).reshape(rows, units)
        found = counts.astype(np.float32)
        yield found if patients is None else found[:, patients]


def interval(value: float, replicates: Floats, units: int) -> tuple[float, float]:
    """The 95 % interval of a figure from its bootstrap; NaN where it cannot be told.

    That is where most replicates are undefined, or none differs: then the films show no spread, which
    is not certainty.

    Percentiles, corrected for bias (Efron 1981, Canadian Journal of Statistics 9, 139-172) and, since
    they are too narrow in small samples, widened as Hesterberg advises (The American Statistician 69,
    371-386, 2015).

    Args:
        value: of all films.
        replicates: (draws,) of the figure; undefined ones are left out.
        units: patients or films that were drawn from.
    """
    known = replicates[np.isfinite(replicates)]
    if len(known) < max(2, len(replicates) / 2) or not np.isfinite(value) or not np.ptp(known):
        return float("nan"), float("nan")
    below = np.mean(known < value) + np.mean(known == value) / 2
    bias = float(ndtri(np.clip(below, 1 / len(known), 1 - 1 / len(known))))
    reach = float(stdtrit(units - 1, 0.975)) * np.sqrt(units / (units - 1))
    low, high = np.quantile(known, ndtr([2 * bias - reach, 2 * bias + reach]))
    return min(value, float(low)), max(value, float(high))


def difference(
    first: float,
    second: float,
    replicates: tuple[Floats, Floats],
    units: int,
    p: float | None = None,
) -> Difference:
    """The difference of a figure between two models, from replicates of the same draws.

    Args:
        first, second: of all films.
        replicates: (draws,) of both models.
        units: patients or films that were drawn from.
        p: of a test that fits better, such as `exchange.swaps`; without it the share of replicates
            that are as far from the value found as that is from 0.

    Raises:
        CxrError: the replicates differ in number.
    """
    if replicates[0].shape != replicates[1].shape:
        raise CxrError(
            "Paired replicates must be of the same draws. Received: "
            f"{len(replicates[0])} and {len(replicates[1])}. Draw both with one seed."
        )
    value, moved = first - second, replicates[0] - replicates[1]
    low, high = interval(value, moved, units)
    known = moved[np.isfinite(moved)]
    if not np.isfinite(low):
        return Difference(value, low, high, None, "not tested: the films show no spread")
    if p is not None:
        return Difference(value, low, high, p, "permutation; bootstrap interval")
    far = np.sum(np.abs(known - value) >= abs(value) - 1e-12)
    return Difference(value, low, high, float((1 + far) / (1 + len(known))), "paired bootstrap")
