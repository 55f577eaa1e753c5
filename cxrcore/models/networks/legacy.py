"""Weights from .h5 files in the layout of Keras 1 and 2, checked before they are used.

Layout: attribute `layer_names` lists the layers; each has a group whose attribute
`weight_names` lists its arrays, trainable ones first. `model.save` puts all of it in a
group `model_weights`; long lists of names are cut into `layer_names0`, `layer_names1`, ...
Keras 2 allowed `/` in layer names ("conv1/conv"), Keras 3 writes `_`.
"""

import contextlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cxrcore.errors import WeightsError

if TYPE_CHECKING:
    import keras

_Arrays = dict[str, list[Any]]  # layer name -> its h5py datasets, layers in the file's order


def load(
    path: Path,
    layers: Sequence["keras.Layer"],
    *,
    renamed: Mapping[str, str] | None = None,
    unused: Collection[str] = (),
) -> None:
    """Set the weights of `layers` from `path`; either all are set or none is.

    Layers are matched by name if the file has exactly their names. If it has not (Keras
    numbers unnamed layers, "conv2d_7"), they are matched by order, which is Keras' own
    rule, as long as no name stands at another's place. Shapes must agree in both cases.

    Args:
        path: an .h5 file in the legacy layout.
        layers: those without weights are passed over.
        renamed: layer name here -> layer name in the file, where they differ.
        unused: layers of the file that may be left over.

    Raises:
        WeightsError: the file is not such a file, is damaged, or holds another network.
    """
    targets = [layer for layer in layers if layer.weights]
    with _open(path) as stored:
        pairs = _match(path, targets, stored, renamed or {}, unused)
        values = [_values(path, layer, datasets) for layer, datasets in pairs]
    for (layer, _), arrays in zip(pairs, values, strict=True):
        for variable, array in zip(_variables(layer), arrays, strict=True):
            variable.assign(array)


def layer_names(path: Path) -> list[str]:
    """Names of the layers with weights in `path`, in the file's order, with `_` for `/`.

    Raises:
        WeightsError: the file is not an .h5 file in the legacy layout.
    """
    with _open(path) as stored:
        return list(stored)


@contextlib.contextmanager
def entries(path: Path) -> Iterator[dict[str, list[tuple[str, Any]]]]:
    """Layer name -> its (weight name, h5py dataset), in the file's order, while it is open.

    Names are the file's own, with `/`; layers without weights are left out.

    Raises:
        WeightsError: the file is not an .h5 file in the legacy layout.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            root = file if _has_names(file, "layer_names") else file["model_weights"]
            yield {
                name: [(part, root[name][part]) for part in parts]
                for name in _names(root, "layer_names")
                if (parts := _names(root[name], "weight_names"))
            }
    except (OSError, KeyError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise WeightsError(
            f"{path} cannot be read as Keras weights: {error}. Give an .h5 file written by "
            "Keras' save_weights or save (legacy layout), or get the file again if it is damaged."
        ) from error


@contextlib.contextmanager
def _open(path: Path) -> Iterator[_Arrays]:
    with entries(path) as found:
        yield {
            name.replace("/", "_"): [array for _, array in arrays] for name, arrays in found.items()
        }


def _has_names(group: Any, key: str) -> bool:
    return key in group.attrs or f"{key}0" in group.attrs


def _names(group: Any, key: str) -> list[str]:
    """The strings of an attribute that may be cut into numbered parts."""
    if key in group.attrs:
        found = list(group.attrs[key])
    else:
        found, part = [], 0
        while f"{key}{part}" in group.attrs:
            found.extend(group.attrs[f"{key}{part}"])
            part += 1
    return [name.decode() if isinstance(name, bytes) else str(name) for name in found]


def _match(
    path: Path,
    targets: list["keras.Layer"],
    stored: _Arrays,
    renamed: Mapping[str, str],
    unused: Collection[str],
) -> list[tuple["keras.Layer", list[Any]]]:
    wanted = [renamed.get(layer.name, layer.name) for layer in targets]
    left_over = set(stored) - set(wanted) - set(unused)
    missing = [name for name in wanted if name not in stored]
    if not missing and not left_over:
        return [(layer, stored[name]) for layer, name in zip(targets, wanted, strict=True)]
    moved = [a for a, b in zip(wanted, stored, strict=False) if a != b and a in stored]
    if len(stored) == len(targets) and not moved:
        return list(zip(targets, stored.values(), strict=True))
    raise WeightsError(
        f"{path} holds another network: {len(stored)} layers with weights where "
        f"{len(targets)} are needed"
        + (f"; it lacks {missing[0]!r}" if missing else f"; {sorted(left_over)[0]!r} is not known")
        + ". Choose the file that belongs to this recipe."
    )


def _values(path: Path, layer: "keras.Layer", datasets: list[Any]) -> list[np.ndarray]:
    variables = _variables(layer)
    expected = [tuple(variable.shape) for variable in variables]
    found = [tuple(dataset.shape) for dataset in datasets]
    if found != expected:
        raise WeightsError(
            f"{path} does not fit: layer {layer.name!r} needs arrays of shapes {expected}, the "
            f"file has {found}. Choose the file that belongs to this recipe; another image "
            "size or another number of classes changes shapes, too."
        )
    for dataset in datasets:
        # An HDF5 file may point into other files; weights have no reason to.
        if dataset.external or dataset.is_virtual or Path(dataset.file.filename) != path:
            raise WeightsError(
                f"{path} refers to other files for layer {layer.name!r}, which weights never "
                "need. Do not use this file; get it from its publisher."
            )
    arrays = [np.asarray(dataset) for dataset in datasets]
    if not all(np.isfinite(array).all() for array in arrays):
        raise WeightsError(
            f"{path} is damaged: layer {layer.name!r} holds values that are not finite. "
            "Get the file again from its publisher."
        )
    return arrays


def _variables(layer: "keras.Layer") -> list[Any]:
    # The order of the legacy layout; Keras 3's own `layer.weights` is another for a frozen
    # layer inside a nested model.
    return [*layer.trainable_weights, *layer.non_trainable_weights]
