"""Saliency: which pixels would change the logit most if they changed a little."""

from typing import TYPE_CHECKING

from cxrcore.explanations import base

if TYPE_CHECKING:
    import tensorflow as tf


def saliency(seen: base.Seen, class_index: "tf.Tensor") -> "tf.Tensor":
    """Largest absolute gradient over the channels, in logits per gray level.

    A `common.Program`. Sign is lost: a bright pixel speaks for or against the class.

    Source:
        Simonyan et al. 2014, arXiv:1312.6034, section 3.1; equal to
        `tf_keras_vis.saliency.Saliency` with `normalize_map=False`.
    """
    import tensorflow as tf

    gradient = base.image_gradient(seen, class_index)  # (1, H, W, C)
    return tf.reduce_max(tf.abs(gradient[0]), axis=-1)
