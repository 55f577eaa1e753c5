"""Several tests of one question: p-values that still mean what they say."""

import numpy as np
import numpy.typing as npt


def adjust(p: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """p-values after Holm's correction; NaN where nothing was tested, which does not count.

    Source: Holm 1979, Scandinavian Journal of Statistics 6, 65-70.

    Args:
        p: (m,) 0..1 or NaN.

    >>> adjust([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    given = np.asarray(p, dtype=np.float64)
    adjusted = np.full_like(given, np.nan)
    tested = np.flatnonzero(np.isfinite(given))
    order = tested[np.argsort(given[tested], kind="stable")]
    steps = given[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.maximum.accumulate(steps).clip(max=1.0)
    return adjusted
