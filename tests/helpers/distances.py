"""Distances between three groups of images, for tests of how they are drawn and put in words."""

from dataclasses import replace

import numpy as np

from cxrcore.quality.distances import Distances

NAMES = ("COVID-19", "Normal", "<b>Viral</b> pneumonia")


def made(first: float = 23.1, second: float = 6.0, third: float = 5.0, **changes) -> Distances:
    """Three groups: `first` between 0 and 1, `second` between 0 and 2, `third` between 1 and 2."""
    between = np.array([[0, first, second], [first, 0, third], [second, third, 0]], float)
    return replace(
        Distances(
            kind="wasserstein",
            names=NAMES,
            images=np.array([40, 50, 60]),
            between=between,
            chance=np.array([4.0, 5.5, 5.2]),
            single=np.array([20.0, 21.0, np.nan]),
        ),
        **changes,
    )
