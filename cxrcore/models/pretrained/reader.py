"""The arrays in a file of Keras weights, read without running any of it.

Three layouts are read, by h5py alone; no layer, function or pickle of the file becomes an
object (docs/decisions/0022):

    .h5           Keras 1 and 2: the attribute `layer_names` lists the layers; each has a group
                  whose attribute `weight_names` lists its arrays, trainable ones first.
                  `model.save` puts all of it in a group `model_weights`. Long lists are cut
                  into `layer_names0`, `layer_names1`, ... Keras 2 allowed `/` in layer names
                  ("conv1/conv"), Keras 3 writes `_`
    .weights.h5   Keras 3: layers/<class>_<number>/vars/<number>, the layer's name an attribute
    .keras        Keras 3: a zip of model.weights.h5 and config.json, which is read as plain
                  JSON for the order and the names of the layers

A model inside a model is taken apart into its layers, so that a trunk fits whether it was
built in or added as one layer.
"""

import contextlib
import itertools
import json
import re
import shutil
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cxrcore.archives.limits import Limits, Refused
from cxrcore.errors import WeightsError
from cxrcore.models import torch_files
from cxrcore.models.pretrained import bounds, trial

_WEIGHTS, _CONFIG = "model.weights.h5", "config.json"
_MOST_CONFIG_BYTES = 16 << 20
_CHUNK = 1 << 20
_CONTAINERS = ("layers", "_layer_checkpoint_dependencies")  # the latter of Keras 3.0


@dataclass(frozen=True)
class Stored:
    """One layer with weights as a file has it; `arrays` are open h5py datasets.

    `kind` is the layer's class as Keras 3 writes it ("conv2d"), "" if the file does not
    say; `place` is the model inside the file that it belongs to, "" for the outermost.
    """

    name: str
    arrays: tuple[Any, ...]
    kind: str = ""
    place: str = ""

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Of its arrays, in the layer's order."""
        return [tuple(array.shape) for array in self.arrays]


@dataclass(frozen=True)
class Content:
    """The layers with weights of one file; `ordered` if they are in the network's order."""

    path: Path  # as given
    layers: list[Stored]
    ordered: bool


@contextlib.contextmanager
def open_weights(path: Path, *, tried: bool = False) -> Iterator[Content]:
    """The layers of a weights file, readable inside the block.

    Args:
        path: of the file.
        tried: whether this is the process in which what cannot be bounded is tried, see `trial`.

    Raises:
        WeightsError: the file is missing, damaged or of a library that is not read.
    """
    import h5py

    zipped = _layout(path) == "zip"
    with contextlib.ExitStack() as stack:
        h5_path, config = stack.enter_context(unzipped(path)) if zipped else (path, None)
        try:
            file = stack.enter_context(h5py.File(h5_path, "r"))
            if bounds.check(path, file, texts=not zipped) and not tried:
                trial.run(h5_path, path)
            if zipped or any(name in file for name in _CONTAINERS):
                found = dict(_walk(file, "", named=not zipped))
                layers = _in_order(path, found, config) if zipped else list(found.values())
                content = Content(path, layers, ordered=zipped)
            else:
                content = Content(path, _keras2(file), ordered=True)
        except (OSError, RuntimeError, KeyError, TypeError, AttributeError, ValueError) as error:
            raise _damaged(path, error) from error
        yield content


def _layout(path: Path) -> str:
    """ "h5" or "zip", by the file's first bytes and not its name."""
    import h5py

    try:
        with open(path, "rb") as file:
            start = file.read(4)
    except OSError as error:
        raise WeightsError(
            f"{path} cannot be read: {error.strerror or error}. Correct the path or its permissions."
        ) from error
    if h5py.is_hdf5(path):
        return "h5"
    names = _zip_names(path) if start == b"PK\x03\x04" else []
    if _WEIGHTS in names:
        return "zip"
    if refused := torch_files.refusal(path):
        raise WeightsError(
            f"{refused} Use weights in Keras' layout (.h5 or .keras), such as CheXNet's: "
            "python -m cxrcore weights list"
        )
    raise WeightsError(
        f"{path} is neither an HDF5 file (.h5) nor a Keras archive (.keras). "
        "Save the model by Keras once more, as .h5 or .keras."
    )


