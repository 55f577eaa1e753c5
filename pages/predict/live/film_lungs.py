"""The lungs of the film that is shown: those of its mask, or as they are estimated."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import streamlit as st

from cxrcore import files, lungs
from cxrcore.datasets import masks
from cxrcore.films import Film
from cxrcore.lungs import Segmentation, corrections

_SIDE = 512  # pixels of the mask with which maps are compared
_LEAST = 1e-3  # of the film's area: smaller pieces are not outlined
_SMOOTH = 0.003  # of a lung's perimeter: how far its drawn outline may lie from the mask's


@dataclass(frozen=True, eq=False)
class Lungs:
    """The lungs of a film.

    Attributes:
        mask: (H, W) bool; None where there are none.
        found: as the network in the package found them or people corrected them; None where the
            mask came with the film.
    """

    mask: np.ndarray | None
    found: Segmentation | None = None

    @property
    def how(self) -> str:
        """Where they come from."""
        if self.found is None:
            return "as drawn"
        return "as corrected" if self.found.corrected else "as estimated"

    @property
    def words(self) -> str:
        """What a reader should know: why there are none, or what was done first."""
        if self.found is None:
            return ""
        notes = (note for note in self.found.notes if note != corrections.CHOSEN)  # `how` says it
        return self.found.reason or " ".join(notes)

    @property
    def share(self) -> float:
        """Of the film's area, 0..1; 0 where they were not found."""
        return 0.0 if self.mask is None else float(self.mask.mean())

    def inside(self, heat: np.ndarray, box: tuple[int, int, int, int]) -> float | None:
        """The share of a map inside the lungs, 0..1; None where they were not found.

        Args:
            heat: (h, w) >= 0.
            box: x, y, width, height of the part of the film that it covers.
        """
        small = self._small
        if self.mask is None or small is None:
            return None
        height, width = small.shape
        across, down = width / self.mask.shape[1], height / self.mask.shape[0]
        left, top = int(box[0] * across), int(box[1] * down)
        right = min(width, max(left + 1, round((box[0] + box[2]) * across)))
        bottom = min(height, max(top + 1, round((box[1] + box[3]) * down)))
        return lungs.inside(heat, small, (left, top, right - left, bottom - top))

    @cached_property
    def _small(self) -> np.ndarray | None:
        """The mask, at most _SIDE pixels: many maps are compared with it at every rerun."""
        if self.mask is None:
            return None
        scale = min(1.0, _SIDE / max(self.mask.shape))
        size = [max(1, round(side * scale)) for side in self.mask.shape[::-1]]
        small = cv2.resize(self.mask.view(np.uint8), size, interpolation=cv2.INTER_NEAREST)
        return np.asarray(small > 0)


def find(film: Film, given: Path | None) -> Lungs:
    """The lungs of a film as it came.

    Raises:
        ImageError: its mask cannot be read.
        StoreError: the file of corrections is damaged.
        WeightsError: the network that finds lungs is missing or damaged.
    """
    if given is not None:
        return Lungs(masks.read(given, film.gray.shape))
    packed = _found(film, film.digest, lungs.stamp())
    bits = np.unpackbits(packed.mask, count=film.gray.size).reshape(film.gray.shape)
    found = replace(packed, mask=bits)
    return Lungs(bits.astype(bool) if found.reason is None else None, found)


@st.cache_data(max_entries=32, show_spinner=False)
def _found(_film: Film, digest: str, stamp: files.Stamp) -> Segmentation:  # noqa: ARG001  (the key)
    """Of the film, its mask with eight pixels a byte."""
    found = lungs.find(_film.gray, _film.digest)
    return replace(found, mask=np.packbits(found.mask > 0))


def outline(found: Lungs) -> Sequence[Sequence[int]]:
    """Closed lines around the lungs: x, y, x, y … in pixels of the film."""
    if found.mask is None:
        return []
    lines, _ = cv2.findContours(
        found.mask.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    least = _LEAST * found.mask.size
    return [
        cv2.approxPolyDP(line, _SMOOTH * cv2.arcLength(line, closed=True), closed=True)
        .ravel()
        .astype(int)
        .tolist()
        for line in lines
        if cv2.contourArea(line) >= least
    ]
