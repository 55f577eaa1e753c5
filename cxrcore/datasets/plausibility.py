"""Whether class folders are what they seem: classes, and not parts, patients, years or plots.

Asked before a folder is registered whose layout nobody named, and noted where one is only
loaded (docs/decisions/0052).
"""

import re
from pathlib import Path

import pandas as pd

from cxrcore.datasets import csv_table, words
from cxrcore.datasets.table import Dataset, listed
from cxrcore.errors import DatasetError

# What a folder of films may be called that is no class, as a person would say it.
_KINDS = {
    "parts of an archive": r"(?:images?|part|batch|chunk|archive|folder|dir|vol(?:ume)?|disk|fold|set|split)[ _-]?\d+",
    "patients": r"(?:p|pat|patient|patid|subject|sub|case|anon)[ _-]?\d+|p\d{2,}|\d{5,}",
    "studies": r"(?:study|series|session|ses|exam|visit|s)[ _-]?\d+",
    "years": r"(?:19|20)\d\d(?:[ _-]\d\d?){0,2}",
    "file types": r"png|jpe?g|tiff?|bmp|dicom|dcm|gif|webp",
    "masks": r"(?:left|right|lung|manual)?[ _-]?masks?|segmentations?",
    "plots or results": r"plots?|figures?|figs?|graphs?|charts?|results?|outputs?|logs?|checkpoints?|"
    r"heat[ _-]?maps?|grad[ _-]?cams?|screenshots?|notebooks?|examples?|samples?|thumbnails?|previews?|"
    r"confusion[ _-]matri(?:x|ces)",
    "image folders": r"images?|imgs?|pictures?|data|dataset|films?|x[ _-]?rays?|scans?|all|raw|processed",
}
_KINDS_RE = {kind: re.compile(expression, re.I) for kind, expression in _KINDS.items()}


def kind_of(folder: str) -> str | None:
    """What a folder seems to hold instead of a class, else None.

    >>> kind_of("images_001"), kind_of("patient00012"), kind_of("stage_2_train_images"), kind_of("COVID")
    ('parts of an archive', 'patients', 'published splits', None)
    """
    for kind, expression in _KINDS_RE.items():
        if expression.fullmatch(folder.strip()):
            return kind
    split = words.split_in(folder)
    if split and re.search(r"images?|imgs?|data|set|films?|stage|\d", folder, re.I):
        return "published splits"
    return None


def doubts(dataset: Dataset) -> list[str]:
    """What must be asked before such class folders are believed; empty if they are plausible."""
    return [*_about_tables(dataset.root), *_about_classes(dataset)]


def _about_tables(root: Path) -> list[str]:
    """Whether a table lies beside the images that was not used, and why."""
    tables = csv_table.tables_in(root)
    names = listed((path.name for path in tables), 8)
    why = f"{root} holds {len(tables)} tables: {names}. Name one: --option file=TABLE."
    if len(tables) == 1:
        try:
            csv_table.columns(root, tables[0], {})
        except DatasetError as error:
            why = str(error)
    if not tables:
        return []
    return [
        f"Beside the images lies a table that is not used. {why} "
        "Or, if the folders are the classes: --layout folders."
    ]


def _about_classes(dataset: Dataset) -> list[str]:
    """Whether some classes look like something else, with their numbers of images."""
    counts = dataset.counts()
    kinds = {str(label): kind for label in counts.index if (kind := kind_of(str(label)))}
    if not kinds and _one_a_patient(counts):
        kinds = dict.fromkeys(map(str, counts.index), "patients")
    if not kinds:
        return []
    shown = listed((f"{label} {counts[label]:,}" for label in kinds), 5)
    others = [str(label) for label in counts.index if str(label) not in kinds]
    choice = f"To keep the others: --option classes={','.join(others)}. " if len(others) > 1 else ""
    return [
        f"The classes of {dataset.root} would be its folders, but some look like "
        f"{listed(sorted(set(kinds.values())))} ({shown}). {choice}If they are the classes: --layout "
        "folders. If all images are of one class: --option constant_label=CLASS."
    ]


def _one_a_patient(counts: pd.Series) -> bool:
    """Whether there are so many tiny classes that each may be a person."""
    return len(counts) > 30 and float(counts.median()) <= 3
