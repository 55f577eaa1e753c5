"""Small networks of every shape that the recipes have, with random weights."""

from collections.abc import Callable
from functools import partial

import keras
import numpy as np
import pytest
from keras import layers
from keras.src.applications import densenet, resnet  # their building blocks are not public

SIDE = 64


@pytest.fixture(scope="session")
def picture() -> np.ndarray:
    """(64, 64) uint8: smooth blobs, so that feature maps differ from place to place."""
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    blobs = 120 + 70 * np.sin(rows / 7) * np.cos(columns / 11) + 40 * np.sin(columns / 3)
    return blobs.clip(0, 255).astype(np.uint8)


def plain_cnn(classes: int = 3, side: int = SIDE) -> keras.Model:
    """Two convolutions in a Sequential, scaling inside, as the plain recipes have it."""
    return keras.Sequential(
        [
            keras.Input((side, side, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(8, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(4),
            layers.Conv2D(6, 3, padding="same", activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(10, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(classes, activation="softmax", name="predictions"),
        ]
    )


def short_resnet(**options) -> keras.Model:
    """The blocks of ResNet50, one a stage: quick to trace."""

    def stages(x):
        x = resnet.stack_residual_blocks_v1(x, 8, 1, stride1=1, name="conv2")
        return resnet.stack_residual_blocks_v1(x, 16, 1, name="conv3")

    return resnet.ResNet(stages, preact=False, use_bias=True, weights_name="short", **options)


def short_densenet(**options) -> keras.Model:
    """The blocks of DenseNet121, two layers each."""
    return densenet.DenseNet([2, 2, 2, 2], **options)


def resnet_classifier(trunk: Callable[..., keras.Model], nested: bool) -> keras.Model:
    """A trunk behind augmentation and BGR preprocessing; as one layer, or laid out flat."""
    picture = keras.Input((SIDE, SIDE, 3))
    x = layers.RandomRotation(0.1, fill_mode="constant")(picture)
    x = put_trunk(trunk, nested, resnet.preprocess_input(x))
    x = layers.Dense(16, activation="relu")(layers.Flatten()(x))
    return keras.Model(picture, layers.Dense(4, activation="softmax", name="predictions")(x))


def chexnet_classifier(trunk: Callable[..., keras.Model], nested: bool) -> keras.Model:
    """A trunk, Dense at every place, pooling after it, as the CheXNet recipe has it."""
    picture = keras.Input((SIDE, SIDE, 3))
    x = put_trunk(trunk, nested, layers.Rescaling(1 / 255)(picture))
    x = layers.Dense(14, activation="sigmoid", name="findings")(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(picture, layers.Dense(3, activation="softmax", name="predictions")(x))


def put_trunk(trunk, nested, x):
    options = {"include_top": False, "weights": None}
    if nested:
        return trunk(input_shape=(SIDE, SIDE, 3), **options)(x)
    return trunk(input_tensor=x, **options).output


def pair_of(make: Callable[..., keras.Model], **options) -> tuple[keras.Model, keras.Model]:
    """A network with nested trunk, and the same weights in a flat one for the reference.

    The flat one has no softmax: tf-keras-vis explains what comes out.
    """
    keras.utils.set_random_seed(3)
    network = make(nested=True, **options)
    flat = make(nested=False, **options)
    flat.set_weights(network.get_weights())
    flat.layers[-1].activation = keras.activations.linear
    return network, flat


NETWORKS = {
    "plain": partial(pair_of, lambda nested: plain_cnn()),
    "resnet": partial(pair_of, resnet_classifier, trunk=short_resnet),
    "chexnet": partial(pair_of, chexnet_classifier, trunk=short_densenet),
}


@pytest.fixture(scope="session", params=list(NETWORKS))
def pair(request: pytest.FixtureRequest) -> tuple[keras.Model, keras.Model]:
    """`pair_of` a small network."""
    return NETWORKS[request.param]()


@pytest.fixture(scope="session")
def network() -> keras.Model:
    """The plain CNN alone."""
    keras.utils.set_random_seed(5)
    return plain_cnn()
