"""A registered dataset whose folder was moved or renamed."""

from pathlib import Path

from cxrcore.datasets import loader, registry
from cxrcore.datasets.registry import Entry
from cxrcore.datasets.table import Dataset
from cxrcore.errors import DatasetError
from cxrcore.progress import Report, silent


def move(name: str, path: str | Path, *, report: Report = silent) -> Dataset:
    """Let a registered name stand for the folder where its images are now.

    What was measured and trained is found again, since images are known by their content.

    Raises:
        DatasetError: there is no such name, or no usable dataset in the folder.
    """
    entry = registry.find(name)
    if entry is None:
        raise DatasetError(f"No dataset is registered as {name!r}; {registry.known_names()}.")
    dataset = loader.load(Path(path), entry.layout, entry.options, report=report)
    registry.replace(Entry(name, dataset.root, dataset.layout, dict(dataset.options)))
    return loader.load(name, report=report)
