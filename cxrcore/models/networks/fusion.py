"""Study D's network: ResNet50V2 and Xception see the same image, their maps are joined.

image -> scale (-1..1) -> resnet50v2 ─┐
                       -> xception  ──┴─ joined -> four bottleneck blocks -> features (average)
                                                                          -> predictions

Source: Rahimzadeh and Attar 2020, doi 10.1016/j.imu.2020.100360.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cxrcore.models import Recipe
from cxrcore.models.networks import legacy

if TYPE_CHECKING:
    import keras

BLOCKS = 4  # one with a projected shortcut and three with their input as shortcut
INNER, OUTER = 512, 2048  # maps of a block: of its 1x1 and 3x3, and of its last 1x1


def build(recipe: Recipe, n_classes: int, files: Sequence[Path]) -> "keras.Model":
    """Both trunks without top, the blocks and the softmax; all of it trainable.

    Args:
        recipe: gives the image size.
        n_classes: units of the softmax.
        files: ResNet50V2's and Xception's weights without top in Keras' legacy layout, in
            this order; none for random ones.

    Raises:
        WeightsError: a file does not fit.
    """
    import keras
    from keras import applications, layers

    shape = (recipe.image_size, recipe.image_size, 3)
    options = {"include_top": False, "weights": None, "input_shape": shape}
    trunks = applications.ResNet50V2(**options), applications.Xception(**options)
    for trunk, file in zip(trunks, files, strict=False):
        legacy.load(file, trunk.layers)
    inputs = keras.Input(shape, dtype="float32", name="image")
    # Both were trained on -1..1: preprocess_input of resnet_v2 and xception, mode "tf".
    x = layers.Rescaling(1 / 127.5, offset=-1.0, dtype="float32", name="scale")(inputs)
    residual, separable = (trunk(x) for trunk in trunks)
    x = layers.Concatenate(name="joined")([residual, _fitted(separable, residual)])
    for number in range(1, BLOCKS + 1):
        x = _bottleneck(x, number)
    x = layers.GlobalAveragePooling2D(dtype="float32", name="features")(x)
    outputs = layers.Dense(n_classes, "softmax", dtype="float32", name="predictions")(x)
    return keras.Model(inputs, outputs, name=recipe.network)


def _fitted(maps: "keras.KerasTensor", like: "keras.KerasTensor") -> "keras.KerasTensor":
    """Xception does not pad its first convolutions: at some image sizes a row is missing."""
    from keras import layers

    rows = like.shape[1] - maps.shape[1]
    return layers.ZeroPadding2D(((0, rows), (0, rows)), name="padded")(maps) if rows else maps


def _bottleneck(x: "keras.KerasTensor", number: int) -> "keras.KerasTensor":
    """1x1, 3x3 and 1x1 convolutions beside a shortcut, as in ResNet50 (He et al. 2015)."""
    from keras import layers

    name = f"block{number}"
    shortcut = x
    if x.shape[-1] != OUTER:
        shortcut = layers.Conv2D(OUTER, 1, name=f"{name}_shortcut")(x)
        shortcut = layers.BatchNormalization(name=f"{name}_shortcut_norm")(shortcut)
    for step, (maps, kernel) in enumerate(((INNER, 1), (INNER, 3), (OUTER, 1)), start=1):
        x = layers.Conv2D(maps, kernel, padding="same", name=f"{name}_conv{step}")(x)
        x = layers.BatchNormalization(name=f"{name}_norm{step}")(x)
        if step < 3:
            x = layers.ReLU(name=f"{name}_relu{step}")(x)
    return layers.ReLU(name=f"{name}_out")(layers.Add(name=f"{name}_sum")([shortcut, x]))
