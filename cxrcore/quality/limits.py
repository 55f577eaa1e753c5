"""A limit on a quality score: where it lies, what it removes, whether it changes the balance."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxrcore.errors import DatasetError
from cxrcore.quality.dependence import PLURAL
from cxrcore.quality.gray_profiles import same_length

Rule = Literal["q3", "fence", "fixed", "percentile"]
RULES: tuple[Rule, ...] = get_args(Rule)
_UNEVEN = 0.05  # groups that lose shares further apart than this lose unevenly

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Quartiles:
    """A group's scores in five numbers; NaN when it has none."""

    name: str
    images: int  # that have a score
    lowest: float
    q1: float
    median: float
    q3: float
    highest: float


def quartiles(scores: Floats, groups: np.ndarray, names: Sequence[str]) -> list[Quartiles]:
    """Five numbers for each group in `names`; NaN are ignored.

    Args:
        scores: (n,) any scale.
        groups: (n,) the group of each score.
        names: the groups, in the order wanted.
    """
    same_length(scores, groups)
    return [_five(name, scores[(groups == name) & ~np.isnan(scores)]) for name in names]


def _five(name: str, scores: Floats) -> Quartiles:
    if not len(scores):
        return Quartiles(name, 0, *[float("nan")] * 5)
    return Quartiles(name, len(scores), *map(float, np.quantile(scores, (0, 0.25, 0.5, 0.75, 1))))


def limit(scores: Floats, rule: Rule, value: float = 0.0) -> float:
    """The score above which images are removed.

    Args:
        scores: (n,) of all images; NaN are ignored.
        rule: `q3` the upper quartile; `fence` Q3 + 1.5 times the interquartile range (Tukey's
            fence); `fixed` `value` itself; `percentile` the score that `value`
            percent of the images do not exceed.
        value: a score for `fixed`, 0..100 for `percentile`.

    Returns:
        The limit; NaN when no image has a score and the rule needs some.

    Raises:
        DatasetError: no such rule, or a percentile outside 0..100.
    """
    if rule not in RULES:
        raise DatasetError(f"There is no rule {rule!r}. Choose one of {', '.join(RULES)}.")
    if rule == "percentile" and not 0 <= value <= 100:
        raise DatasetError(f"A percentile is 0 to 100. Received: {value:g}. Choose one in between.")
    if rule == "fixed":
        return float(value)
    known = scores[~np.isnan(scores)]
    if not len(known):
        return float("nan")
    if rule == "percentile":
        return float(np.percentile(known, value))
    q1, q3 = np.quantile(known, (0.25, 0.75))
    return float(q3 if rule == "q3" else q3 + 1.5 * (q3 - q1))


def removed(scores: Floats, above: float) -> npt.NDArray[np.bool_]:
    """(n,) whether a limit removes an image: scores above it; NaN never.

    >>> removed(np.array([60.0, 70.0, 80.0, np.nan]), 70.0).tolist()
    [False, False, True, False]
    """
    with np.errstate(invalid="ignore"):
        return scores > above


def balance_sentence(removed: pd.Series, total: pd.Series, kind: Literal["class", "source"]) -> str:
    """Whether a limit removes much more of one group than of another; empty when it does not.

    Args:
        removed: images removed, indexed by group.
        total: images of each group, same index.
        kind: what the groups are.
    """
    shares = removed / total.clip(lower=1)
    if shares.max() - shares.min() < _UNEVEN:
        return ""
    most, least = str(shares.idxmax()), str(shares.idxmin())
    return (
        f"This limit removes {shares.max():.0%} of {most} but {shares.min():.0%} of {least}: it "
        f"changes the balance of the {PLURAL[kind]}, and it may be sorting by source or by "
        "disease rather than by quality."
    )
