"""What a film shows without any network: a small copy, its gray values, and which way it lies.

Which way it lies is learnt from the training films themselves: a linear classifier tells their
small copies as they are from the same copies mirrored, turned and inverted. No labels are needed.
"""

from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
import numpy.typing as npt

from cxrcore.quality import histogram

Floats = npt.NDArray[np.float32]
Gray = npt.NDArray[np.uint8]

SIDE = 32  # pixels of a small copy
COARSE = 16  # the same, to measure a distance
VERSIONS = ("upright", "mirrored", "left", "upside down", "right", "inverted")
_BINS = 32  # gray values
_STRENGTH = 1e-3  # inverse of the penalty on the classifier's weights, per 750 films


def small(films: Gray) -> Floats:
    """(n, SIDE, SIDE) copies of (n, S, S) films with mean 0 and standard deviation 1."""
    copies = np.stack([_shrunk(film, SIDE) for film in films]).astype(np.float32)
    copies -= copies.mean(axis=(1, 2), keepdims=True)
    return np.asarray(copies / (copies.std(axis=(1, 2), keepdims=True) + 1), np.float32)


def coarse(copies: Floats) -> Floats:
    """(n, COARSE²) features of small copies."""
    step = SIDE // COARSE
    cells = copies.reshape(-1, COARSE, step, COARSE, step).mean(axis=(2, 4))
    return np.asarray(cells.reshape(len(copies), -1), np.float32)


def gray_values(films: Gray) -> Floats:
    """(n, 32) square roots of the shares of pixels in as many bins of gray values."""
    counts = np.stack([histogram(film) for film in films])
    shares = counts.reshape(len(films), _BINS, -1).sum(axis=2) / films[0].size
    return np.sqrt(shares).astype(np.float32)


def versions(copies: Floats) -> tuple[Floats, ...]:
    """Small copies as they are, and altered in each way of VERSIONS."""
    turned = tuple(np.rot90(copies, times, axes=(1, 2)) for times in (1, 2, 3))
    return (copies, copies[:, :, ::-1], *turned, -copies)


def righted(copy: Floats, gray_values: Floats, pose: int) -> tuple[Floats, Floats]:
    """The small copy and the gray values of a film that lies as VERSIONS[pose], turned back."""
    undone = {2: 4, 4: 2}.get(pose, pose)  # all others undo themselves
    inverted = VERSIONS[pose] == "inverted"
    return versions(copy[None])[undone][0], gray_values[::-1] if inverted else gray_values


@dataclass(frozen=True, eq=False)
class Poses:
    """A linear classifier of small copies into VERSIONS: `weights` (6, SIDE² + 1) float32."""

    weights: Floats

    @classmethod
    def of(cls, copies: Floats) -> Self:
        """Learn it from (n, SIDE, SIDE) small copies of films that are nearly all upright."""
        from sklearn.linear_model import LogisticRegression

        features = np.concatenate([one.reshape(len(copies), -1) for one in versions(copies)])
        labels = np.repeat(np.arange(len(VERSIONS)), len(copies))
        strength = _STRENGTH * 750 / len(copies)  # the same penalty per film
        # The usual tolerance takes three times as long and tells no better.
        found = LogisticRegression(C=strength, tol=1e-3).fit(features, labels)
        return cls(np.column_stack([found.coef_, found.intercept_]).astype(np.float32))

    def log_odds(self, copies: Floats) -> Floats:
        """(n, 6) how much more likely each of VERSIONS is than upright, as natural logarithms."""
        flat = copies.reshape(len(copies), -1)
        logits = flat @ self.weights[:, :-1].T + self.weights[:, -1]
        return np.asarray(logits - logits[:, :1], np.float32)


def _shrunk(film: Gray, side: int) -> npt.NDArray[np.uint8]:
    method = cv2.INTER_AREA if len(film) >= side else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(film, (side, side), interpolation=method), np.uint8)
