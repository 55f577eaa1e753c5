"""Asymmetric generalised Gaussians fitted by matching moments: the features of BRISQUE.

Lasmar, Stitou and Berthoumieu 2009, doi 10.1109/ICIP.2009.5414404, as used in section
III.A of Mittal et al. 2012, doi 10.1109/TIP.2012.2214050.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_NEWTON_STEPS = 4
_CLOSE = 1e-9  # error of log(phi) after the last step


def features(sums: Floats) -> Floats:
    """The 36 features of an image from sums over its coefficients.

    Args:
        sums: (10, 5) float64, rows and columns as `brisque.moments` returns them, for the
            image and then for its half-size copy.

    Returns:
        (36,) float64, for each size: shape and mean variance of the coefficients, then
        shape, mean, left and right variance of each of the four products. NaN where no
        distribution has these sums.
    """
    count, negative, size, square, signed_square = sums.T  # (10,) each
    with np.errstate(divide="ignore", invalid="ignore"):  # one-sided or all zero: NaN
        left = (square - signed_square) / 2 / negative
        right = (square + signed_square) / 2 / (count - negative)
        gamma = np.sqrt(left / right)
        r = np.square(size / count) / (square / count)
        ratio = r * (gamma**3 + 1) * (gamma + 1) / np.square(gamma**2 + 1)
    shape = shape_of(ratio)
    mean = (np.sqrt(right) - np.sqrt(left)) * _mean_factor(shape)
    result = []
    for start in (0, 5):
        result += [shape[start], (left[start] + right[start]) / 2]
        for row in range(start + 1, start + 5):
            result += [shape[row], mean[row], left[row], right[row]]
    return np.array(result)


def shape_of(ratio: Floats) -> Floats:
    """The shape alpha for which phi(alpha) = Gamma(2/a)^2 / (Gamma(1/a) Gamma(3/a)) = ratio.

    phi grows from 0 to 3/4, so there is one root at most.

    Args:
        ratio: (n,) float64.

    Returns:
        (n,) float64, > 0 (2 is a Gaussian); NaN where there is no root in 0.02..10,000.
    """
    log_shapes, log_phis = _table()
    with np.errstate(divide="ignore", invalid="ignore"):
        target = np.log(ratio)
    outside = np.isnan(target) | (target < log_phis[0]) | (target > log_phis[-1])
    target = np.where(outside, log_phis[0], target)
    log_shape = np.interp(target, log_phis, log_shapes)
    for _ in range(_NEWTON_STEPS):
        error, slope = _log_phi(log_shape)
        log_shape -= (error - target) / slope
    missed = np.abs(_log_phi(log_shape)[0] - target) > _CLOSE
    return np.where(outside | missed, np.nan, np.exp(log_shape))


@cache
def _table() -> tuple[Floats, Floats]:
    """Logarithms of shapes and their phi, dense enough for Newton to converge in 4 steps."""
    log_shapes = np.linspace(np.log(0.02), np.log(1e4), 1_000)
    return log_shapes, _log_phi(log_shapes)[0]


def _log_phi(log_shape: Floats) -> tuple[Floats, Floats]:
    """log(phi) and its slope by log(alpha); logarithms, since Gamma overflows early."""
    from scipy.special import gammaln, psi

    inverse = np.exp(-log_shape)
    value = 2 * gammaln(2 * inverse) - gammaln(inverse) - gammaln(3 * inverse)
    slope = inverse * (psi(inverse) + 3 * psi(3 * inverse) - 4 * psi(2 * inverse))
    return value, slope


def _mean_factor(shape: Floats) -> Floats:
    """sqrt(Gamma(1/a) / Gamma(3/a)) * Gamma(2/a) / Gamma(1/a)."""
    from scipy.special import gammaln

    inverse = 1 / shape
    return np.exp(gammaln(2 * inverse) - gammaln(inverse) / 2 - gammaln(3 * inverse) / 2)
