"""A small residual network of our own, for training from scratch on few images and no GPU.

image -> standardised -> stem (half size) -> pool (a quarter) -> four stages of two residual
blocks, each stage at half the size of the one before -> features (average) -> predictions

What it takes from where: residual blocks from He et al. 2015 (arXiv:1512.03385), with the
shortcut of a halving stage averaged before its 1x1 convolution and the last scale of a block
beginning at 0 (He et al. 2018, arXiv:1812.01187). Running means move by a tenth a step, not
by Keras' hundredth: a thousand training images make 20 to 30 steps an epoch.
"""

from typing import TYPE_CHECKING

from cxrcore.models import Recipe

if TYPE_CHECKING:
    import keras

STEM = 24  # maps of the first convolution
STAGES = (32, 64, 128, 192)  # maps
BLOCKS = 2  # a stage
MOMENTUM = 0.9
DROPPED = 0.3  # share of the features


def build(recipe: Recipe, n_classes: int) -> "keras.Model":
    """The network with new weights, for (S, S, 3) images in 0..255."""
    import keras
    from keras import layers

    inputs = keras.Input((recipe.image_size, recipe.image_size, 3), dtype="float32", name="image")
    # Every image to mean 0 and deviation 1 of its own: exposure says where an image is from.
    x = layers.LayerNormalization(
        axis=(1, 2, 3), center=False, scale=False, dtype="float32", name="standardised"
    )(inputs)
    x = _convolution(x, STEM, "stem", kernel=5, strides=2)
    x = layers.ReLU(name="stem_relu")(x)
    x = layers.MaxPooling2D(3, 2, padding="same", name="stem_pool")(x)
    for stage, maps in enumerate(STAGES, start=1):
        for block in range(1, BLOCKS + 1):
            halves = stage > 1 and block == 1
            x = _block(x, maps, f"stage{stage}_block{block}", strides=2 if halves else 1)
    x = layers.GlobalAveragePooling2D(dtype="float32", name="features")(x)
    x = layers.Dropout(DROPPED, dtype="float32", name="dropped")(x)
    outputs = layers.Dense(n_classes, "softmax", dtype="float32", name="predictions")(x)
    return keras.Model(inputs, outputs, name=recipe.network)


def _block(x: "keras.KerasTensor", maps: int, name: str, strides: int) -> "keras.KerasTensor":
    from keras import layers

    shortcut = x
    if strides > 1:
        shortcut = layers.AveragePooling2D(2, padding="same", name=f"{name}_shortcut_pool")(x)
    if x.shape[-1] != maps:
        shortcut = _convolution(shortcut, maps, f"{name}_shortcut", kernel=1)
    x = _convolution(x, maps, f"{name}_conv1", strides=strides)
    x = layers.ReLU(name=f"{name}_relu1")(x)
    x = _convolution(x, maps, f"{name}_conv2", first_scale="zeros")
    return layers.ReLU(name=f"{name}_out")(layers.Add(name=f"{name}_sum")([shortcut, x]))


def _convolution(
    x: "keras.KerasTensor",
    maps: int,
    name: str,
    *,
    kernel: int = 3,
    strides: int = 1,
    first_scale: str = "ones",
) -> "keras.KerasTensor":
    """A convolution and its batch normalisation."""
    from keras import layers

    x = layers.Conv2D(
        maps,
        kernel,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)
    return layers.BatchNormalization(
        momentum=MOMENTUM, gamma_initializer=first_scale, name=f"{name}_norm"
    )(x)
