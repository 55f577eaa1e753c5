"""Explanations: where in one picture did a network find its evidence? One method a file.

Every map is made from the gradient of a logit (the output of the last Dense
layer before its softmax), never of a probability: a probability near 1 has no
gradient left, and its gradient mixes in the evidence for the other classes.

The first call for a network and method traces and compiles it (seconds); later
calls run the compiled function, which gives probabilities and maps together and
takes the class as an argument. Networks are held weakly: dropping a network
drops what was compiled for it. The functions see later changes of the weights,
except for a network of mixed precision, which is explained through a float32
copy of its weights as they were at the first call (`precision.in_float32`).

To add a method, write a file with one `common.Program` and enter it here.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from cxrcore.errors import ExplainError
from cxrcore.explanations import base, gradcam, gradcam_plus_plus, layercam, saliency, smoothgrad

if TYPE_CHECKING:
    import keras

_PROGRAMS: dict[str, base.Program] = {
    "saliency": saliency.saliency,
    "smoothgrad": smoothgrad.smoothgrad,
    "grad-cam": gradcam.grad_cam,
    "grad-cam++": gradcam_plus_plus.grad_cam_plus_plus,
    "layercam": layercam.layer_cam,
}

METHODS: tuple[str, ...] = tuple(_PROGRAMS)


def explain(
    model: "keras.Model", image: np.ndarray, method: str, class_index: int | None = None
) -> np.ndarray:
    """Map of the evidence in one picture for one class.

    Args:
        model: a network as `networks.build` makes them: one picture in, one vector of
            probabilities out, its last layer a Dense with softmax or sigmoid.
        image: (H, W), (H, W, 1) or (H, W, 3), values 0..255, of the network's input size;
            gray is repeated over the channels. Not changed.
        method: one of METHODS.
        class_index: the class to explain, from 0; None is the predicted class.

    Returns:
        (H, W) float32, >= 0 and not stretched to [0, 1], so that a weak map stays weak.
        The unit is the method's: see its file.

    Raises:
        ExplainError: unknown method or class, picture of another shape or range, or a
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
    methods: Sequence[str],
    class_index: int | None = None,
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The probabilities and one map a method, from one pass; without methods a mere prediction."""
    check(methods)
    return base.run(model, {name: _PROGRAMS[name] for name in methods}, image, class_index)


def check(methods: Sequence[str]) -> None:
    """ExplainError with the list of methods if one of these does not exist."""
    for method in methods:
        if method not in _PROGRAMS:
            raise ExplainError(
                f"There is no explanation method {method!r}. Choose from: {', '.join(METHODS)}."
            )
