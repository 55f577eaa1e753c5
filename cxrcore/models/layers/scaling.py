"""Pixels 0..255 as the networks of `keras.applications` were trained on them.

Each is a layer of Keras' own parts, in float32 under any precision policy, and no class of ours: a
stored model opens with safe_mode in any Keras 3, without this project.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

# Blue, green, red, of ImageNet: keras.applications.resnet50.preprocess_input, mode "caffe".
_MEANS_BGR = (103.939, 116.779, 123.68)
# Of ImageNet, red, green, blue, for pixels in 0..1: mode "torch".
MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)


def caffe(shape: tuple[int, int, int]) -> "keras.Model":
    """RGB to BGR with ImageNet's means removed, as `preprocess_input` in mode "caffe"."""
    import keras

    image = keras.Input(shape, dtype="float32")
    offset = [-mean for mean in _MEANS_BGR]
    centred = keras.layers.Rescaling(1.0, offset=offset, dtype="float32", name="centre")
    return keras.Model(image, centred(keras.ops.flip(image, axis=-1)), name="caffe")


def normalised() -> "keras.Layer":
    """Mean 0 and deviation 1 as over ImageNet, as `preprocess_input` in mode "torch"."""
    import keras

    return keras.layers.Rescaling(
        [1 / (255 * deviation) for deviation in DEVIATION],
        offset=[-mean / deviation for mean, deviation in zip(MEAN, DEVIATION, strict=True)],
        dtype="float32",
        name="normalise",
    )


def symmetric(half: float = 127.5) -> "keras.Layer":
    """-1..1, as `preprocess_input` in mode "tf"; `half` is the gray level that becomes 0."""
    import keras

    return keras.layers.Rescaling(1 / half, offset=-1.0, dtype="float32", name="scale")
