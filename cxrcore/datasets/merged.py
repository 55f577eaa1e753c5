"""Several datasets as one: a folder of links to their folders, and how their labels go together.

    root/merged.json        the members, and the class of each of their labels
    root/first              a link to the folder of the member `first`
    root/second             …

`combination.merge` makes it. No image is copied: the table's paths lead through the links, so that
`path_of` and `mask_of` work as everywhere. Labels without a mapping keep their name.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from cxrcore.datasets import folders
from cxrcore.datasets.selection import Options
from cxrcore.datasets.table import Dataset, build_table, count, listed, without_duplicates
from cxrcore.errors import DatasetError, StoreError
from cxrcore.files import read_json
from cxrcore.progress import Report, silent

__all__ = ["ABOUT", "LAYOUT", "Member", "Options", "detect", "folder_of", "members_of", "read"]

LAYOUT = "merged"
ABOUT = "merged.json"


@dataclass(frozen=True)
class Member:
    """One of the datasets, as it was when they were merged."""

    name: str
    path: Path
    layout: str
    options: dict[str, Any] = field(default_factory=dict)
    labels: dict[str, str | None] = field(default_factory=dict)


def detect(root: Path) -> bool:
    """Whether the folder was made by `merge`."""
    return (root / ABOUT).is_file()


def read(root: Path, name: str, report: Report = silent) -> Dataset:
    """The images of all members, each content once.

    `source` begins with the member's name, and so does `patient_id`: patient 7 of one collection
    is not patient 7 of another. Published splits are kept if every member has a test split.

    Raises:
        DatasetError: `merged.json` is damaged, or a member is gone or cannot be read.
        StoreError: the cache of file hashes cannot be written.
    """
    root = root.resolve()
    members = members_of(root)
    loaded = [_loaded(root, name, member, report) for member in members]
    notes = []
    for made in loaded:
        own = folders.notes_on_classes(made.table, made.classes)  # not about what results
        notes += [f"{made.name}: {note}" for note in made.notes if note not in own]
    parts, doubles = [], []
    for member, made in zip(members, loaded, strict=True):
        table, dropped = _within(member, made.table, notes), _within(member, made.doubles, [])
        parts.append(table)
        doubles.append(dropped)
    together = pd.concat(parts, ignore_index=True)
    if together.empty:
        raise DatasetError(f"No image of {name} is left. {' '.join(notes)}")
    notes += _class_notes(members, loaded)
    bare = [made.name for made in loaded if not (made.table["split"] == "test").any()]
    if bare and together["split"].notna().any():
        for rows in (together, *doubles):
            rows["split"] = pd.NA
        notes.append(f"Published splits are not used, because {listed(bare)} has no test split.")
    table, again, dropped_notes = without_duplicates(build_table(together))
    if table.empty:
        raise DatasetError(f"No image of {name} can be used. {' '.join(dropped_notes)}")
    classes = tuple(sorted(set(table["label"])))
    alike = _alike(members, loaded, table)
    notes += [*dropped_notes, *(alike or folders.notes_on_classes(table, classes))]
    return Dataset(
        name,
        root,
        LAYOUT,
        table,
        classes,
        synthetic=any(made.synthetic for made in loaded),
        notes=tuple(notes),
        doubles=pd.concat([*doubles, again], ignore_index=True),
    )


def folder_of(name: str) -> str:
    """The link's name; registered names stay as they are."""
    return re.sub(r"[^a-z0-9_-]+", "-", name.lower()) or "-"


def members_of(root: Path) -> list[Member]:
    """The members of a merged dataset.

    Raises:
        DatasetError: `merged.json` is damaged.
    """
    path = root / ABOUT
    try:
        return [
            Member(
                str(row["name"]),
                Path(row["path"]),
                str(row["layout"]),
                dict(row["options"]),
                dict(row["labels"]),
            )
            for row in read_json(path)["members"]
        ]
    except (StoreError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise DatasetError(
            f"{path} is damaged. Forget the dataset and merge its members again."
        ) from error


def _loaded(root: Path, name: str, member: Member, report: Report) -> Dataset:
    from cxrcore import datasets  # which imports this module

    link = root / folder_of(member.name)
    if not link.is_dir():
        raise DatasetError(
            f"{member.name}, a member of the merged dataset {name!r}, is not there: {member.path}. "
            "Connect its disk, or forget the dataset and merge again."
        )
    made = datasets.load(link, member.layout, member.options, report=report)
    return replace(made, name=member.name)


def _within(member: Member, table: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """A member's table, or its doubles, as the merged dataset has them."""
    out = [label for label, name in member.labels.items() if name is None]
    gone = table["label"].isin(out).to_numpy(bool)
    if gone.any():
        many = count(int(gone.sum()), "image")
        notes.append(f"{member.name}: {many} left out, as asked, with the label {listed(out)}.")
    table = table[~gone].copy()
    renamed = {label: name for label, name in member.labels.items() if name is not None}
    table["label"] = table["label"].astype("string").replace(renamed)
    folder = folder_of(member.name)
    table["path"] = f"{folder}/" + table["path"].astype("string")
    if "mask" in table:
        table["mask"] = f"{folder}/" + table["mask"]
        table["patient_id"] = f"{member.name}: " + table["patient_id"]
        sources = f"{member.name}: " + table["source"]
        table["source"] = sources.fillna(member.name)
    return table


def _class_notes(members: Sequence[Member], loaded: Sequence[Dataset]) -> list[str]:
    """Sentences about the classes: which labels of which members went in, and how many images."""
    into: dict[str, list[str]] = defaultdict(list)
    for member, made in zip(members, loaded, strict=True):
        for label, number in made.counts().items():
            name = member.labels.get(str(label), str(label))
            if name is not None:
                into[name].append(f"{member.name} {label} ({number:,})")
    notes = [
        f"Class {name}: {', '.join(parts)}." for name, parts in sorted(into.items()) if parts[1:]
    ]
    if alone := [f"{name}: {parts[0]}" for name, parts in sorted(into.items()) if not parts[1:]]:
        notes.append(f"Classes of one member alone, {'; '.join(alone)}.")
    return notes


def _alike(members: Sequence[Member], loaded: Sequence[Dataset], table: pd.DataFrame) -> list[str]:
    """Sentences about classes whose names differ only in capitals, blanks and hyphens."""
    sizes = table["label"].value_counts()
    groups: dict[str, list[str]] = defaultdict(list)
    for label in sizes.index:
        groups[re.sub(r"[\W_]+", "", label).casefold()].append(label)
    notes = []
    for names in groups.values():
        if len(names) < 2:
            continue
        largest = names[0]  # value_counts has the largest first
        arguments = [
            f'--map "{member.name}:{label}={largest}"'
            for member, made in zip(members, loaded, strict=True)
            for label in made.classes
            if member.labels.get(label, label) in names[1:]
        ]
        notes.append(
            f"The classes {' and '.join(map(repr, sorted(names)))} have nearly the same name. If "
            f"they are one, forget this dataset and merge again with {' '.join(arguments)}."
        )
    return notes
