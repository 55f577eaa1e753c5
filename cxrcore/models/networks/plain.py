"""The CNNs that are trained from scratch: what differs between them, and one builder.

Layer names are the same in all of them: scale, conv1, norm1, pool1, drop1, ..., flatten,
dense1, ..., predictions; a network simply lacks those it does not have.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cxrcore.models import Recipe

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Plain:
    """What distinguishes one plain CNN from another.

    `dropouts` has one share (0..1) a block, 0 for none; `norm` says where the batch
    normalisation of a block stands. Every convolution and hidden layer is followed by relu,
    every block ends in max pooling by 2.
    """

    filters: tuple[int, ...]
    kernel: int
    padding: Literal["same", "valid"]
    hidden: tuple[int, ...]
    norm: Literal["none", "before pooling", "after pooling"] = "none"
    dropouts: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0, 0.0)
    hidden_norm: bool = False
    hidden_dropout: float = 0.0


_SMALL: tuple[int, ...] = (128, 64, 32, 32)

PLAIN: dict[str, Plain] = {
    "cnn-plain": Plain(filters=_SMALL, kernel=2, padding="same", hidden=(100, 50)),
    "cnn-batchnorm": Plain(
        filters=_SMALL, kernel=2, padding="same", hidden=(100, 50), norm="after pooling"
    ),
    "cnn-batchnorm-dropout": Plain(
        filters=_SMALL,
        kernel=2,
        padding="same",
        hidden=(100, 50),
        norm="after pooling",
        dropouts=(0.8, 0.0, 0.2, 0.0),  # the second as in the notebook; the text says the last
    ),
    "cnn-five": Plain(
        filters=(32, 64, 128, 64, 32),
        kernel=3,
        padding="valid",
        hidden=(512,),
        norm="before pooling",
        dropouts=(0.25, 0.25, 0.25, 0.25, 0.25),
        hidden_norm=True,
        hidden_dropout=0.5,
    ),
}


def build(recipe: Recipe, n_classes: int) -> "keras.Model":
    """The plain CNN of `recipe.network` with new weights, for (S, S, 3) images in 0..255."""
    import keras
    from keras import layers

    spec = PLAIN[recipe.network]
    inputs = keras.Input((recipe.image_size, recipe.image_size, 3), dtype="float32", name="image")
    # float32 under any precision policy, so that 0..255 is scaled before it is rounded.
    x = layers.Rescaling(1 / 255, dtype="float32", name="scale")(inputs)
    for number, filters in enumerate(spec.filters, start=1):
        x = _block(x, spec, number, filters)
    x = layers.Flatten(name="flatten")(x)
    for number, units in enumerate(spec.hidden, start=1):
        x = layers.Dense(units, activation="relu", name=f"dense{number}")(x)
        if spec.hidden_norm:
            x = layers.BatchNormalization(name=f"dense{number}_norm")(x)
        if spec.hidden_dropout:
            x = layers.Dropout(spec.hidden_dropout, name=f"dense{number}_drop")(x)
    outputs = layers.Dense(n_classes, "softmax", dtype="float32", name="predictions")(x)
    return keras.Model(inputs, outputs, name=recipe.network)


def _block(x: "keras.KerasTensor", spec: Plain, number: int, filters: int) -> "keras.KerasTensor":
    from keras import layers

    x = layers.Conv2D(
        filters, spec.kernel, padding=spec.padding, activation="relu", name=f"conv{number}"
    )(x)
    if spec.norm == "before pooling":
        x = layers.BatchNormalization(name=f"norm{number}")(x)
    x = layers.MaxPooling2D(2, name=f"pool{number}")(x)
    if spec.norm == "after pooling":
        x = layers.BatchNormalization(name=f"norm{number}")(x)
    if share := spec.dropouts[number - 1]:
        x = layers.Dropout(share, name=f"drop{number}")(x)
    return x
