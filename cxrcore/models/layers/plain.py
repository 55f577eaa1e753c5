"""Plain CNNs, trained from scratch: blocks of a convolution and a pooling, then dense layers.

Layer names: scale, conv1, norm1, pool1, drop1, ..., flatten, dense1, ..., predictions; a
network lacks those it does not have.
"""

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from cxrcore.models import layers as shared
from cxrcore.models.recipe import Recipe
from cxrcore.models.records import Network

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Plain:
    """What distinguishes one plain CNN from another.

    `dropouts` has one share (0..1) per block, 0 for none; `norm` says where the batch
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


def network(name: str, spec: Plain, **needs: Any) -> Network:
    """The record of a plain CNN; `needs` are further fields of `Network`."""
    return Network(
        name=name,
        build=functools.partial(_build, spec),
        count_parameters=functools.partial(_count_parameters, spec),
        **needs,
    )


def _build(spec: Plain, recipe: Recipe, n_classes: int) -> "keras.Model":
    from keras import layers

    inputs = shared.image(recipe)
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
    return shared.classifier(recipe, inputs, x, n_classes)


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


def _count_parameters(spec: Plain, recipe: Recipe, n_classes: int) -> int:
    side, maps, total = recipe.image_size, 3, 0
    for filters in spec.filters:
        total += shared.dense_parameters(spec.kernel**2 * maps, filters)
        total += shared.norm_parameters(filters) if spec.norm != "none" else 0
        side = (side - (spec.kernel - 1 if spec.padding == "valid" else 0)) // 2
        maps = filters
    width = side * side * maps
    for units in spec.hidden:
        total += shared.dense_parameters(width, units)
        total += shared.norm_parameters(units) if spec.hidden_norm else 0
        width = units
    return total + shared.dense_parameters(width, n_classes)
