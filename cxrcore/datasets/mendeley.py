"""Mendeley's COVID-19 X-ray and CT collection: a folder per modality with two classes each.

    root/COVID-19 Dataset/X-ray/COVID/a.png          in any letter case
    root/COVID-19 Dataset/CT/Non-COVID/b.png

Source: El-Shafai and Abd El-Samie 2020, doi 10.17632/8h65ywd2jr.3 (Study C).
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from cxrcore.datasets import folders, scan, words
from cxrcore.datasets.selection import Options
from cxrcore.datasets.table import Dataset, listed, plain
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
    covid = [path for path in scan.subfolders(root) if plain(path.name).startswith("covid")]
    modalities = [
        path
        for top in (root, *covid)
        for path in (*scan.subfolders(top), top)
        if words.word(path.name) in words.MODALITIES
    ]
    return any(
        {_CLASSES.get(plain(path.name)) for path in scan.subfolders(modality)}
        == {"COVID", "Non-COVID"}
        for modality in modalities
    )


def read(root: Path, name: str, report: Report = silent) -> Dataset:
    """The dataset with classes COVID and Non-COVID, and the modality from the folder.

    Load the folder X-ray or CT to have one modality alone.

    Raises:
        DatasetError: no images in class folders, or images in other folders than these.
        StoreError: the cache of file hashes cannot be written.
    """
    dataset = folders.read(root, name, report)
    table = dataset.table.copy()
    inside = [
        any(
            words.word(part) in words.MODALITIES
            for part in (dataset.root.name, *path.split("/")[:-1])
        )
        for path in table["path"]
    ]
    table["label"] = table["label"].map(plain).map(_CLASSES).astype("string")
    odd = table.loc[table["label"].isna() | ~np.array(inside), "path"]
    if len(odd):
        raise DatasetError(
            f"{dataset.root} has images outside X-ray/COVID, X-ray/Non-COVID, CT/COVID and "
            f"CT/Non-COVID: {listed(odd)}. Move them, or load it with the layout 'folders'."
        )
    notes = list(dataset.notes)
    counts = table["modality"].value_counts().sort_index()
    if len(counts) > 1:
        totals = " and ".join(f"{number:,} {modality}" for modality, number in counts.items())
        notes.append(
            f"Both modalities are present, {totals}; load one of the two folders for one alone."
        )
    classes = tuple(sorted(set(table["label"])))
    return replace(dataset, layout=LAYOUT, table=table, classes=classes, notes=tuple(notes))
