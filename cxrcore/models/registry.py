"""Every model there is: those of this package, of other packages and of Python files in a folder.

A model file defines `RECIPES`, a tuple of `Recipe`, and `NETWORKS`, a tuple of `Network`, for
architectures of its own. The modules of `cxrcore.models` are found by themselves, and so are
the files in `settings.recipes_dir()`, and the modules that installed packages name as entry
points of the group `cxrcore.recipes`. Those are code that runs in this process, so they come
from the server's disk only. A broken file is left out as a whole and reported in `problems`.
The digest of a file's source is part of its recipes: a changed file makes other runs. See
docs/decisions/0040 and 0057.
"""

import dataclasses
import functools
import hashlib
import importlib
import importlib.metadata
import os
import pkgutil
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Literal, TypeVar

from cxrcore import settings
from cxrcore.errors import RecipeError
from cxrcore.models.hyperparameters import Hyperparameters
from cxrcore.models.records import Network, Source

if TYPE_CHECKING:
    from cxrcore.models.recipe import Recipe

T = TypeVar("T")

ENTRY_POINTS = "cxrcore.recipes"
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")  # a run's folder begins with its recipe's name
_Files = tuple[tuple[Path, int, int], ...]  # path, time of the last change in ns, bytes


@dataclass(frozen=True)
class Models:
    """All that is registered, by name, and one sentence for each file that could not be read."""

    networks: dict[str, Network]
    recipes: dict[str, "Recipe"]
    sources: dict[str, Source]
    files: dict[str, str] = field(default_factory=dict)  # network -> the file that defines it
    problems: tuple[str, ...] = ()


# What a file that is being read can build upon; unset at all other times.
_loading: ContextVar[Models | None] = ContextVar("loading", default=None)


class View(Mapping[str, T]):
    """One part of `models()`, always as it is now."""

    def __init__(self, part: Literal["networks", "recipes", "sources"]) -> None:
        self._part = part

    def __getitem__(self, name: str) -> T:
        return self._now()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._now())

    def __len__(self) -> int:
        return len(self._now())

    def _now(self) -> dict[str, T]:
        return getattr(models(), self._part)


def models() -> Models:
    """What is registered; the folder's files are read again when one of them has changed."""
    return _loading.get() or _with_files(_files(settings.recipes_dir()))


def network(name: str) -> Network:
    """The architecture called `name`; RecipeError with the list of names if there is none."""
    return _entry(models().networks, "network", name)


def get(name: str) -> "Recipe":
    """The recipe called `name`; RecipeError with the list of names if there is none."""
    return _entry(models().recipes, "recipe", name)


def _entry(entries: Mapping[str, T], kind: str, name: str) -> T:
    if name not in entries:
        sentences = (f"Choose one of: {', '.join(entries)}.", *models().problems)
        raise RecipeError(f"There is no {kind} {name!r}. {' '.join(sentences)}")
    return entries[name]


@functools.cache
def of_this_package() -> Models:
    """What is registered without the folder's files."""
    package = importlib.import_module(__package__)
    names = [module.name for module in pkgutil.iter_modules(package.__path__) if not module.ispkg]
    modules = [importlib.import_module(f"{__package__}.{name}") for name in names]
    studies = [module for module in modules if hasattr(module, "ORDER")]
    found = Models({}, {}, {})
    for module in sorted(studies, key=lambda module: module.ORDER):
        found = _add(found, module)
    return found


@functools.lru_cache(maxsize=8)
def _with_files(files: _Files) -> Models:
    found = _of_packages()
    for path, _, _ in files:
        found = _with(found, str(path), functools.partial(_run, path))
    return found


@functools.cache
def _of_packages() -> Models:
    """This package and those that are installed beside it, as they were when the process began."""
    found = of_this_package()
    for entry in sorted(importlib.metadata.entry_points(group=ENTRY_POINTS)):
        found = _with(found, entry.value, functools.partial(_load, entry))
    return found


def _with(found: Models, place: str, load: Callable[[], tuple[ModuleType, str]]) -> Models:
    """`found` and the models of one file, or why they are left out."""
    token = _loading.set(found)
    try:
        return _add(found, *load())
    except (Exception, SystemExit) as error:  # noqa: BLE001 (whatever a file does, others load)
        reason = f"{said(place, error)} Its models are left out; correct the file or remove it."
        return dataclasses.replace(found, problems=(*found.problems, reason))
    finally:
        _loading.reset(token)


def _run(path: Path) -> tuple[ModuleType, str]:
    """A file as a module, and the digest of its source."""
    module, content = ModuleType(f"cxr_recipes.{path.stem}"), path.read_bytes()
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # where dataclasses look for the types of fields
    exec(compile(content, path, "exec"), module.__dict__)  # noqa: S102 (trusted, see above)
    return module, _digest(content)


