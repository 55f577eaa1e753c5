"""Whether files changed, told by size and time: what caches of the pages depend on."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import pandas as pd

from cxrcore.datasets import Dataset

MOST_FOLDERS = 200  # of a dataset that are looked at in every run

Stamp = tuple[tuple[str, int, int], ...]


def stamp(paths: Sequence[Path]) -> Stamp:
    """Name, size and time of change of what is there; what is not there is left out."""
    found = []
    for path in paths:
        try:
            status = path.stat()
        except OSError:
            continue
        found.append((str(path), status.st_size, status.st_mtime_ns))
    return tuple(found)


def sources(dataset: Dataset) -> tuple[Path, ...]:
    """The root, the files in it that tell of images, and the folders of images and masks.

    A folder's time of change tells of files added, removed and renamed in it.
    """
    files = pd.concat([dataset.table["path"], dataset.table["mask"].dropna()])
    own = {path.rpartition("/")[0] for path in files}
    folders = {folder for path in own for folder in (path, *map(str, PurePosixPath(path).parents))}
    ranked = sorted(folders, key=lambda folder: (folder.count("/"), folder))[:MOST_FOLDERS]
    told = [dataset.root / name for name in ("metadata.csv", "dataset.json", "merged.json")]
    folders_of_it = [dataset.root / part for part in ranked]
    return (*folders_of_it, *dict.fromkeys([*told, *sorted(dataset.root.glob("*.csv"))]))
