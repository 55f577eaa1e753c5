"""A collection that is a table and a folder, as one record: files, columns, labels, patients.

The record says what is where; `read` does the rest for all of them, and for tables that a user
describes (`csv_table`). The records of public collections are in `public`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd
from pydantic import Field

from cxrcore.datasets import (
    assembly,
    cells,
    film_rows,
    mask_files,
    scan,
    selection,
    words,
)
from cxrcore.datasets.table import Dataset, listed
from cxrcore.errors import DatasetError
from cxrcore.progress import Report, silent

_MOST_FOLDERS, _MOST_NAMES = 60, 50  # that `detect` looks at


class Options(selection.LabelOptions):
    """What may be chosen of a collection's own tables."""

    file: str = Field("", description="the tables to use, such as train.csv,valid.csv")
    label: str = Field("", description="the column of the classes, if not the usual one")


@dataclass(frozen=True, kw_only=True)
class Record:
    """Where a collection's films, labels and patients are. Columns are those of its tables."""

    name: str  # of the layout
    source: str  # the paper or page that describes it
    tables: tuple[str, ...] = ()  # patterns of files; the lines of all that match are put together
    needs: frozenset[str] = frozenset()  # columns by which a table is recognised
    header: tuple[str, ...] = ()  # of lists without a line of names, separated by blanks
    joins: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # pattern -> key columns
    lists: Mapping[str, str] = field(default_factory=dict)  # file of names -> split
    path: str = "path"  # the column of the films' files
    label: str = ""  # the column of the class
    labels: tuple[str, ...] = ()  # or a column a finding: 1, 0, -1 (uncertain) or empty
    separator: str = ""  # between several findings in one cell
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # ours -> first that tells
    meaning: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # ours -> cell -> value
    constants: Mapping[str, str] = field(default_factory=dict)  # ours -> value of every film
    in_path: str = ""  # an expression whose groups are ours, searched in the films' paths
    split_of_table: bool = False  # the table's name tells the split
    reader: str = ""  # the column of readers: what fewer than half of them name is uncertain
    repeats: bool = False  # a film has several lines, such as one a box

    Options = Options

    def detect(self, root: Path) -> bool:
        """Whether the folder, or the only one in it, has these tables, or such film names."""
        if self.tables:
            return self._base(root) is not None
        expression = re.compile(self.in_path)
        waiting, seen = [root], 0
        while waiting and seen < _MOST_FOLDERS:
            seen += 1
            folder = waiting.pop(0)
            if any(expression.search(file.name) for file in scan.some_files(folder, _MOST_NAMES)):
                return True
            waiting += scan.subfolders(folder)
        return False

    def read(
        self,
        root: Path,
        name: str,
        report: Report = silent,
        *,
        file: str = "",
        label: str = "",
        notes: tuple[str, ...] = (),
    ) -> Dataset:
        """The dataset; `findings` are set where films have several or uncertain ones.

        `file` and `label` see `Options`; `notes` come first.

        Raises:
            DatasetError: a table is missing or cannot be read, lacks a column, or names no film.
            StoreError: the cache of file hashes cannot be written.
        """
        root = root.resolve()
        record = replace(self, label=label, labels=(), separator="", meaning={}) if label else self
        if file:
            names = (
                [file] if (root / file).is_file() else [part.strip() for part in file.split(",")]
            )
            record = replace(record, tables=tuple(names))
        found = scan.find(root)
        present = {entry.path: entry for entry in found.files}
        pictures = scan.pictures(root, found)
        masks = {path for path in pictures if mask_files.is_mask(path)}
        masks |= mask_files.beside(set(pictures) - masks)
        films = [path for path in pictures if path not in masks]
        lines, said, told = record._lines(root, films)
        rows, table, more = film_rows.of_lines(record, lines, films, told)
        said = [*notes, *said, *more]
        if rows.empty:
            raise DatasetError(
                f"{root}: {told} names no labelled image that is in the folder. {' '.join(said)} "
                "Paths are compared from their ends; the column of paths can be named: --option "
                "path=COLUMN, and that of the classes: --option label=COLUMN."
            )
        rows, more = film_rows.with_splits(record, rows, root, films)
        said += more
        rows, more = film_rows.with_masks(rows, pictures, masks)
        measured = scan.measure(root, [present[path] for path in rows["path"]], report)
        dataset = assembly.assemble(name, root, self.name, rows, measured, [*said, *more])
        return replace(dataset, findings=table)

    def _base(self, root: Path) -> Path | None:
        """The folder with the tables: the root, or the only folder in it."""
        return next((base for base in scan.wrappers(root) if self._tables_in(base)), None)

    def _tables_in(self, base: Path) -> list[Path]:
        """The files that match, and look like this collection's."""
        paths = {path for pattern in self.tables for path in _files(base, pattern)}
        inside = base.resolve()
        return [
            path
            for path in sorted(paths)
            if path.resolve().is_relative_to(inside) and self._looks_right(path)
        ]

    def _looks_right(self, path: Path) -> bool:
        try:
            if self.header:
                first = cells.words(path, 1)
                return bool(first) and len(first[0]) >= 3 and scan.is_image(first[0][1])
            return self.needs <= set(cells.header(path))
        except DatasetError:
            return False

    def _lines(self, root: Path, films: Sequence[str]) -> tuple[pd.DataFrame, list[str], str]:
        """The tables' lines with `path`, and `file` for the split; notes; the tables' names."""
        if not self.tables:
            return pd.DataFrame({self.path: films}, dtype="string"), [], "the folder"
        base = self._base(root)
        if base is None:
            raise DatasetError(
                f"{root} has no table {' or '.join(self.tables)} as {self.name!r} needs"
                + (f", with the columns {', '.join(sorted(self.needs))}. " if self.needs else ". ")
                + "Copy it there, or choose another layout."
            )
        paths = self._tables_in(base)
        if self.header and len({words.split_in(path.name) for path in paths}) < len(paths):
            raise DatasetError(
                f"{base} has several lists: {listed((path.name for path in paths), 8)}. Name those "
                "of one version: --option file=TRAIN.txt,TEST.txt"
            )
        parts, notes = [], []
        for path in paths:
            part = cells.read(path, self.header)
            parts.append(part.assign(**{film_rows.TABLE: path.name}))
            if (written := cells.encoding(path)) not in ("utf-8-sig", ""):
                notes.append(f"{path.name} is read as {written}.")
        lines = pd.concat(parts, ignore_index=True)
        for pattern, keys in self.joins.items():
            for path in sorted(base.glob(pattern))[:1]:
                more = cells.read(path).drop_duplicates(list(keys))
                new = [column for column in more.columns if column not in lines or column in keys]
                lines = lines.merge(more[new], on=list(keys), how="left")
        wanted = [name for name in (self.path, self.label) if name and name not in lines]
        if wanted or (self.labels and not set(self.labels) & set(lines.columns)):
            raise DatasetError(
                f"{paths[0]} has no column {listed(map(repr, wanted or self.labels))}; it has the "
                f"columns {listed(cells.header(paths[0]), 20)}."
            )
        names = " and ".join(path.name for path in paths)
        return lines, notes, names


def _files(base: Path, pattern: str) -> list[Path]:
    """The file of that name, or those that match the pattern."""
    if (base / pattern).is_file():
        return [base / pattern]
    return [] if pattern.startswith("/") else [p for p in base.glob(pattern) if p.is_file()]
