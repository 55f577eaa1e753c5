"""Straight rays through solids: the length of each ray inside them.

A solid is an `Interval`: on every ray, where it begins and where it ends. Overlaps of
intervals are exact, so a lung can wrap a heart without a voxel grid. Thin and
hollow things (bones, vessels) are clouds of points that carry volume; `splat` adds them
up pixel by pixel. Lengths are cm: x to the right of the picture, y down, z towards the
front of the patient. Rays run along z (a parallel beam; a real tube 180 cm away enlarges
the back of the chest by about 5 % more than its front, which is left out).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

_WORLD = (-30.0, -16.0, 60.0)  # left, top and side of the square that clouds fill, cm
_FINER = 2  # points are sorted into this many cells along a pixel


@dataclass(frozen=True)
class Grid:
    """Centres of the pixels of a square map: x (W,) and y (H,), one `pitch` apart, in cm."""

    x: np.ndarray
    y: np.ndarray
    pitch: float

    @classmethod
    def square(cls, left: float, top: float, side: float, pixels: int) -> "Grid":
        """A grid over side x side cm whose outer corner is at (left, top)."""
        pitch = side / pixels
        steps = (np.arange(pixels, dtype=np.float32) + 0.5) * pitch
        return cls((left + steps).astype(np.float32), (top + steps).astype(np.float32), pitch)

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) of the maps on this grid."""
        return len(self.y), len(self.x)


@dataclass(frozen=True)
class Interval:
    """Where rays are inside a solid: from `start` to `end` (H, W), cm along z; empty if start >= end."""

    start: np.ndarray
    end: np.ndarray

    def length(self) -> np.ndarray:
        """(H, W) cm of each ray inside the solid."""
        return np.maximum(self.end - self.start, 0)

    def within(self, other: "Interval") -> "Interval":
        """The part of each ray that is inside both solids."""
        return Interval(np.maximum(self.start, other.start), np.minimum(self.end, other.end))


