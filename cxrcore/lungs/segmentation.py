"""The lungs of a film, found by the network in the package; runs in OpenCV, without TensorFlow."""

import functools
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from cxrcore import files, images
from cxrcore.errors import ImageError, WeightsError
from cxrcore.lungs import grid, verdict

WEIGHTS = Path(__file__).parent / "lungs.onnx"
DIGEST = "a16394c0ea89c670fb49d36faec61d1e"  # BLAKE2b-128 of that file
INVERTED = "The film was inverted before its lungs were looked for."


@dataclass(frozen=True, eq=False)
class Segmentation:
    """The lungs of one film.

    Attributes:
        mask: (H, W) uint8: 0 outside, 1 the patient's right lung (on the left of the picture), 2
            the patient's left lung; all 0 if it was refused.
        confidence: 0..1: agreement with the mirrored film, times certainty around the outline.
        reason: why there is no mask, a sentence; None if there is one.
        notes: sentences about what was done to the film first.
        corrected: whether people chose the mask, or that there is none; then 1 is either lung and
            the confidence NaN, see `corrections.find`.
    """

    mask: NDArray[np.uint8]
    confidence: float
    reason: str | None
    notes: tuple[str, ...] = ()
    corrected: bool = False


class Network:
    """A network in OpenCV; one thread at a time computes with it.

    Args:
        data: the ONNX file.

    Raises:
        WeightsError: it is not an ONNX file that OpenCV can run.
    """

    def __init__(self, data: bytes) -> None:
        try:
            self._net = cv2.dnn.readNetFromONNX(np.frombuffer(data, np.uint8))
        except cv2.error as error:
            raise WeightsError(
                f"The network that finds lungs cannot be read: {error}. Install the project again."
            ) from error
        self._lock = threading.Lock()

    def __call__(self, pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, 3, 96, 96) shares of background, right and left lung, of (n, 192, 192) gray."""
        with self._lock:
            self._net.setInput(pictures[:, None])
            return np.asarray(self._net.forward(), np.float32).copy()


@functools.cache
def network() -> Network:
    """The network in the package, read once a process.

    Raises:
        WeightsError: its file is missing, or is not the one of this version.
    """
    again = "Install the project again."
    try:
        found = files.digest(WEIGHTS)
    except OSError as error:
        raise WeightsError(
            f"{WEIGHTS}, the network that finds lungs, cannot be read: {error.strerror}. {again}"
        ) from error
    if found != DIGEST:
        raise WeightsError(
            f"{WEIGHTS} is not the network of this version: its BLAKE2b-128 is {found}, expected "
            f"{DIGEST}. {again}"
        )
    return Network(WEIGHTS.read_bytes())


def segment(gray: np.ndarray, found_by: Network | None = None) -> Segmentation:
    """Find the two lungs of a frontal chest film.

    A film on which no pair of lungs is found is inverted and tried once more.

    Args:
        gray: (H, W) uint8, bones bright or, with a note, dark.
        found_by: another network than the one in the package.

    Raises:
        ImageError: not an (H, W) uint8 array.
        WeightsError: the network's file is missing or damaged.
    """
    if gray.ndim != 2 or gray.dtype != np.uint8 or not gray.size:
        raise ImageError(
            "Lungs are looked for in a gray image, (height, width) of uint8. Received: "
            f"{gray.shape} of {gray.dtype}. Pass what cxrcore.images.decode returns."
        )
    run = found_by or network()
    small = images.resize(gray, grid.SIDE)
    proportions = gray.shape[1] / gray.shape[0]
    notes: tuple[str, ...] = ()
    shares, judged = _judged(small, proportions, run)
    if judged.reason is not None:
        other = _judged(255 - small, proportions, run)
        if other[1].reason is None:
            (shares, judged), notes = other, (INVERTED,)
    if judged.reason is not None:
        return Segmentation(np.zeros(gray.shape, np.uint8), judged.confidence, judged.reason)
    return Segmentation(_enlarged(shares, judged.lungs, gray.shape), judged.confidence, None, notes)


class Lungs(NamedTuple):
    """`mask` is (H, W) bool, both lungs together; `refused` a sentence, or None if there is a mask."""

    mask: NDArray[np.bool_]
    confidence: float
    refused: str | None


def mask(gray: np.ndarray) -> Lungs:
    """As `segment`, both lungs as one mask, for scripts.

    Raises:
        ImageError, WeightsError: as `segment`.
    """
    found = segment(gray)
    return Lungs(found.mask > 0, found.confidence, found.reason)


def _judged(
    small: np.ndarray, proportions: float, run: Network
) -> tuple[np.ndarray, verdict.Verdict]:
    """The mean of the network's answers to a film and its mirror image, and the verdict."""
    answers = run(grid.standardised(np.stack([small, small[:, ::-1]])))
    answers[1] = answers[1, [0, grid.LEFT, grid.RIGHT], :, ::-1]
    shares = answers.mean(axis=0)
    return shares, verdict.judge(shares, answers, proportions)


def _enlarged(shares: np.ndarray, lungs: np.ndarray, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """(H, W) the lungs at the size of the film, with smooth outlines."""
    mask = np.zeros(shape, np.uint8)
    for side in (grid.RIGHT, grid.LEFT):
        near = cv2.dilate((lungs == side).astype(np.uint8), np.ones((3, 3), np.uint8))
        share = np.rint(255 * np.maximum(shares[side], (lungs == side) * 0.51) * near)
        fine = cv2.resize(share.astype(np.uint8), shape[::-1], interpolation=cv2.INTER_LINEAR)
        mask[fine > 127] = side
    return mask


def inside(
    found: np.ndarray, mask: np.ndarray, box: tuple[int, int, int, int] | None = None
) -> float:
    """The share of a map that lies inside the lungs.

    Args:
        found: (h, w) float, >= 0: a map of what a model looked at.
        mask: (H, W) of the film, above 0 or True inside the lungs.
        box: (x, y, width, height) of the map in pixels of the film, as `Prediction.box`; the
            whole film if None.

    Returns:
        0..1; NaN if the map is 0 everywhere.

    Raises:
        ImageError: the box is not on the film.
    """
    x, y, width, height = box or (0, 0, mask.shape[1], mask.shape[0])
    part = mask[y : y + height, x : x + width] > 0
    if part.shape != (height, width) or min(x, y) < 0 or not part.size:
        raise ImageError(
            f"The box {box} (x, y, width, height) is not on the film of {mask.shape[1]} x "
            f"{mask.shape[0]} pixels. Pass the box and the mask of one film."
        )
    shrunk = cv2.resize(part.astype(np.float32), found.shape[::-1], interpolation=cv2.INTER_AREA)
    total = float(found.sum(dtype=np.float64))
    return float((found * shrunk).sum(dtype=np.float64) / total) if total > 0 else float("nan")
