"""Study A's network: ResNet50 whose last stage and dense head are trained.

image -> [augmentation, only in training] -> caffe (BGR, means removed) -> resnet50 ->
flatten -> hidden (512, relu) -> dropout 0.2 -> predictions
"""

from pathlib import Path
from typing import TYPE_CHECKING

from cxrcore.models import Recipe
from cxrcore.models.networks import legacy

if TYPE_CHECKING:
    import keras

TRAINABLE_LAYERS = 32  # the last ones of ResNet50: all of conv5, with 40 trainable tensors
HIDDEN_UNITS = 512
# Blue, green, red, of ImageNet: keras.applications.resnet50.preprocess_input, mode "caffe".
_MEANS_BGR = (103.939, 116.779, 123.68)


def build(recipe: Recipe, n_classes: int, file: Path | None) -> "keras.Model":
    """ResNet50 without top, its last 32 layers trainable, and a dense head.

    The other layers are frozen whatever the first weights are, also random ones: what is
    trained belongs to the architecture. A frozen batch normalisation works as Keras defines
    it: with its stored mean and variance, also while the rest is trained.

    Args:
        recipe: gives the image size, the augmentation and the seed.
        n_classes: units of the softmax.
        file: ResNet50's weights without top in Keras' legacy layout; None for random ones.

    Raises:
        WeightsError: the file does not fit.
    """
    import keras
    from keras import layers

    shape = (recipe.image_size, recipe.image_size, 3)
    trunk = keras.applications.ResNet50(include_top=False, weights=None, input_shape=shape)
    if file:
        legacy.load(file, trunk.layers)
    for layer in trunk.layers[:-TRAINABLE_LAYERS]:
        layer.trainable = False

    inputs = keras.Input(shape, dtype="float32", name="image")
    x = inputs
    if recipe.augmentation == "published":
        x = _augment(x, recipe.seed)
    x = trunk(caffe(shape)(x))
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(HIDDEN_UNITS, activation="relu", name="hidden")(x)
    x = layers.Dropout(0.2, name="dropout")(x)
    outputs = layers.Dense(n_classes, "softmax", dtype="float32", name="predictions")(x)
    return keras.Model(inputs, outputs, name=recipe.network)


def caffe(shape: tuple[int, int, int]) -> "keras.Model":
    """RGB 0..255 to BGR with ImageNet's means removed, as a layer of Keras' own parts.

    Equal to `keras.applications.resnet50.preprocess_input`. No class of ours, so a stored
    model opens with safe_mode in any Keras 3, without this project.
    """
    import keras

    image = keras.Input(shape, dtype="float32")
    offset = [-mean for mean in _MEANS_BGR]
    centred = keras.layers.Rescaling(1.0, offset=offset, dtype="float32", name="centre")
    return keras.Model(image, centred(keras.ops.flip(image, axis=-1)), name="caffe")


def _augment(x: "keras.KerasTensor", seed: int) -> "keras.KerasTensor":
    """The published augmentation; at inference these layers pass the image on unchanged."""
    from keras import layers

    # In float32 under any precision policy: bfloat16 has too few digits for pixel places.
    x = layers.RandomRotation(
        0.1, fill_mode="constant", fill_value=0.0, seed=seed, dtype="float32", name="rotate"
    )(x)
    x = layers.RandomZoom(0.1, seed=seed + 1, dtype="float32", name="zoom")(x)
    return layers.RandomTranslation(
        0.1,
        0.1,
        fill_mode="constant",
        fill_value=0.0,
        seed=seed + 2,
        dtype="float32",
        name="translate",
    )(x)
