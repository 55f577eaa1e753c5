"""How much of a run's maps lies inside the lungs, over all films that were mapped."""

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pandas as pd

from cxrcore import lungs
from cxrcore.datasets import masks
from cxrcore.errors import ExplainError, ImageError
from cxrcore.progress import Report, silent
from cxrcore.statistics import resampling
from cxrcore.store import lung_shares, maps
from cxrcore.store.lung_shares import KeptShare

if TYPE_CHECKING:
    from cxrcore.datasets import Dataset
    from cxrcore.store import Run

_SIDE = 256  # pixels of a mask along its longer side; kept maps have 64
_DRAWS = 1000  # of the bootstrap


@dataclass(frozen=True, eq=False)
class LungShare:
    """The share of a run's maps inside the lungs.

    Attributes:
        films: image_id, `share` of the film's map inside its lungs, and `area`, the share of what
            the model saw that is lung: what a map would have that is the same everywhere. 0..1.
        mean: of `share`, each film counting the same; `low` and `high` are its 95 % interval, NaN
            where the films show no spread.
        without: mapped films that are left out: no mask, or an empty map.
        masks: what decided the estimated masks of the mapped films, of `lungs.identity`.
    """

    films: pd.DataFrame
    mean: float
    low: float
    high: float
    without: int
    masks: str

    @property
    def kept(self) -> KeptShare:
        """What is kept of it, with a sentence for people."""
        spread = self.low >= 0
        return KeptShare(
            mean=self.mean,
            low=self.low if spread else None,
            high=self.high if spread else None,
            area=float(self.films["area"].mean()),
            films=len(self.films),
            without=self.without,
            masks=self.masks,
        )


def lung_share(
    run: "Run",
    dataset: "Dataset",
    method: str = "grad-cam",
    *,
    split: str = "test",
    layer: str | None = None,
    report: Report = silent,
) -> LungShare | None:
    """The share of the kept maps of a run inside the lungs; None where no maps are kept.

    The dataset's own masks count, and estimated ones where a film has none. That of the Grad-CAMs of
    the test films is kept: it is a metric of the run.

    Args:
        run: whose maps were kept by `work.submit_explanations`.
        dataset: of the films.
        method, split, layer: of the maps.
        report: lungs are looked for on mapped films where that was not done, with this progress.

    Raises:
        ExplainError: no mapped film has both a mask and a map that is not empty.
        DatasetError, StoreError, WeightsError: as `lungs.estimate`.
    """
    kept = maps.load(run, method, split=split, layer=layer)
    if kept is None:
        return None
    mapped = dataset.table["image_id"].isin(kept.image_ids)
    dataset = dataclasses.replace(dataset, table=dataset.table[mapped])
    masks_of = lungs.identity(dataset, lungs.source_of(dataset, lungs.COMPLETED))
    table = lungs.masked(dataset, lungs.COMPLETED, report=report).table.set_index("image_id")
    rows = []
    for number, image_id in enumerate(kept.image_ids):
        if image_id not in table.index or pd.isna(table.at[image_id, "mask"]):
            continue
        mask = _read(dataset, table.loc[image_id])
        if mask is None or not mask.any():
            continue
        x, y, width, height = 0, 0, mask.shape[1], mask.shape[0]
        if run.recipe.region == "lungs-crop":
            x, y, width, height = cv2.boundingRect(mask)
        box = x, y, width, height
        share = lungs.inside(kept.map(number), mask, box)
        area = lungs.inside(np.ones(kept.shares.shape[1:], np.float32), mask, box)
        rows.append({"image_id": str(image_id), "share": share, "area": area})
    films = pd.DataFrame(rows, columns=["image_id", "share", "area"]).dropna(ignore_index=True)
    if films.empty:
        raise ExplainError(
            f"None of the {len(kept):,} mapped films of {run.run_id} has both a lung mask and a map "
            "that is not empty. Look at the masks of the dataset, or choose another method."
        )
    low, high = _interval(films, table["patient_id"])
    mean = float(films["share"].mean())
    found = LungShare(films, mean, low, high, len(kept) - len(films), masks_of)
    if (method, split, layer) == (lung_shares.METHOD, "test", None):
        ids = tuple(map(str, kept.image_ids))
        lung_shares.keep(run, found.kept.model_copy(update={"image_ids": ids}))
    return found


def _read(dataset: "Dataset", row: pd.Series) -> np.ndarray | None:
    """(h, w) uint8 mask at the film's proportions; None if it cannot be used."""
    if pd.isna(row["height"]):
        return None
    scale = _SIDE / max(row["height"], row["width"])
    shape = max(1, round(row["height"] * scale)), max(1, round(row["width"] * scale))
    try:
        return masks.read(dataset.root / row["mask"], shape).astype(np.uint8)
    except ImageError:
        return None


def _interval(films: pd.DataFrame, patients: pd.Series) -> tuple[float, float]:
    """Of the mean share, by a bootstrap of patients; a film without one stands for itself."""
    patient = patients.reindex(films["image_id"]).reset_index(drop=True)
    groups = patient.fillna(films["image_id"]).to_numpy(object)
    share = films["share"].to_numpy()
    drawn = resampling.weights(len(films), _DRAWS, 0, groups)
    means = np.concatenate([(few @ share) / few.sum(axis=1) for few in drawn])
    units = len(set(groups))
    if units < 2:
        return float("nan"), float("nan")
    return resampling.interval(float(share.mean()), means, units)
