"""Whether the source of an image reveals its class."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cxrcore.quality.dependence import CERTAIN

_MEDIUM = 0.3  # of Cohen's w; Cohen 1988, p. 227


@dataclass(frozen=True)
class Association:
    """How strongly source and class are associated, over the images that have both.

    `v` is the bias-corrected Cramér's V, from 0 (independent) to 1 (each source has one class, or
    each class one source); `p` is the probability of such a table under independence. `by_source`
    is the share of images whose class is the most common of their source, `by_guessing` the share
    of the most common class overall. NaN with fewer than two classes or sources.
    """

    images: int
    classes: int
    sources: int
    v: float
    p: float
    by_source: float
    by_guessing: float

    @property
    def strong(self) -> bool:
        """Whether the association is significant and at least of medium size."""
        few = min(self.classes, self.sources)
        return few > 1 and self.p < CERTAIN and self.v * math.sqrt(few - 1) >= _MEDIUM

    @property
    def sentence(self) -> str:
        """The result for users; empty if there is nothing to compare."""
        if math.isnan(self.v):
            return ""
        if not self.strong:
            return "The classes are spread over the sources much alike."
        return (
            "Sources and classes go together: who knows only the source of an image names its "
            f"class right for {100 * self.by_source:.0f} of 100, against "
            f"{100 * self.by_guessing:.0f} by always naming the most common class."
        )


def association(classes: pd.Series, sources: pd.Series) -> Association:
    """How strongly the sources of images reveal their classes.

    Args:
        classes: (n,) the class of each image; missing ones are left out.
        sources: (n,) the source of each image; missing ones are left out.

    Source:
        Bergsma 2013, "A bias-correction for Cramér's V and Tschuprow's T",
        doi 10.1016/j.jkss.2012.10.002.
    """
    pairs = pd.DataFrame(
        {"class": np.asarray(classes, object), "source": np.asarray(sources, object)}
    ).dropna()
    counts = pd.crosstab(pairs["source"], pairs["class"]).to_numpy(np.float64)
    n, (rows, columns) = len(pairs), counts.shape if len(pairs) else (0, 0)
    if min(rows, columns) < 2:
        return Association(n, columns, rows, *[math.nan] * 4)
    from scipy.special import chdtrc

    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0) / n
    chi_squared = float(((counts - expected) ** 2 / expected).sum())
    phi_squared = max(0.0, chi_squared / n - (rows - 1) * (columns - 1) / (n - 1))
    freedom = min(side - 1 - (side - 1) ** 2 / (n - 1) for side in (rows, columns))
    return Association(
        images=n,
        classes=columns,
        sources=rows,
        v=min(1.0, math.sqrt(phi_squared / freedom)) if freedom > 0 else 0.0,
        p=float(chdtrc((rows - 1) * (columns - 1), chi_squared)),
        by_source=float(counts.max(axis=1).sum() / n),
        by_guessing=float(counts.sum(axis=0).max() / n),
    )
