"""my-network: a model of your own. Change what you like, then

    python -m cxrcore train my-network --data NAME

A run is named after this file's content: after a change a training makes a new run. TensorFlow is
slow to import, so import Keras inside the functions.
"""

from typing import Any

from cxrcore.models import Network, Recipe, Reported, layers


def build(recipe: Recipe, n_classes: int) -> Any:
    """The network with random weights, of Keras' own layers: pixels 0..255 in, probabilities out."""
    from keras.layers import (
        BatchNormalization,
        Conv2D,
        GlobalAveragePooling2D,
        MaxPooling2D,
        Rescaling,
    )

    image = layers.image(recipe)  # (batch, side, side, 3): a gray film three times
    x = Rescaling(1 / 255, dtype="float32")(image)
    for maps in (16, 32, 64):
        x = Conv2D(maps, 3, padding="same", activation="relu")(x)
        x = BatchNormalization(momentum=0.9)(x)
        x = MaxPooling2D(2)(x)
    x = GlobalAveragePooling2D()(x)
    return layers.classifier(recipe, image, x, n_classes)  # the softmax, called "predictions"


NETWORKS = (Network(name="my-network", build=build),)

RECIPES = (
    Recipe(
        name="my-network",
        study="ours",  # or the study's name
        title="my-network",  # as pages show it
        description="Three convolutions, from random weights.",
        network="my-network",
        image_size=128,  # pixels; these values can be changed in the form
        batch_size=32,
        epochs=20,
        learning_rate=1e-3,
        reported=Reported(caveat="There is no published figure."),  # accuracy=0.9, n_test=500, …
        citation="not published",
        data="none",
        class_names=("one", "two"),  # of the study; a training takes those of its dataset
    ),
)
