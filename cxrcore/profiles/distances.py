"""How far features lie from those of the training films: Mahalanobis, covariance shrunk."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

_LEAST_SPREAD = 0.05  # of the mean spread; a channel that never varied would decide everything


@dataclass(frozen=True, eq=False)
class Cloud:
    """The mean of some features and what makes their covariance the identity.

    `mean` is (d,) and `whitening` (d, d), both float32.
    """

    mean: Floats
    whitening: Floats

    @classmethod
    def of(cls, samples: Floats) -> Self:
        """Fit to (n, d) samples, n >= 2, standardised first.

        Source:
            Ledoit and Wolf 2004, doi 10.1016/S0047-259X(03)00096-4 (how much to shrink). Lee et al.
            2018, arXiv:1807.03888 (Mahalanobis distance of a network's features at several depths).
        """
        from sklearn.covariance import ledoit_wolf

        values = np.asarray(samples, np.float64)
        mean, spread = values.mean(axis=0), values.std(axis=0)
        spread = np.maximum(spread, _LEAST_SPREAD * spread.mean() + 1e-6)
        covariance, _ = ledoit_wolf((values - mean) / spread, assume_centered=True)
        # A film of zero variance in all features: only possible where all samples are equal.
        covariance[np.diag_indices_from(covariance)] += 1e-9
        inverse = np.linalg.inv(np.linalg.cholesky(covariance))
        whitening = inverse.T / spread[:, None]
        return cls(mean.astype(np.float32), whitening.astype(np.float32))

    def distance(self, features: Floats) -> Floats:
        """(n,) Mahalanobis distances of (n, d) features, divided by the square root of d."""
        away = (features - self.mean) @ self.whitening
        return np.asarray(np.sqrt(np.square(away).mean(axis=1)), np.float32)
