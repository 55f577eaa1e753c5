"""Are the pretrained weights here, whole, and those of the network? And which file is this?"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cxrcore import files
from cxrcore.errors import WeightsError
from cxrcore.models import RECIPES
from cxrcore.models.networks import foreign, matching
from cxrcore.models.networks.chexnet import FINDINGS
from cxrcore.models.pretrained import SOURCES, kinds_of, locate, md5_of, where
from cxrcore.settings import weights_dir

if TYPE_CHECKING:
    import keras

# kind -> the function of keras.applications that builds its network without top
_TRUNKS = {
    "imagenet:resnet50": "ResNet50",
    "imagenet:densenet121": "DenseNet121",
    "imagenet:resnet50v2": "ResNet50V2",
    "imagenet:xception": "Xception",
    "chexnet": "DenseNet121",
}
_SIDE = 96  # pixels; the shapes of convolutions do not depend on it, Xception needs 71


@dataclass(frozen=True)
class Need:
    """One file of pretrained weights and how to have it here."""

    kind: str
    recipes: tuple[str, ...]  # that start from it as published
    file_name: str
    path: Path | None  # where it is; None if it is not on this machine
    address: str
    md5: str | None
    folder: Path  # where to put it by hand

    @property
    def advice(self) -> str:
        """What to do, also on a machine without a network."""
        if self.path:
            return f"Nothing to do: it is at {self.path}, published at {self.address}."
        copy = (
            f"Without a network: get {self.file_name} on another machine from {self.address}, "
            f"bring it here and run: python -m cxrcore weights import {self.file_name}"
        )
        if self.md5 is None:
            return f"{copy} (its author publishes no checksum, so it is not downloaded by program)."
        return f"python -m cxrcore weights get {self.kind}. {copy}."

    def found_md5(self) -> str | None:
        """MD5 of the file that is here, None if there is none; all of it is read.

        Raises:
            WeightsError: it cannot be read.
        """
        return None if self.path is None else md5_of(self.path)


@dataclass(frozen=True)
class Checked:
    """A file that is whole and fits: its path, MD5, and how many layers were compared."""

    kind: str
    path: Path
    md5: str
    md5_published: bool
    layers: int


def needs() -> list[Need]:
    """Every file of pretrained weights that a recipe can start from; nothing is opened."""
    users: dict[str, list[str]] = {kind: [] for kind in SOURCES}
    for recipe in RECIPES.values():
        for kind in kinds_of(recipe):
            users[kind].append(recipe.name)
    return [
        Need(
            kind,
            tuple(users[kind]),
            source.file_name,
            where(kind),
            source.address,
            source.md5,
            weights_dir(),
        )
        for kind, source in SOURCES.items()
    ]


def check(kind: str) -> Checked:
    """Compare the file of `kind` with its checksum and, layer by layer, with its network.

    Raises:
        WeightsError: it is missing, damaged, or does not fit; says what to do.
    """
    require_kind(kind)
    path = locate(kind, download=False)  # compares the checksum, where one is published
    layers = _compare(path, kind)
    return Checked(kind, path, md5_of(path), SOURCES[kind].md5 is not None, layers)


def recognise(path: Path) -> str:
    """Which kind a file is: by checksum, else by its layers.

    Only files without a published checksum are recognised by their layers.

    Raises:
        WeightsError: it is none of them; names what it is, where that can be told.
    """
    found = md5_of(path)
    for kind, source in SOURCES.items():
        if source.md5 == found:
            return kind
    refused = ""
    for kind in sorted(SOURCES, key=lambda kind: SOURCES[kind].md5 is not None):
        try:
            _compare(path, kind)
        except _OtherNetworkError as error:
            refused = refused or str(error)
            continue
        if SOURCES[kind].md5 is None:
            return kind
        raise WeightsError(
            f"{path} has the layers of {kind}, but its MD5 is {found}, not {SOURCES[kind].md5}: "
            "it is damaged or was trained further. Get the published file from "
            f"{SOURCES[kind].address}, or train from this one: --weights {path.name}."
        )
    raise WeightsError(
        f"{path} is none of {', '.join(SOURCES)}. For a model of your own use: python -m cxrcore "
        f"import-weights RECIPE {path.name} --data NAME. ({refused})"
    )


def take(file: Path) -> tuple[str, Path]:
    """Copy a file into the weights folder under the name by which it is found.

    Returns:
        Its kind and where it is now.

    Raises:
        WeightsError: the file is none that a recipe needs, or another one has its place.
        StoreError: it cannot be written.
    """
    path = Path(file).expanduser().resolve()
    if not path.is_file():
        raise WeightsError(f"There is no file {path}. Correct the path of the weights to import.")
    kind = recognise(path)
    place = weights_dir() / SOURCES[kind].file_name
    if place.is_file():
        if place.samefile(path) or files.digest(place) == files.digest(path):
            return kind, place
        raise WeightsError(
            f"{place} is there already and is another file. Remove it first, then import again."
        )
    with files.atomic_file(place) as target, open(path, "rb") as source:
        shutil.copyfileobj(source, target, 1 << 20)
    return kind, place


def require_kind(kind: str) -> None:
    """WeightsError unless `kind` is one of `SOURCES`."""
    if kind not in SOURCES:
        raise WeightsError(
            f"There are no weights called {kind!r}. Choose one of: {', '.join(SOURCES)}."
        )


class _OtherNetworkError(WeightsError):
    """The file can be read, but holds another network."""


def _compare(path: Path, kind: str) -> int:
    """How many layers fit, all of them; values are read, too, to find damaged blocks."""
    with foreign.opened(path) as content:
        targets = _layers(kind)
        try:
            matched = matching.match(content, targets, kind)
        except WeightsError as error:
            raise _OtherNetworkError(str(error)) from error
        try:
            for one in matched:
                matching.read(content, one)
        except OSError as error:  # h5py, of a damaged block
            raise WeightsError(f"{path} is damaged: {error}. Get the file again.") from error
    return len(matched)


def _layers(kind: str) -> Sequence["keras.Layer"]:
    """The layers with weights that a file of this kind holds, in order."""
    import keras

    make = getattr(keras.applications, _TRUNKS[kind])
    trunk = make(include_top=False, weights=None, input_shape=(_SIDE, _SIDE, 3))
    layers = matching.leaves(trunk)
    if kind == "chexnet":
        head = keras.layers.Dense(FINDINGS, activation="sigmoid", name="predictions")
        head.build((None, trunk.output.shape[-1]))
        layers = [*layers, head]
    return layers
