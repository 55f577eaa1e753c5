"""Networks compiled so that their inside is visible: traced once for each use, and kept."""

import threading
import weakref
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from cxrcore.errors import ExplainError
from cxrcore.explanations.activations import ForwardPass, forward_pass
from cxrcore.explanations.precision import in_float32
from cxrcore.foreign import Engine, engine_of

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

# (forward pass of n images, (n,) class indices) -> what the compiled function returns
Trace = Callable[[ForwardPass, "tf.Tensor"], Any]
PREDICTED = -1  # the class index that stands for the predicted class
_BATCH_PIXELS = 8 * 224 * 224  # in one batch: bounds the memory
_MOST_IMAGES = 32  # in one batch: more are no faster


@dataclass
class _Compiled:
    """What was compiled for one network. Holds its variables, never the network itself."""

    copy: "keras.Model | None" = None  # in float32, for a network of mixed precision
    functions: dict[Hashable, Callable] = field(default_factory=dict)
    # (h, w, c) of the convolutions by path, last one first; None until the first trace
    shapes: dict[str, tuple[int | None, ...]] | None = None


_compiled: "weakref.WeakKeyDictionary[keras.Model, _Compiled]" = weakref.WeakKeyDictionary()
_lock = threading.Lock()  # tracing touches the layers: one at a time


def function(model: "keras.Model", key: Hashable, trace: Trace, images: int | None = 1) -> Callable:
    """The compiled function of (n, H, W, C) float32 images and (n,) int32 classes, made once.

    Args:
        model: the network.
        key: names what `trace` computes.
        trace: gets the pass and the classes, PREDICTED already replaced.
        images: n; None for any number.
    """
    with _lock:
        compiled = _compiled.setdefault(model, _Compiled())
        if key not in compiled.functions:
            network = in_float32(model) if compiled.copy is None else compiled.copy
            compiled.copy = None if network is model else network
            compiled.functions[key] = _compile(network, trace, images, compiled)
        return compiled.functions[key]


def shapes(model: "keras.Model") -> dict[str, tuple[int | None, ...]]:
    """(h, w, c) of the convolutions with more than one place, by path, the last one first."""
    known = _compiled.get(model)
    if known is None or known.shapes is None:
        function(model, "probabilities", lambda forward, _: forward.probabilities)
        known = _compiled[model]
    return known.shapes or {}


def _compile(
    model: "keras.Model", trace: Trace, images: int | None, compiled: _Compiled
) -> Callable:
    """Trace a pass; the result does not hold the network."""
    import tensorflow as tf

    def traced(image: tf.Tensor, classes: tf.Tensor) -> Any:
        forward = forward_pass(model, image)
        compiled.shapes = {p: tuple(maps.shape[1:]) for p, maps in forward.convolutions.items()}
        predicted = tf.argmax(forward.logits, axis=1, output_type=tf.int32)
        return trace(forward, tf.where(classes < 0, predicted, classes))

    shape = (images, *model.inputs[0].shape[1:])
    # The concrete function keeps the graph, and not the Python function with its network.
    concrete = tf.function(traced, autograph=False).get_concrete_function(
        tf.TensorSpec(shape, tf.float32), tf.TensorSpec(shape[:1], tf.int32)
    )
    engine = engine_of(model)
    return concrete if engine is None else _explaining(concrete, engine)


def _explaining(concrete: Callable, engine: Engine) -> Callable:
    """The function of a network from elsewhere; its failures are told in the engine's own words."""
    import tensorflow as tf

    def run(*arrays: Any) -> Any:
        try:
            return concrete(*arrays)
        except tf.errors.OpError as error:
            raise engine.failure or error from error

    return run


def batch_size(height: int, width: int) -> int:
    """How many images of this size go through a network at once."""
    return max(1, min(_MOST_IMAGES, _BATCH_PIXELS // (height * width)))


def check_class(model: "keras.Model", class_index: int | None) -> int:
    """The class index, PREDICTED for None.

    Raises:
        ExplainError: the network does not have the class, or is no classifier of images.
    """
    _, classes = _shapes(model)
    if class_index is None:
        return PREDICTED
    if not 0 <= class_index < classes:
        raise ExplainError(
            f"This network has {classes} classes, numbered 0 to {classes - 1}; "
            f"there is no class {class_index}. Choose one of those numbers."
        )
    return class_index


def as_batch(image: np.ndarray, model: "keras.Model") -> np.ndarray:
    """The image as a (1, H, W, C) float32 array of the network's input shape.

    Raises:
        ExplainError: the image has another shape or range.
    """
    shape, _ = _shapes(model)
    pixels = np.asarray(image)
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = np.repeat(pixels, shape[2] or 1, axis=2)
    matches = pixels.ndim == 3 and all(
        side in (None, found) for side, found in zip(shape, pixels.shape, strict=True)
    )
    if not matches:
        wanted = " x ".join("any" if side is None else str(side) for side in shape)
        raise ExplainError(
            f"This network takes images of {wanted} (height, width, channels); "
            f"this image has shape {np.shape(image)}. Prepare it with "
            "cxrcore.pixels.prepare_one, one image at a time."
        )
    pixels = pixels.astype(np.float32)
    low, high = pixels.min(), pixels.max()
    if not (low >= 0 and high <= 255):  # also refuses NaN
        raise ExplainError(
            f"Pixel values must be 0 to 255; these are {low:g} to {high:g}. "
            "Pass the gray levels unscaled: the network scales them itself."
        )
    return pixels[None]


def _shapes(model: "keras.Model") -> tuple[tuple[int | None, ...], int]:
    """Input shape (H, W, C), None where any is taken, and number of classes."""
    inputs, outputs = getattr(model, "inputs", None) or [], getattr(model, "outputs", None) or []
    ranks = [len(tensor.shape) for tensor in (*inputs, *outputs)]
    if ranks != [4, 2]:
        raise ExplainError(
            "Explanations need a network with one image (height, width, channels) as input and "
            f"one vector of classes as output. Received inputs {inputs} and outputs {outputs}."
        )
    return tuple(inputs[0].shape[1:]), outputs[0].shape[1]
