"""Learning rate, end of training and class weights, from the history alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxrcore.models import Plateau, Recipe, Stopping

# Keras' default of ReduceLROnPlateau; the studies did not change it.
_MIN_DELTA = 1e-4
# Below this share of its first value the learning rate has no effect (docs/decisions/0005).
NEGLIGIBLE_SHARE = 1e-5


@dataclass
class _Patience:
    """The best value so far, and the epochs since."""

    best: float | None = None
    wait: int = 0

    def _ends(self, value: float, sign: float, min_delta: float, patience: int) -> bool:
        """Whether `patience` epochs in a row, this one included, brought no improvement."""
        if self.best is None or sign * value - min_delta > sign * self.best:
            self.best, self.wait = value, 0
            return False
        self.wait += 1
        return self.wait >= patience


class PlateauState(_Patience):
    """What must be remembered between epochs; equal to Keras' ReduceLROnPlateau."""

    def rate_after(self, rule: Plateau, value: float, rate: float) -> float:
        """The next learning rate, given the monitored value of the epoch that has ended."""
        if not self._ends(value, 1.0 if rule.mode == "max" else -1.0, _MIN_DELTA, rule.patience):
            return rate
        self.wait = 0
        return rate * rule.factor


class StoppingState(_Patience):
    """What must be remembered between epochs; equal to Keras' EarlyStopping."""

    def ends_after(self, rule: Stopping, value: float) -> bool:
        """Whether to end, given the monitored value of the epoch that has ended."""
        sign = 1.0 if rule.monitor == "accuracy" else -1.0
        return self._ends(value, sign, rule.min_delta, rule.patience)


def class_weights(
    recipe: Recipe, labels: npt.NDArray[np.integer], classes: Sequence[str]
) -> dict[int, float] | None:
    """The weight of an image of each class, by class number; None where all weigh the same.

    Balanced weights are n / (classes * n of the class), as scikit-learn's.
    """
    weights = np.ones(len(classes))
    if recipe.class_weights == "balanced":
        weights = len(labels) / (len(classes) * np.bincount(labels, minlength=len(classes)))
    if recipe.favoured_class in classes:
        weights[classes.index(recipe.favoured_class)] *= recipe.favoured_weight
    return None if (weights == 1).all() else dict(enumerate(map(float, weights)))


def is_negligible(rate: float, first_rate: float) -> bool:
    """Whether further epochs at this learning rate would be wasted."""
    # With tolerance: 1e-8 is reached as 9.99e-9 or 1.0001e-8 in float32.
    return rate < first_rate * NEGLIGIBLE_SHARE * 1.01