def turned(x: np.ndarray, z: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Points (x, z) after the patient turns by `angle` radians about the body's long axis."""
    cos, sin = math.cos(angle), math.sin(angle)
    return x * cos + z * sin, z * cos - x * sin


def stack(
    grid: Grid,
    centre_x: np.ndarray,
    centre_z: np.ndarray | float,
    half_width: np.ndarray,
    half_depth: np.ndarray | float,
    angle: float = 0.0,
    power: float = 2.0,
) -> Interval:
    """A solid built of one (super)ellipse per row, turned by `angle` about the long axis.

    Args:
        grid: the rays.
        centre_x, centre_z, half_width, half_depth: (H,) cm per row, before turning; rows
            with a half width or depth of 0 or less are empty.
        angle: radians. Exact for ellipses; other powers are sheared like the ellipse.
        power: 2 is an ellipse; more is squarer.

    Returns:
        The interval of each ray of the grid.
    """
    width, depth, cx, cz = (
        np.broadcast_to(np.asarray(v, np.float32), grid.y.shape)
        for v in (half_width, half_depth, centre_x, centre_z)
    )
    start, end = np.zeros(grid.shape, np.float32), np.zeros(grid.shape, np.float32)
    full = np.flatnonzero((width > 1e-3) & (depth > 1e-3))
    if not len(full):
        return Interval(start, end)
    rows = slice(full[0], full[-1] + 1)  # most solids are short, and time goes by area
    a, b = np.maximum(width[rows], 1e-3), np.maximum(depth[rows], 0)
    cx, cz = turned(cx[rows], cz[rows], angle)
    cos, sin = math.cos(angle), math.sin(angle)  # Python numbers keep float32 arrays float32
    variance = (a * cos) ** 2 + (b * sin) ** 2  # of the turned ellipse along x
    reach = np.sqrt(variance)
    # The middles of the chords of a turned ellipse lie on a line.
    slope = (b**2 - a**2) * sin * cos / variance
    offset = grid.x[None, :] - cx[:, None]  # (rows, W)
    u = np.minimum(np.abs(offset) / reach[:, None], 1)
    profile = np.sqrt(1 - u * u) if power == 2 else (1 - u**power) ** np.float32(1 / power)
    half = (a * b / reach)[:, None] * profile
    middle = cz[:, None] + slope[:, None] * offset
    np.subtract(middle, half, out=start[rows])
    np.add(middle, half, out=end[rows])
    return Interval(start, end)


def ellipsoid(
    grid: Grid, centre: Sequence[float], half: Sequence[float], angle: float = 0.0
) -> Interval:
    """An ellipsoid with centre (x, y, z) and half axes along x, y, z in cm, turned like `stack`."""
    v = (grid.y - centre[1]) / half[1]
    scale = np.sqrt(np.maximum(1 - v * v, 0))
    cx = np.full_like(grid.y, centre[0])
    return stack(grid, cx, centre[2], half[0] * scale, half[2] * scale, angle)


def hull(solids: Sequence[Interval]) -> Interval:
    """From the first to the last point of each ray in any of the solids, gaps filled."""
    start = np.full(solids[0].start.shape, np.inf, np.float32)
    end = np.full(solids[0].start.shape, -np.inf, np.float32)
    for solid in solids:
        there = solid.end > solid.start
        np.minimum(start, solid.start, out=start, where=there)
        np.maximum(end, solid.end, out=end, where=there)
    return Interval(start, end)


def union_of_three(a: Interval, b: Interval, c: Interval) -> np.ndarray:
    """(H, W) cm of each ray that is inside at least one of three solids."""
    ab = a.within(b)
    pairs = ab.length() + a.within(c).length() + b.within(c).length()
    return a.length() + b.length() + c.length() - pairs + ab.within(c).length()


def splat(grid: Grid, points: np.ndarray, volume: np.ndarray) -> np.ndarray:
    """Shadow of many small volumes: mean thickness of material in front of each pixel.

    Args:
        grid: the rays.
        points: (n, 3) or (n, 2) cm; z is not needed, the beam is parallel.
        volume: (n,) cm3 at each point; it falls on the quarter of a pixel the point is in.

    Returns:
        (H, W) float32 cm. Its sum times pitch squared is the volume that fell on the grid.
    """
    rows, columns = (_FINER * n for n in grid.shape)
    fine = grid.pitch / _FINER
    # Corner of the grid; casting rounds towards zero, so one is added to see what lies outside.
    left, top = float(grid.x[0]) - grid.pitch / 2 - fine, float(grid.y[0]) - grid.pitch / 2 - fine
    u = ((points[:, 0] - left) / fine).astype(np.int32) - 1
    v = ((points[:, 1] - top) / fine).astype(np.int32) - 1
    inside = (u >= 0) & (v >= 0) & (u < columns) & (v < rows)
    cells = np.where(inside, v * columns + u, 0)
    total: np.ndarray = np.bincount(cells, np.where(inside, volume, 0), minlength=rows * columns)
    total = total.reshape(rows, columns).astype(np.float32)
    total = cv2.GaussianBlur(total, (3, 3), 0)  # about the share of four neighbours
    total = cv2.resize(total, grid.shape[::-1], interpolation=cv2.INTER_AREA)
    return total / np.float32(fine**2)


def fractal_noise(
    rng: np.random.Generator, grid: Grid, coarsest: float, octaves: int = 4
) -> np.ndarray:
    """(H, W) float32 cloud of about zero mean and unit deviation, fixed to the body.

    The same randomness gives the same cloud at the same place of the body, whatever part
    of it the grid shows.

    Args:
        rng: where the randomness comes from.
        grid: where the cloud is looked at.
        coarsest: size of the largest billows in cm; each further octave has half the size
            and half the weight.
        octaves: how many are added.
    """
    left, top, side = _WORLD
    cells = max(2, round(side / coarsest))
    total: np.ndarray = np.zeros((cells, cells), np.float32)
    for octave in range(octaves):
        fine = (cells * 2**octave, cells * 2**octave)
        total = cv2.resize(total, fine, interpolation=cv2.INTER_CUBIC)
        total += rng.standard_normal(fine, dtype=np.float32) / 2**octave
    total = cv2.resize(total, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    total = (total - total.mean()) / total.std()
    per_cm = len(total) / side
    x = (float(grid.x[0]) - left) * per_cm - 0.5
    y = (float(grid.y[0]) - top) * per_cm - 0.5
    placing = np.array([[grid.pitch * per_cm, 0, x], [0, grid.pitch * per_cm, y]])
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(
        total, placing, grid.shape[::-1], flags=how, borderMode=cv2.BORDER_REFLECT
    )
