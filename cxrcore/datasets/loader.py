"""Reading a dataset, by folder or by registered name, in whatever layout it has.

One module a layout; each says whether a folder is of its layout (`detect`) and reads it (`read`).
To add a layout, write its module and list it in LAYOUTS.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from cxrcore.datasets import (
    cells,
    cohen,
    csv_table,
    darwin,
    findings,
    folders,
    kermany,
    mendeley,
    merged,
    plausibility,
    public,
    radiography,
    registry,
    selection,
)
from cxrcore.datasets.registry import Entry
from cxrcore.datasets.table import Dataset
from cxrcore.errors import DatasetError
from cxrcore.progress import Report, silent

_COLUMNS = {"file", "path", "label"}  # options that tell that a table is meant


class Adapter(Protocol):
    """What a layout's module offers."""

    def detect(self, root: Path) -> bool:
        """Whether the folder is of this layout, from a quick look."""

    @property
    def Options(self) -> type[selection.Options]:  # noqa: N802 (a class)
        """The options of the layout."""

    @property
    def read(self) -> Callable[..., Dataset]:
        """`read(root, name, report, **own)`: the dataset in the folder, else DatasetError.

        `own` are the options that only this layout has; `merged` also gets `load`.
        """


# In the order they are tried: the most specific first; class folders fit any folder.
LAYOUTS: dict[str, Adapter] = {
    "merged": merged,
    "darwin": darwin,
    "cohen": cohen,
    **public.RECORDS,
    "radiography": radiography,
    "mendeley": mendeley,
    "kermany": kermany,
    "csv": csv_table,
    "folders": folders,
}


def load(
    path_or_name: str | Path,
    layout: str | None = None,
    options: Mapping[str, Any] | None = None,
    *,
    report: Report = silent,
) -> Dataset:
    """The dataset of a registered name, or in a folder.

    A name takes precedence over a folder of that name in the working directory; write `./name`
    for the folder. The first load reads every file once; later loads only those that changed.

    Args:
        path_or_name: a registered name, a folder, or a CSV file that names the images.
        layout: one of LAYOUTS; by default the registered or the detected one.
        options: of the layout (its `Options`); by default the registered ones.
        report: receives how many files are read.

    Raises:
        DatasetError: no such name or folder, no such layout, or no usable images in it.
    """
    entry = registry.find(path_or_name) if isinstance(path_or_name, str) else None
    if entry is not None:
        given = entry.options if options is None else options
        layout = layout or entry.layout
        return _read(entry.path, entry.name, layout, given, report, registered=True)
    root, layout, options = _place(path_or_name, layout, options)
    return _read(root, root.name, layout, options, report)


def register(
    name: str,
    path: str | Path,
    layout: str | None = None,
    options: Mapping[str, Any] | None = None,
    *,
    report: Report = silent,
) -> Dataset:
    """Load the dataset in a folder and register it under a short name.

    Raises:
        DatasetError: the name is not allowed or taken by another folder, or as for `proposed`.
    """
    registry.check_name(name)
    dataset = proposed(name, path, layout, options, report=report)
    registry.add(Entry(name, dataset.root, dataset.layout, dict(dataset.options)))
    return dataset


def proposed(
    name: str,
    path: str | Path,
    layout: str | None = None,
    options: Mapping[str, Any] | None = None,
    *,
    report: Report = silent,
) -> Dataset:
    """The dataset as `register` would register it.

    Raises:
        DatasetError: as for `load`; or a layout was not named and the class folders look like
            something else, or a table lies beside them that is not used.
    """
    root, given, options = _place(path, layout, options)
    dataset = _read(root, name, given, options, report)
    asked = not {"classes", "constant_label"} & set(dataset.options)
    if given is None and dataset.layout == folders.LAYOUT and asked:
        for doubt in plausibility.doubts(dataset):
            raise DatasetError(doubt)
    return dataset


def _place(
    text: str | Path, layout: str | None, options: Mapping[str, Any] | None
) -> tuple[Path, str | None, Mapping[str, Any] | None]:
    """The absolute folder, the layout and its options; a CSV file stands for its folder."""
    try:
        root = Path(text).expanduser().resolve()
        exists = root.exists()
    except (OSError, RuntimeError, ValueError):  # too long, links in a circle, no such user, NUL
        exists = False
    if not exists:
        raise DatasetError(
            f"There is no folder and no registered dataset {str(text)[:200]!r}; "
            f"{registry.known_names()}. Give a folder, or register one with `data add NAME PATH`."
        )
    if cells.is_table(root.name) and root.is_file() and layout in (None, csv_table.LAYOUT):
        return root.parent, csv_table.LAYOUT, {"file": root.name, **(options or {})}
    return root, layout, options


def _read(
    root: Path,
    name: str,
    layout: str | None,
    given: Mapping[str, Any] | None,
    report: Report,
    *,
    registered: bool = False,
) -> Dataset:
    """The dataset; what is not registered yet is asked about instead of guessed."""
    if layout is not None and layout not in LAYOUTS:
        raise DatasetError(f"There is no layout {layout!r}. Choose one of {', '.join(LAYOUTS)}.")
    if not root.exists():
        raise DatasetError(
            f"The folder of dataset {name!r}, {root}, is missing. "
            f"If it was moved: python -m cxrcore data move {name} NEW_FOLDER (nothing is measured "
            "again). If its disk is away, connect it."
        )
    if not root.is_dir():
        raise DatasetError(f"{root} is a file. Give the folder that holds the class folders.")
    detected = layout or next(
        key
        for key, adapter in LAYOUTS.items()
        if not (registered and _is_newer(key, root)) and adapter.detect(root)
    )
    if layout is None and detected == folders.LAYOUT and _COLUMNS & set(given or ()):
        detected = csv_table.LAYOUT
    adapter = LAYOUTS[detected]
    options = selection.checked(adapter.Options, detected, given)
    own = options.own()
    if detected == merged.LAYOUT:
        own["load"] = load  # its members have layouts of their own
    if detected == csv_table.LAYOUT and registered and not options.explicit().get("several"):
        own["as_written"] = True
    dataset = adapter.read(root, name, report, **own)
    if dataset.findings is not None:
        if not registered:
            options = findings.explicit(options)
        dataset, rest = findings.chosen(dataset, options, ask=not registered)
    else:
        rest = options
    if rest.explicit():
        dataset = selection.narrowed(dataset, rest)
    return replace(dataset, options=options.explicit())


def _is_newer(layout: str, root: Path) -> bool:
    """Whether earlier versions, which registered without a layout, did not find this one there."""
    if layout == csv_table.LAYOUT:
        tables = csv_table.tables_in(root)
        return any(path.parent != root for path in tables)
    return layout in public.RECORDS
