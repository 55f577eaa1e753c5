"""SmoothGrad: the mean saliency of noisy copies of the image, which averages out speckle."""

from typing import TYPE_CHECKING

from cxrcore.explanations import base

if TYPE_CHECKING:
    import tensorflow as tf

SAMPLES = 24
NOISE = 0.2  # standard deviation as a share of the image's range; 10-20 % in the paper
BATCH = 8  # noisy copies at once: bounds the memory


def smoothgrad(forward: base.ForwardPass, class_index: "tf.Tensor") -> "tf.Tensor":
    """Mean absolute gradient over SAMPLES noisy copies, largest channel, in logits per gray level.

    The noise is the same at every call, so the same image always gives the same map.

    Source:
        Smilkov et al. 2017, arXiv:1706.03825; equal to `tf_keras_vis.saliency.Saliency` with
        `smooth_samples=SAMPLES, smooth_noise=NOISE, normalize_map=False` given the same noise.
    """
    import tensorflow as tf

    image = forward.image
    value_range = tf.reduce_max(image, axis=(1, 2), keepdims=True) - tf.reduce_min(
        image, axis=(1, 2), keepdims=True
    )

    def batch_sum(part: "tf.Tensor") -> "tf.Tensor":
        noisy = image + NOISE * value_range * noise(part, tf.shape(image)[1:])
        gradient = base.image_gradient(base.forward_pass(forward.model, noisy), class_index)
        return tf.reduce_sum(tf.abs(gradient), axis=0)  # (H, W, C)

    # A loop of the graph, not of Python: the network is traced once, not SAMPLES / BATCH times.
    total = tf.foldl(
        lambda so_far, part: so_far + batch_sum(part),
        tf.range(SAMPLES // BATCH),
        initializer=tf.zeros_like(image[0]),
        parallel_iterations=1,
    )
    return tf.reduce_max(total / SAMPLES, axis=-1)


def noise(part: "tf.Tensor | int", shape: "tf.Tensor | tuple[int, ...]") -> "tf.Tensor":
    """(BATCH, H, W, C) standard normal values, always the same for the same part and shape."""
    import tensorflow as tf

    return tf.random.stateless_normal(tf.concat([[BATCH], shape], 0), seed=tf.stack([0, part]))


METHOD = base.Method(
    name="smoothgrad",
    title="SmoothGrad",
    meaning="saliency averaged over noisy copies of the image",
    compute=smoothgrad,
)
