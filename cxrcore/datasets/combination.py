"""Making one dataset of several without copying an image; `merged` reads the result."""

import contextlib
import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cxrcore import settings
from cxrcore.datasets import loader, merged, registry
from cxrcore.datasets.table import Dataset, listed
from cxrcore.errors import DatasetError
from cxrcore.files import cannot_write, write_json
from cxrcore.progress import Report, silent

Labels = Mapping[str, str | None]  # label -> class; None leaves its images out


def merge(
    name: str,
    members: Sequence[str],
    labels: Mapping[str, Labels] | None = None,
    *,
    report: Report = silent,
) -> Dataset:
    """Make one dataset of several and register it as `name`.

    Args:
        name: of the new dataset; not registered yet.
        members: registered names or folders, two or more.
        labels: by member, the class of its labels, or None to leave them out.
        report: receives how many files are read.

    Raises:
        DatasetError: a name is not allowed or taken, there is no such member or label, or
            a dataset would be merged with itself.
        StoreError: the folder cannot be written.
    """
    registry.check_name(name)
    if entry := registry.find(name):
        raise DatasetError(
            f"The name {name!r} already stands for {entry.path}. Choose another name, or remove "
            f"that entry first: python -m cxrcore data forget {name}"
        )
    root = settings.data_dir() / merged.LAYOUT / name
    loaded = [loader.load(member, report=report) for member in members]
    _check_members(root, loaded)
    wanted = _checked_labels(loaded, labels or {})
    try:
        shutil.rmtree(root, ignore_errors=True)  # links of a forgotten dataset
        root.mkdir(parents=True)  # links and no copies: docs/decisions/0016
        for member in loaded:
            (root / merged.folder_of(member.name)).symlink_to(member.root, target_is_directory=True)
    except OSError as error:
        raise cannot_write(root, error) from error
    about = [
        {
            "name": member.name,
            "path": str(member.root),
            "layout": member.layout,
            "options": dict(member.options),
            "labels": wanted.get(member.name, {}),
        }
        for member in loaded
    ]
    write_json(root / merged.ABOUT, {"members": about})
    with contextlib.ExitStack() as undo:
        undo.callback(shutil.rmtree, root, ignore_errors=True)
        dataset = loader.register(name, root, merged.LAYOUT, report=report)
        undo.pop_all()
    return dataset


def parse_map(texts: Iterable[str]) -> dict[str, dict[str, str | None]]:
    """Labels by member from words like MEMBER:LABEL=CLASS; an empty class leaves the label out.

    >>> parse_map(["a:Covid-19=COVID-19", "a:CT="])
    {'a': {'Covid-19': 'COVID-19', 'CT': None}}

    Raises:
        DatasetError: a word is not of that form.
    """
    mapping: dict[str, dict[str, str | None]] = defaultdict(dict)
    for word in texts:
        member, colon, pair = word.partition(":")
        label, equals, name = pair.rpartition("=")
        if not (member.strip() and colon and label.strip() and equals):
            raise DatasetError(
                f"Labels are mapped by MEMBER:LABEL=CLASS, or MEMBER:LABEL= to leave them out. "
                f"Received: {word!r}."
            )
        mapping[member.strip()][label.strip()] = name.strip() or None
    return dict(mapping)


def _check_members(root: Path, loaded: Sequence[Dataset]) -> None:
    """Refuse fewer than two members, the same one twice, and circles."""
    if len(loaded) < 2:
        raise DatasetError("Merging needs two datasets or more. Name them after the new name.")
    places: dict[Any, str] = {}
    for member in loaded:
        for place in (member.root, merged.folder_of(member.name)):
            if place in places:
                raise DatasetError(
                    f"{places[place]} and {member.name} are the same folder or have the same name, "
                    f"{place}. A dataset cannot be merged with itself."
                )
            places[place] = member.name
        if root in _roots(member.root):
            raise DatasetError(
                f"{member.name} contains the new dataset {root.name}. Choose another name."
            )


def _roots(root: Path) -> set[Path]:
    """The folder, and if it is a merged dataset those of its members at any depth."""
    found = {root}
    if merged.detect(root):
        for member in merged.members_of(root):
            found |= _roots(member.path)
    return found


def _checked_labels(
    loaded: Sequence[Dataset], labels: Mapping[str, Labels]
) -> dict[str, dict[str, str | None]]:
    known = {dataset.name: dataset for dataset in loaded}
    for member, mapping in labels.items():
        if member not in known:
            raise DatasetError(f"{member!r} is not one of the members, {', '.join(known)}.")
        if unknown := sorted(set(mapping) - set(known[member].classes)):
            raise DatasetError(
                f"No image of {member} has the label {listed(map(repr, unknown))}. Its labels are "
                f"{listed(known[member].classes, 20)}."
            )
    return {member: dict(mapping) for member, mapping in labels.items()}
