"""Several datasets as one: a folder of links to their folders, and the class of each label.

    root/merged.json        the members, and the class of each of their labels
    root/first              a link to the folder of the member `first`
    root/second             …

`combination.merge` makes it. No image is copied: the table's paths lead through the links. Labels
without a mapping keep their name.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from cxrcore.datasets import assembly
from cxrcore.datasets.selection import Options
from cxrcore.datasets.table import Dataset, build_table, count, listed, plain, without_duplicates
from cxrcore.errors import DatasetError, StoreError
from cxrcore.files import read_json
from cxrcore.progress import Report, silent

__all__ = ["ABOUT", "LAYOUT", "Member", "Options", "detect", "folder_of", "members_of", "read"]

LAYOUT = "merged"
ABOUT = "merged.json"


@dataclass(frozen=True)
class Member:
    """One of the merged datasets, as it was at that time."""

    name: str
    path: Path
    layout: str
    options: dict[str, Any] = field(default_factory=dict)
    labels: dict[str, str | None] = field(default_factory=dict)


def detect(root: Path) -> bool:
    """Whether the folder was made by `merge`."""
    return (root / ABOUT).is_file()


def read(
    root: Path, name: str, report: Report = silent, *, load: Callable[..., Dataset]
) -> Dataset:
    """The images of all members, each content once.

    `source` begins with the member's name, and so does `patient_id`: patient 7 of one collection
    is not patient 7 of another. Published splits are kept if every member has a test split.

    `load` reads a member, as `loader.load` does.

    Raises:
        DatasetError: `merged.json` is damaged, or a member is missing or cannot be read.
        StoreError: the cache of file hashes cannot be written.
    """
    root = root.resolve()
    members = []
    for member in members_of(root):
        link = _link(root, name, member)
        members.append((member, load(link, member.layout, member.options, report=report)))
    notes, parts, doubles = [], [], []
    for member, dataset in members:
        own = assembly.notes_on_classes(dataset.table, dataset.classes)  # not about the whole
        notes += [f"{member.name}: {note}" for note in dataset.notes if note not in own]
    for member, dataset in members:
        parts.append(_within(member, dataset.table, notes))
        doubles.append(_within(member, dataset.doubles, []))
    images = pd.concat(parts, ignore_index=True)
    if images.empty:
        raise DatasetError(f"No image of {name} is left. {' '.join(notes)}")
    notes += _class_notes(members)
    untested = [m.name for m, dataset in members if not (dataset.table["split"] == "test").any()]
    if untested and images["split"].notna().any():
        for rows in (images, *doubles):
            rows["split"] = pd.NA
        notes.append(
            f"Published splits are not used, because {listed(untested)} has no test split."
        )
    table, again, dropped = without_duplicates(build_table(images))
    if table.empty:
        raise DatasetError(f"No image of {name} can be used. {' '.join(dropped)}")
    classes = tuple(sorted(set(table["label"])))
    similar = _notes_on_similar_names(members, table)
    notes += [*dropped, *(similar or assembly.notes_on_classes(table, classes))]
    return Dataset(
        name,
        root,
        LAYOUT,
        table,
        classes,
        synthetic=any(dataset.synthetic for _, dataset in members),
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


def _link(root: Path, name: str, member: Member) -> Path:
    link = root / folder_of(member.name)
    if not link.is_dir():
        raise DatasetError(
            f"{member.name}, a member of the merged dataset {name!r}, is missing: {member.path}. "
            "Connect its disk, or forget the dataset and merge again."
        )
    return link


def _within(member: Member, table: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """A member's table, or its doubles, as rows of the merged dataset."""
    unwanted = [label for label, name in member.labels.items() if name is None]
    omitted = table["label"].isin(unwanted).to_numpy(bool)
    if omitted.any():
        many = count(int(omitted.sum()), "image")
        notes.append(
            f"{member.name}: {many} left out, as asked, with the label {listed(unwanted)}."
        )
    table = table[~omitted].copy()
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


def _class_notes(members: Sequence[tuple[Member, Dataset]]) -> list[str]:
    """Sentences about the classes: the labels of which members they hold, and how many images."""
    into: dict[str, list[str]] = defaultdict(list)
    for member, dataset in members:
        for label, number in dataset.counts().items():
            name = member.labels.get(str(label), str(label))
            if name is not None:
                into[name].append(f"{member.name} {label} ({number:,})")
    notes = [
        f"Class {name}: {', '.join(parts)}." for name, parts in sorted(into.items()) if parts[1:]
    ]
    if single := [f"{name}: {parts[0]}" for name, parts in sorted(into.items()) if not parts[1:]]:
        notes.append(f"Classes of a single member, {'; '.join(single)}.")
    return notes


def _notes_on_similar_names(
    members: Sequence[tuple[Member, Dataset]], table: pd.DataFrame
) -> list[str]:
    """Sentences about classes whose names differ only in capitals, blanks and hyphens."""
    sizes = table["label"].value_counts()
    groups: dict[str, list[str]] = defaultdict(list)
    for label in sizes.index:
        groups[plain(label)].append(label)
    notes = []
    for names in groups.values():
        if len(names) < 2:
            continue
        largest = names[0]  # value_counts has the largest first
        arguments = [
            f'--map "{member.name}:{label}={largest}"'
            for member, dataset in members
            for label in dataset.classes
            if member.labels.get(label, label) in names[1:]
        ]
        notes.append(
            f"The classes {' and '.join(map(repr, sorted(names)))} have nearly the same name. If "
            f"they are the same, forget this dataset and merge again with {' '.join(arguments)}."
        )
    return notes
