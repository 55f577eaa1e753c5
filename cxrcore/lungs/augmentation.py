"""Films as hospitals, scanners and authors change them, with the masks that go with them."""

import cv2
import numpy as np

from cxrcore.lungs.grid import OUTPUT_SIDE, SIDE

_TURNED = 0.08  # shares of the films that are made to be refused: lying or upside down,
_INVERTED = 0.06  # and bones dark: these are inverted before lungs are looked for
_SWAPPED = np.array([0, 2, 1], np.uint8)  # which lung is which in a mirrored film


def varied(
    film: np.ndarray, lungs: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A film as it might have been taken, scanned or printed elsewhere.

    Args:
        film: (192, 192) uint8.
        lungs: (192, 192) uint8 of 0, right lung and left lung; all 0 for what is no frontal film.
        rng: decides everything.

    Returns:
        (192, 192) uint8, and (96, 96, 3) float32: the share of each pixel that is background,
        right lung and left lung. A film that was turned over or inverted has background only.
    """
    if rng.random() < 0.5:
        film, lungs = film[:, ::-1], _SWAPPED[lungs[:, ::-1]]
    film = film.astype(np.float32)
    if rng.random() < 0.2:
        film = _white_lung(film, lungs, rng)
    gray, lungs = _moved(_toned(film, rng), lungs, rng)
    gray = _covered(gray, rng)
    refused = rng.random()
    if refused < _TURNED:
        gray = np.rot90(gray, int(rng.integers(1, 4)))
    elif refused < _TURNED + _INVERTED:
        gray = 255 - gray
    shares = np.zeros((OUTPUT_SIDE, OUTPUT_SIDE, 3), np.float32)
    if refused >= _TURNED + _INVERTED:
        for side in (1, 2):
            shares[..., side] = cv2.resize(
                (lungs == side).astype(np.float32), (OUTPUT_SIDE,) * 2, interpolation=cv2.INTER_AREA
            )
    shares[..., 0] = 1 - shares.sum(axis=2)
    return np.ascontiguousarray(gray), shares


def _smooth(rng: np.random.Generator, cells: int) -> np.ndarray:
    """(192, 192) float32 0..1: clouds with `cells` to a side."""
    coarse = rng.random((cells + 2, cells + 2), np.float32)
    return np.clip(cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC), 0, 1)


def _white_lung(film: np.ndarray, lungs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Consolidation of a lung or of parts of both, to the brightness of the heart."""
    where = (lungs == rng.integers(1, 3)) if rng.random() < 0.7 else lungs > 0
    cover = cv2.GaussianBlur(where.astype(np.float32), (0, 0), rng.uniform(2, 6))
    cover *= np.clip(rng.uniform(0.3, 2.5) * _smooth(rng, int(rng.integers(1, 6))), 0, 0.95)
    return film + cover * np.maximum(np.percentile(film, rng.uniform(60, 85)) - film, 0)


def _toned(film: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Another exposure, display or print."""
    film = 255 * np.clip(film / 255, 0, 1) ** float(np.exp(rng.normal(0, 0.4)))
    if rng.random() < 0.2:
        tiles = cv2.createCLAHE(rng.uniform(1, 5), (8, 8))
        film = tiles.apply(film.astype(np.uint8)).astype(np.float32)
    if rng.random() < 0.3:  # uneven light: a photographed print
        film = film * (1 + rng.uniform(0, 0.6) * (_smooth(rng, 2) - 0.5))
    if rng.random() < 0.3:
        film = cv2.GaussianBlur(film, (0, 0), rng.uniform(0.5, 1.6))
    if rng.random() < 0.2:
        film = film + rng.uniform(0.5, 2) * (film - cv2.GaussianBlur(film, (0, 0), 2.5))
    film = (film - 128) * rng.uniform(0.5, 1.3) + 128 + rng.uniform(-40, 40)
    if rng.random() < 0.3:
        film = film + rng.normal(0, rng.uniform(1, 12), film.shape)
    return np.clip(film, 0, 255).astype(np.float32)


def _moved(
    film: np.ndarray, lungs: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Tilted, moved, cropped or with a margin, and of other proportions."""
    turn = rng.normal(0, 6) if rng.random() < 0.9 else rng.uniform(-30, 30)
    scale = np.exp(rng.normal(0, 0.13)) * np.exp([1, -1] * rng.normal(0, 0.09, 1).repeat(2))
    across = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), turn, 1.0)
    stretch = np.diag([*scale, 1.0])
    stretch[:2, 2] = SIDE / 2 * (1 - scale) + rng.normal(0, 0.06 * SIDE, 2)
    matrix = (stretch @ np.vstack([across, [0, 0, 1]]))[:2]
    margin = float(rng.choice([0, 0, 255, rng.uniform(0, 255)]))
    outside = cv2.BORDER_CONSTANT if rng.random() < 0.7 else cv2.BORDER_REPLICATE
    film = cv2.warpAffine(film, matrix, (SIDE, SIDE), borderMode=outside, borderValue=margin)
    return film, cv2.warpAffine(lungs, matrix, (SIDE, SIDE), flags=cv2.INTER_NEAREST)


