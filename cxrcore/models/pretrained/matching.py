"""Which layer of a file belongs to which layer of a network: by name, else by order and shape."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from cxrcore.errors import WeightsError
from cxrcore.models.pretrained.reader import Content, Stored, open_weights, snake_case

if TYPE_CHECKING:
    import keras

Arrays = list[npt.NDArray[Any]]


@dataclass(frozen=True)
class Match:
    """One layer of the network and what the file has for it."""

    layer: "keras.Layer"
    stored: Stored
    by: Literal["name", "order"]

    def row(self) -> dict[str, str]:
        """For a table: layer here, layer in the file, shapes, and how they were matched."""
        shapes = ", ".join("x".join(map(str, shape)) for shape in self.stored.shapes)
        return {
            "layer": self.layer.name,
            "in the file": self.stored.name,
            "shapes": shapes,
            "matched by": self.by,
        }


def load(
    path: Path,
    layers: Sequence["keras.Layer"],
    network: str,
    *,
    renamed: Mapping[str, str] | None = None,
    unused: Collection[str] = (),
) -> None:
    """Set the weights of `layers` from a file; either all are set or none is.

    Args:
        path: a file that `open_weights` reads.
        layers: as for `leaves`.
        network: its name, for messages.
        renamed: layer name here -> layer name in the file, where they differ.
        unused: names of layers that the file may hold besides.

    Raises:
        WeightsError: the file is damaged or does not fit; names the first layer that does not.
    """
    with open_weights(path) as content:
        used = [layer for layer in content.layers if layer.name not in unused]
        matches = match(replace(content, layers=used), leaves(layers), network, renamed)
        values = [read(content, one) for one in matches]
    for one, arrays in zip(matches, values, strict=True):
        assign(one.layer, arrays)


def names(path: Path) -> list[str]:
    """Of the layers with weights in a file, with `_` for `/`.

    Raises:
        WeightsError: the file cannot be read.
    """
    with open_weights(path) as content:
        return [layer.name for layer in content.layers]


def leaves(layers: Sequence["keras.Layer"]) -> list["keras.Layer"]:
    """The layers that have weights; those of a model among them stand in its place."""
    import keras

    found = []
    for layer in layers:
        if isinstance(layer, keras.Model):
            found += leaves(layer.layers)
        elif layer.weights:
            found.append(layer)
    return found


def match(
    content: Content,
    targets: Sequence["keras.Layer"],
    network: str,
    renamed: Mapping[str, str] | None = None,
) -> list[Match]:
    """For each target the layer of the file that belongs to it, with arrays of the same shapes.

    By name if the file has exactly the targets' names; else by order, provided that no layer
    of the same name stands elsewhere (Keras numbers unnamed layers, "conv2d_7", so names may
    differ). Keras 3's files of weights alone do not order layers of different classes; there each
    class is counted by itself.

    Args:
        content: an open file.
        targets: layers with weights, in the network's order.
        network: its name, for messages.
        renamed: name of a target -> its name in the file, where they differ.

    Raises:
        WeightsError: names the first layer that does not fit.
    """
    stored = content.layers
    counts = Counter(layer.name for layer in stored)
    by_name = {layer.name: layer for layer in stored if counts[layer.name] == 1}
    wanted = [(renamed or {}).get(layer.name, layer.name) for layer in targets]
    by: Literal["name", "order"] = "order"
    if len(by_name) == len(stored) and set(by_name) == set(wanted):
        stored, by = [by_name[name] for name in wanted], "name"
    elif not content.ordered:
        stored = _class_by_class(content, targets, network)
    for place, (target, name) in enumerate(zip(targets, wanted, strict=True)):
        found = stored[place] if place < len(stored) else None
        moved = by == "order" and name in by_name and found is not by_name[name]
        if found is None or found.shapes != shapes_of(target) or moved:
            raise _does_not_fit(content, network, targets, stored, place)
    if len(stored) > len(targets):
        raise WeightsError(
            f"{content.path} does not fit {network}: after its {len(targets)} layers with weights "
            f"the file has {len(stored) - len(targets)} more, the first is "
            f"{stored[len(targets)].name!r}. Choose the recipe whose network the file was "
            "trained with."
        )
    return [Match(layer, found, by) for layer, found in zip(targets, stored, strict=True)]


def read(content: Content, matched: Match) -> Arrays:
    """The arrays for a layer, float32.

    Raises:
        WeightsError: they are damaged, not finite, or no floating-point numbers.
    """
    for dataset in matched.stored.arrays:
        if dataset.dtype.kind != "f" or dataset.attrs.get("dtype") == "bfloat16":
            raise WeightsError(
                f"{content.path} keeps layer {matched.stored.name!r} as "
                f"{dataset.attrs.get('dtype', dataset.dtype)}, not as floating-point numbers of "
                "16, 32 or 64 bits. Save the model in float32."
            )
    try:
        arrays = [np.asarray(dataset, dtype=np.float32) for dataset in matched.stored.arrays]
    except OSError as error:  # h5py, of a damaged block
        raise WeightsError(f"{content.path} is damaged: {error}. Get the file again.") from error
    if not all(np.isfinite(array).all() for array in arrays):
        raise WeightsError(
            f"{content.path} is damaged: layer {matched.stored.name!r} holds values that are not "
            "finite. Get the file again from its publisher."
        )
    return arrays


def assign(layer: "keras.Layer", arrays: Arrays) -> None:
    """Set the layer's variables; order and shapes are those of `match`."""
    for variable, array in zip(_variables(layer), arrays, strict=True):
        variable.assign(array)


