"""Distances between groups of images in their gray values, compared with chance.

A distance is between the mean normalised histograms of two groups, so that each image counts
the same. Two references show whether it is large: the distance between random halves of one
group (chance), and between two single images of one group.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxrcore.errors import DatasetError
from cxrcore.quality.histogram import LEVELS

Kind = Literal["wasserstein", "ks"]
KINDS: tuple[Kind, ...] = get_args(Kind)
EXTREMES = (0, 255)  # pure black and white: mostly borders, burnt-in marks and erased pixels
FEWEST = 8  # images or patients that a group needs to be halved
_DRAWS = 400  # random halves of each group
_CHANCE = 0.95  # quantile of their distances that is `chance`
_SAMPLE = 1000  # maximum images or patients of a group to estimate chance from

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Distances:
    """Distances between groups of images, in one kind of distance.

    `wasserstein` is in gray levels, 0..255: the mean shift of pixels along the gray scale that
    turns one mean histogram into the other. `ks` (Kolmogorov-Smirnov) has no unit, 0..1: the
    largest difference between the cumulative shares.
    """

    kind: Kind
    names: tuple[str, ...]
    images: NDArray[np.int64]  # (g,) with pixels that count
    between: Floats  # (g, g) symmetric, 0 on the diagonal
    chance: Floats  # (g,) 95% quantile over random halves; NaN for too few images
    single: Floats  # (g,) mean over pairs of its images; NaN for a single image

    def farthest(self) -> tuple[int, int] | None:
        """Indexes of the two groups that are farthest apart; None for a single group.

        >>> groups = np.array(["A", "B"])
        >>> distances(np.eye(2, 256, 9, dtype=np.uint32), groups, ["A", "B"])["ks"].farthest()
        (0, 1)
        """
        if len(self.names) < 2:
            return None
        first, second = np.unravel_index(np.argmax(self.between), self.between.shape)
        return int(first), int(second)

    def beyond_chance(self, first: int, second: int) -> bool | None:
        """Whether two groups are farther apart than random halves of either; None if unknown.

        Halves are smaller than the groups and so scatter more: a larger distance is not chance, a
        smaller one may be.
        """
        floor = max(self.chance[first], self.chance[second])
        if np.isnan(self.chance[[first, second]]).any():
            return None
        return bool(self.between[first, second] > floor)

    def table(self) -> pd.DataFrame:
        """One row per pair: its names, images, distance, chance of each, beyond_chance."""
        one, other = np.triu_indices(len(self.names), 1)
        names = np.array(self.names, object)
        return pd.DataFrame(
            {
                "first": names[one],
                "second": names[other],
                "images_first": self.images[one],
                "images_second": self.images[other],
                "distance": self.between[one, other],
                "chance_first": self.chance[one],
                "chance_second": self.chance[other],
                "beyond_chance": [
                    self.beyond_chance(int(i), int(j)) for i, j in zip(one, other, strict=True)
                ],
            }
        )


def distances(
    histograms: np.ndarray,
    groups: np.ndarray,
    names: Sequence[str],
    *,
    leave_out: Sequence[int] = EXTREMES,
    units: np.ndarray | None = None,
    seed: int = 0,
) -> dict[Kind, Distances]:
    """Distances between the gray values of groups, in both kinds.

    Args:
        histograms: (n, 256) counts of pixels, any integer type.
        groups: (n,) the group of each row.
        names: the groups, in order; those without images are left out.
        leave_out: gray values whose pixels do not count; () counts all. Images without other
            pixels are excluded.
        units: (n,) what is not split when a group is halved: the patient. Images of one patient
            resemble one another, and splitting them would underestimate chance. Images with a
            missing unit stand alone; None if all do.
        seed: for the random halves and pairs. The same input and seed give the same result.

    Raises:
        DatasetError: the arrays do not belong together.

    Source:
        In one dimension both are read from the cumulative distributions F and G: the sum and the
        largest of |F - G| (Ramdas et al. 2017, doi 10.3390/e19020047, section 4).
    """
    _check(histograms, groups, units)
    patients = np.arange(len(groups)) if units is None else _codes(units)
    found: list[str] = []
    parts: list[_Group] = []
    for name in names:
        rows = np.flatnonzero(groups == name)
        part = _group(histograms[rows], patients[rows], list(leave_out), seed)
        if part is not None:
            found.append(name)
            parts.append(part)
    return {kind: _assembled(kind, found, parts) for kind in KINDS}


def _check(histograms: np.ndarray, groups: np.ndarray, units: np.ndarray | None) -> None:
    if histograms.ndim != 2 or histograms.shape[1] != LEVELS:
        raise DatasetError(
            f"Histograms are rows of {LEVELS} counts. Received: {histograms.shape}. "
            "Pass those of the index or of the prepared pixels."
        )
    lengths = {len(histograms), len(groups), len(groups if units is None else units)}
    if len(lengths) > 1:
        raise DatasetError(
            f"There are {len(histograms):,} histograms but {len(groups):,} groups"
            + ("" if units is None else f" and {len(units):,} patients")
            + ". Pass one of each for every image; measure the dataset again if it has changed."
        )


def _codes(units: np.ndarray) -> NDArray[np.intp]:
    """(n,) a number for each unit; a missing unit gets a number of its own."""
    codes, known = pd.factorize(units)
    missing = codes < 0
    codes[missing] = len(known) + np.arange(missing.sum())
    return codes


@dataclass(frozen=True, eq=False)
class _Group:
    images: int
    cumulative: Floats  # (256,) of the mean histogram
    halves: Floats  # (draws, 256) difference of the cumulative shares of two halves; (0, 256)
    pairs: Floats  # (pairs, 256) the same for two images


def _group(counts: np.ndarray, units: np.ndarray, leave_out: list[int], seed: int) -> _Group | None:
    """The curves of one group; None if none of its images has pixels that count."""
    totals = counts.sum(axis=1) - counts[:, leave_out].sum(axis=1)
    some = totals > 0
    if not some.any():
        return None
    counts, units, totals = counts[some], units[some], totals[some]

    def shares(rows: np.ndarray) -> Floats:
        found = counts[rows] / totals[rows, None]
        found[:, leave_out] = 0
        return found

    mean = (1 / totals) @ counts.astype(np.float64) / len(counts)
    mean[leave_out] = 0
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(counts))[:_SAMPLE]
    many = len(order) // 2
    return _Group(
        images=len(counts),
        cumulative=np.cumsum(mean),
        halves=_halves(shares, units, rng),
        pairs=np.cumsum(shares(order[:many]) - shares(order[many : 2 * many]), axis=1),
    )


def _halves(
    shares: Callable[[np.ndarray], Floats], units: np.ndarray, rng: np.random.Generator
) -> Floats:
    """Differences between random halves of a group's patients.

    Patients are paired once at random; in each draw a coin decides which of a pair goes into which
    half. So the halves have equal size, and all draws are one matrix product. Of many patients a
    sample is halved, and its differences are scaled to all patients by the square root of the
    numbers, as for differences of means.
    """
    patients = np.unique(units)
    if len(patients) < FEWEST:
        return np.empty((0, LEVELS))
    sample = rng.permutation(patients)[: min(_SAMPLE, len(patients) // 2 * 2)]
    place = np.full(patients[-1] + 1, -1)
    place[sample] = np.arange(len(sample))
    rows = np.flatnonzero(place[units] >= 0)
    rows = rows[np.argsort(place[units[rows]], kind="stable")]
    starts = np.flatnonzero(np.diff(place[units[rows]], prepend=-1))
    sums = np.add.reduceat(shares(rows), starts, axis=0)  # (patients, 256)
    images = np.diff(np.append(starts, len(rows)))  # (patients,)

    many = len(sample) // 2
    coins = 2.0 * rng.integers(0, 2, (_DRAWS, many)) - 1
    swing = coins @ (sums[:many] - sums[many:])  # (draws, 256)
    more = coins @ (images[:many] - images[many:])  # (draws,) images
    first = (sums.sum(axis=0) + swing) / (images.sum() + more)[:, None]
    second = (sums.sum(axis=0) - swing) / (images.sum() - more)[:, None]
    return np.cumsum(first - second, axis=1) * np.sqrt(len(sample) / len(patients))


def _assembled(kind: Kind, names: list[str], groups: list[_Group]) -> Distances:
    none = np.empty((0, LEVELS))
    curves = np.array([group.cumulative for group in groups]) if groups else none  # (g, 256)

    def chance(group: _Group) -> float:
        found = _length(kind, group.halves)
        return float(np.quantile(found, _CHANCE)) if len(found) else float("nan")

    def single(group: _Group) -> float:
        return float(_length(kind, group.pairs).mean()) if len(group.pairs) else float("nan")

    return Distances(
        kind=kind,
        names=tuple(names),
        images=np.array([group.images for group in groups], np.int64),
        between=_length(kind, curves[:, None] - curves[None]),
        chance=np.array([chance(group) for group in groups]),
        single=np.array([single(group) for group in groups]),
    )


def _length(kind: Kind, differences: Floats) -> Floats:
    """The distance of each (..., 256) difference of two cumulative distributions."""
    steps = np.abs(differences)
    return steps.sum(axis=-1) if kind == "wasserstein" else steps.max(axis=-1)
