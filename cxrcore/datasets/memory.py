"""Registered datasets as they are now, read once for all who use them in this process.

docs/decisions/0062
"""

import threading
from collections import OrderedDict, defaultdict
from dataclasses import dataclass
from pathlib import Path

from cxrcore import files, settings
from cxrcore.datasets import registry
from cxrcore.datasets.loader import load
from cxrcore.datasets.registry import Entry
from cxrcore.datasets.source_files import source_files
from cxrcore.datasets.table import Dataset

_MOST = 6  # datasets; one of 20,000 images takes 10 MB


@dataclass(frozen=True)
class _Read:
    """A dataset, how it was registered, the files it came from, and their stamp at that time."""

    dataset: Dataset
    entry: Entry
    paths: tuple[Path, ...]
    stamp: files.Stamp


_read: OrderedDict[tuple[Path, str], _Read] = OrderedDict()  # the last used one last
_locks: defaultdict[tuple[Path, str], threading.Lock] = defaultdict(threading.Lock)


def current(name: str) -> Dataset:
    """The registered dataset of that name: the same object until one of its folders changes.

    `load` takes half a second for 20,000 images. Treat what you get as read-only.

    Raises:
        DatasetError: no such name, or its folder is not usable.
    """
    entry = registry.find(name)
    if entry is None:
        return load(name)  # raises an error that lists the names
    key = (settings.data_dir(), name)
    with _locks[key]:  # who comes while it is read waits instead of reading it too
        if (kept := _unchanged(entry)) is None:
            dataset = load(name)
            paths = source_files(dataset)
            kept = _Read(dataset, entry, paths, files.stamp(paths))
        _read[key] = kept
        _read.move_to_end(key)
        while len(_read) > _MOST:
            _read.popitem(last=False)
        return kept.dataset


def is_read(name: str) -> bool:
    """Whether `current` has the dataset of that name at once."""
    entry = registry.find(name)
    return entry is not None and _unchanged(entry) is not None


def _unchanged(entry: Entry) -> _Read | None:
    kept = _read.get((settings.data_dir(), entry.name))
    if kept is None or kept.entry != entry:
        return None
    return kept if files.stamp(kept.paths) == kept.stamp else None
