"""Training, validation and test, and what leaks from one into another.

`assign` keeps a patient and a group of duplicates in one part. `leaks.find` counts the test
images that are known from training nevertheless (a published split is not changed),
`leaks.would_leak` those of an ordinary split, `overlap` those of another dataset.
"""

from cxrcore.splits.assignment import (
    FEWEST_FOLDS,
    LEFT_OUT,
    MOST_FOLDS,
    PARTS,
    Split,
    SplitSpec,
    assign,
    from_source,
)
from cxrcore.splits.leaks import Leak, Leaks

__all__ = [
    "FEWEST_FOLDS",
    "LEFT_OUT",
    "MOST_FOLDS",
    "PARTS",
    "Leak",
    "Leaks",
    "Split",
    "SplitSpec",
    "assign",
    "from_source",
]
