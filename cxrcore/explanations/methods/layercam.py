"""LayerCAM: every place of every feature map weighted by its own positive gradient."""

from typing import TYPE_CHECKING

from cxrcore.explanations import base

if TYPE_CHECKING:
    import tensorflow as tf


def layer_cam(activations: "tf.Tensor", gradients: "tf.Tensor") -> "tf.Tensor":
    """(..., h, w) map, >= 0, from (..., h, w, C) activations and d(logit) / d(activations).

    Source:
        Jiang et al. 2021, doi:10.1109/TIP.2021.3089943: the weights are the positive gradients,
        place by place. Equal to `tf_keras_vis.layercam.Layercam` with `normalize_cam=False`.
    """
    import tensorflow as tf

    return tf.nn.relu(tf.reduce_sum(activations * tf.nn.relu(gradients), axis=-1))


METHOD = base.Traced(
    name="layercam",
    title="LayerCAM",
    meaning="the places that speak for the class, each weighed by itself",
    compute=base.class_activation(layer_cam),
    uses_layer=True,
)
