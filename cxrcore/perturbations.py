"""Changes to a film that leave its finding as it is: does a model's answer follow them?

A model that is sure of its answer on a film, and not on the same film slightly darker, turned or
compressed, has learned more than the finding. To add a change, add a record to `PERTURBATIONS`;
pages draw its slider from it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cxrcore import images
from cxrcore.errors import ImageError

Gray = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Box = tuple[int, int, int, int]  # x, y, width, height in pixels
_LEAST_SIGMA = 0.1  # pixels; below, a blur reaches no neighbour


@dataclass(frozen=True)
class Perturbation:
    """One change of a film.

    Attributes:
        name: in addresses and records.
        title: for people.
        unit: of its strength, after the number.
        low, high, step: of its strength.
        neutral: the strength that changes nothing.
        levels: (gray, strength) -> gray, where it changes gray levels.
        matrix: (strength, width, height) -> (2, 3) affine matrix, where it moves pixels.
    """

    name: str
    title: str
    unit: str
    low: float
    high: float
    step: float
    neutral: float
    levels: Callable[[Gray, float], Gray] | None = None
    matrix: Callable[[float, int, int], NDArray[np.float64]] | None = None

    def strengths(self, count: int = 9) -> list[float]:
        """Evenly spaced strengths from `low` to `high`, and the neutral one."""
        return sorted({*np.linspace(self.low, self.high, count).tolist(), self.neutral})


def perturb(
    gray: Gray,
    strengths: Mapping[str, float],
    *,
    erased: Sequence[Box] = (),
    mask: Mask | None = None,
    region: str = "none",
) -> tuple[Gray, Mask | None]:
    """A film after some changes, and its lung mask moved along with it.

    First boxes are erased and the region applied, then pixels are moved, then gray levels are
    changed, in the order of `PERTURBATIONS`.

    Args:
        gray: (H, W) uint8.
        strengths: by name of the perturbation; those left out change nothing.
        erased: boxes to be filled from their surroundings.
        mask: (H, W) bool, the lungs.
        region: of `images.REGIONS` that keep the size: `none`, `lungs`, `lungs-erased`, `border`.

    Returns:
        (H, W) uint8 and (H, W) bool or None.

    Raises:
        ImageError: no such perturbation or region, a strength out of range, a region without a
            mask, or a box that is not on the film.
    """
    for name, strength in strengths.items():
        _require(name, strength)
    changed = gray
    for box in erased:
        changed = erase(changed, box)
    changed = images.apply_region(changed, mask, region)
    asked = [(p, strengths[p.name]) for p in PERTURBATIONS.values() if p.name in strengths]
    active = [(p, strength) for p, strength in asked if strength != p.neutral]
    if moves := [p.matrix(strength, *gray.shape[::-1]) for p, strength in active if p.matrix]:
        matrix = _product(moves)
        changed = _moved(changed, matrix, cv2.INTER_LINEAR)
        if mask is not None:
            mask = _moved(mask.astype(np.uint8), matrix, cv2.INTER_NEAREST).astype(bool)
    for perturbation, strength in active:
        if perturbation.levels:
            changed = perturbation.levels(changed, strength)
    return changed, mask


def erase(gray: Gray, box: Box) -> Gray:
    """A copy of a film whose box is filled with the median of the ring around it.

    A flat patch: nothing that a network could take for a finding, unlike a black one.

    Raises:
        ImageError: no part of the box is on the film.
    """
    x, y, width, height = box
    rows, columns = gray.shape
    left, top, right, bottom = max(x, 0), max(y, 0), min(x + width, columns), min(y + height, rows)
    if left >= right or top >= bottom:
        raise ImageError(
            f"The box {box} (x, y, width, height) is not on the film of {columns} x {rows} pixels. "
            "Draw it on the film."
        )
    margin = max(2, min(right - left, bottom - top) // 8)
    outer = np.s_[
        max(top - margin, 0) : min(bottom + margin, rows),
        max(left - margin, 0) : min(right + margin, columns),
    ]
    ring = np.zeros(gray.shape, bool)
    ring[outer] = True
    ring[top:bottom, left:right] = False
    filled = gray.copy()
    # A box over the whole film has no surroundings.
    filled[top:bottom, left:right] = np.median(gray[ring] if ring.any() else gray)
    return filled


def _require(name: str, strength: float) -> None:
    if name not in PERTURBATIONS:
        raise ImageError(f"There is no change {name!r}. Choose from: {', '.join(PERTURBATIONS)}.")
    found = PERTURBATIONS[name]
    if not found.low <= strength <= found.high:  # also refuses NaN
        raise ImageError(
            f"{found.title} goes from {found.low:g} to {found.high:g} {found.unit}. "
            f"Received: {strength:g}."
        )


def _product(moves: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """One (2, 3) matrix that does all moves, the first one first: the film is sampled once."""
    whole = np.eye(3)
    for move in moves:
        whole = np.vstack([move, [0, 0, 1]]) @ whole
    return whole[:2]


def _moved(values: Gray, matrix: NDArray[np.float64], interpolation: int) -> Gray:
    """Pixels that come from outside the film are black, as beside a real one."""
    return np.asarray(
        cv2.warpAffine(values, matrix, values.shape[::-1], flags=interpolation), np.uint8
    )


def _brighter(gray: Gray, percent: float) -> Gray:
    return _from_table(gray, lambda levels: levels + 2.55 * percent)


def _contrast(gray: Gray, factor: float) -> Gray:
    """Around the film's own mean, which stays."""
    mean = float(gray.mean())
    return _from_table(gray, lambda levels: mean + factor * (levels - mean))


