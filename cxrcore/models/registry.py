"""Every model there is: those of this package, and those of Python files in a folder.

A model file defines `RECIPES`, a tuple of `Recipe`, and `NETWORKS`, a tuple of `Network`, for
architectures of its own. The modules of `cxrcore.models` are found by themselves, and so are
the files in `settings.recipes_dir()`. Those are code that runs in this process, so they come
from the server's disk only. A broken file is left out as a whole and reported in `problems`.
See docs/decisions/0040.
"""

import functools
import importlib
import pkgutil
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Literal, TypeVar

from cxrcore import settings
from cxrcore.errors import RecipeError
from cxrcore.models.records import Network, Source

if TYPE_CHECKING:
    from cxrcore.models.recipe import Recipe

T = TypeVar("T")

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")  # a run's folder begins with its recipe's name
_Files = tuple[tuple[Path, int, int], ...]  # path, time of the last change in ns, bytes


@dataclass(frozen=True)
class Models:
    """All that is registered, by name, and one sentence for each file that could not be read."""

    networks: dict[str, Network]
    recipes: dict[str, "Recipe"]
    sources: dict[str, Source]
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
    found, problems = of_this_package(), []
    for path, _, _ in files:
        module = ModuleType(f"cxr_recipes.{path.stem}")
        module.__file__ = str(path)
        sys.modules[module.__name__] = module  # where dataclasses look for the types of fields
        token = _loading.set(found)
        try:
            exec(compile(path.read_bytes(), path, "exec"), module.__dict__)  # noqa: S102 (trusted, see above)
            found = _add(found, module)
        except (Exception, SystemExit) as error:  # noqa: BLE001 (whatever a file does, others load)
            reason = " ".join(str(error).split())
            problems.append(
                f"{path}, line {_line(path, error)}: {type(error).__name__}: {reason} "
                "Its models are left out; correct the file or remove it."
            )
        finally:
            _loading.reset(token)
    return Models(found.networks, found.recipes, found.sources, tuple(problems))


def _files(folder: Path) -> _Files:
    """The model files of a folder by name; those that begin with _ or . are none."""
    try:
        paths = sorted(path for path in folder.glob("[!._]*.py") if path.is_file())
        return tuple((p, (status := p.stat()).st_mtime_ns, status.st_size) for p in paths)
    except OSError:  # a file was removed meanwhile, or the folder may not be read
        return ()


def _add(found: Models, module: ModuleType) -> Models:
    """`found` and the models of one file, checked.

    Raises:
        RecipeError: the file defines no models, or one that does not fit the others.
    """
    recipes, own = getattr(module, "RECIPES", ()), getattr(module, "NETWORKS", ())
    if not recipes:
        raise RecipeError("The file defines no RECIPES, a tuple with one Recipe or more.")
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
    # Files that can be downloaded come first: a file is recognised and listed in this order.
    ordered = sorted(sources.values(), key=lambda source: (source.checksum is None, source.kind))
    return Models(
        networks,
        found.recipes | _named(recipes, found.recipes),
        {source.kind: source for source in ordered},
    )


def _named(records: "tuple[T, ...]", existing: Mapping[str, T]) -> dict[str, T]:
    named: dict[str, T] = {}
    for record in records:
        name = str(getattr(record, "name", record))
        if not _NAME.fullmatch(name):
            raise RecipeError(f"{name!r} is no name: use lower-case letters, digits and hyphens.")
        if name in existing or name in named:
            raise RecipeError(f"There is another {type(record).__name__.lower()} called {name!r}.")
        named[name] = record
    return named


def _line(path: Path, error: BaseException) -> int:
    """The line of a file at which an error arose, 1 if it concerns the file as a whole."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return error.lineno or 1
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path)]
    return lines[-1] or 1 if lines else 1
