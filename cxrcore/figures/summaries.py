"""The numbers behind the figures of the data pages: computed here, drawn in `data`.

Everything is numpy on whole columns, so that 20,000 images take milliseconds to a second;
pages keep the results by the dataset's fingerprint.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from cxrcore.errors import DatasetError

Rule = Literal["q3", "fence", "fixed", "percentile"]
RULES: tuple[Rule, ...] = get_args(Rule)

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class GrayProfile:
    """How the gray values of one group of images are spread.

    `mean`, `lower` and `upper` are (254,), for the gray values 1..254: the share of an image's
    pixels with that value, among its pixels that are neither pure black nor pure white; the
    mean of the images, and their lower and upper quartile. All NaN when no image has such pixels.
    """

    name: str
    images: int
    mean: Floats
    lower: Floats
    upper: Floats
    black: float  # mean share of pure black (0) pixels, 0..1
    white: float  # mean share of pure white (255) pixels, 0..1
    brightness: float  # mean gray value of all pixels, 0..255
    contrast: float  # mean over the images of their standard deviation, 0..255


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


def gray_profiles(
    histograms: np.ndarray, groups: np.ndarray, names: Sequence[str]
) -> list[GrayProfile]:
    """The gray profile of each group that has images.

    Args:
        histograms: (n, 256) counts of pixels; rows of zeros (damaged images) are left out.
        groups: (n,) the group of each row.
        names: the groups, in the order wanted.
    """
    _same_length(histograms, groups)
    readable = histograms.any(axis=1)
    found = ((name, readable & (groups == name)) for name in names)
    return [_gray_profile(name, histograms[rows]) for name, rows in found if rows.any()]


def _gray_profile(name: str, counts: np.ndarray) -> GrayProfile:
    shares = counts / counts.sum(axis=1, keepdims=True)  # (n, 256)
    levels = np.arange(256)
    brightness = shares @ levels  # (n,)
    variance = np.maximum(shares @ levels**2 - brightness**2, 0)
    inner = shares[:, 1:255]
    total = inner.sum(axis=1, keepdims=True)
    inner = inner[total[:, 0] > 0] / total[total[:, 0] > 0]
    none = np.full(254, np.nan)
    lower, upper = np.quantile(inner, (0.25, 0.75), axis=0) if len(inner) else (none, none)
    return GrayProfile(
        name=name,
        images=len(counts),
        mean=inner.mean(axis=0) if len(inner) else none,
        lower=lower,
        upper=upper,
        black=float(shares[:, 0].mean()),
        white=float(shares[:, 255].mean()),
        brightness=float(brightness.mean()),
        contrast=float(np.sqrt(variance).mean()),
    )


def quartiles(scores: Floats, groups: np.ndarray, names: Sequence[str]) -> list[Quartiles]:
    """Five numbers for each group in `names`; scores that are NaN are left out.

    Args:
        scores: (n,) any scale.
        groups: (n,) the group of each score.
        names: the groups, in the order wanted.
    """
    _same_length(scores, groups)
    return [_five(name, scores[(groups == name) & ~np.isnan(scores)]) for name in names]


def _five(name: str, scores: Floats) -> Quartiles:
    if not len(scores):
        return Quartiles(name, 0, *[float("nan")] * 5)
    return Quartiles(name, len(scores), *map(float, np.quantile(scores, (0, 0.25, 0.5, 0.75, 1))))


def limit(scores: Floats, rule: Rule, value: float = 0.0) -> float:
    """The score above which an image is removed.

    Args:
        scores: (n,) of all images; NaN are left out.
        rule: `q3` the upper quartile; `fence` Q3 + 1.5 times the interquartile range (Tukey's
            fence); `fixed` `value` itself; `percentile` the score that `value`
            percent of the images do not exceed.
        value: a score for `fixed`, 0..100 for `percentile`.

    Returns:
        The limit; NaN when no image has a score (but `fixed` needs none).

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
    """(n,) which images a limit removes: scores above it; NaN never are.

    >>> removed(np.array([60.0, 70.0, 80.0, np.nan]), 70.0).tolist()
    [False, False, True, False]
    """
    with np.errstate(invalid="ignore"):
        return scores > above


def _same_length(values: np.ndarray, groups: np.ndarray) -> None:
    if len(values) != len(groups):
        raise DatasetError(
            f"There are {len(values):,} measurements but {len(groups):,} images. "
            "Measure the dataset again."
        )
