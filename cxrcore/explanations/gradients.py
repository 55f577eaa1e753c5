"""Gradients of a class' logit: with respect to a convolution, or to the image."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from cxrcore.errors import ExplainError
from cxrcore.explanations.activations import ForwardPass

if TYPE_CHECKING:
    import tensorflow as tf

# (forward pass of n images, (n,) class indices, path of a convolution or None) -> (n, h, w) maps
Compute = Callable[[ForwardPass, "tf.Tensor", "str | None"], "tf.Tensor"]
# (n, h, w, C) activations and d(logit) / d(activations) -> (n, h, w) maps
Weigh = Callable[["tf.Tensor", "tf.Tensor"], "tf.Tensor"]


def class_activation(weigh: Weigh) -> Compute:
    """The method that makes a map of one convolution, of what `weigh` makes of it.

    By default that is the last layer of its kind that has more than one place and leads to the
    logit. The gradient is computed from the logit back to it and no further. The method raises
    ExplainError if no convolution leads to the logit, or the chosen one does not.
    """

    def compute(forward: ForwardPass, classes: "tf.Tensor", layer: str | None) -> "tf.Tensor":
        import tensorflow as tf

        score = forward.score(classes)
        found = forward.convolutions
        for features in found.values() if layer is None else (found[layer],):
            (gradient,) = tf.gradients(score, [features])
            if gradient is not None:
                return weigh(features, gradient)
        if layer is not None:
            raise ExplainError(
                f"The layer {layer!r} of {forward.model.name!r} does not lead to its classes, so "
                "it holds no evidence. Choose another layer."
            )
        raise ExplainError(
            f"The network {forward.model.name!r} has no convolution with a two-dimensional "
            "output before its classes, so there is no feature map to look at. Use saliency "
            "instead."
        )

    return compute


def image_gradient(forward: ForwardPass, classes: "tf.Tensor") -> "tf.Tensor":
    """(n, H, W, C) d(logit) / d(gray level) of each image of the pass.

    Raises:
        ExplainError: the logit has no gradient there.
    """
    import tensorflow as tf

    (gradient,) = tf.gradients(forward.score(classes), [forward.image])
    if gradient is None:
        raise ExplainError(
            f"The logits of {forward.model.name!r} have no gradient with respect to the image: "
            "a layer on the way rounds or cuts it. Use grad-cam instead."
        )
    return gradient
