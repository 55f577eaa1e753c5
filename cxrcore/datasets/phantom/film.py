"""From the beam behind the patient to an 8-bit picture: noise, blur, contrast, markers.

Two hospitals expose and develop differently. The hospital does not depend on the disease.
"""

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Hospital:
    """How one hospital takes its pictures."""

    name: str
    photons: float  # quanta that reach a pixel past the patient, at 256 px
    scatter: float  # scattered radiation, share of the mean of the neighbourhood
    blur: float  # detector and focal spot, standard deviation in pixels at 256 px
    broad: float  # strength of the display's contrast equalisation over 12 % of the side
    fine: float  # strength of its edge enhancement over 2 % of the side
    lung: float  # tone of the middle of the lungs: logit of the gray value
    dense: float  # tone of the densest parts
    side: int  # the marked side: 1 the patient's left ("L"), -1 the right ("R")
    framed: float  # share of pictures with visible collimation


HOSPITALS = (
    Hospital("Hospital 1", 3e5, 0.03, 0.45, 0.15, 0.6, -0.38, 2.1, 1, 0.6),
    Hospital("Hospital 2", 1.2e5, 0.06, 0.6, 0.05, 0.55, -0.15, 1.9, -1, 0.25),
)
_LEAD = 3.0  # optical depth of a marker's lead
# Letters as strokes in a box 0.64 wide and 1 tall; OpenCV's fonts differ between versions.
_STROKES = {
    "L": (((0.05, 0), (0.05, 1), (0.62, 1)),),
    "R": (
        ((0.05, 1), (0.05, 0), (0.42, 0), (0.58, 0.12), (0.58, 0.4), (0.42, 0.52), (0.05, 0.52)),
        ((0.32, 0.52), (0.62, 1)),
    ),
    "H": (((0.05, 0), (0.05, 1)), ((0.6, 0), (0.6, 1)), ((0.05, 0.5), (0.6, 0.5))),
    "K": (((0.05, 0), (0.05, 1)), ((0.6, 0), (0.05, 0.55)), ((0.2, 0.42), (0.62, 1))),
    "N": (((0.05, 1), (0.05, 0), (0.6, 1), (0.6, 0)),),
    "T": (((0, 0), (0.64, 0)), ((0.32, 0), (0.32, 1))),
}
_SPAN = 2.4  # optical depth from the lungs to the densest parts, as film expects it
_AIR = 0.25  # optical depth below which a pixel shows no patient


def develop(
    depth: np.ndarray, lungs: np.ndarray, hospital: Hospital, rng: np.random.Generator
) -> np.ndarray:
    """The picture a hospital makes of a projection.

    Args:
        depth: (S, S) optical depth of the patient.
        lungs: (S, S) bool; they determine the tone, as in automatic exposure.
        hospital: that takes it.
        rng: noise, and small differences from picture to picture.

    Returns:
        (S, S) uint8, bones bright.
    """
    size = len(depth)
    scale = size / 256
    marked = depth + _LEAD * _marker(hospital, size, rng)
    beam = np.exp(-marked)
    around = _broad_mean(np.minimum(beam, 0.35), 0.05)
    beam += np.float32(hospital.scatter) * around
    beam = cv2.GaussianBlur(beam, (0, 0), hospital.blur * scale * rng.uniform(0.8, 1.3))
    photons = hospital.photons / scale**2 * rng.uniform(0.5, 1.6)
    noise = rng.standard_normal(beam.shape, dtype=np.float32)
    # Quantum noise: the variance of a count is its mean.
    beam = beam + np.sqrt(np.maximum(beam, 0) / np.float32(photons)) * noise
    film: np.ndarray = -np.log(np.maximum(beam, 1e-5))
    film += hospital.broad * (film - _broad_mean(film, 0.12))
    film += hospital.fine * (film - cv2.GaussianBlur(film, (0, 0), 0.018 * size))
    gray = _tone(film, depth, lungs, hospital, rng)
    if rng.random() < hospital.framed:
        gray *= _collimation(size, rng)
    return gray.round().astype(np.uint8)


