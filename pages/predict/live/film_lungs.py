"""The lungs of the film that is shown: those of its mask, or as they are estimated."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import streamlit as st

from cxrcore import lungs
from cxrcore.datasets import masks
from cxrcore.films import Film

_SIDE = 512  # pixels of the mask with which maps are compared
_LEAST = 1e-3  # of the film's area: smaller pieces are not outlined
_SMOOTH = 0.003  # of a lung's perimeter: how far its drawn outline may lie from the mask's


@dataclass(frozen=True, eq=False)
class Lungs:
    """The lungs of a film.

    Attributes:
        mask: (H, W) bool; None where they were not found.
        estimated: whether the network in the package found them.
        words: what a reader should know: why there are none, or what was done first.
    """

    mask: np.ndarray | None
    estimated: bool
    words: str = ""

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
        WeightsError: the network that finds lungs is missing or damaged.
    """
    if given is not None:
        return Lungs(masks.read(given, film.gray.shape), estimated=False)
    packed, words = _estimated(film, film.digest)
    if packed is None:
        return Lungs(None, estimated=True, words=words)
    bits = np.unpackbits(packed, count=film.gray.size)
    return Lungs(bits.reshape(film.gray.shape).astype(bool), estimated=True, words=words)


@st.cache_data(max_entries=32, show_spinner=False)
def _estimated(_film: Film, digest: str) -> tuple[np.ndarray | None, str]:  # noqa: ARG001  (the key)
    """The mask, eight pixels a byte, and words."""
    found = lungs.segment(_film.gray)
    if found.reason is not None:
        return None, found.reason
    return np.packbits(found.mask > 0), " ".join(found.notes)


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
