"""Whether a score depends on the class or source of an image and so offers a shortcut.

A model may tell classes apart by image quality, without looking at the lungs. Two numbers
measure this: the share of the variance of the ranks that the groups explain, and the share of
pairs in which the score alone tells an image of one group from another image.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxrcore.errors import DatasetError

FEWEST = 5  # images per group; with fewer the chi-squared approximation is poor
CERTAIN = 0.01  # p below this is significant

Factor = Literal["class", "source"]
Strength = Literal["none", "small", "medium", "large"]
Floats = NDArray[np.float64]

PLURAL: dict[Factor, str] = {"class": "classes", "source": "sources"}
_STRENGTHS: tuple[Strength, ...] = ("none", "small", "medium", "large")
# Cohen 1988, "Statistical power analysis for the behavioral sciences", pp. 285-287, as used for
# this effect size by Tomczak and Tomczak 2014 and R's rstatix::kruskal_effsize.
_ETA_SQUARED = (0.01, 0.06, 0.14)
# Cohen's d of 0.2, 0.5 and 0.8 as shares of pairs, Phi(d / sqrt 2): Ruscio 2008,
# doi 10.1037/1082-989X.13.1.19.
_PAIRS = (0.556, 0.638, 0.714)


@dataclass(frozen=True)
class Group:
    """The scores of one class or source.

    `higher` is the probability that an image of this group scores higher than one of the other
    groups, ties counting half: the area under the ROC curve of the score as a test for this
    group. 0.5 is guessing. `low` and `high` are its 95% confidence interval.
    """

    name: str
    images: int  # with a score
    median: float
    higher: float
    low: float
    high: float

    @property
    def separation(self) -> float:
        """Share of pairs that the score separates, 0.5..1, in either direction."""
        return max(self.higher, 1 - self.higher)

    @property
    def certain(self) -> bool:
        """Whether 0.5 (guessing) is outside the confidence interval."""
        return self.low > 0.5 or self.high < 0.5


@dataclass(frozen=True)
class Dependence:
    """The Kruskal-Wallis test of scores by class or by source.

    `groups` were tested; `small` names those with too few images. `h` is the statistic,
    corrected for ties; `p` its p-value; `effect` is eta squared, 0..1: the share of the variance
    of the ranks that the groups explain. All three are NaN with fewer than two groups.
    """

    factor: Factor
    groups: tuple[Group, ...]
    small: tuple[str, ...]
    h: float
    p: float
    effect: float

    @property
    def tested(self) -> bool:
        """Whether there were two groups to compare."""
        return len(self.groups) > 1

    @property
    def images(self) -> int:
        """Images that were compared."""
        return sum(group.images for group in self.groups)

    @property
    def clearest(self) -> Group | None:
        """The group that the score separates best; None if it may be chance."""
        certain = [group for group in self.groups if group.certain]
        return max(certain, key=lambda group: group.separation, default=None)

    @property
    def strength(self) -> Strength:
        """How much the groups differ, by the larger of the two measures.

        Both are needed: a rare class explains little of the variance even if the score reveals it,
        and pairs do not separate a group that lies between two others.
        """
        if not self.tested or self.p >= CERTAIN:
            return "none"
        pairs = self.clearest.separation if self.clearest else 0.5
        reached = max(_reached(self.effect, _ETA_SQUARED), _reached(pairs, _PAIRS))
        return _STRENGTHS[reached]

    @property
    def shortcut(self) -> bool:
        """Whether a model could use the score as a shortcut."""
        return self.strength in ("medium", "large")

    @property
    def sentence(self) -> str:
        """The result for users."""
        kind, kinds = self.factor, PLURAL[self.factor]
        if not self.tested:
            return (
                f"Whether quality depends on the {kind} cannot be tested: that takes two {kinds} "
                f"with {FEWEST} or more scored images each."
            )
        if self.p >= CERTAIN:
            return f"No sign that quality depends on the {kind} ({p_in_words(self.p)})."
        if not self.shortcut:
            return f"Quality differs between the {kinds}, but little{self._pairs(': ')}."
        use = (
            "A model can use that as a shortcut."
            if kind == "class"
            else "A model can recognise the source by it."
        )
        return f"Quality depends on the {kind}{self._pairs(': ')}. {use}"

    def _pairs(self, before: str) -> str:
        best = self.clearest
        if best is None:
            return ""
        others = [group.name for group in self.groups if group is not best]
        rest = others[0] if len(others) == 1 else f"the other {PLURAL[self.factor]}"
        side = "higher" if best.higher > 0.5 else "lower"
        return (
            f"{before}BRISQUE alone would tell {best.name}, by its {side} scores, from {rest} in "
            f"{100 * best.separation:.0f} of 100 pairs of images, where guessing gets 50"
        )


def dependence(
    scores: Floats,
    groups: Sequence[object] | np.ndarray | pd.Series,
    factor: Factor,
    *,
    names: Sequence[str] | None = None,
    fewest: int = FEWEST,
) -> Dependence:
    """Test whether scores differ between groups of images.

    Args:
        scores: (n,) any scale; images with NaN are excluded.
        groups: (n,) the group of each image; missing ones are excluded.
        factor: the meaning of the groups.
        names: the groups to test, in order; by default all, the largest first.
        fewest: minimum number of scored images per group.

    Raises:
        DatasetError: scores and groups differ in length.

    Source:
        Kruskal and Wallis 1952, doi 10.1080/01621459.1952.10483441, with their correction for
        ties. eta squared = (H - k + 1) / (n - k): Tomczak and Tomczak 2014, "The need to report
        effect size estimates revisited", Trends in Sport Sciences 1(21), 19-25. Unlike epsilon
        squared it does not grow with the number of groups. Confidence intervals: Hanley and
        McNeil 1982, doi 10.1148/radiology.143.1.7063747.
    """
    table = _table(scores, groups)
    sizes = table["group"].value_counts()
    order = [n for n in (sizes.index if names is None else names) if sizes.get(n, 0)]
    kept = [name for name in order if sizes[name] >= fewest]
    small = tuple(str(name) for name in order if sizes[name] < fewest)
    table = table[table["group"].isin(kept)]
    ranks = table["score"].rank().to_numpy()  # ties share the mean of their ranks
    codes = pd.Categorical(table["group"], categories=kept).codes
    h, p, effect = _kruskal_wallis(ranks, codes, len(kept))
    found = [
        _group(
            str(name), table["score"].to_numpy()[codes == code], ranks[codes == code], len(ranks)
        )
        for code, name in enumerate(kept)
    ]
    return Dependence(factor, tuple(found), small, h, p, effect)


def within(
    scores: Floats, classes: pd.Series, sources: pd.Series, *, fewest: int = FEWEST
) -> dict[str, Dependence]:
    """Whether scores differ by class within each source, so that the source is not the reason.

    Args:
        scores, classes, sources: (n,) as for `dependence`.
        fewest: minimum number of scored images per class in a source.

    Returns:
        One result per source with at least two classes, the largest source first.
    """
    table = _table(scores, sources)
    table["class"] = np.asarray(classes, object)[table.index]
    found = {}
    for name in table["group"].value_counts().index:
        own = table[table["group"] == name]
        result = dependence(own["score"].to_numpy(), own["class"], "class", fewest=fewest)
        if result.tested:
            found[str(name)] = result
    return found


def p_in_words(p: float) -> str:
    """A p-value as papers print it.

    >>> p_in_words(0.0314), p_in_words(1e-40)
    ('p = 0.031', 'p < 0.001')
    """
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def _table(scores: Floats, groups: object) -> pd.DataFrame:
    """Score and group of each image that has both, indexed by position."""
    values, names = np.asarray(scores, np.float64), np.asarray(groups, object)
    if values.ndim != 1 or values.shape != names.shape:
        raise DatasetError(
            "Comparing groups takes one group for each score. "
            f"Received: scores {values.shape}, groups {names.shape}. Pass columns of one table."
        )
    table = pd.DataFrame({"score": values, "group": names})
    return table[np.isfinite(values) & table["group"].notna()].copy()


def _kruskal_wallis(ranks: Floats, codes: NDArray[np.int8], k: int) -> tuple[float, float, float]:
    if k < 2:
        return math.nan, math.nan, math.nan
    # Not scipy.stats, which takes three times as long to load; the ranks exist already.
    from scipy.special import chdtrc  # upper tail of the chi-squared distribution

    n = len(ranks)
    sums = np.bincount(codes, weights=ranks, minlength=k)
    ties = np.unique(ranks, return_counts=True)[1].astype(np.float64)
    spread = 1 - ((ties**3 - ties).sum() / (float(n) ** 3 - n))  # 0 if all scores are equal
    if spread <= 0:
        return 0.0, 1.0, 0.0
    sizes = np.bincount(codes, minlength=k)
    h = (12 / (n * (n + 1)) * (sums**2 / sizes).sum() - 3 * (n + 1)) / spread
    h = max(0.0, float(h))
    effect = (h - k + 1) / (n - k) if n > k else 0.0  # may be below 0 by chance
    return h, float(chdtrc(k - 1, h)), min(1.0, max(0.0, effect))


def _group(name: str, scores: Floats, ranks: Floats, total: int) -> Group:
    own, rest = len(scores), total - len(scores)
    median = float(np.median(scores))
    if not rest:
        return Group(name, own, median, math.nan, math.nan, math.nan)
    area = float(ranks.sum() - own * (own + 1) / 2) / (own * rest)  # Mann-Whitney U / pairs
    one, two = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (own - 1) * (one - area**2) + (rest - 1) * (two - area**2)
    reach = 1.96 * math.sqrt(max(0.0, variance) / (own * rest))
    return Group(name, own, median, area, max(0.0, area - reach), min(1.0, area + reach))


def _reached(value: float, bounds: Sequence[float]) -> int:
    return sum(value >= bound for bound in bounds)
