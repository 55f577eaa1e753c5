"""What one run says about one picture."""

from dataclasses import dataclass, field

import numpy as np


def _nothing() -> np.ndarray:
    return np.zeros(0, np.float32)


def _no_picture() -> np.ndarray:
    return np.zeros((0, 0), np.uint8)


@dataclass(frozen=True)
class Prediction:
    """What one run says about one picture; or `error`, and then the rest is empty.

    `notes` are sentences for people, for instance that a network which was trained
    on masked lungs was shown the whole picture.
    """

    run_id: str
    recipe: str = ""
    classes: tuple[str, ...] = ()  # in the order of the probabilities
    probabilities: np.ndarray = field(default_factory=_nothing)  # (k,) float32, sum 1
    predicted: str = ""  # the class with the largest probability
    explained: str = ""  # the class that the maps are about
    maps: dict[str, np.ndarray] = field(default_factory=dict)  # method -> (S, S) float32, >= 0
    seen: np.ndarray = field(default_factory=_no_picture)  # (S, S) uint8, what the network saw
    seconds: float = 0.0  # preparing, predicting and explaining; not loading the network
    notes: tuple[str, ...] = ()
    error: str | None = None
