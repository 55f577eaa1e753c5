"""Images that a table tells of, in layouts that come with one: measured, each content once."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from cxrcore.datasets import folders, scan
from cxrcore.datasets.table import build_table, without_duplicates
from cxrcore.errors import DatasetError
from cxrcore.progress import Report


def measured(
    root: Path, rows: pd.DataFrame, files: Sequence[scan.File], report: Report
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """The image table of what was told, what it leaves out (DOUBLES), and notes on that.

    Args:
        root: of the dataset.
        told: some columns of the image table, among them path; one row an image.
        files: of the rows, in their order.
        report: told how many files are read.

    Raises:
        DatasetError: none of the images can be opened or used.
        StoreError: the cache of file hashes cannot be written.
    """
    found = scan.measure(root, list(files), report)
    rows = rows.assign(**{name: found[name].array for name in ("image_id", "width", "height")})
    if rows["image_id"].isna().all():
        raise DatasetError(f"None of the images in {root} can be opened. Check the permissions.")
    table, doubles, dropped = without_duplicates(build_table(rows[rows["image_id"].notna()]))
    if table.empty:
        raise DatasetError(f"No image of {root} can be used. {' '.join(dropped)}")
    return table, doubles, [*folders.notes_on_damage(found, table), *dropped]
