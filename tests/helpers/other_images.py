"""Drawn pictures: simple frontal chests, and screens, text, noise, hands and skulls."""

import itertools
from collections.abc import Callable, Iterator

import cv2
import numpy as np

Gray = np.ndarray
_WORDS = (
    "patient report image file open close result chest normal view edit help today next".split()
)


def chest(rng: np.random.Generator, side: int = 160) -> Gray:
    """(side, side) uint8 like a frontal film: dark lungs, ribs, a heart to the right, shoulders."""
    film = np.full((side, side), rng.integers(15, 40), np.float32)

    def oval(x: float, y: float, wide: float, tall: float, gray: float, turn: float = 0) -> None:
        place, axes = (round(x * side), round(y * side)), (round(wide * side), round(tall * side))
        cv2.ellipse(film, place, axes, turn, 0, 360, float(gray), -1)

    x, y, size = rng.normal(0.5, 0.015), rng.normal(0.52, 0.015), rng.normal(1, 0.04)
    oval(x, y + 0.2, 0.43 * size, 0.62, rng.uniform(140, 170))
    oval(x, 0.02, 0.1, 0.14, 150)
    lung = float(rng.integers(50, 85))
    for sign in (-1, 1):
        oval(x + sign * 0.19 * size, y, 0.13 * size, rng.normal(0.29, 0.015), lung, sign * -6)
        for rib in np.linspace(-0.2, 0.2, 6):
            start = (x + sign * 0.06) * side, (y + rib) * side
            end = (x + sign * 0.33) * side, (y + rib + 0.07) * side
            cv2.line(
                film, _point(np.array(start)), _point(np.array(end)), lung + 30, max(1, side // 60)
            )
    oval(x + 0.07, y + 0.14, rng.normal(0.11, 0.012), 0.12, 190, 25)
    cv2.rectangle(
        film,
        _point(np.array([x - 0.035, 0.1]) * side),
        _point(np.array([x + 0.035, 1]) * side),
        195,
        -1,
    )
    oval(x, y + 0.48, 0.42, 0.2, 185)
    return _exposed(film, rng, 1.5)


def screen(rng: np.random.Generator, side: int = 400) -> Gray:
    """(H, W) uint8 of a program's window: bars, buttons, a table, lines of text."""
    page = np.full((side, round(side * rng.uniform(1.1, 1.6))), rng.integers(225, 256), np.uint8)
    if rng.random() < 0.3:
        page[:] = rng.integers(20, 50)  # a dark theme
    ink = int(255 - page[0, 0])
    width = page.shape[1]
    page[: side // 14] = rng.integers(60, 200)
    page[side // 14 :, : width // rng.integers(4, 8)] = rng.integers(150, 220)
    for _ in range(rng.integers(4, 9)):
        x, y = rng.integers(0, width - 80), rng.integers(side // 10, side - 60)
        corner = x + int(rng.integers(50, 200)), y + int(rng.integers(20, 110))
        cv2.rectangle(page, (int(x), int(y)), corner, int(rng.integers(90, 240)), -1)
    _write(page, rng, ink, 0.35)
    return page


def text(rng: np.random.Generator, side: int = 400) -> Gray:
    """(H, W) uint8 of a printed page."""
    page = np.full((side, round(side * rng.uniform(0.7, 1.0))), rng.integers(235, 256), np.uint8)
    _write(page, rng, int(rng.integers(0, 60)), rng.uniform(0.35, 0.7))
    return page


def noise(rng: np.random.Generator, side: int = 300) -> Gray:
    """(side, side) uint8 of noise, white or smooth."""
    values = rng.normal(0, 1, (side, side))
    if (blur := rng.choice([0, 0, 4, 15])) > 0:
        values = cv2.GaussianBlur(values, (0, 0), float(blur))
    return (128 + 50 * values / values.std()).clip(0, 255).astype(np.uint8)


def hand(rng: np.random.Generator, side: int = 400) -> Gray:
    """(side, side) uint8 like an X-ray of a hand: soft tissue and the bones of five fingers."""
    film = np.full((side, side), rng.integers(5, 30), np.float32)
    palm = np.array([side / 2, side * 0.68])
    bones: list[tuple[np.ndarray, np.ndarray, float]] = []
    for finger, (degrees, length) in enumerate(
        zip((-55, -18, -4, 10, 24), (0.30, 0.5, 0.55, 0.5, 0.4), strict=True)
    ):
        turn = np.deg2rad(degrees + rng.normal(0, 3))
        along = np.array([np.sin(turn), -np.cos(turn)])
        start = palm + side * np.array([(finger - 2) * 0.05, 0.12])
        ends = np.array([0, 0.42, 0.66, 0.84, 1.0]) * side * length * 1.15
        cv2.line(film, _point(start), _point(start + along * ends[-1]), 75, round(side * 0.085))
        bones += [
            (start + along * (a + 4), start + along * (b - 4), side * 0.032)
            for a, b in itertools.pairwise(ends)
        ]
    cv2.ellipse(
        film,
        _point(palm + side * np.array([0, 0.06])),
        (round(side * 0.17), round(side * 0.2)),
        0,
        0,
        360,
        85,
        -1,
    )
    cv2.rectangle(
        film,
        _point(palm + side * np.array([-0.1, 0.2])),
        _point(palm + side * np.array([0.1, 1])),
        80,
        -1,
    )
    for one, other, width in bones:
        cv2.line(film, _point(one), _point(other), 190, round(width))
    for place in (-0.04, 0.04):
        one = palm + side * np.array([place, 0.16])
        cv2.line(film, _point(one), _point(one + side * np.array([0, 1])), 200, round(side * 0.05))
    return _exposed(film, rng)


def skull(rng: np.random.Generator, side: int = 400) -> Gray:
    """(side, side) uint8 like a frontal X-ray of a skull: vault, orbits, nose, teeth."""
    film = np.full((side, side), rng.integers(5, 30), np.float32)

    def oval(x: float, y: float, wide: float, tall: float, gray: float, line: int = -1) -> None:
        axes = round(wide * side), round(tall * side)
        cv2.ellipse(film, (round(x * side), round(y * side)), axes, 0, 0, 360, gray, line)

    oval(0.5, 0.42, 0.33, 0.37, 130)
    oval(0.5, 0.42, 0.33, 0.37, 220, round(side * 0.03))
    oval(0.5, 0.75, 0.2, 0.2, 150)
    for place in (0.36, 0.64):
        oval(place, 0.52, 0.09, 0.075, 70)
        oval(place, 0.52, 0.09, 0.075, 210, 3)
    oval(0.5, 0.64, 0.04, 0.07, 60)
    for tooth in np.linspace(0.4, 0.6, 7):
        oval(tooth, 0.79, 0.011, 0.035, 240)
    oval(0.5, 0.86, 0.17, 0.06, 200, round(side * 0.025))
    return _exposed(film, rng)


DRAWN: dict[str, Callable[[np.random.Generator], Gray]] = {
    "screen": screen,
    "text": text,
    "noise": noise,
    "hand": hand,
    "skull": skull,
}


def drawn(count: int, seed: int = 0) -> Iterator[tuple[str, Gray]]:
    """`count` pictures of each kind in DRAWN."""
    for kind, draw in DRAWN.items():
        rng = np.random.default_rng([seed, len(kind)])
        for _ in range(count):
            yield kind, draw(rng)


def _write(page: Gray, rng: np.random.Generator, ink: int, scale: float) -> None:
    height, width = page.shape
    for y in range(round(40 * scale) + 10, height, round(38 * scale)):
        if rng.random() < 0.12:
            continue
        line = " ".join(rng.choice(_WORDS, 14))
        cv2.putText(page, line, (round(0.06 * width), y), cv2.FONT_HERSHEY_SIMPLEX, scale, ink, 1)


def _exposed(film: np.ndarray, rng: np.random.Generator, degrees: float = 6) -> Gray:
    """Turned a little, soft, with the noise of a detector."""
    side = len(film)
    angle, scale = rng.normal(0, degrees), rng.normal(1, 0.04)
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), angle, scale)
    film = cv2.warpAffine(film, turn, (side, side), borderMode=cv2.BORDER_REPLICATE)
    film = cv2.GaussianBlur(film, (0, 0), rng.uniform(1, 3)) + rng.normal(0, 4, film.shape)
    return film.clip(0, 255).astype(np.uint8)


def _point(place: np.ndarray) -> tuple[int, int]:
    return round(float(place[0])), round(float(place[1]))
