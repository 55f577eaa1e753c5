"""How many test images leak, for different ways to divide the same images."""

from dataclasses import dataclass

import pandas as pd

from cxrcore.splits import leaks
from cxrcore.splits.assignment import SplitSpec, assign
from cxrcore.splits.leaks import Leaks


@dataclass(frozen=True)
class SplitComparison:
    """The leaks of three ways to divide a dataset, all with the default shares and seed.

    `by_image` divides at random by image. `published` is the published split, None if it has no
    test part. `by_patient` keeps patients and duplicates together.
    """

    by_image: Leaks
    published: Leaks | None
    by_patient: Leaks

    @property
    def default(self) -> Leaks:
        """Those of the split that trainings use by default."""
        return self.published or self.by_patient


def compare(table: pd.DataFrame, groups: pd.Series | None) -> SplitComparison:
    """Divide the images in each way and count the leaks.

    Args:
        table: of a dataset.
        groups: `Duplicates.groups`.

    Raises:
        DatasetError: the images cannot be divided.
    """
    default_spec = SplitSpec()
    by_image = leaks.would_leak(table, default_spec, groups)
    published = None
    if default_spec.keeps_published(table):
        published = leaks.find(table, assign(table, default_spec, groups).assignment, groups)
    anew = assign(table, default_spec.model_copy(update={"published": False}), groups)
    return SplitComparison(by_image, published, leaks.find(table, anew.assignment, groups))
