"""Explanations: where in an image did a network find its evidence?

Maps come from the gradient or the drop of a logit (the output of the last Dense layer before its
softmax), not of a probability: a probability near 1 has no gradient left, and its gradient mixes
in the evidence for the other classes. Score-CAM and RISE count probabilities, as published.

The first call for a network and set of methods compiles them (seconds); later calls run the
compiled function, which returns probabilities and maps together and takes the class as an
argument. Networks are held weakly: dropping a network drops what was compiled for it. Later
changes of the weights count, except in a network of mixed precision, which is explained through
a float32 copy of its weights at the first call (`precision.in_float32`).

To add a method, add a module with a `METHOD` to `methods/`; command line, pages, inference
process and notebooks read METHODS.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cxrcore.errors import ExplainError
from cxrcore.explanations import computation, methods
from cxrcore.explanations.base import Method
from cxrcore.explanations.computation import Explanation, Progress
from cxrcore.explanations.convolutions import Layer, layers
from cxrcore.explanations.correlation import agreement
from cxrcore.foreign import TITLES, engine_of

if TYPE_CHECKING:
    import keras

__all__ = [
    "BY_DEFAULT",
    "METHODS",
    "Explanation",
    "Layer",
    "Method",
    "Progress",
    "agreement",
    "check",
    "embed",
    "explain",
    "explain_all",
    "layers",
    "maps",
    "possible",
    "predict",
    "predict_and_explain",
]

METHODS: dict[str, Method] = methods.find()
BY_DEFAULT = tuple(method.name for method in METHODS.values() if method.by_default)


def explain(
    model: "keras.Model",
    image: np.ndarray,
    method: str,
    class_index: int | None = None,
    *,
    layer: str | None = None,
) -> np.ndarray:
    """Map of the evidence in one image for one class.

    Args:
        model: a network as `cxrcore.build` makes them: one image in, one vector of probabilities
            out, its last layer a Dense with softmax or sigmoid.
        image: (H, W), (H, W, 1) or (H, W, 3), values 0..255, of the network's input size;
            gray is repeated over the channels. Not changed.
        method: one of METHODS.
        class_index: the class to explain, from 0; None for the predicted class.
        layer: the convolution that a class activation map looks at, the `name` of one of
            `layers`; None for the last one. Other methods do not look at one.

    Returns:
        (H, W) float32, >= 0 and not stretched to [0, 1], so that a weak map stays weak.
        The unit is the method's: see its module.

    Raises:
        ExplainError: no such method, class or layer, an image of another shape or range, or a
            network that the method cannot look into.
    """
    return explain_all(model, image, (method,), class_index, layer=layer).maps[method]


def predict_and_explain(
    model: "keras.Model", image: np.ndarray, method: str, class_index: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The (k,) float32 probabilities and the map of `explain`, from one compiled call."""
    found = explain_all(model, image, (method,), class_index)
    return found.probabilities, found.maps[method]


def explain_all(
    model: "keras.Model",
    image: np.ndarray,
    names: Sequence[str],
    class_index: int | None = None,
    *,
    layer: str | None = None,
    progress: Progress | None = None,
) -> Explanation:
    """The probabilities and one map per method; the quick ones from one compiled pass.

    Args:
        model, image, class_index, layer: as in `explain`.
        names: of methods; without any a prediction.
        progress: hears how many passes of the slow methods are done, and of how many, after each
            batch; what it raises ends the work.

    Raises:
        ExplainError: as `explain`.
    """
    check(names)
    _check_possible(model, names)
    chosen = [METHODS[name] for name in names]
    return computation.run(model, image, chosen, class_index, layer, progress)


def embed(model: "keras.Model", images: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """Embedding and depths of `Explanation` for many images, in batches.

    Args:
        model: as in `explain`.
        images: (n, H, W) uint8 of the network's input size, n >= 1; may be a memory map.

    Returns:
        (n, d) float32 embeddings, and (n, c) float32 means of each depth.

    Raises:
        ExplainError: as `explain`.
    """
    return computation.embed(model, images)


def predict(model: "keras.Model", images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and embeddings of many images, in batches; arguments and errors as `embed`.

    Returns:
        (n, k) float32 probabilities, and (n, d) float32 embeddings.
    """
    return computation.predict(model, images)


def maps(
    model: "keras.Model", images: np.ndarray, method: str, *, layer: str | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Maps of many images for their predicted classes, batch by batch, at their own resolution.

    Args:
        model, layer: as in `explain`.
        images: (n, H, W) uint8 of the network's input size, n >= 1.
        method: one of METHODS; those that are not `slow` take little longer than a prediction.

    Returns:
        For each batch of m images (m,) int32 classes and (m, h, w) float32 maps, >= 0: of class
        activation maps (h, w) are the places of the convolution, of others the image's size.

    Raises:
        ExplainError: as `explain`.
    """
    check([method])
    _check_possible(model, [method])
    return computation.maps(model, images, METHODS[method], layer)


def possible(model: "keras.Model", names: Sequence[str]) -> list[str]:
    """The methods of these that a network can be explained with.

    Of a network from elsewhere (`foreign`) only the answers are known, no layer and no gradient.
    """
    return [name for name in names if METHODS[name].answers_only or engine_of(model) is None]


def _check_possible(model: "keras.Model", names: Sequence[str]) -> None:
    engine, wanted = engine_of(model), possible(model, names)
    if engine is not None and (missing := [name for name in names if name not in wanted]):
        others = ", ".join(name for name, method in METHODS.items() if method.answers_only)
        raise ExplainError(
            f"{METHODS[missing[0]].title} needs the layers of a Keras network. This model was imported as a "
            f"file of {TITLES[engine.kind]}, of which only the answers are known. Choose from: {others}."
        )


def check(names: Sequence[str]) -> None:
    """Raise ExplainError with the list of methods if one of these does not exist."""
    for name in names:
        if name not in METHODS:
            raise ExplainError(
                f"There is no explanation method {name!r}. Choose from: {', '.join(METHODS)}."
            )
