"""Explanations: where in an image did a network find its evidence?

Every map comes from the gradient of a logit (the output of the last Dense layer before its
softmax), never of a probability: a probability near 1 has no gradient left, and its gradient
mixes in the evidence for the other classes.

The first call for a network and set of methods compiles them (seconds); later calls run the
compiled function, which returns probabilities and maps together and takes the class as an
argument. Networks are held weakly: dropping a network drops what was compiled for it. Later
changes of the weights count, except in a network of mixed precision, which is explained through
a float32 copy of its weights at the first call (`precision.in_float32`).

To add a method, add a module with a `METHOD` to `methods/`; command line, pages, inference
process and notebooks read METHODS.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from cxrcore.errors import ExplainError
from cxrcore.explanations import base, methods
from cxrcore.explanations.base import Method

if TYPE_CHECKING:
    import keras

__all__ = [
    "BY_DEFAULT",
    "METHODS",
    "Method",
    "check",
    "explain",
    "explain_all",
    "predict_and_explain",
]

METHODS: dict[str, Method] = methods.find()
BY_DEFAULT = tuple(method.name for method in METHODS.values() if method.by_default)


def explain(
    model: "keras.Model", image: np.ndarray, method: str, class_index: int | None = None
) -> np.ndarray:
    """Map of the evidence in one image for one class.

    Args:
        model: a network as `cxrcore.build` makes them: one image in, one vector of probabilities
            out, its last layer a Dense with softmax or sigmoid.
        image: (H, W), (H, W, 1) or (H, W, 3), values 0..255, of the network's input size;
            gray is repeated over the channels. Not changed.
        method: one of METHODS.
        class_index: the class to explain, from 0; None for the predicted class.

    Returns:
        (H, W) float32, >= 0 and not stretched to [0, 1], so that a weak map stays weak.
        The unit is the method's: see its module.

    Raises:
        ExplainError: no such method or class, an image of another shape or range, or a
            network that the method cannot look into.
    """
    return predict_and_explain(model, image, method, class_index)[1]


def predict_and_explain(
    model: "keras.Model", image: np.ndarray, method: str, class_index: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The (k,) float32 probabilities and the map of `explain`, from one compiled call."""
    probabilities, maps = explain_all(model, image, (method,), class_index)
    return probabilities, maps[method]


def explain_all(
    model: "keras.Model",
    image: np.ndarray,
    names: Sequence[str],
    class_index: int | None = None,
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The probabilities and one map per method, from one pass; without methods a prediction."""
    check(names)
    return base.run(model, {name: METHODS[name].compute for name in names}, image, class_index)


def check(names: Sequence[str]) -> None:
    """Raise ExplainError with the list of methods if one of these does not exist."""
    for name in names:
        if name not in METHODS:
            raise ExplainError(
                f"There is no explanation method {name!r}. Choose from: {', '.join(METHODS)}."
            )
