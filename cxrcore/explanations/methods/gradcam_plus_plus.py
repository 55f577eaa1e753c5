"""Grad-CAM++: Grad-CAM whose weights count every place that supports the class once."""

from typing import TYPE_CHECKING

from cxrcore.explanations import base

if TYPE_CHECKING:
    import tensorflow as tf


def grad_cam_plus_plus(activations: "tf.Tensor", gradients: "tf.Tensor") -> "tf.Tensor":
    """(..., h, w) map, >= 0, from (..., h, w, C) activations and d(logit) / d(activations).

    The paper explains exp(logit). Its derivatives are exp(logit) times powers of the logit's
    gradient. That factor cancels in alpha; elsewhere it only scales the whole map, by a number
    that overflows float32 from a logit of 89 on, and is left out here.

    Source:
        Chattopadhyay et al. 2018, arXiv:1710.11063, equation 19; equal to
        `tf_keras_vis.gradcam.GradcamPlusPlus` with `normalize_cam=False`, divided by exp(logit).
    """
    import tensorflow as tf

    squared, cubed = gradients**2, gradients**3
    places = (-3, -2)
    total = tf.reduce_sum(activations, axis=places, keepdims=True)  # (..., 1, 1, C)
    # Where the gradient is 0, so is alpha: divide_no_nan gives just that.
    alpha = tf.math.divide_no_nan(squared, 2 * squared + cubed * total)  # (..., h, w, C)  eq. 19
    alpha = tf.math.divide_no_nan(alpha, tf.reduce_sum(alpha, axis=places, keepdims=True))
    weights = tf.reduce_sum(alpha * tf.nn.relu(gradients), axis=places, keepdims=True)
    return tf.nn.relu(tf.reduce_sum(activations * weights, axis=-1))


METHOD = base.Traced(
    name="grad-cam++",
    title="Grad-CAM++",
    meaning="the regions that speak for the class, several of them at full strength",
    compute=base.class_activation(grad_cam_plus_plus),
    uses_layer=True,
)
