"""From the lines of a table to one row a film: its findings, patient, view, split and mask."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from cxrcore.datasets import cells, film_paths, findings, mask_files, words
from cxrcore.datasets.table import PEOPLE, count, listed

if TYPE_CHECKING:
    from cxrcore.datasets.record import Record

TABLE = "\0table"  # the column with the name of a line's table, which no table can have itself
_OURS = ("patient_id", "source", "view", "modality", "split", "mask")


def of_lines(
    record: "Record", lines: pd.DataFrame, films: Sequence[str], told: str
) -> tuple[pd.DataFrame, pd.DataFrame | None, list[str]]:
    """A row a film, and the table of findings if one class a film does not say all.

    Args:
        record: which column is which.
        lines: of the tables.
        films: that are in the folder.
        told: the tables' names, for the notes.

    Returns:
        path, label and our other columns; findings or None; notes. A film whose lines tell
        several findings has them joined as its label.
    """
    notes: list[str] = []
    written = lines[record.path]
    path, moved = film_paths.matched(written, films)
    rows, unused = _columns(record, lines, path, told)
    rows["path"] = path

    def leave_out(bad: pd.Series, why: str) -> None:
        nonlocal rows
        bad = bad.reindex(rows.index, fill_value=False)
        if bad.any():
            names = listed(written[rows.index[bad]].dropna())
            many = count(int(bad.sum()), "line")
            notes.append(f"In {told}, {many} left out {why}{': ' if names else ''}{names}.")
            rows = rows[~bad]

    leave_out(written.isna(), "because no image is named")
    leave_out(path.isna(), "because there is no such image")
    if moved:
        notes.append(
            f"{count(moved, 'path')} written otherwise in {told} than in the folder; the images were "
            "found by the end of the path."
        )
    listed_films = set(rows["path"])
    if not record.labels:
        leave_out(rows["label"].isna(), "because there is no label")
    if not record.repeats:
        again = rows[["path", "label"]] if not record.labels else rows[["path"]]
        leave_out(again.duplicated(), "because the image is listed earlier")
    if unlisted := sorted(set(films) - listed_films):
        notes.append(f"{count(len(unlisted), 'image')} not listed in {told}: {listed(unlisted)}.")
    table = _findings(record, rows, lines)
    rows = rows.drop_duplicates("path").reset_index(drop=True)
    if table is not None:
        rows["label"] = findings.texts(table).reindex(rows["path"]).array
    return rows, table, [*unused, *notes]


def _findings(record: "Record", rows: pd.DataFrame, lines: pd.DataFrame) -> pd.DataFrame | None:
    """The table of findings; None if every film has one label."""
    if rows.empty:
        return None
    if record.labels:
        told = findings.of_cells(
            lines.loc[rows.index, [name for name in record.labels if name in lines]]
        )
        return findings.joined(told, rows["path"])
    parts = rows["label"].map(lambda cell: findings.split(cell, record.separator))
    single = rows.assign(label=parts).explode("label")
    if record.reader:
        who = lines.loc[single.index, record.reader]
        single = single.assign(reader=who)
        single = single.drop_duplicates(["path", "label", "reader"])
        readers = single.groupby("path")["reader"].nunique()
        shares = pd.crosstab(single["path"], single["label"]).div(readers, axis=0)
        table = (shares > 0).astype("Int8").mask((shares > 0) & (shares < 0.5), findings.UNCERTAIN)
        return table.rename_axis(None, axis=1)
    votes = pd.crosstab(single["path"], single["label"]) > 0
    if (votes.sum(axis=1) == 1).all():
        return None
    return votes.astype("Int8").rename_axis(None, axis=1)


def _columns(
    record: "Record", lines: pd.DataFrame, path: pd.Series, told: str
) -> tuple[pd.DataFrame, list[str]]:
    """Our columns of each line, values as in the image table, and notes on unknown ones."""
    rows, notes = pd.DataFrame(index=lines.index), []
    in_path = path.str.extract(record.in_path) if record.in_path else pd.DataFrame()
    people = [name for name in PEOPLE if record.columns.get(name)]
    for ours in ("label", *_OURS, *people):
        names = (record.label,) if ours == "label" else record.columns.get(ours, ())
        names = tuple(name for name in names if name in lines)
        told_by = [lines[name] for name in names]
        told_by += [in_path[ours]] if ours in in_path else []
        if ours == "split" and record.split_of_table:
            told_by.append(lines[TABLE].map(words.split_in))
        values = pd.Series(pd.NA, lines.index, dtype="string")
        for column in told_by:
            good = words.normalised(column, ours) if ours in (*words.COLUMNS, *PEOPLE) else column
            values = values.fillna(good.astype("string"))
            if len(told_by) == 1 and (bad := column.notna() & good.isna()).any():
                unknown = listed(column[bad].drop_duplicates())
                notes.append(
                    f"In {told}, {count(int(bad.sum()), 'value')} not used as {ours}: {unknown}."
                )
        meaning = dict(record.meaning.get(ours, {}))
        values = values.replace(meaning) if meaning else values
        rows[ours] = values.fillna(record.constants.get(ours, pd.NA)).astype("string")
    return rows, notes


def with_splits(
    record: "Record", rows: pd.DataFrame, root: Path, films: Sequence[str]
) -> tuple[pd.DataFrame, list[str]]:
    """The rows with the split that published lists of names tell, and notes."""
    split, notes = rows["split"], []
    for name, part in record.lists.items():
        for file in sorted({*root.glob(name), *root.glob(f"*/{name}")})[:1]:
            names = pd.Series([line[0] for line in cells.words(file)], dtype="string")
            chosen, _ = film_paths.matched(names, films)
            split = split.mask(rows["path"].isin(chosen.dropna()), part)
            if absent := int(chosen.isna().sum()):
                notes.append(f"{count(absent, 'name')} in {name} without an image in the folder.")
    return rows.assign(split=split), notes


def with_masks(
    rows: pd.DataFrame, pictures: Sequence[str], masks: Iterable[str]
) -> tuple[pd.DataFrame, list[str]]:
    """The rows with their masks: those that the table names, else those of the films' names."""
    notes = []
    named, _ = film_paths.matched(rows["mask"], pictures)
    if (lost := rows["mask"].notna() & named.isna()).any():
        examples = listed(rows.loc[lost, "mask"])
        notes.append(f"{count(int(lost.sum()), 'lung mask')} not in the folder: {examples}.")
    found = mask_files.matched(rows["path"], masks)
    mask = named.fillna(rows["path"].map(found.of).astype("string"))
    notes += found.notes() if not named.notna().any() else []
    return rows.assign(mask=mask), notes
