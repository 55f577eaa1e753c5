"""Parts that networks share: their two ends, the plain stack, and parameter counts.

Layers are created in a fixed order, since Keras draws a seed for each as it is created: the same
recipe must begin with the same weights in every version. See docs/decisions/0031 for what was tried
to make them faster.
"""

from typing import TYPE_CHECKING

from cxrcore.models.recipe import Recipe

if TYPE_CHECKING:
    import keras


def image(recipe: Recipe) -> "keras.KerasTensor":
    """The input of a network: (batch, S, S, 3) pixels 0..255, float32 under any precision policy."""
    import keras

    return keras.Input((recipe.image_size, recipe.image_size, 3), dtype="float32", name="image")


def classifier(
    recipe: Recipe, inputs: "keras.KerasTensor", x: "keras.KerasTensor", n_classes: int
) -> "keras.Model":
    """The model that ends in a softmax of (batch, units) features `x`."""
    import keras

    outputs = keras.layers.Dense(n_classes, "softmax", dtype="float32", name="predictions")(x)
    return keras.Model(inputs, outputs, name=recipe.network)


def dense_parameters(inputs: int, units: int) -> int:
    """Of a dense layer with bias; a k x k convolution has those of k * k * maps inputs."""
    return (inputs + 1) * units


def norm_parameters(maps: int) -> int:
    """Of a batch normalisation: scale, shift, moving mean, moving variance."""
    return 4 * maps