def _gamma(gray: Gray, gamma: float) -> Gray:
    return _from_table(gray, lambda levels: 255 * (levels / 255) ** gamma)


def _from_table(gray: Gray, change: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Gray:
    table = np.clip(np.rint(change(np.arange(256, dtype=np.float64))), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(gray, table), np.uint8)


def _noisy(gray: Gray, deviation: float) -> Gray:
    """The same noise at every call, so that an answer can be repeated."""
    noise = np.random.default_rng(0).normal(0, deviation, gray.shape)
    return np.clip(np.rint(gray + noise), 0, 255).astype(np.uint8)


def _blurred(gray: Gray, percent: float) -> Gray:
    sigma = percent / 100 * max(gray.shape)
    if sigma < _LEAST_SIGMA:
        return gray
    return np.asarray(cv2.GaussianBlur(gray, (0, 0), sigma), np.uint8)


def _compressed(gray: Gray, quality: float) -> Gray:
    _, data = cv2.imencode(".jpg", gray, [cv2.IMWRITE_JPEG_QUALITY, round(quality)])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)


def _turn(degrees: float, width: int, height: int) -> NDArray[np.float64]:
    """Clockwise about the centre, as a person turns a film."""
    return _about_centre(width, height, -degrees, 1)


def _zoom(factor: float, width: int, height: int) -> NDArray[np.float64]:
    return _about_centre(width, height, 0, factor)


def _about_centre(width: int, height: int, degrees: float, factor: float) -> NDArray[np.float64]:
    centre = ((width - 1) / 2, (height - 1) / 2)
    return np.asarray(cv2.getRotationMatrix2D(centre, degrees, factor), np.float64)


def _right(percent: float, width: int, height: int) -> NDArray[np.float64]:  # noqa: ARG001
    return np.array([[1, 0, percent / 100 * width], [0, 1, 0]], np.float64)


def _down(percent: float, width: int, height: int) -> NDArray[np.float64]:  # noqa: ARG001
    return np.array([[1, 0, 0], [0, 1, percent / 100 * height]], np.float64)


PERTURBATIONS: dict[str, Perturbation] = {
    p.name: p
    for p in (
        Perturbation("rotation", "Rotation", "°", -30, 30, 1, 0, matrix=_turn),
        Perturbation("zoom", "Zoom", "×", 0.7, 1.5, 0.05, 1, matrix=_zoom),
        Perturbation("shift-x", "Shift to the right", "%", -25, 25, 1, 0, matrix=_right),
        Perturbation("shift-y", "Shift down", "%", -25, 25, 1, 0, matrix=_down),
        Perturbation("brightness", "Brightness", "%", -50, 50, 1, 0, levels=_brighter),
        Perturbation("contrast", "Contrast", "×", 0.25, 2.5, 0.05, 1, levels=_contrast),
        Perturbation("gamma", "Gamma", "", 0.4, 2.5, 0.05, 1, levels=_gamma),
        Perturbation("noise", "Noise", "gray levels", 0, 50, 1, 0, levels=_noisy),
        Perturbation("blur", "Blur", "% of the film", 0, 2, 0.05, 0, levels=_blurred),
        Perturbation("compression", "JPEG quality", "", 5, 100, 5, 100, levels=_compressed),
    )
}
