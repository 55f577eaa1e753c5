"""What every method needs: a network compiled so that its inside is visible.

A method is a function of TensorFlow tensors that is traced once for each network. It gets what
`forward_pass` recorded: the feature maps of the convolutions, the logits and the probabilities.
Methods requested together share that pass.

The network is not rebuilt: while it is traced, its convolutions and last layer are recorded
wherever they are nested. So augmentation, preprocessing, shared layers and sub-models behave
exactly as in `model(x)`.
"""

import threading
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from cxrcore.errors import ExplainError
from cxrcore.explanations.activations import ForwardPass, forward_pass
from cxrcore.explanations.precision import in_float32

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

__all__ = [
    "Compute",
    "ForwardPass",
    "Method",
    "class_activation",
    "forward_pass",
    "image_gradient",
    "run",
]

# (forward pass over one image, () int32 class index) -> (H, W) map
Compute = Callable[[ForwardPass, "tf.Tensor"], "tf.Tensor"]
# (h, w, C) activations and d(logit) / d(activations) -> (h, w) map
Weigh = Callable[["tf.Tensor", "tf.Tensor"], "tf.Tensor"]
_PREDICTED = -1  # the class index that stands for the predicted class


@dataclass(frozen=True)
class Method:
    """An explanation method: its names, what its map shows, and how it is computed."""

    name: str  # for commands and records
    title: str  # for people
    meaning: str  # what a map shows, to follow the title and a colon
    compute: Compute
    by_default: bool = False  # shown on the pages and computed where nobody chooses


@dataclass
class _Compiled:
    """What was compiled for one network. Holds its variables, never the network itself."""

    copy: "keras.Model | None" = None  # in float32, for a network of mixed precision
    functions: dict[tuple[str, ...], Callable] = field(default_factory=dict)


_compiled: "weakref.WeakKeyDictionary[keras.Model, _Compiled]" = weakref.WeakKeyDictionary()
_lock = threading.Lock()  # tracing touches the layers: one at a time


def run(
    model: "keras.Model",
    methods: Mapping[str, Compute],
    image: np.ndarray,
    class_index: int | None,
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Probabilities and one map per method; a set of methods is compiled at its first use.

    Raises:
        ExplainError: as `cxrcore.explanations.explain`.
    """
    shape, classes = _shapes(model)
    batch = _as_batch(image, shape)
    index = _PREDICTED if class_index is None else class_index
    if class_index is not None and not 0 <= class_index < classes:
        raise ExplainError(
            f"This network has {classes} classes, numbered 0 to {classes - 1}; "
            f"there is no class {class_index}. Choose one of those numbers."
        )
    probabilities, maps = function(model, methods)(batch, np.int32(index))
    return probabilities.numpy(), {name: heat.numpy() for name, heat in maps.items()}


def function(model: "keras.Model", methods: Mapping[str, Compute]) -> Callable:
    """The compiled function of these methods for this network; made once and kept."""
    name = tuple(methods)
    with _lock:
        compiled = _compiled.setdefault(model, _Compiled())
        if name not in compiled.functions:
            network = in_float32(model) if compiled.copy is None else compiled.copy
            compiled.copy = None if network is model else network
            compiled.functions[name] = _compile(network, methods)
        return compiled.functions[name]


def _compile(model: "keras.Model", methods: Mapping[str, Compute]) -> Callable:
    """Trace a pass over one image and the methods; the result does not hold the network."""
    import tensorflow as tf

    def trace(image: tf.Tensor, class_index: tf.Tensor) -> tuple:
        forward = forward_pass(model, image)
        predicted = tf.argmax(forward.logits[0], output_type=tf.int32)
        target = tf.where(class_index < 0, predicted, class_index)
        maps = {name: compute(forward, target) for name, compute in methods.items()}
        return forward.probabilities[0], maps

    shape = (1, *model.inputs[0].shape[1:])
    # The concrete function keeps the graph, and not the Python function with its network.
    return tf.function(trace, autograph=False).get_concrete_function(
        tf.TensorSpec(shape, tf.float32), tf.TensorSpec((), tf.int32)
    )


def class_activation(weigh: Weigh) -> Compute:
    """The method that enlarges what `weigh` makes of the last convolution to the image's size.

    The last convolution is the last layer of that kind that has more than one place and leads to
    the logit. The gradient is computed from the logit back to it and no further.

    Enlarging is bilinear with the outermost places on the outermost pixels, as in tf-keras-vis
    (`scipy.ndimage.zoom`), so that maps can be compared number by number. The method raises
    ExplainError if no convolution leads to the logit.
    """

    def compute(forward: ForwardPass, class_index: "tf.Tensor") -> "tf.Tensor":
        import tensorflow as tf

        score = forward.score(class_index)
        for features in forward.features:
            (gradient,) = tf.gradients(score, [features])
            if gradient is not None:
                break
        else:
            raise ExplainError(
                f"The network {forward.model.name!r} has no convolution with a two-dimensional "
                "output before its classes, so there is no feature map to look at. Use saliency "
                "instead."
            )
        heat = weigh(features[0], gradient[0])  # (h, w)
        enlarged = tf.raw_ops.ResizeBilinear(
            images=heat[None, :, :, None], size=tf.shape(forward.image)[1:3], align_corners=True
        )
        return enlarged[0, :, :, 0]

    return compute


def image_gradient(forward: ForwardPass, class_index: "tf.Tensor") -> "tf.Tensor":
    """(n, H, W, C) d(logit) / d(gray level) of each image of the pass.

    Raises:
        ExplainError: the logit has no gradient there.
    """
    import tensorflow as tf

    (gradient,) = tf.gradients(forward.score(class_index), [forward.image])
    if gradient is None:
        raise ExplainError(
            f"The logits of {forward.model.name!r} have no gradient with respect to the image: "
            "a layer on the way rounds or cuts it. Use grad-cam instead."
        )
    return gradient


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


def _as_batch(image: np.ndarray, shape: tuple[int | None, ...]) -> np.ndarray:
    """The image as a (1, H, W, C) float32 array of the network's input shape."""
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
