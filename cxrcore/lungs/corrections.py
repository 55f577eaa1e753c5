"""What people decided about the lung masks of single films, in place of an estimate.

    lungs/corrected/films.json       image_id -> name of a mask below, or null: leave the film out
    lungs/corrected/<digest>.png     a mask, white inside the lungs, named by its content

Corrections belong to the content of a film. They never change a dataset's own masks.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from cxrcore import files, images, parallel, settings
from cxrcore.datasets import masks
from cxrcore.errors import ImageError, StoreError
from cxrcore.lungs import segmentation
from cxrcore.lungs.segmentation import Segmentation

_LONGEST = 1024  # pixels of a stored mask
LEFT_OUT = "People decided to leave this film out."
CHOSEN = "Its lungs are as people corrected them."
WHOLE = "People decided that the whole film counts as lungs."


def correct(decided: Mapping[str, np.ndarray | None]) -> None:
    """Keep masks that people made for films, instead of estimates.

    Args:
        decided: image_id -> (H, W) bool of the film's proportions, all True to use the whole
            film; None to leave the film out.

    Raises:
        ImageError: a mask is empty or no (H, W) bool array.
        StoreError: the disk is full or the data folder cannot be written.
    """
    names = {image_id: _kept(mask) for image_id, mask in decided.items()}
    _change(lambda known: known | names)


def restore(image_ids: Iterable[str]) -> None:
    """Forget what people decided about these films: their estimates count again.

    Raises:
        StoreError: the data folder cannot be written.
    """
    gone = set(image_ids)
    _change(lambda known: {i: name for i, name in known.items() if i not in gone})


def known() -> dict[str, str | None]:
    """image_id -> digest of the mask that people made, or None where they leave the film out.

    Raises:
        StoreError: the file is damaged.
    """
    path = file()
    found = files.read_json(path) if path.exists() else {}
    if not isinstance(found, dict):
        raise StoreError(f"{path} is damaged. Delete it, and correct the masks again.")
    return found


def find(gray: np.ndarray, image_id: str) -> Segmentation:
    """The lungs of a film as people corrected them, or else as the network finds them.

    Args:
        gray: (H, W) uint8.
        image_id: of the film's content, see `datasets.table.COLUMNS`.

    Raises:
        StoreError: the file of corrections is damaged.
        ImageError, WeightsError: the corrected mask cannot be read; as `segmentation.segment`.
    """
    decided = known()
    if image_id not in decided:
        return segmentation.segment(gray)
    name = decided[image_id]
    if name is None:
        return Segmentation(np.zeros_like(gray), np.nan, LEFT_OUT, corrected=True)
    mask = masks.read(_folder() / f"{name}.png", gray.shape)
    note = WHOLE if mask.all() else CHOSEN
    return Segmentation(mask.astype(np.uint8), np.nan, None, (note,), corrected=True)


def applied(table: pd.DataFrame) -> pd.DataFrame:
    """A table of estimates with the corrections: `file`, `reason` and `corrected` of each film."""
    decided = known()
    table = table.assign(corrected=table["image_id"].isin(list(decided)))
    for row in table.index[table["corrected"]]:
        name = decided[table.at[row, "image_id"]]
        table.loc[row, ["file", "reason"]] = (
            [pd.NA, LEFT_OUT] if name is None else [str(_folder() / f"{name}.png"), pd.NA]
        )
        table.loc[row, ["confidence", "right", "left", "dice"]] = np.nan
        table.loc[row, "notes"] = pd.NA
    return table


def file() -> Path:
    """Where the decisions are."""
    return _folder() / "films.json"


def _folder() -> Path:
    return settings.data_dir() / "lungs" / "corrected"


def _change(how: Callable[[dict[str, str | None]], dict[str, str | None]]) -> None:
    with parallel.exclusive(file().with_suffix(".lock"), lambda: None):
        files.write_json(file(), how(known()))


def _kept(mask: np.ndarray | None) -> str | None:
    """The name of a mask, which is stored."""
    if mask is None:
        return None
    if mask.ndim != 2 or mask.dtype != bool or not mask.any():
        raise ImageError(
            "A lung mask is an (height, width) array of bool with at least one pixel inside. "
            f"Received: {mask.shape} of {mask.dtype}, {np.count_nonzero(mask):,} inside. "
            "Pass None to leave the film out."
        )
    data = images.encode_png(shrunk(np.where(mask, 255, 0).astype(np.uint8)))
    name = hashlib.blake2b(data, digest_size=16).hexdigest()
    files.write_atomic(_folder() / f"{name}.png", data)
    return name


def shrunk(mask: np.ndarray) -> np.ndarray:
    """A mask as it is stored: of at most 1024 pixels a side; the network sees 192."""
    scale = min(1.0, _LONGEST / max(mask.shape))
    size = [max(1, round(side * scale)) for side in mask.shape[::-1]]
    return np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST), np.uint8)
