"""Which pretrained weights are here, whether they are sound, and which weights a file holds."""

import math
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from cxrcore import files
from cxrcore.errors import WeightsError
from cxrcore.models import registry
from cxrcore.models.pretrained import matching
from cxrcore.models.pretrained.location import digest_of, kinds_of, locate, on_this_machine
from cxrcore.models.pretrained.reader import Content, Stored, open_weights
from cxrcore.models.records import Source
from cxrcore.settings import weights_dir


@dataclass(frozen=True)
class Need:
    """A published file, the recipes that start from it, and where it is on this machine."""

    source: Source
    recipes: tuple[str, ...]
    path: Path | None  # None if it is missing

    @property
    def advice(self) -> str:
        """What to do, also on a machine without internet."""
        name, address = self.source.file_name, self.source.address
        if self.path:
            return f"Nothing to do: it is at {self.path}, published at {address}."
        copy = (
            f"Without internet: get {name} on another machine from {address}, bring it here and "
            f"run: python -m cxrcore weights import {name}"
        )
        if self.source.checksum is None:
            return f"{copy} (its author publishes no checksum, so it is not downloaded by program)."
        return f"python -m cxrcore weights get {self.source.kind}. {copy}."


@dataclass(frozen=True)
class Checked:
    """A sound file: its path, its MD5, and how many layers were compared."""

    source: Source
    path: Path
    md5: str
    layers: int


def needs() -> list[Need]:
    """Every file of pretrained weights that a recipe can start from; none is opened."""
    models = registry.models()
    users: dict[str, list[str]] = {kind: [] for kind in models.sources}
    for recipe in models.recipes.values():
        for kind in kinds_of(recipe):
            users[kind].append(recipe.name)
    return [
        Need(source, tuple(users[kind]), on_this_machine(source))
        for kind, source in models.sources.items()
    ]


def source(kind: str) -> Source:
    """The published file called `kind`.

    Raises:
        WeightsError: there is none; lists the names.
    """
    sources = registry.models().sources
    if kind not in sources:
        raise WeightsError(
            f"There are no weights called {kind!r}. Choose one of: {', '.join(sources)}."
        )
    return sources[kind]


def check(kind: str) -> Checked:
    """Compare the file of `kind` with its checksum and, layer by layer, with its network.

    Raises:
        WeightsError: it is missing, damaged, or does not fit; says what to do.
    """
    known = source(kind)
    path = locate(kind, download=False)  # compares the checksum, where one is published
    layers = _compare(path, known)
    return Checked(known, path, digest_of(path), layers)


def recognise(path: Path) -> Source:
    """Which published file this is: by checksum, else by its layers.

    Only files without a published checksum are recognised by their layers.

    Raises:
        WeightsError: it is none of them; says what it is, if that is known.
    """
    sources = list(registry.models().sources.values())
    found = {kind: digest_of(path, kind) for kind in ("md5", "sha256")}
    for one in sources:
        if one.checksum in [f"{kind}:{digest}" for kind, digest in found.items()]:
            return one
    with open_weights(path) as content:  # before forty networks are built
        sources = [one for one in sources if one.parameters in (None, _numbers(content, one))]
    refusal = ""
    for one in sorted(sources, key=lambda one: one.checksum is not None):
        try:
            _compare(path, one)
        except _OtherNetworkError as error:
            refusal = refusal or str(error)
            continue
        if one.checksum is None:
            return one
        kind, _, expected = one.checksum.partition(":")
        raise WeightsError(
            f"{path} has the layers of {one.kind}, but its {kind.upper()} is {found[kind]}, not "
            f"{expected}: it is damaged or was trained further. Get the published file from "
            f"{one.address}, or train from this one: --weights {path.name}."
        )
    raise WeightsError(
        f"{path} is not one of {', '.join(registry.models().sources)}. For a model of your own "
        f"use: python -m cxrcore import-weights RECIPE {path.name} --data NAME. ({refusal})"
    )


def take(file: Path) -> tuple[str, Path]:
    """Copy a file into the weights folder under the name by which it is found.

    Returns:
        Its kind and where it is now.

    Raises:
        WeightsError: no recipe needs this file, or another one is in its place.
        StoreError: it cannot be written.
    """
    path = Path(file).expanduser().resolve()
    if not path.is_file():
        raise WeightsError(f"There is no file {path}. Correct the path of the weights to import.")
    known = recognise(path)
    kind, place = known.kind, weights_dir() / known.file_name
    if place.is_file():
        if place.samefile(path) or files.digest(place) == files.digest(path):
            return kind, place
        raise WeightsError(
            f"{place} exists already and is another file. Remove it first, then import again."
        )
    with files.atomic_file(place) as target, open(path, "rb") as content:
        shutil.copyfileobj(content, target, 1 << 20)
    return kind, place


class _OtherNetworkError(WeightsError):
    """The file can be read, but holds another network."""


def _compare(path: Path, known: Source) -> int:
    """The number of layers, all of which fit; their values are read to find damaged blocks."""
    with open_weights(path) as content:
        content = replace(content, layers=_read(content, known))
        layers = matching.leaves(known.layers())
        try:
            matches = matching.match(content, layers, known.kind)
        except WeightsError as error:
            raise _OtherNetworkError(str(error)) from error
        for one in matches:
            matching.read(content, one)
    return len(matches)


def _read(content: Content, known: Source) -> list[Stored]:
    """The layers of a file that the network of `known` reads."""
    skipped = known.skipped
    return [one for one in content.layers if not (skipped and one.name.startswith(skipped))]


def _numbers(content: Content, known: Source) -> int:
    """How many numbers those layers hold."""
    return sum(math.prod(shape) for layer in _read(content, known) for shape in layer.shapes)
