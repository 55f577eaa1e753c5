"""A dataset whose films have their own lung masks, estimated ones, or both."""

import dataclasses
import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from cxrcore.errors import DatasetError
from cxrcore.lungs import corrections, estimates, segmentation
from cxrcore.progress import Report, silent

if TYPE_CHECKING:
    from cxrcore.datasets import Dataset

GIVEN, COMPLETED, ESTIMATED = "given", "completed", "estimated"  # regions.MASK_NAMES


def source_of(dataset: "Dataset", wanted: str) -> str:
    """Where the masks of a dataset come from, of `regions.MASK_NAMES`, told in one way only.

    A dataset without any mask has estimated ones; one whose films all have one needs no
    completion.
    """
    missing = dataset.table["mask"].isna()
    if wanted == ESTIMATED or missing.all():
        return ESTIMATED
    return COMPLETED if wanted == COMPLETED and missing.any() else GIVEN


def masked(dataset: "Dataset", wanted: str, *, report: Report | None = None) -> "Dataset":
    """The dataset with the masks that are wanted; a film whose mask was refused has none.

    Args:
        dataset: as loaded.
        wanted: of `regions.MASK_NAMES`; see `source_of`.
        report: lungs are looked for where that was not done yet, with this progress. None only
            reads.

    Raises:
        DatasetError: lungs were not looked for yet, and `report` is None.
        StoreError, WeightsError: as `estimates.estimate`.
    """
    source = source_of(dataset, wanted)
    if source == GIVEN:
        return dataset
    found = estimates.load(dataset)
    if found is None and report is None:
        raise DatasetError(
            f"The lungs of {dataset.name} were not looked for yet. Do it first: "
            f"python -m cxrcore masks estimate {dataset.name}"
        )
    if found is None:
        found = estimates.estimate(dataset, report=report or silent)
    mask = found.table["file"].set_axis(dataset.table.index)
    if source == COMPLETED:
        mask = dataset.table["mask"].fillna(mask)
    return dataclasses.replace(dataset, table=dataset.table.assign(mask=mask))


def refusals(dataset: "Dataset", wanted: str) -> dict[str, str]:
    """image_id -> why a film has no estimated mask; nothing where the dataset's own are wanted.

    Args:
        dataset: as loaded.
        wanted: as for `masked`, which has been called.
    """
    found = None if source_of(dataset, wanted) == GIVEN else estimates.load(dataset)
    if found is None:
        return {}
    return dict(zip(found.refused["image_id"], found.refused["reason"], strict=True))


def identity(dataset: "Dataset", source: str) -> str:
    """What decides estimated masks: the network, and what people corrected; "" for given ones.

    Args:
        dataset: whose films.
        source: as `source_of` returns it.

    Raises:
        StoreError: the file of corrections is damaged.
    """
    return "" if source == GIVEN else identity_of(dataset.table["image_id"])


def identity_of(image_ids: Iterable[str]) -> str:
    """What decides the estimated masks of some films, as `identity`.

    Raises:
        StoreError: the file of corrections is damaged.
    """
    decided = corrections.known()
    lines = [f"{i} {decided[i]}" for i in sorted(decided.keys() & set(image_ids))]
    if not lines:
        return segmentation.DIGEST
    digest = hashlib.blake2b("\n".join(lines).encode(), digest_size=8).hexdigest()
    return f"{segmentation.DIGEST}+{digest}"