def shapes_of(layer: "keras.Layer") -> list[tuple[int, ...]]:
    """Of the layer's variables, in the order of files."""
    return [tuple(variable.shape) for variable in _variables(layer)]


def _variables(layer: "keras.Layer") -> list[Any]:
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def _class_by_class(
    content: Content, targets: Sequence["keras.Layer"], network: str
) -> list[Stored]:
    """The layer for each target, where only the order inside a class of layers is known."""
    places: dict[str, set[str]] = {}
    left: dict[str, list[Stored]] = {}
    for layer in content.layers:
        places.setdefault(layer.kind, set()).add(layer.place)
        left.setdefault(layer.kind, []).append(layer)
    if ambiguous := [kind for kind, found in places.items() if len(found) > 1]:
        raise WeightsError(
            f"{content.path} does not give the order of its {ambiguous[0]} layers, which lie in "
            "more than one model. Save the whole model as .keras instead of its weights only."
        )
    found: list[Stored] = []
    for place, target in enumerate(targets):
        rest = left.get(snake_case(type(target).__name__), [])
        if not rest:
            raise _does_not_fit(content, network, targets, found, place)
        found.append(rest.pop(0))
    return found + [layer for rest in left.values() for layer in rest]


def _does_not_fit(
    content: Content,
    network: str,
    targets: Sequence["keras.Layer"],
    stored: Sequence[Stored],
    place: int,
) -> WeightsError:
    target = targets[place]
    needed = shapes_of(target)
    if place >= len(stored):
        found = "the file has no more layers of that kind"
        advice = "Choose the recipe whose network the file was trained with."
    else:
        found = f"the file has {stored[place].name!r} with {stored[place].shapes}"
        advice = _advice(place, len(targets), len(content.layers), needed, stored[place].shapes)
    return WeightsError(
        f"{content.path} does not fit {network}: layer {place + 1} of {len(targets)}, "
        f"{target.name!r}, needs arrays of shapes {needed}; {found} "
        f"({len(content.layers)} layers with weights in all). {advice}"
    )


def _advice(
    place: int,
    n_targets: int,
    n_stored: int,
    needed: list[tuple[int, ...]],
    found: list[tuple[int, ...]],
) -> str:
    alike = [a[:-1] for a in needed] == [a[:-1] for a in found]
    if place == n_targets - 1 and n_stored == n_targets and alike:
        return (
            f"The file distinguishes {found[-1][-1]} classes, here there are {needed[-1][-1]}: "
            "choose a dataset with as many classes."
        )
    if needed == found:
        return "Its layers have these names in another order: choose the recipe of its network."
    if [a[1:] for a in needed] == [a[1:] for a in found]:
        return "It was trained on images of another size: give that size (--size)."
    return "Choose the recipe whose network the file was trained with."
