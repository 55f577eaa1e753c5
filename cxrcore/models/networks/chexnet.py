"""CheXNet: DenseNet121 pretrained on ChestX-ray14, retrained (study B) or frozen (ours).

chexnet:       image -> normalise -> densenet121 -> findings (14, sigmoid, at every place of the
               last map) -> features (average) -> predictions; all layers trainable
chexnet-probe: image -> normalise -> densenet121, frozen -> features (average) -> head_norm
               -> predictions
"""

from pathlib import Path
from typing import TYPE_CHECKING

from cxrcore.models import Recipe
from cxrcore.models.networks import legacy

if TYPE_CHECKING:
    import keras

FINDINGS = 14  # the labels of ChestX-ray14 that CheXNet was trained on
# Of ImageNet, red, green, blue, for pixels in 0..1; what CheXNet-Keras' generator.py applies.
_MEAN = (0.485, 0.456, 0.406)
_DEVIATION = (0.229, 0.224, 0.225)


def build(recipe: Recipe, n_classes: int, file: Path | None) -> "keras.Model":
    """DenseNet121 without top, study B's head on 14 findings, all of it trainable.

    Args:
        recipe: gives the image size.
        n_classes: units of the softmax.
        file: the CheXNet weights (DenseNet121 and Dense 14 named `predictions`) or
            DenseNet121's own without top, in Keras' legacy layout; None for random ones.
            With the latter the 14 findings start from random weights.

    Raises:
        WeightsError: the file does not fit.
    """
    from keras import layers

    inputs, trunk, maps = _trunk(recipe)
    findings = layers.Dense(FINDINGS, activation="sigmoid", name="findings")
    x = findings(maps)  # (batch, h, w, 14): the dense layer is applied at every place
    if file and "predictions" in legacy.layer_names(file):
        legacy.load(file, [*trunk.layers, findings], renamed={"findings": "predictions"})
    elif file:
        legacy.load(file, trunk.layers)
    x = layers.GlobalAveragePooling2D(dtype="float32", name="features")(x)
    return _classify(recipe, inputs, x, n_classes)


def build_probe(recipe: Recipe, n_classes: int, file: Path | None) -> "keras.Model":
    """DenseNet121 frozen, its averaged maps normalised and classified; only that trains.

    Arguments and errors as in `build`; of the CheXNet file, the 14 findings are not used.
    """
    from keras import layers

    inputs, trunk, maps = _trunk(recipe)
    if file:
        legacy.load(file, trunk.layers, unused=("predictions",))
    trunk.trainable = False
    # float32 under any precision policy: these are the numbers that are cached.
    x = layers.GlobalAveragePooling2D(dtype="float32", name="features")(maps)
    # Averaged features differ in size by a factor of a hundred, and many vary by less than
    # 0.03; a short training needs them alike, so Keras' epsilon of 1e-3 is too coarse.
    # Momentum 0.9, because the moving averages must settle within few steps.
    x = layers.BatchNormalization(momentum=0.9, epsilon=1e-5, dtype="float32", name="head_norm")(x)
    return _classify(recipe, inputs, x, n_classes)


def _trunk(recipe: Recipe) -> tuple["keras.KerasTensor", "keras.Model", "keras.KerasTensor"]:
    """Input, DenseNet121 without top, and its last maps (batch, S/32, S/32, 1024)."""
    import keras

    shape = (recipe.image_size, recipe.image_size, 3)
    trunk = keras.applications.DenseNet121(include_top=False, weights=None, input_shape=shape)
    inputs = keras.Input(shape, dtype="float32", name="image")
    normalise = keras.layers.Rescaling(
        [1 / (255 * deviation) for deviation in _DEVIATION],
        offset=[-mean / deviation for mean, deviation in zip(_MEAN, _DEVIATION, strict=True)],
        dtype="float32",  # under any precision policy
        name="normalise",
    )
    return inputs, trunk, trunk(normalise(inputs))


def _classify(
    recipe: Recipe, inputs: "keras.KerasTensor", x: "keras.KerasTensor", n_classes: int
) -> "keras.Model":
    import keras

    outputs = keras.layers.Dense(n_classes, "softmax", dtype="float32", name="predictions")(x)
    return keras.Model(inputs, outputs, name=recipe.network)
