"""What lies in a folder before it is added: its tables, their columns with examples."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from cxrcore.datasets import cells, csv_table, scan
from cxrcore.errors import DatasetError

PERHAPS = "label?"  # the role of a column that looks like classes, but is not called so
_MOST_TABLES, _SAMPLES, _MOST_CLASSES = 8, 3, 30


@dataclass(frozen=True)
class Column:
    """A column of a table, with its first three different values."""

    name: str
    samples: tuple[str, ...]
    distinct: int
    filled: int  # lines
    role: str  # what it would be used as, "" if nothing


@dataclass(frozen=True)
class Table:
    """A table beside the images, or why it cannot be read."""

    file: str  # relative to the folder, with /
    lines: int
    columns: tuple[Column, ...]
    problem: str = ""


def tables(path: str | Path) -> list[Table]:
    """The tables in a folder, or in the only folder in it; or the one table that `path` is.

    None if there is no such folder. Lists such as `train_list.txt` are not shown.
    """
    try:
        path = Path(path).expanduser()
        if path.is_file():
            return [_table(path.parent, path)] if cells.is_table(path.name) else []
        for base in scan.wrappers(path):
            names = sorted(file.name for file in base.iterdir() if cells.is_table(file.name))
            if names:
                return [_table(path, base / name) for name in names[:_MOST_TABLES]]
    except (OSError, RuntimeError, ValueError):  # closed , too long a name, NUL
        pass
    return []


def _table(root: Path, file: Path) -> Table:
    name = file.relative_to(root).as_posix()
    try:
        table = cells.read(file)
    except DatasetError as error:
        return Table(name, 0, (), str(error))
    found, labels, _ = csv_table.told_columns(root, table, {})
    roles = {theirs: ours for ours, theirs in found.items()} | dict.fromkeys(labels, "label")
    if "label" not in roles.values():
        roles |= dict.fromkeys(_like_classes(table.drop(columns=list(roles))), PERHAPS)
    columns = []
    for column in map(str, table.columns):
        values = table[column].dropna()
        distinct = values.drop_duplicates()
        samples = tuple(value[:80] for value in distinct[:_SAMPLES])
        columns.append(Column(column, samples, len(distinct), len(values), roles.get(column, "")))
    return Table(name, len(table), tuple(columns))


def _like_classes(table: pd.DataFrame) -> list[str]:
    """The column of few different values that many lines share, if there is only one."""
    few = {name: table[name].nunique() for name in table.columns}
    most = min(_MOST_CLASSES, len(table) // 3)
    names = [str(name) for name, number in few.items() if 2 <= number <= most]
    return names if len(names) == 1 else []
