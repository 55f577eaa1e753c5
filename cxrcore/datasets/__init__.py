"""Datasets: folders of labelled images in known layouts, by path or by registered name.

One adapter a file; each says whether a folder is of its layout (`detect`) and reads it
(`read`). To add a layout, write its module and name it in LAYOUTS.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from cxrcore.datasets import (
    cohen,
    csv_table,
    darwin,
    folders,
    kermany,
    mendeley,
    merged,
    radiography,
    registry,
    selection,
)
from cxrcore.datasets.combination import merge, parse_map
from cxrcore.datasets.registry import Entry
from cxrcore.datasets.selection import Options
from cxrcore.datasets.selection import parse as parse_options
from cxrcore.datasets.source_files import source_files
from cxrcore.datasets.table import COLUMNS, Dataset
from cxrcore.errors import DatasetError
from cxrcore.progress import Report, silent

__all__ = [
    "COLUMNS",
    "LAYOUTS",
    "Dataset",
    "Entry",
    "against_rest",
    "forget",
    "keep",
    "load",
    "merge",
    "parse_map",
    "parse_options",
    "register",
    "registered",
    "source_files",
]


class Adapter(Protocol):
    """What a layout's module offers."""

    def detect(self, root: Path) -> bool:
        """Whether the folder is of this layout, from a quick look."""

    @property
    def Options(self) -> type[Options]:  # noqa: N802 (a class)
        """What `read` may be told."""

    @property
    def read(self) -> Callable[..., Dataset]:
        """`read(root, name, report, **own)`: the dataset in the folder, else DatasetError.

        `own` are the options that only this layout has.
        """


# In the order they are tried: the most particular first; class folders take what is left.
LAYOUTS: dict[str, Adapter] = {
    "merged": merged,
    "darwin": darwin,
    "cohen": cohen,
    "radiography": radiography,
    "mendeley": mendeley,
    "kermany": kermany,
    "csv": csv_table,
    "folders": folders,
}


def load(
    path_or_name: str | Path,
    layout: str | None = None,
    options: Mapping[str, Any] | None = None,
    *,
    report: Report = silent,
) -> Dataset:
    """The dataset of a registered name, or in a folder.

    A name goes before a folder of the same name in the working directory; write `./name` for
    the folder. The first load reads every file once; later loads only those that changed.

    Args:
        path_or_name: a registered name, a folder, or a CSV file that names the images.
        layout: one of LAYOUTS; by default the registered one, or what the folder looks like.
        options: what the layout is told (its `Options`); by default what was registered.
        report: told how many files are read.

    Raises:
        DatasetError: no such name or folder, no such layout, or no usable images in it.
    """
    entry = registry.find(path_or_name) if isinstance(path_or_name, str) else None
    if entry is not None:
        given = entry.options if options is None else options
        return _read(entry.path, entry.name, layout or entry.layout, given, report)
    root, layout, options = _place(path_or_name, layout, options)
    return _read(root, root.name, layout, options, report)


def register(
    name: str,
    path: str | Path,
    layout: str | None = None,
    options: Mapping[str, Any] | None = None,
    *,
    report: Report = silent,
) -> Dataset:
    """Load the dataset in a folder and remember it by a short name.

    Raises:
        DatasetError: the name is not allowed or taken by another folder, or as for `load`.
    """
    registry.check_name(name)
    root, layout, options = _place(path, layout, options)
    dataset = _read(root, name, layout, options, report)
    registry.add(Entry(name, root, layout, dict(dataset.options)))
    return dataset


def against_rest(dataset: Dataset, label: str) -> Dataset:
    """A dataset with two classes, `label` and "not `label`", under a name of its own.

    No image is copied. It is not registered until `keep` is called.

    Raises:
        DatasetError: there is no such class, or no other.
    """
    name = registry.name_of(dataset.name, f"{label} against rest")
    return selection.against_rest(dataset, label, name)


def keep(dataset: Dataset) -> None:
    """Remember a dataset that is loaded already by its name, such as one of `against_rest`.

    Raises:
        DatasetError: the name is not allowed, or taken by another folder or choice of classes.
    """
    taken, choice = registry.find(dataset.name), "against_rest"
    if taken and taken.options.get(choice) != dataset.options.get(choice):
        raise DatasetError(
            f"The name {dataset.name!r} stands for {taken.options.get(choice, 'all classes')!r} of "
            f"{taken.path} already. Remove that entry first: data forget {dataset.name}"
        )
    registry.add(Entry(dataset.name, dataset.root, dataset.layout, dict(dataset.options)))


def registered() -> list[Entry]:
    """All registered datasets by name; their folders may be gone by now."""
    return registry.entries()


def forget(name: str) -> None:
    """Remove a name; the images stay.

    Raises:
        DatasetError: there is no such name.
    """
    registry.remove(name)


def _folder(text: str | Path) -> Path:
    """The folder that was meant, absolute and without links."""
    try:
        root = Path(text).expanduser().resolve()
        there = root.exists()
    except (OSError, RuntimeError, ValueError):  # too long, links in a circle, no such user, NUL
        there = False
    if not there:
        raise DatasetError(
            f"There is no folder and no registered dataset {str(text)[:200]!r}; "
            f"{registry.known_names()}. Give a folder, or register one with `data add NAME PATH`."
        )
    return root


def _place(
    text: str | Path, layout: str | None, options: Mapping[str, Any] | None
) -> tuple[Path, str | None, Mapping[str, Any] | None]:
    """The folder, layout and options that were meant; a CSV file stands for its folder."""
    root = _folder(text)
    if root.suffix.lower() == csv_table.SUFFIX and root.is_file() and layout in (None, "csv"):
        return root.parent, csv_table.LAYOUT, {"file": root.name, **(options or {})}
    return root, layout, options


def _read(
    root: Path,
    name: str,
    layout: str | None,
    given: Mapping[str, Any] | None,
    report: Report,
) -> Dataset:
    if layout is not None and layout not in LAYOUTS:
        raise DatasetError(f"There is no layout {layout!r}. Choose one of {', '.join(LAYOUTS)}.")
    if not root.exists():
        raise DatasetError(
            f"The folder of dataset {name!r}, {root}, is not there. "
            "Connect its disk, or register the dataset at its new place."
        )
    if not root.is_dir():
        raise DatasetError(f"{root} is a file. Give the folder that holds the class folders.")
    if layout is None:
        layout = next(key for key, adapter in LAYOUTS.items() if adapter.detect(root))
    adapter = LAYOUTS[layout]
    options = selection.checked(adapter.Options, layout, given)
    dataset = adapter.read(root, name, report, **options.own())
    return selection.narrowed(dataset, options) if options.explicit() else dataset
