"""How alike maps are."""

from collections.abc import Iterable

import numpy as np

from cxrcore import images

GRID = 32  # places of a side on which maps are compared: finer than any class activation map


def agreement(maps: Iterable[np.ndarray]) -> float | None:
    """Mean of Pearson's correlation over all pairs of maps of one film, on a common grid.

    Args:
        maps: (h, w) each, of any size, all of the same part of the film.

    Returns:
        -1..1; 1 for maps that differ by scale alone, about 0 for maps that have nothing in
        common. None with fewer than two maps that vary: an empty map has no correlation.
    """
    flat = [images.resize(np.asarray(heat, np.float32), GRID).ravel() for heat in maps]
    varying = [values for values in flat if np.ptp(values) > 0]
    if len(varying) < 2:
        return None
    table = np.atleast_2d(np.corrcoef(np.asarray(varying, np.float64)))
    return float(table[np.triu_indices(len(varying), k=1)].mean())