def _covered(film: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Devices, cables, letters and the edges of the collimator."""
    film = np.clip(film, 0, 255).astype(np.uint8)

    def point() -> tuple[int, int]:
        return int(rng.integers(0, SIDE)), int(rng.integers(0, SIDE))

    while rng.random() < 0.25:  # cables and tubes
        ends = np.array([point() for _ in range(rng.integers(2, 5))], np.int32)
        cv2.polylines(
            film, [ends], False, rng.uniform(150, 255), int(rng.integers(1, 3)), cv2.LINE_AA
        )
    while rng.random() < 0.12:  # a pacemaker or an electrode
        axes = (int(rng.integers(2, 14)), int(rng.integers(2, 14)))
        cv2.ellipse(
            film, point(), axes, rng.uniform(0, 180), 0, 360, rng.uniform(180, 255), -1, cv2.LINE_AA
        )
    while rng.random() < 0.2:
        text = "".join(rng.choice(list("LRAPSUPINE10:47"), rng.integers(1, 7)))
        cv2.putText(
            film, text, point(), 0, rng.uniform(0.25, 0.9), rng.choice([0.0, 255.0]), 1, cv2.LINE_AA
        )
    if rng.random() < 0.15:
        box = cv2.boxPoints(
            ((SIDE / 2, SIDE / 2), tuple(SIDE * rng.uniform(0.85, 1.05, 2)), rng.normal(0, 4))
        )
        inside = np.zeros((SIDE, SIDE), np.uint8)
        cv2.fillConvexPoly(inside, box.round().astype(np.int32), 1)
        film[inside == 0] = rng.choice([0.0, 10.0, 255.0])
    return film


def other_picture(rng: np.random.Generator) -> np.ndarray:
    """(192, 192) uint8 that shows no lungs: clouds, a plain area, noise or a few shapes."""
    kind = rng.integers(0, 4)
    if kind == 0:
        picture = 255 * _smooth(rng, int(rng.integers(1, 40)))
    elif kind == 1:
        picture = np.full((SIDE, SIDE), rng.uniform(0, 255)) + rng.normal(0, 3, (SIDE, SIDE))
    elif kind == 2:
        picture = rng.uniform(0, 255, (SIDE, SIDE))
    else:
        picture = np.full((SIDE, SIDE), rng.uniform(0, 255)).astype(np.uint8)
        for _ in range(rng.integers(1, 8)):
            centre, axes = rng.integers(0, SIDE, 2), rng.integers(5, 90, 2)
            cv2.ellipse(
                picture,
                [int(v) for v in centre],
                [int(v) for v in axes],
                rng.uniform(0, 180),
                0,
                360,
                rng.uniform(0, 255),
                -1,
            )
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.5, 6))
    return np.clip(picture, 0, 255).astype(np.uint8)
