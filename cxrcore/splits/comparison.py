"""What different ways to divide the same images would leak."""

from dataclasses import dataclass

import pandas as pd

from cxrcore.splits import leaks
from cxrcore.splits.assignment import SplitSpec, assign
from cxrcore.splits.leaks import Leaks


@dataclass(frozen=True)
class SplitComparison:
    """The leaks of three ways to divide a dataset, all with the usual shares and seed.

    `by_image` divides at random by image. `published` is the split that came with the dataset,
    None without one that has a test part. `by_patient` keeps patients and duplicates together.
    """

    by_image: Leaks
    published: Leaks | None
    by_patient: Leaks

    @property
    def default(self) -> Leaks:
        """That of trainings, unless they are asked for another split."""
        return self.published or self.by_patient


def compare(table: pd.DataFrame, groups: pd.Series | None) -> SplitComparison:
    """Divide the images in each way and count the leaks.

    Args:
        table: of a dataset.
        groups: the group of duplicates of an image_id, as `Duplicates.groups`.

    Raises:
        DatasetError: the images cannot be divided.
    """
    usual = SplitSpec()
    by_image = leaks.would_leak(table, usual, groups)
    published = None
    if usual.keeps_published(table):
        published = leaks.find(table, assign(table, usual, groups).assignment, groups)
    anew = assign(table, usual.model_copy(update={"published": False}), groups)
    return SplitComparison(by_image, published, leaks.find(table, anew.assignment, groups))
