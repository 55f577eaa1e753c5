"""What every method needs: a network compiled with its insides in view.

A method is a `Program`: a function of TensorFlow tensors that is traced once for each
network. It is handed what `listen.look` saw in one pass: the feature maps of the
convolutions, the logits and the probabilities. Methods that are asked for together
share that pass.

Nothing is rebuilt for it: while the network is traced, the convolutions and the last
layer are listened to, wherever they are nested. So augmentation, preprocessing, shared
layers and sub-models behave exactly as in `model(x)`.
"""

import threading
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from cxrcore.errors import ExplainError
from cxrcore.explanations.activations import Seen, look
from cxrcore.explanations.precision import in_float32

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

__all__ = ["Program", "Seen", "class_activation", "image_gradient", "look", "run"]

# What was seen in a pass over one picture, () int32 class -> (H, W) map.
Program = Callable[[Seen, "tf.Tensor"], "tf.Tensor"]
_PREDICTED = -1  # the class index that stands for the predicted class


@dataclass
class _Compiled:
    """What was compiled for one network. Holds its variables, never the network itself."""

    copy: "keras.Model | None" = None  # in float32, for a network of mixed precision
    functions: dict[tuple[str, ...], Callable] = field(default_factory=dict)


_compiled: "weakref.WeakKeyDictionary[keras.Model, _Compiled]" = weakref.WeakKeyDictionary()
_lock = threading.Lock()  # tracing touches the layers: one at a time


def run(
    model: "keras.Model",
    programs: Mapping[str, Program],
    image: np.ndarray,
    class_index: int | None,
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Probabilities and one map a program; a set of programs is compiled at its first use.

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
    probabilities, maps = function(model, programs)(batch, np.int32(index))
    return probabilities.numpy(), {name: heat.numpy() for name, heat in maps.items()}


def function(model: "keras.Model", programs: Mapping[str, Program]) -> Callable:
    """The compiled function of these programs for this network; made once and kept."""
    name = tuple(programs)
    with _lock:
        compiled = _compiled.setdefault(model, _Compiled())
        if name not in compiled.functions:
            network = in_float32(model) if compiled.copy is None else compiled.copy
            compiled.copy = None if network is model else network
            compiled.functions[name] = _compile(network, programs)
        return compiled.functions[name]


def _compile(model: "keras.Model", programs: Mapping[str, Program]) -> Callable:
    """Trace a pass over one picture and the programs; the result does not hold the network."""
    import tensorflow as tf

    def trace(image: tf.Tensor, class_index: tf.Tensor) -> tuple:
        seen = look(model, image)
        predicted = tf.argmax(seen.logits[0], output_type=tf.int32)
        target = tf.where(class_index < 0, predicted, class_index)
        maps = {name: program(seen, target) for name, program in programs.items()}
        return seen.probabilities[0], maps

    shape = (1, *model.inputs[0].shape[1:])
    # The concrete function keeps the graph, and not the Python function with its network.
    return tf.function(trace, autograph=False).get_concrete_function(
        tf.TensorSpec(shape, tf.float32), tf.TensorSpec((), tf.int32)
    )


def class_activation(
    seen: Seen, class_index: "tf.Tensor", weigh: Callable[["tf.Tensor", "tf.Tensor"], "tf.Tensor"]
) -> "tf.Tensor":
    """The map (H, W) that `weigh` makes of the last convolution, enlarged to the picture.

    The last convolution is the last layer of that kind (`listen.look`) that has more than one
    place and leads to the logit. The gradient is computed from the logit back to it and no
    further. `weigh` takes activations and gradients (h, w, C) and gives a map (h, w).

    Enlarging is bilinear with the outermost places on the outermost pixels, as
    tf-keras-vis does (`scipy.ndimage.zoom`), so that maps can be compared number by number.

    Raises:
        ExplainError: no convolution leads to the logit.
    """
    import tensorflow as tf

    score = seen.score(class_index)
    for features in seen.features:
        (gradient,) = tf.gradients(score, [features])
        if gradient is not None:
            break
    else:
        raise ExplainError(
            f"The network {seen.model.name!r} has no convolution with a two-dimensional output "
            "before its classes, so there is no feature map to look at. Use saliency instead."
        )
    heat = weigh(features[0], gradient[0])  # (h, w)
    enlarged = tf.raw_ops.ResizeBilinear(
        images=heat[None, :, :, None], size=tf.shape(seen.image)[1:3], align_corners=True
    )
    return enlarged[0, :, :, 0]


def image_gradient(seen: Seen, class_index: "tf.Tensor") -> "tf.Tensor":
    """(n, H, W, C) d(logit) / d(gray level) of each picture of the pass.

    Raises:
        ExplainError: the logit has no gradient there.
    """
    import tensorflow as tf

    (gradient,) = tf.gradients(seen.score(class_index), [seen.image])
    if gradient is None:
        raise ExplainError(
            f"The logits of {seen.model.name!r} have no gradient with respect to the picture: "
            "a layer on the way rounds or cuts it. Use grad-cam instead."
        )
    return gradient


def _shapes(model: "keras.Model") -> tuple[tuple[int | None, ...], int]:
    """Input shape (H, W, C), None where any is taken, and number of classes."""
    inputs, outputs = getattr(model, "inputs", None) or [], getattr(model, "outputs", None) or []
    ranks = [len(tensor.shape) for tensor in (*inputs, *outputs)]
    if ranks != [4, 2]:
        raise ExplainError(
            "Explanations need a network with one picture (height, width, channels) as input and "
            f"one vector of classes as output. Received inputs {inputs} and outputs {outputs}."
        )
    return tuple(inputs[0].shape[1:]), outputs[0].shape[1]


def _as_batch(image: np.ndarray, shape: tuple[int | None, ...]) -> np.ndarray:
    """The picture as a (1, H, W, C) float32 array of the network's input shape."""
    pixels = np.asarray(image)
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = np.repeat(pixels, shape[2] or 1, axis=2)
    matches = pixels.ndim == 3 and all(
        want in (None, got) for want, got in zip(shape, pixels.shape, strict=True)
    )
    if not matches:
        wanted = " x ".join("any" if side is None else str(side) for side in shape)
        raise ExplainError(
            f"This network sees pictures of {wanted} (height, width, channels); "
            f"the picture has shape {np.shape(image)}. Prepare it with "
            "cxrcore.pixels.prepare_one, one picture at a time."
        )
    pixels = pixels.astype(np.float32)
    low, high = pixels.min(), pixels.max()
    if not (low >= 0 and high <= 255):  # also refuses NaN
        raise ExplainError(
            f"Pixel values must be 0 to 255; these are {low:g} to {high:g}. "
            "Hand over the gray levels unscaled: the network scales them itself."
        )
    return pixels[None]
