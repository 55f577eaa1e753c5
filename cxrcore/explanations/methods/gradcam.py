"""Grad-CAM: the feature maps of a convolution, each weighted by how much it moves the logit."""

from typing import TYPE_CHECKING

from cxrcore.explanations import base

if TYPE_CHECKING:
    import tensorflow as tf


def grad_cam(activations: "tf.Tensor", gradients: "tf.Tensor") -> "tf.Tensor":
    """Weigh each feature map by its mean gradient, sum, keep the positive part, in logits.

    Args:
        activations: (..., h, w, C) output of a convolution.
        gradients: (..., h, w, C) d(logit) / d(activations).

    Returns:
        (..., h, w) map, >= 0: evidence against the class is dropped.

    Source:
        Selvaraju et al. 2017, arXiv:1610.02391, equations 1 and 2; equal to
        `tf_keras_vis.gradcam.Gradcam` with `normalize_cam=False`.
    """
    import tensorflow as tf

    weights = tf.reduce_mean(gradients, axis=(-3, -2), keepdims=True)  # (..., 1, 1, C)  eq. 1
    return tf.nn.relu(tf.reduce_sum(activations * weights, axis=-1))  # (..., h, w)  eq. 2


METHOD = base.Traced(
    name="grad-cam",
    title="Grad-CAM",
    meaning="the regions that speak for the class",
    compute=base.class_activation(grad_cam),
    uses_layer=True,
    by_default=True,
)
