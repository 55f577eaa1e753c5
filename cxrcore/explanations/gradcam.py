"""Grad-CAM: the last feature maps, weighted by how much each one moves the logit."""

from typing import TYPE_CHECKING

from cxrcore.explanations import base

if TYPE_CHECKING:
    import tensorflow as tf


def grad_cam(seen: base.Seen, class_index: "tf.Tensor") -> "tf.Tensor":
    """Weighted sum of the last convolution's maps, positive part, in logits.

    A `common.Program`; see `weigh` for the source.
    """
    return base.class_activation(seen, class_index, weigh)


def weigh(activations: "tf.Tensor", gradients: "tf.Tensor") -> "tf.Tensor":
    """Weigh each feature map by its mean gradient, sum, keep the positive part.

    Args:
        activations: (h, w, C) output of the last convolution.
        gradients: (h, w, C) d(logit) / d(activations).

    Returns:
        (h, w) map, >= 0: evidence against the class is dropped.

    Source:
        Selvaraju et al. 2017, arXiv:1610.02391, equations 1 and 2; equal to
        `tf_keras_vis.gradcam.Gradcam` with `normalize_cam=False`.
    """
    import tensorflow as tf

    weights = tf.reduce_mean(gradients, axis=(0, 1))  # (C,)  eq. 1
    return tf.nn.relu(tf.reduce_sum(activations * weights, axis=-1))  # (h, w)  eq. 2
