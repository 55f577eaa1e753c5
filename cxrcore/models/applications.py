"""Every network of `keras.applications`, trained whole or in part, from ImageNet or from scratch.

image -> scaled as by its authors -> the network without its top -> features (average)
      -> dropped -> predictions

All of them are made from one table, `keras_table`. See docs/decisions/0056.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cxrcore.models import layers as shared
from cxrcore.models.keras_table import FAMILIES, Family, Member
from cxrcore.models.layers import scaling
from cxrcore.models.pretrained import matching, sources
from cxrcore.models.recipe import FAST, Recipe
from cxrcore.models.records import KERAS, Network, Reported, Source

if TYPE_CHECKING:
    import keras

ORDER = 7

DROPPED = 0.2  # share of the features
_MOMENTUM = 0.9  # of running means from scratch; PyTorch's value
_MOST_PIXELS = 512  # of an image side in a recipe
# EfficientNet's layer with mean, variance and count of ImageNet: 3 + 3 + 1 numbers in its file.
_STATISTICS, _N_STATISTICS = "normalization", 7


def trunk(family: Family, member: Member, side: int) -> "keras.Model":
    """The network without its top, random weights, for (batch, side, side, 3) scaled images."""
    import keras

    make = getattr(keras.applications, member.function)
    shape = (side, side, 3)
    made = make(include_top=False, weights=None, input_shape=shape, **family.options)
    if family.scaling == "inside":
        _set_statistics(made)
    return made


def _set_statistics(trunk: "keras.Model") -> None:
    """Give EfficientNet the mean and variance of ImageNet, whatever weights it starts from.

    With its ImageNet weights Keras appends a division by the root of the deviation, since the
    file has the deviation where the variance belongs; without them it scales to 0..1 only.
    """
    import keras
    import numpy as np

    for layer in trunk.layers:
        if isinstance(layer, keras.layers.Rescaling | keras.layers.Normalization):
            layer.dtype_policy = "float32"
        if isinstance(layer, keras.layers.Normalization):
            layer.adapt_mean.assign(scaling.MEAN)
            layer.adapt_variance.assign(np.square(scaling.DEVIATION))
            layer.finalize_state()


def _quicken(trunk: "keras.Model") -> None:
    """Let the running means follow the training within some hundred batches.

    With Keras' momentum of up to 0.999 a network from scratch needs thousands, and before that
    answers nearly the same for every film, however well it learns.
    """
    from keras.layers import BatchNormalization

    for layer in trunk.layers:
        if isinstance(layer, BatchNormalization):
            layer.momentum = _MOMENTUM


def _scaled(family: Family, image: "keras.KerasTensor") -> "keras.KerasTensor":
    match family.scaling:
        case "caffe":
            return scaling.caffe(tuple(image.shape[1:]))(image)
        case "torch":
            return scaling.normalised()(image)
        case "tf":
            return scaling.symmetric()(image)
        case "128":
            return scaling.symmetric(128.0)(image)
        case "inside":
            return image


def _build(family: Family, member: Member, recipe: Recipe, n_classes: int) -> "keras.Model":
    from keras import layers

    inputs, inside = shared.image(recipe), trunk(family, member, recipe.image_size)
    if recipe.weights == "random":
        _quicken(inside)
    x = inside(_scaled(family, inputs))
    x = layers.GlobalAveragePooling2D(dtype="float32", name="features")(x)
    x = layers.Dropout(DROPPED, dtype="float32", name="dropped")(x)
    return shared.classifier(recipe, inputs, x, n_classes)


def _count(member: Member, _: Recipe, n_classes: int) -> int:
    return member.parameters + shared.dense_parameters(member.width, n_classes)


def _load(model: "keras.Model", files: Sequence[Path]) -> None:
    """The published file without top; what ImageNet's statistics are is known without it."""
    import keras

    (inside,) = (part for part in model.layers if isinstance(part, keras.Model) and part.weights)
    unused = [name for name in matching.names(files[0]) if name.startswith(_STATISTICS)]
    matching.load(files[0], _read(inside), model.name, unused=unused)


def _read(trunk: "keras.Model") -> list["keras.Layer"]:
    """The layers whose weights are read from a file."""
    import keras

    return [x for x in trunk.layers if not isinstance(x, keras.layers.Normalization)]


def _source(family: Family, member: Member) -> Source:
    kind = f"imagenet:{member.slug}"
    if kind in sources.OF_STUDIES:
        return sources.OF_STUDIES[kind]
    inside = family.scaling == "inside"
    side = max(96, family.min_size)
    return Source(
        kind=kind,
        file_name=family.file_of(member),
        address=family.address_of(member),
        layers=lambda: _read(trunk(family, member, side)),
        md5=member.checksum if len(member.checksum) == 32 else None,
        sha256=member.checksum if len(member.checksum) == 64 else None,
        parameters=member.parameters - (_N_STATISTICS if inside else 0),
        skipped=_STATISTICS if inside else "",
    )


def _network(family: Family, member: Member) -> Network:
    build: Callable[[Recipe, int], keras.Model] = partial(_build, family, member)
    return Network(
        name=f"keras-{member.slug}",
        build=build,
        count_parameters=partial(_count, member),
        pretrained={"imagenet": (_source(family, member),)},
        load=_load,
        min_size=family.min_size,
        trunks=1,
        stages=family.stages,
    )


def _recipe(family: Family, member: Member) -> Recipe:
    smaller = (
        f"Its authors use images of {member.size} px; the most that a recipe has is {_MOST_PIXELS}."
    )
    return Recipe(
        name=f"keras-{member.slug}",
        study=KERAS,
        title=member.title,
        description=f"{member.title} of Keras, with ImageNet's weights or from scratch.",
        network=f"keras-{member.slug}",
        image_size=min(member.size, _MOST_PIXELS),
        batch_size=32,
        epochs=50,
        learning_rate=1e-4,
        weights="imagenet",
        **FAST,
        reported=Reported(
            caveat="There is no published figure for X-rays: it was made for photographs."
        ),
        defects=(smaller,) if member.size > _MOST_PIXELS else (),
        citation=family.citation,
        data="ImageNet, 1.3 million photographs of a thousand kinds",
        class_names=(),
    )


_ALL = [(family, member) for family in FAMILIES for member in family.members]
NETWORKS = tuple(_network(*one) for one in _ALL)
RECIPES = tuple(_recipe(*one) for one in _ALL)
