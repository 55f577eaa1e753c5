"""The files and folders from which a dataset was read."""

from pathlib import Path, PurePosixPath

import pandas as pd

from cxrcore.datasets import cells, scan
from cxrcore.datasets.table import Dataset

_MOST_FILES = 100_000  # of a folder, among which tables are looked for
_MOST_FOLDERS = 200  # of one dataset; the upper ones come first


def source_files(dataset: Dataset) -> tuple[Path, ...]:
    """The dataset's root, its tables, and the folders of its images and masks.

    `files.stamp` of them changes when images are added, removed or renamed, or a table is edited.
    """
    paths = pd.concat([dataset.table["path"], dataset.table["mask"].dropna()])
    own = {path.rpartition("/")[0] for path in paths}
    folders = {folder for path in own for folder in (path, *map(str, PurePosixPath(path).parents))}
    ranked = sorted(folders, key=lambda folder: (folder.count("/"), folder))[:_MOST_FOLDERS]
    tables = [dataset.root / name for name in ("metadata.csv", "dataset.json", "merged.json")]
    for base in scan.wrappers(dataset.root):
        tables += sorted(
            file
            for file in scan.some_files(base, _MOST_FILES)
            if cells.is_table(file.name) or file.suffix == ".txt"
        )
    return (*(dataset.root / folder for folder in ranked), *dict.fromkeys(tables))