def _broad_mean(image: np.ndarray, share: float) -> np.ndarray:
    """Gaussian mean with a deviation of `share` of the side, computed on 64 x 64 pixels."""
    small = cv2.resize(image, (64, 64), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), share * 64)
    return cv2.resize(small, image.shape[::-1], interpolation=cv2.INTER_LINEAR)


def _tone(
    film: np.ndarray,
    depth: np.ndarray,
    lungs: np.ndarray,
    hospital: Hospital,
    rng: np.random.Generator,
) -> np.ndarray:
    """Gray values 0..255: the S-shaped curve of film between the lungs and the densest parts."""
    patient = depth > _AIR
    low = np.percentile(film[lungs] if lungs.any() else film, 25)
    high = np.percentile(film[patient] if patient.any() else film, 94)
    lung, dense = hospital.lung + rng.normal(0, 0.15), hospital.dense + rng.normal(0, 0.2)
    span = 0.5 * (high - low) + 0.5 * _SPAN
    logit = lung + (dense - lung) * (film - low) / span
    return 255 / (1 + np.exp(-logit))


def _collimation(size: int, rng: np.random.Generator) -> np.ndarray:
    """(S, S) 0..1: 0 where the tube's shutters keep the beam away, edges slightly askew."""
    inset = rng.uniform(0.0, 0.045, 4) * (rng.random(4) < 0.6) * size
    low, right, top, bottom = -0.1 * size, size - inset[1], inset[2], size - inset[3]
    left = inset[0] if inset[0] else low
    right, bottom = (v if v < size else 1.1 * size for v in (right, bottom))
    corners = np.array([[left, top or low], [right, top or low], [right, bottom], [left, bottom]])
    angle = rng.normal(0, 0.012)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = (corners - size / 2) @ turn + size / 2
    mask = np.full((size, size), 5, np.uint8)
    # Coordinates in 1/16 pixel, so that edges are smooth.
    cv2.fillConvexPoly(mask, (corners * 16).round().astype(np.int32), 255, cv2.LINE_AA, 4)
    return cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), 0.7 * size / 256)


def _marker(hospital: Hospital, size: int, rng: np.random.Generator) -> np.ndarray:
    """(S, S) 0..1: where the lead letter of the hospital lies, beside a shoulder."""
    letter = "L" if hospital.side > 0 else "R"
    x = 0.5 + hospital.side * rng.uniform(0.40, 0.43)
    return lead_letter(letter, size, (x, rng.uniform(0.14, 0.24)), rng.uniform(0.045, 0.06),
                       rng.normal(0, 6), framed=hospital.side < 0)  # fmt: skip


def lead_letter(
    letter: str,
    size: int,
    centre: tuple[float, float],
    height: float,
    degrees: float = 0.0,
    framed: bool = False,
) -> np.ndarray:
    """(S, S) float32 0..1: a letter at `centre`, `height` tall (shares of the side), turned."""
    sharp = 8  # drawn this much larger, then shrunk, for smooth edges
    tile = round(2.4 * height * size) * sharp
    tall = height * size * sharp
    stroke = max(1, round(0.17 * tall))
    big: np.ndarray = np.zeros((tile, tile), np.uint8)
    for line in _STROKES[letter]:
        points = (np.array(line) - [0.32, 0.5]) * tall + tile / 2
        cv2.polylines(big, [points.round().astype(np.int32)], False, 255, stroke)
    if framed:
        cv2.circle(big, (tile // 2, tile // 2), round(0.42 * tile), 255, stroke // 2)
    turn = cv2.getRotationMatrix2D((tile / 2, tile / 2), degrees, 1.0)
    big = cv2.warpAffine(big, turn, (tile, tile))
    small = cv2.resize(big, (tile // sharp, tile // sharp), interpolation=cv2.INTER_AREA)
    left, top = (round(c * size - len(small) / 2) for c in centre)
    plane = np.zeros((size, size), np.float32)
    y0, y1 = max(top, 0), min(top + len(small), size)
    x0, x1 = max(left, 0), min(left + len(small), size)
    plane[y0:y1, x0:x1] = small[y0 - top : y1 - top, x0 - left : x1 - left] / np.float32(255)
    return plane
