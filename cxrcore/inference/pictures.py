"""A film and its lungs, prepared once for all runs that want the same."""

import functools
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from cxrcore import pixels
from cxrcore.datasets import masks
from cxrcore.lungs import ESTIMATED, GIVEN, Segmentation, find
from cxrcore.regions import REGION_NAMES

# A film's lungs: a reference, (H, W) bool of a film that was changed, or as they were found on it.
Lungs = Path | np.ndarray | Segmentation | None
_ESTIMATED = (
    "This film came without a lung mask: its lungs were estimated, while the model was trained with "
    "the masks of its dataset."
)


class Prepared(NamedTuple):
    """A film as a network sees it."""

    seen: np.ndarray  # (S, S) uint8
    box: tuple[int, int, int, int]  # (x, y, width, height) of it in pixels of the film
    notes: tuple[str, ...] = ()


class Picture:
    """An image and its lungs, prepared once for all runs that want the same."""

    def __init__(self, gray: np.ndarray, mask: Lungs = None, image_id: str = "") -> None:
        self.gray, self._mask, self._image_id = gray, mask, image_id
        self._prepared: dict[pixels.Preparation, Prepared] = {}

    @functools.cached_property
    def lungs(self) -> np.ndarray | None:
        """(H, W) bool; read at the first use.

        Raises:
            ImageError: the mask cannot be used.
        """
        if isinstance(self._mask, Path):
            return masks.read(self._mask, self.gray.shape)
        return None if isinstance(self._mask, Segmentation) else self._mask

    @property
    def moved(self) -> bool:
        """Whether the mask came as pixels: of a film that was changed, moved along with it."""
        return isinstance(self._mask, np.ndarray)

    @functools.cached_property
    def estimated(self) -> Segmentation:
        """The lungs as people corrected them or the network in the package finds them.

        Looked for at the first use, unless they came with the film.
        """
        if isinstance(self._mask, Segmentation):
            return self._mask
        return find(self.gray, self._image_id)

    def prepared(self, preparation: pixels.Preparation) -> Prepared:
        """It as a network sees it."""
        if preparation not in self._prepared:
            self._prepared[preparation] = _prepare(self, preparation)
        return self._prepared[preparation]


def _prepare(picture: Picture, preparation: pixels.Preparation) -> Prepared:
    gray = picture.gray
    height, width = gray.shape
    whole = (0, 0, width, height)
    if preparation.region == "none":
        return Prepared(pixels.prepare_one(gray, None, preparation), whole)
    mask = picture.lungs
    notes: tuple[str, ...] = ()
    if mask is None or (preparation.masks == ESTIMATED and not picture.moved):
        found = picture.estimated
        notes = found.notes
        if found.reason is not None:
            note = (
                "This model was trained on films prepared with a lung mask "
                f"({REGION_NAMES[preparation.region]}), and this one has none. {found.reason} It was given the whole film, so its test results do not apply here."
            )
            seen = pixels.prepare_one(gray, None, pixels.Preparation(size=preparation.size))
            return Prepared(seen, whole, (note,))
        mask = found.mask > 0
        if preparation.masks == GIVEN and not found.corrected:
            notes += (_ESTIMATED,)
    seen = pixels.prepare_one(gray, mask, preparation)
    if preparation.region == "lungs-crop":
        x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
        return Prepared(seen, (x, y, width, height), notes)
    return Prepared(seen, whole, notes)
