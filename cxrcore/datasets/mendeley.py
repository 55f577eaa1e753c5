"""Mendeley's COVID-19 X-ray and CT collection: a folder for each modality, two classes in each.

    root/COVID-19 Dataset/X-ray/COVID/a.png          in any letter case
    root/COVID-19 Dataset/CT/Non-COVID/b.png

Source: El-Shafai and Abd El-Samie 2020, doi 10.17632/8h65ywd2jr.3 (Study C).
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from cxrcore.datasets import folders, sidecars
from cxrcore.datasets.selection import Options
from cxrcore.datasets.table import Dataset, listed
from cxrcore.errors import DatasetError
from cxrcore.progress import Report, silent

__all__ = ["LAYOUT", "Options", "detect", "read"]

LAYOUT = "mendeley"
_CLASSES = {
    "covid": "COVID",
    "covid19": "COVID",
    "noncovid": "Non-COVID",
    "noncovid19": "Non-COVID",
}


def detect(root: Path) -> bool:
    """Whether folders for X-ray or CT, or both, hold COVID and Non-COVID and no other folders."""
    tops = [root, *(path for path in _folders(root) if _plain(path.name).startswith("covid"))]
    for top in tops:
        below = [path for path in (*_folders(top), top) if path.name.lower() in sidecars.MODALITIES]
        for modality in below:
            inside = {_plain(path.name) for path in _folders(modality)}
            if inside and {_CLASSES.get(name) for name in inside} == {"COVID", "Non-COVID"}:
                return True
    return False


def read(root: Path, name: str, report: Report = silent) -> Dataset:
    """The dataset with classes COVID and Non-COVID; the folder tells the modality.

    Give the folder X-ray or CT to have one modality alone.

    Raises:
        DatasetError: no images in class folders, or images in other folders than these.
        StoreError: the cache of file hashes cannot be written.
    """
    made = folders.read(root, name, report)
    table = made.table.copy()
    inside = [
        any(part.lower() in sidecars.MODALITIES for part in (made.root.name, *path.split("/")[:-1]))
        for path in table["path"]
    ]
    table["label"] = table["label"].map(_plain).map(_CLASSES).astype("string")
    odd = table.loc[table["label"].isna() | ~np.array(inside), "path"]
    if len(odd):
        raise DatasetError(
            f"{made.root} has images outside X-ray/COVID, X-ray/Non-COVID, CT/COVID and "
            f"CT/Non-COVID: {listed(odd)}. Move them, or load it with the layout 'folders'."
        )
    notes = list(made.notes)
    counts = table["modality"].value_counts().sort_index()
    if len(counts) > 1:
        totals = " and ".join(f"{number:,} {modality}" for modality, number in counts.items())
        notes.append(
            f"Both modalities are here, {totals}; give one of the two folders for one alone."
        )
    classes = tuple(sorted(set(table["label"])))
    return replace(made, layout=LAYOUT, table=table, classes=classes, notes=tuple(notes))


def _plain(name: str) -> str:
    """A folder's name in small letters without what stands between words."""
    return name.lower().replace("-", "").replace("_", "").replace(" ", "")


def _folders(path: Path) -> Iterator[Path]:
    try:
        with os.scandir(path) as entries:  # not Path.is_dir, which asks the disk for each file
            yield from [path / entry.name for entry in entries if entry.is_dir()]
    except OSError:  # closed: nothing of this layout can be seen in it
        return
