"""Saliency: the pixels whose small change would change the logit most."""

from typing import TYPE_CHECKING

from cxrcore.explanations import base

if TYPE_CHECKING:
    import tensorflow as tf


def saliency(forward: base.ForwardPass, classes: "tf.Tensor", _: str | None) -> "tf.Tensor":
    """Largest absolute gradient over the channels, in logits per gray level.

    The sign is lost: a bright pixel speaks for or against the class.

    Source:
        Simonyan et al. 2014, arXiv:1312.6034, section 3.1; equal to
        `tf_keras_vis.saliency.Saliency` with `normalize_map=False`.
    """
    import tensorflow as tf

    gradient = base.image_gradient(forward, classes)  # (n, H, W, C)
    return tf.reduce_max(tf.abs(gradient), axis=-1)


METHOD = base.Traced(
    name="saliency",
    title="Saliency",
    meaning="the pixels whose change would change the answer most",
    compute=saliency,
    by_default=True,
)
