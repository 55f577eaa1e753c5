"""Study C: binary CNNs, COVID against the rest, for X-ray and for CT.

image -> scale -> one channel -> conv1 ... -> flatten -> dense1 ... -> logit (1)
-> predictions

The study ends in one unit with a sigmoid, p. Here the layer after it, which is not trained,
makes [1 - p, p] of it: the softmax of (-z/2, z/2) is (1 - sigmoid(z), sigmoid(z)), and its
cross-entropy is the binary one. So every model of this project answers in the same form
(docs/decisions/0024).
"""

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cxrcore.models import layers as shared
from cxrcore.models.recipe import Recipe
from cxrcore.models.records import ClassReport, Network, Reported, Stopping

if TYPE_CHECKING:
    import keras

ORDER = 4

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


def _build(spec: Binary, recipe: Recipe, n_classes: int) -> "keras.Model":
    import keras
    from keras import layers

    inputs = shared.image(recipe)
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


def _count(spec: Binary, recipe: Recipe, n_classes: int) -> int:
    side, maps, total = recipe.image_size, 1, 0
    for filters, pooled in spec.blocks:
        total += shared.dense_parameters(KERNEL**2 * maps, filters)
        side -= KERNEL - 1
        side //= 2 if pooled else 1
        maps = filters
    width = side * side * maps
    for units in spec.hidden:
        total += shared.dense_parameters(width, units)
        width = units
    return total + shared.dense_parameters(width, 1) + n_classes


def _network(name: str, spec: Binary) -> Network:
    return Network(
        name=name,
        build=functools.partial(_build, spec),
        count_parameters=functools.partial(_count, spec),
        channels=1,
        n_classes=2,
    )


_THREE = ((32, True), (64, True), (64, False))
_WIDER = ((64, True), (64, True), (64, False))
_DEEP = ((32, False), (32, True), (64, False), (64, True))

NETWORKS = (
    _network("binary-baseline", Binary(blocks=((32, True), (64, False)), hidden=(16,))),
    _network("binary-pool", Binary(blocks=_THREE, hidden=(64,))),
    _network("binary-l2", Binary(blocks=_THREE, hidden=(64,), l2=True)),
    _network("binary-l2-64", Binary(blocks=_WIDER, hidden=(64,), l2=True)),
    _network("binary-deep", Binary(blocks=_DEEP, hidden=(256, 256))),
)

_POSITIVE = (
    "Labels were numbered alphabetically, so the study's precision and recall are those of "
    "Non-COVID, the opposite of its aim; here they are given for each class by name."
)
_SPLIT = "Reported on a fifth of the images, split by image and not by patient."
_CAVEAT = f"{_SPLIT} Its precision and recall are those of Non-COVID."
_TIMING = "413 s an epoch of 6,108 X-rays, 620 s of 5,155 CT slices, on a CPU"
_NOTHING_LEARNT = (
    "This is the share of one class: the notebook compiled a loss under which nothing is learnt."
)
_SHARED: dict[str, Any] = {
    "study": "C",
    "image_size": 224,
    "batch_size": 32,
    "epochs": 10,
    "learning_rate": 1e-3,
    "citation": "Images: El-Shafai and Abd El-Samie 2020, doi 10.17632/8h65ywd2jr.3",
    "data": (
        "Extensive COVID-19 X-Ray and CT Chest Images Dataset: X-ray 4,044 COVID and 5,500 "
        "non-COVID, CT 5,427 and 2,628"
    ),
    "class_names": ("COVID", "Non-COVID"),
}


def _reported(
    accuracy: float,
    precision: float | None = None,
    recall: float | None = None,
    caveat: str = "",
    loss: float | None = None,
) -> Reported:
    """Figures on X-rays or on CT slices; precision and recall are those of Non-COVID."""
    of_class = ClassReport(name="Non-COVID", precision=precision, recall=recall)
    return Reported(
        accuracy=accuracy,
        loss=loss,
        per_class=() if precision is None else (of_class,),
        caveat=caveat or (_SPLIT if precision is None else _CAVEAT),
        timing=_TIMING,
    )


RECIPES = (
    Recipe(
        **_SHARED | {"batch_size": 64, "epochs": 50},
        name="binary-baseline",
        title="Binary CNN, baseline",
        description="Two convolutions and one small dense layer, for two classes.",
        network="binary-baseline",
        stopping=Stopping(monitor="accuracy", min_delta=1e-2, patience=5),
        reported=_reported(0.4301, caveat=_NOTHING_LEARNT),
        reported_ct=_reported(0.6574, caveat=_NOTHING_LEARNT),
        defects=(
            "The notebook compiled categorical cross-entropy on one output, whose loss is 0; "
            "binary cross-entropy, as in the text, is used here.",
            _POSITIVE,
        ),
    ),
    Recipe(
        **_SHARED,
        name="binary-pool",
        title="Binary CNN, three convolutions",
        description="Three convolutions and a dense layer of 64, for two classes.",
        network="binary-pool",
        reported=_reported(0.9083, 0.9360, 0.9007, loss=0.350),
        reported_ct=_reported(0.9174, loss=0.353),
        defects=(_POSITIVE,),
    ),
    Recipe(
        **_SHARED,
        name="binary-l2",
        title="Binary CNN with L2 penalty",
        description="The same with a penalty on large weights, for two classes.",
        network="binary-l2",
        reported=_reported(0.8397, 0.8641, 0.8529),
        reported_ct=_reported(0.8572, 0.7170, 0.9638),
        defects=(_POSITIVE,),
    ),
    Recipe(
        **_SHARED | {"epochs": 20},
        name="binary-deep",
        title="Binary CNN, four convolutions",
        description="Four convolutions pooled in pairs and two dense layers of 256, for two classes.",
        network="binary-deep",
        reported=Reported(caveat="The study describes this model but reports no figure."),
        defects=(
            "It stands in the text and not in the notebooks; the batch size and the learning "
            "rate are not stated, those of the other models are used.",
        ),
    ),
    Recipe(
        **_SHARED | {"learning_rate": 1e-2},
        name="binary-l2-lr01",
        title="Binary CNN with L2 penalty, learning rate 0.01",
        description="The penalised network with ten times the learning rate: shown as a warning.",
        network="binary-l2",
        reported=_reported(0.5699, caveat="It predicts one class for every X-ray."),
        reported_ct=_reported(
            0.9025,
            0.8895,
            0.8170,
            caveat=(
                "These are figures of the next model, which the printed cell evaluated: this "
                "one's own last epoch had collapsed to one class (validation accuracy 0.6796)."
            ),
        ),
        defects=(_POSITIVE,),
    ),
    Recipe(
        **_SHARED,
        name="binary-l2-64",
        title="Binary CNN with L2 penalty, wider",
        description="The penalised network with 64 filters at first, for two classes.",
        network="binary-l2-64",
        reported=_reported(0.8318, 0.8483, 0.8585),
        reported_ct=_reported(0.9025, 0.8895, 0.8170),
        defects=(_POSITIVE,),
    ),
)
