"""Letters and markers burnt into a film: small, bright, evenly bright, with sharp borders."""

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

Gray = npt.NDArray[np.uint8]

_SIDE = 512  # pixels of the longer side at which they are looked for; larger films are shrunk
_STROKE = 0.035  # of that side: the widest stroke of a letter
_TALL = (0.016, 0.12)  # longer side of a letter, least and most, of that side
_MIDDLE = (0.25, 0.28, 0.75, 0.8)  # left, top, right, bottom: inside are ribs and devices
_CONTRAST = 55  # gray values by which a letter is brighter than what is around it
_STEEP = 0.55  # of its contrast that a border gains within two pixels
_FEW = 8  # pixels of a letter
_EVEN = 0.2  # standard deviation inside a letter, of its contrast


class Box(NamedTuple):
    """A part of a film, in pixels of the film."""

    x: int
    y: int
    width: int
    height: int


def find(gray: Gray) -> tuple[Box, ...]:
    """Where letters and markers lie near the borders of an (H, W) film, the largest first.

    What lies in the middle is not reported: there, ribs, tubes and electrodes look alike.
    """
    scale = min(1.0, _SIDE / max(gray.shape))
    size = [max(1, round(side * scale)) for side in gray.shape[::-1]]
    film = cv2.resize(gray, size, interpolation=cv2.INTER_AREA) if scale < 1 else gray
    letters = _letters(np.asarray(film, np.uint8))
    reach = max(3, round(0.02 * max(film.shape))) | 1
    joined = cv2.dilate(letters, np.ones((3, reach), np.uint8))
    count, _, facts, _ = cv2.connectedComponentsWithStats(joined)
    found = []
    for x, y, width, height, _ in facts[1:count]:
        ends = np.array([[x - 1, y - 1], [x + width + 1, y + height + 1]]) / scale
        (left, top), (right, bottom) = ends.round().astype(int).clip(0, gray.shape[::-1])
        found.append(Box(int(left), int(top), int(right - left), int(bottom - top)))
    return tuple(sorted(found, key=lambda box: -box.width * box.height))


def _letters(film: Gray) -> Gray:
    """(h, w) 255 where a letter is."""
    side = max(film.shape)
    kernel = np.ones((max(3, round(_STROKE * side)) | 1,) * 2, np.uint8)
    # Mirrored at the rim, or a film that is bright up to it would begin with a letter.
    above = cv2.morphologyEx(film, cv2.MORPH_TOPHAT, kernel, borderType=cv2.BORDER_REFLECT)
    strokes = (above > _CONTRAST).astype(np.uint8)
    around = np.ones((3, 3), np.uint8)
    slope = cv2.morphologyEx(film, cv2.MORPH_GRADIENT, around)
    count, places, facts, centres = cv2.connectedComponentsWithStats(strokes)
    kept = np.zeros_like(film)
    left, top, right, bottom = _MIDDLE
    for number in range(1, count):
        x, y, width, height, area = facts[number]
        across, down = centres[number] / film.shape[::-1]
        if left < across < right and top < down < bottom:
            continue
        if not _TALL[0] * side <= max(width, height) <= _TALL[1] * side or area < _FEW:
            continue
        window = np.s_[y : y + height, x : x + width]
        inside = places[window] == number
        contrast = np.median(above[window][inside])
        core = cv2.erode(inside.astype(np.uint8), around, borderValue=0).astype(bool)
        steep = np.median(slope[window][inside & ~core])
        core = core if core.sum() >= _FEW else inside
        if steep >= _STEEP * contrast and film[window][core].std() <= _EVEN * contrast:
            kept[window][inside] = 255
    return kept
