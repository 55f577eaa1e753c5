"""Which images of a dataset have a lung mask, and which masks cannot be used."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cxrcore.pixels import find_masked
from cxrcore.pixels.preparation import Preparation

if TYPE_CHECKING:
    from cxrcore.datasets import Dataset

WITH_MASK, WITHOUT_MASK, UNUSABLE = "with a mask", "without a mask", "can't be used"


@dataclass(frozen=True, eq=False)
class MaskStates:
    """The state of each image's mask, rows as in the dataset's table; read-only.

    `state` is (n,) of WITH_MASK, WITHOUT_MASK and UNUSABLE; `reason` (n,) why an image cannot be
    used, "" where it can. `checked` is the preparation for which every mask was read. If it is
    None, no mask was read yet, and none is known to be unusable.
    """

    state: pd.Series
    reason: pd.Series
    checked: Preparation | None


def mask_states(dataset: "Dataset") -> MaskStates:
    """The state of every mask from the dataset's table and its prepared pixels; reads no mask.

    Raises:
        StoreError: prepared pixels are damaged.
    """
    prepared = find_masked(dataset)
    reasons = prepared[1].reasons if prepared else {}
    index = dataset.table.index
    missing = dataset.table["mask"].isna().to_numpy(bool)
    known = [reasons.get(image_id, "") for image_id in dataset.table["image_id"]]
    reason = pd.Series(np.where(missing, "No mask.", known), index, dtype=object)
    state = pd.Series(np.where(reason != "", UNUSABLE, WITH_MASK), index, dtype=object)
    state[missing] = WITHOUT_MASK
    return MaskStates(state, reason, prepared[0] if prepared else None)
