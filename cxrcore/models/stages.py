"""The stages of a pretrained network inside a model, and which of them train.

A stage ends where the image is halved. It begins behind a layer whose output is all that later
layers read, so that what comes before it can be computed once (docs/decisions/0056).
"""

import itertools
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

_HALVED = 0.7  # padding may cost a few places: 149 after 299, 2 after 3
# Narrow places to look back, at most to where branches join: a block may widen its maps before it
# halves them.
_BLOCK = 6


def trunks(model: "keras.Model") -> list["keras.Model"]:
    """The networks with weights that are layers of `model`."""
    import keras

    return [part for part in model.layers if isinstance(part, keras.Model) and part.weights]


def leaves(layer: "keras.Layer") -> Iterator["keras.Layer"]:
    """The layer itself, or all layers of a model and of the models in it."""
    import keras

    if isinstance(layer, keras.Model):
        yield from itertools.chain.from_iterable(map(leaves, layer.layers))
    else:
        yield layer


def train_last(model: "keras.Model", stages: int) -> None:
    """Freeze all but the last `stages` of each trunk; what follows the trunks is left as it is.

    In frozen layers dropout drops nothing, so that their output for an image is always the same.
    """
    import keras

    for trunk in trunks(model):
        end = _beginnings(trunk)[-stages:][0] if stages else len(_operations(trunk)) - 1
        for place, layer in enumerate(_operations(trunk)):
            if isinstance(layer, keras.Layer):
                layer.trainable = place > end
            if isinstance(layer, keras.layers.Dropout) and place <= end:
                layer.rate = 0.0


def after_trunks(model: "keras.Model") -> list["keras.Layer"]:
    """The layers that read what the trunks found: its head."""
    return model.layers[model.layers.index(trunks(model)[-1]) + 1 :]


def last_narrow_before(trunk: "keras.Model", layer: "keras.Layer") -> Any:
    """The last operation before `layer` whose output is all that later ones read."""
    operations = _operations(trunk)
    return operations[max(n for n in _narrow(trunk) if n < operations.index(layer))]


def _nodes(model: "keras.Model") -> list[Any]:
    """The calls in a model, those that are read before those that read them."""
    by_depth = model._nodes_by_depth  # Keras has no public way into its graph
    return [node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth]]


def _operations(model: "keras.Model") -> list[Any]:
    return [node.operation for node in _nodes(model)]


def _narrow(model: "keras.Model") -> list[int]:
    """Places of the operations whose output is all that later ones read."""
    nodes = _nodes(model)
    places = {id(node): place for place, node in enumerate(nodes)}
    last_reader = list(range(len(nodes)))
    for place, node in enumerate(nodes):
        for read in node.parent_nodes:
            last_reader[places[id(read)]] = place
    furthest = itertools.accumulate([0, *last_reader], max)  # of those before each
    return [
        place for place, reader in zip(range(len(nodes)), furthest, strict=False) if reader <= place
    ]


def _beginnings(trunk: "keras.Model") -> list[int]:
    """The places behind which a stage begins, the first stage first."""
    nodes = _nodes(trunk)
    shapes = [node.outputs[0].shape[1:] for node in nodes]
    found, same_size = [], [0]  # narrow places of the stage that is being read
    for place in _narrow(trunk)[1:]:
        if shapes[place][0] <= _HALVED * shapes[same_size[0]][0]:
            # Of the last block the place with the fewest numbers, and of equal ones the last.
            block = same_size[1:][-_BLOCK:] or same_size
            joined = [at for at, n in enumerate(block) if len(nodes[n].parent_nodes) > 1]
            block = block[joined[-1] if joined else 0 :]
            found.append(min(reversed(block), key=lambda n: math.prod(shapes[n])))
            same_size = []
        same_size.append(place)
    ends = [*found[1:], len(nodes)]
    return [
        start for start, end in zip(found, ends, strict=True) if _weighs(nodes[start + 1 : end + 1])
    ]


def _weighs(nodes: list[Any]) -> bool:
    """Whether any of them has weights: the last pooling of VGG is no stage."""
    return any(getattr(node.operation, "weights", ()) for node in nodes)