def _zip_names(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (OSError, zipfile.BadZipFile) as error:
        raise _damaged(path, error) from error


@contextlib.contextmanager
def unzipped(path: Path) -> Iterator[tuple[Path, Any]]:
    """The weights of a .keras file as a temporary file, and its configuration as plain JSON."""
    with tempfile.TemporaryDirectory(prefix="cxr-import-") as folder:
        place = Path(folder).resolve() / _WEIGHTS
        limits = Limits(
            packed=path.stat().st_size,
            free=shutil.disk_usage(folder).free,
            max_bytes=bounds.MOST_BYTES,
            max_files=1,
            max_ratio=bounds.MOST_RATIO,
        )
        try:
            with zipfile.ZipFile(path) as archive:
                with archive.open(_WEIGHTS) as source, open(place, "wb") as target:
                    copied = 0
                    while chunk := source.read(_CHUNK):
                        copied += len(chunk)
                        limits.check(1, copied)
                        target.write(chunk)
                with archive.open(_CONFIG) as source:
                    text = source.read(_MOST_CONFIG_BYTES)
            config = json.loads(text)
        except Refused as error:
            raise bounds.refused(path, str(error)) from error
        # zipfile: RuntimeError for a password, NotImplementedError for an odd compression.
        except (OSError, zipfile.BadZipFile, KeyError, ValueError, RuntimeError) as error:
            raise _damaged(path, error) from error
        yield place, config


def _keras2(file: Any) -> list[Stored]:
    """The layers in the layout of Keras 1 and 2, models taken apart."""
    root = file if _names(file, "layer_names") else file["model_weights"]
    layers: list[Stored] = []
    for name in _names(root, "layer_names"):
        group = root[name]
        arrays = [(part, group[part]) for part in _names(group, "weight_names")]
        layers += _split_model(name, arrays)
    return layers


def _names(group: Any, key: str) -> list[str]:
    """The strings of an attribute that may be cut into numbered parts; none if it is missing."""
    cut = itertools.takewhile(group.attrs.__contains__, (f"{key}{n}" for n in itertools.count()))
    parts = [key] if key in group.attrs else cut
    found = [name for part in parts for name in group.attrs[part]]
    return [name.decode() if isinstance(name, bytes) else str(name) for name in found]


def _walk(group: Any, place: str, named: bool) -> Iterator[tuple[str, Stored]]:
    """(address, layer) of every layer with weights, by class and number; `named` as the file says."""
    for container in _CONTAINERS:
        layers = _inside(group, container)
        for key in sorted(layers or (), key=_natural):
            layer = _inside(layers, key)
            address = f"{place}/{key}" if place else key
            variables = _inside(layer, "vars")
            if variables is not None and len(variables):
                arrays = [_inside(variables, part) for part in sorted(variables, key=int)]
                name = str(variables.attrs.get("name", key)) if named else key
                kind = re.sub(r"_\d+$", "", key)
                yield address, Stored(name.replace("/", "_"), tuple(arrays), kind, place)
            yield from _walk(layer, address, named)


def _inside(group: Any, key: str) -> Any:
    """A member of a group, None if there is none."""
    import h5py

    return group[key] if isinstance(group, h5py.Group) and key in group else None


def _in_order(path: Path, found: dict[str, Stored], config: Any) -> list[Stored]:
    """The layers in the order of config.json, with the names that stand there."""
    named = dict(_addresses(config["config"], ""))
    if strange := [address for address in found if address not in named]:
        raise _damaged(path, f"its config.json does not name the layer {strange[0]}")
    return [
        Stored(named[address], found[address].arrays, found[address].kind, found[address].place)
        for address in named
        if address in found
    ]


def _addresses(config: Any, place: str) -> Iterator[tuple[str, str]]:
    """(address, name) of every layer, as Keras numbers the classes of a model when it saves."""
    used: Counter[str] = Counter()
    for layer in config.get("layers", ()):
        kind = snake_case(str(layer["class_name"]))
        key = f"{kind}_{used[kind]}" if used[kind] else kind
        used[kind] += 1
        address = f"{place}/{key}" if place else key
        inside = layer["config"]
        yield address, str(inside.get("name", key)).replace("/", "_")
        if isinstance(inside.get("layers"), list):
            yield from _addresses(inside, address)


def snake_case(name: str) -> str:
    """A class as Keras 3 writes it in files: "BatchNormalization" is "batch_normalization"."""
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def _split_model(name: str, arrays: list[tuple[str, Any]]) -> list[Stored]:
    """One layer of Keras 1 or 2, or the layers of the model in its place; none without arrays.

    Arrays are named `<layer>/<array>`; those of a model inside carry the names of its layers,
    trained arrays before the others, so that a layer's own are gathered from both.
    """
    parts: dict[str, list[Any]] = {}
    for full, array in arrays:
        parts.setdefault(full.rpartition("/")[0] or name, []).append(array)
    if len(parts) == 1:
        return [Stored(name.replace("/", "_"), tuple(array for _, array in arrays))]
    return [
        Stored(part.removeprefix(f"{name}/").replace("/", "_"), tuple(found), place=name)
        for part, found in parts.items()
    ]


def _natural(key: str) -> tuple[str, int]:
    kind, _, number = key.rpartition("_")
    return (kind, int(number)) if kind and number.isdecimal() else (key, 0)


def _damaged(path: Path, reason: object) -> WeightsError:
    return WeightsError(
        f"{path} cannot be read as Keras weights: {reason}. Save the model by Keras once more, "
        "or get the file again if it is damaged."
    )
