"""Datasets: folders of labelled images in known layouts, by path or by registered name."""

from cxrcore.datasets import registry, selection
from cxrcore.datasets.assembly import note_on_few_patients
from cxrcore.datasets.combination import merge, parse_map
from cxrcore.datasets.loader import LAYOUTS, load, proposed, register
from cxrcore.datasets.memory import current, is_read
from cxrcore.datasets.moves import move
from cxrcore.datasets.overview import Table, tables
from cxrcore.datasets.registry import Entry, proposed_name
from cxrcore.datasets.registry import entries as registered
from cxrcore.datasets.registry import remove as forget
from cxrcore.datasets.selection import parse as parse_options
from cxrcore.datasets.table import COLUMNS, Dataset
from cxrcore.errors import DatasetError

__all__ = [
    "COLUMNS",
    "LAYOUTS",
    "Dataset",
    "Entry",
    "Table",
    "against_rest",
    "current",
    "forget",
    "is_read",
    "keep",
    "load",
    "merge",
    "move",
    "note_on_few_patients",
    "parse_map",
    "parse_options",
    "proposed",
    "proposed_name",
    "register",
    "registered",
    "tables",
]


def against_rest(dataset: Dataset, label: str) -> Dataset:
    """A dataset with two classes, `label` and "not `label`", under a name of its own.

    No image is copied. It is not registered until `keep` is called.

    Raises:
        DatasetError: there is no such class, or no other.
    """
    name = registry.name_of(dataset.name, f"{label} against rest")
    return selection.against_rest(dataset, label, name)


def keep(dataset: Dataset) -> None:
    """Register a loaded dataset under its name, such as one of `against_rest`.

    Raises:
        DatasetError: the name is not allowed, or taken by another folder or choice of classes.
    """
    taken, choice = registry.find(dataset.name), "against_rest"
    if taken and taken.options.get(choice) != dataset.options.get(choice):
        raise DatasetError(
            f"The name {dataset.name!r} already stands for "
            f"{taken.options.get(choice, 'all classes')!r} of {taken.path}. "
            f"Remove that entry first: data forget {dataset.name}"
        )
    registry.add(Entry(dataset.name, dataset.root, dataset.layout, dict(dataset.options)))
