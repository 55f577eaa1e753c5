"""Study C's networks: gray images, two classes, one sigmoid.

image -> scale -> one channel -> conv1 ... -> flatten -> dense1 ... -> logit (1)
-> predictions

The study ends in one unit with a sigmoid, p. Here the layer after it, which is not trained,
makes [1 - p, p] of it: the softmax of (-z/2, z/2) is (1 - sigmoid(z), sigmoid(z)), and its
cross-entropy is the binary one. So every model of this project answers in the same form.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cxrcore.models import Recipe

if TYPE_CHECKING:
    import keras

KERNEL = 3  # of every convolution; "valid", so each takes two pixels of a side
L2 = 0.01


@dataclass(frozen=True)
class Binary:
    """What distinguishes one binary CNN from another.

    `blocks` are convolutions, relu each: filters, and whether max pooling by 2 follows. `l2`
    penalises the weights of every convolution but the first, and of the hidden layers.
    """

    blocks: tuple[tuple[int, bool], ...]
    hidden: tuple[int, ...]
    l2: bool = False


_THREE = ((32, True), (64, True), (64, False))

BINARY: dict[str, Binary] = {
    "binary-baseline": Binary(blocks=((32, True), (64, False)), hidden=(16,)),
    "binary-pool": Binary(blocks=_THREE, hidden=(64,)),
    "binary-l2": Binary(blocks=_THREE, hidden=(64,), l2=True),
    "binary-l2-64": Binary(blocks=((64, True), (64, True), (64, False)), hidden=(64,), l2=True),
    "binary-deep": Binary(
        blocks=((32, False), (32, True), (64, False), (64, True)), hidden=(256, 256)
    ),
}


def build(recipe: Recipe, n_classes: int) -> "keras.Model":
    """The binary CNN of `recipe.network` with new weights, for (S, S, 3) images in 0..255."""
    import keras
    from keras import layers

    spec = BINARY[recipe.network]
    inputs = keras.Input((recipe.image_size, recipe.image_size, 3), dtype="float32", name="image")
    # float32 under any precision policy, so that 0..255 is scaled before it is rounded.
    x = layers.Rescaling(1 / 255, dtype="float32", name="scale")(inputs)
    x = x[..., :1]  # the three channels are the same gray
    for number, (filters, pooled) in enumerate(spec.blocks, start=1):
        penalty = keras.regularizers.L2(L2) if spec.l2 and number > 1 else None
        x = layers.Conv2D(
            filters, KERNEL, activation="relu", kernel_regularizer=penalty, name=f"conv{number}"
        )(x)
        if pooled:
            x = layers.MaxPooling2D(2, name=f"pool{number}")(x)
    x = layers.Flatten(name="flatten")(x)
    for number, units in enumerate(spec.hidden, start=1):
        penalty = keras.regularizers.L2(L2) if spec.l2 else None
        x = layers.Dense(
            units, activation="relu", kernel_regularizer=penalty, name=f"dense{number}"
        )(x)
    logit = layers.Dense(1, dtype="float32", name="logit")(x)
    last = layers.Dense(
        n_classes, "softmax", use_bias=False, trainable=False, dtype="float32", name="predictions"
    )
    model = keras.Model(inputs, last(logit), name=recipe.network)
    last.set_weights([np.array([[-0.5, 0.5]], np.float32)])
    return model
