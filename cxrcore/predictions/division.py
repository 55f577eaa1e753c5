"""How trainings here divide a dataset, for predictions that do not say their part."""

from typing import TYPE_CHECKING

import pandas as pd

from cxrcore import duplicates, index, splits
from cxrcore.errors import DatasetError, PredictionsError
from cxrcore.progress import Report, silent
from cxrcore.splits import SplitSpec

if TYPE_CHECKING:
    from cxrcore.datasets import Dataset

TESTED = ("validation", "test")


def divide(dataset: "Dataset", *, report: Report = silent) -> pd.Series:
    """image_id -> part, as a training with the usual split has it; duplicates are searched first.

    Raises:
        PredictionsError: a class is too small to be in all three parts.
        DatasetError: a film cannot be read.
        StoreError: what is measured cannot be written.
    """
    measured = index.measure(dataset, report=report)
    groups = duplicates.find(dataset, measured, report=report).groups
    try:
        return splits.assign(dataset.table, SplitSpec(), groups).assignment
    except DatasetError as error:
        raise PredictionsError(
            f"{dataset.name} cannot be divided as for a training: {error} If the model was tested on films "
            "of its own choice, say so (--own-films)."
        ) from error


def template(dataset: "Dataset", division: pd.Series) -> pd.DataFrame:
    """A table to fill in: image_id, path and split of the films that a model must not have seen, and an
    empty column a class.

    Args:
        dataset: whose films.
        division: as `divide`.
    """
    parts = division.reindex(dataset.table["image_id"]).to_numpy(object)
    rows = dataset.table[["image_id", "path"]].assign(split=parts)
    rows = rows[rows["split"].isin(TESTED)].reset_index(drop=True)
    return rows.assign(**dict.fromkeys(dataset.classes, ""))
