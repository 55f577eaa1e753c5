"""How the gray values of a group of images are distributed, and which group is brightest."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxrcore.errors import DatasetError

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class GrayProfile:
    """The distribution of the gray values of one group of images.

    `mean`, `lower` and `upper` are (254,), for the gray values 1..254: the share of an image's
    pixels with that value, among its pixels that are neither pure black nor pure white, as mean,
    lower and upper quartile over the images. All NaN when no image has such pixels.
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

    @property
    def inner_mean(self) -> float:
        """Mean gray value without pure black and white, 1..254; NaN when there are no others."""
        return float(self.mean @ np.arange(1, 255))


def gray_profiles(
    histograms: np.ndarray, groups: np.ndarray, names: Sequence[str]
) -> list[GrayProfile]:
    """The gray profile of each group that has images.

    Args:
        histograms: (n, 256) counts of pixels; rows of zeros (damaged images) are skipped.
        groups: (n,) the group of each row.
        names: the groups, in the order wanted.

    Raises:
        DatasetError: not one group for each histogram.
    """
    same_length(histograms, groups)
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


def extremes_sentence(profiles: Sequence[GrayProfile], *, inner: bool) -> str:
    """Which group is darkest and which is brightest; empty when no group has a gray value.

    Args:
        profiles: from `gray_profiles`.
        inner: compare without pure black and white.
    """
    means = {p.name: p.inner_mean if inner else p.brightness for p in profiles}
    means = {name: mean for name, mean in means.items() if not np.isnan(mean)}
    if not means:
        return ""
    darkest, brightest = min(means, key=means.__getitem__), max(means, key=means.__getitem__)
    if darkest == brightest:
        return f"Mean gray value {means[darkest]:.0f}."
    return (
        f"Darkest: {darkest}, mean gray value {means[darkest]:.0f}; "
        f"brightest: {brightest}, {means[brightest]:.0f}."
    )


def same_length(values: np.ndarray, groups: np.ndarray) -> None:
    """Refuse measurements that do not belong to the images.

    Raises:
        DatasetError: not one group for each value.
    """
    if len(values) != len(groups):
        raise DatasetError(
            f"There are {len(values):,} measurements but {len(groups):,} images. "
            "Measure the dataset again."
        )