def _load(entry: importlib.metadata.EntryPoint) -> tuple[ModuleType, str]:
    """The module that an entry point names, and the digest of the sources of its package."""
    module = entry.load()
    top = sys.modules[entry.module.partition(".")[0]]
    paths = sorted(
        path for folder in getattr(top, "__path__", ()) for path in Path(folder).rglob("*.py")
    )
    return module, _digest(*(path.read_bytes() for path in paths or [Path(str(top.__file__))]))


def _digest(*contents: bytes) -> str:
    digest = hashlib.blake2b(digest_size=8)
    for content in contents:
        digest.update(hashlib.blake2b(content).digest())
    return digest.hexdigest()


def _files(folder: Path) -> _Files:
    """The model files of a folder by name; those that begin with _ or . are none."""
    try:
        with os.scandir(folder) as entries:
            found = [
                (folder / entry.name, (status := entry.stat()).st_mtime_ns, status.st_size)
                for entry in entries
                if entry.name.endswith(".py") and entry.name[0] not in "._" and entry.is_file()
            ]
        return tuple(sorted(found))
    except OSError:  # no such folder, or a file was removed meanwhile
        return ()


def _add(found: Models, module: ModuleType, digest: str = "") -> Models:
    """`found` and the models of one file, checked; `digest` is that of one that is not ours.

    Raises:
        RecipeError: the file defines no models, or one that does not fit the others.
    """
    recipes, own = getattr(module, "RECIPES", ()), getattr(module, "NETWORKS", ())
    if not recipes:
        raise RecipeError("The file defines no RECIPES, a tuple with one Recipe or more.")
    if digest:
        _require_records(recipes, own)
        own = tuple(dataclasses.replace(one, source=digest) for one in own)
    networks = found.networks | _named(own, found.networks)
    sources = dict(found.sources)
    for one in own:
        for source in (source for files in one.pretrained.values() for source in files):
            if sources.setdefault(source.kind, source) is not source:
                raise RecipeError(f"There are other weights called {source.kind!r} already.")
    for recipe in recipes:
        if recipe.network not in networks:
            raise RecipeError(
                f"The recipe {recipe.name!r} names a network {recipe.network!r}, which does not "
                f"exist. There are: {', '.join(networks)}."
            )
        recipe.check(networks[recipe.network])
    if digest:
        sources_of = ({"source": _of(recipe, networks, digest)} for recipe in recipes)
        recipes = tuple(
            r.model_copy(update=one) for r, one in zip(recipes, sources_of, strict=True)
        )
    # Files that can be downloaded come first: a file is recognised and listed in this order.
    ordered = sorted(sources.values(), key=lambda source: (source.checksum is None, source.kind))
    return Models(
        networks,
        found.recipes | _named(recipes, found.recipes),
        {source.kind: source for source in ordered},
        found.files | {one.name: str(module.__file__) for one in own if digest},
        found.problems,
    )


def _require_records(recipes: object, networks: object) -> None:
    """RECIPES and NETWORKS are tuples of the right records, whatever a user wrote."""
    for name, records, kind, word in (
        ("RECIPES", recipes, Hyperparameters, "Recipe"),  # its base: importing it would be a circle
        ("NETWORKS", networks, Network, "Network"),
    ):
        if not isinstance(records, tuple | list):
            raise RecipeError(
                f"{name} must be a tuple of {word}, such as {name} = (…,). It is a "
                f"{type(records).__name__}."
            )
        for record in records:
            if not isinstance(record, kind):
                raise RecipeError(f"{name} holds a {type(record).__name__}; each must be a {word}.")


def _of(recipe: "Recipe", networks: Mapping[str, Network], source: str) -> str:
    """The digest for a recipe; where its network stands in another file, of both."""
    other = networks[recipe.network].source
    return source if other in ("", source) else _digest(source.encode(), other.encode())


def _named(records: "tuple[T, ...]", existing: Mapping[str, T]) -> dict[str, T]:
    named: dict[str, T] = {}
    for record in records:
        name = str(getattr(record, "name", record))
        require_name(name)
        if name in existing or name in named:
            raise RecipeError(f"There is another {type(record).__name__.lower()} called {name!r}.")
        named[name] = record
    return named


def require_name(name: str) -> None:
    """Refuse what cannot begin the name of a run's folder, with RecipeError."""
    if not _NAME.fullmatch(name):
        raise RecipeError(f"{name!r} is no name: use lower-case letters, digits and hyphens.")


def said(place: str, error: BaseException) -> str:
    """What went wrong in a file, with its line: 1 if it concerns the file as a whole."""
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == place
    ]
    line = lines[-1] if lines else 1
    if isinstance(error, SyntaxError) and error.filename == place:
        line = error.lineno
    return f"{place}, line {line or 1}: {type(error).__name__}: {' '.join(str(error).split())}"
