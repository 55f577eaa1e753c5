"""The soft parts of the chest: body wall, lungs, heart, great vessels, diaphragm, stomach.

All are stacks of ellipses on a `Grid`, so the length of each ray in them is exact.
"""

from dataclasses import dataclass

import numpy as np

from cxrcore.datasets.phantom.anatomy import Patient, Pose, cage_depth, cage_width, smooth_profile
from cxrcore.datasets.phantom.projector import (
    Grid,
    Interval,
    ellipsoid,
    hull,
    splat,
    stack,
    turned,
    union_of_three,
)
from cxrcore.datasets.phantom.skeleton import spine_axis, vertebra_heights
from cxrcore.datasets.phantom.vessels import airways

# Right and left border of the mediastinum and heart of a standard adult, (y, x) in cm.
_VESSELS_RIGHT = ((-4, -2.8), (0, -2.8), (3, -2.9), (7, -3.1), (10, -3.2), (13, -2.8), (30, -2.6))
_VESSELS_LEFT = (
    (-4, 2.8), (0, 2.7), (3, 2.7), (5, 2.8), (7.5, 2.7), (9, 2.8), (10.3, 3.5), (11.5, 3.7),
    (13, 3.4), (16, 2.7), (30, 2.5),
)  # fmt: skip
_HEART_RIGHT = (
    (8, -1.2), (10, -2.4), (12, -3.5), (14.5, -4.2), (17, -4.4), (19.5, -4.3), (22, -4.0), (25, -3.6),
)  # fmt: skip
_HEART_LEFT = (
    (8, 1.2), (10, 2.6), (12, 4.0), (14, 5.6), (16, 7.1), (18, 8.2), (20, 8.9), (21.5, 9.1),
    (23, 8.8), (24.5, 7.8), (26, 6.0),
)  # fmt: skip


@dataclass(frozen=True)
class Chest:
    """One chest on the rays of `grid`: maps (H, W), lengths in cm along the ray."""

    grid: Grid
    body: np.ndarray  # all tissue, air spaces included
    cavity: tuple[Interval, Interval]  # right and left, to the ribs, as if nothing else were in it
    lung: tuple[np.ndarray, np.ndarray]  # length in the right and the left lung
    fields: tuple[np.ndarray, np.ndarray]  # bool: the right and the left lung as one sees them
    air: np.ndarray  # windpipe, bronchi, stomach bubble
    spongy: np.ndarray  # vertebral bodies and breast bone
    dome_top: tuple[float, float]  # y of the top of the right and left half of the diaphragm


def build(grid: Grid, patient: Patient, pose: Pose) -> Chest:
    """The soft parts of this patient in this pose."""
    cavity = tuple(_cavity(grid, patient, pose, side) for side in (-1, 1))
    # No air between heart and vessels: what lies between them is filled.
    centre = hull(_mediastinum(grid, patient, pose))
    beside = _beside_spine(grid, patient, pose)
    tops = _dome_tops(patient, pose)
    shade = centre.length() > 0.4
    lungs, fields = [], []
    for side, space in zip((-1, 1), cavity, strict=True):
        dome = _dome(grid, patient, pose, side)
        taken = union_of_three(*(solid.within(space) for solid in (centre, beside, dome)))
        lungs.append(space.length() - taken)
        fields.append((lungs[-1] > 0.6) & ~shade & (dome.length() <= 0))
    return Chest(
        grid=grid,
        body=_body(grid, patient, pose),
        cavity=(cavity[0], cavity[1]),
        lung=(lungs[0], lungs[1]),
        fields=(fields[0], fields[1]),
        air=splat(grid, *airways(pose)) + _stomach(grid, patient, pose, tops[1]),
        spongy=_spine(grid, patient, pose),
        dome_top=tops,
    )


def _cavity(grid: Grid, patient: Patient, pose: Pose, side: int) -> Interval:
    """The space of one lung: the rib cage, and within it a narrower stack for the rounded top."""
    y = grid.y
    cage = stack(grid, 0 * y, 0.0, cage_width(patient, y), cage_depth(y), pose.turn, 2.3)
    rise = np.sqrt(np.clip(y, 0, None))  # a paraboloid at the top
    inner = np.maximum(4.8 - 2.0 * rise, 0.3)
    outer = 4.8 + 2.6 * rise + 0.3 * np.clip(y, 0, None)
    half = np.where(y > 0, (outer - inner) / 2, 0)
    deep = np.minimum(2.6 * rise + 0.3 * np.clip(y, 0, None), 12)
    lobe = stack(grid, side * (outer + inner) / 2, -0.8, half, deep, pose.turn, 2.0)
    return lobe.within(cage)


def _mediastinum(grid: Grid, patient: Patient, pose: Pose) -> list[Interval]:
    """Heart, great vessels, arch and descending part of the aorta."""
    y = grid.y
    drop = 0.45 * pose.breath  # the heart follows the diaphragm, and lies flatter in expiration
    stretched = 8 + (y - 8 - 0.2 * drop) / (1 + 0.035 * pose.breath)
    size = patient.heart * (1 - 0.03 * pose.breath)
    right = smooth_profile(stretched, _HEART_RIGHT) * size
    left = smooth_profile(stretched, _HEART_LEFT) * size
    ends = np.clip((stretched - 8) / 4, 0, 1) * np.clip((26.5 - stretched) / 3, 0, 1)
    heart = stack(
        grid, (left + right) / 2, 1.6, (left - right) / 2, 5.6 * np.sqrt(ends), pose.turn, 2.2
    )
    right = smooth_profile(y, _VESSELS_RIGHT) - 0.35 * (patient.wall - 2) / 2
    left = smooth_profile(y, _VESSELS_LEFT) + 0.35 * (patient.wall - 2) / 2
    deep = smooth_profile(y, ((-4, 3.0), (2, 3.2), (8, 4.0), (14, 4.6), (30, 5.0)))
    vessels = stack(grid, (left + right) / 2, 0.2, (left - right) / 2, deep, pose.turn, 2.1)
    x, z = spine_axis(patient, y)
    ends = np.clip((y - 6) / 1.5, 0, 1)
    descending = stack(grid, x + 1.4, z + 2.6, 1.15 * np.sqrt(ends), 1.2, pose.turn)
    knob = patient.knob
    arch = ellipsoid(grid, (2.0, 6.6, -0.4), (knob, knob * 0.95, 3.2), pose.turn)
    return [heart, vessels, descending, arch]


def _beside_spine(grid: Grid, patient: Patient, pose: Pose) -> Interval:
    """Vertebrae and the tissue beside them, with a concave gutter for the lung on each side."""
    x, z = spine_axis(patient, grid.y)
    return stack(grid, x, z - 0.6, 0 * grid.y + 6.4, 4.2, pose.turn, 1.15)


def _dome_tops(patient: Patient, pose: Pose) -> tuple[float, float]:
    right = 20.6 + pose.breath
    return right, right + patient.dome_gap


def _dome(grid: Grid, patient: Patient, pose: Pose, side: int) -> Interval:
    """All below one half of the diaphragm: a bowl upside down, steeper towards the ribs."""
    top = _dome_tops(patient, pose)[(side + 1) // 2]
    cx, cz = (float(v) for v in turned(np.array(side * 6.3), np.array(0.8), pose.turn))
    high = 5.0 + 0.35 * pose.breath  # from the deepest corner to the top
    u = (grid.x[None, :] - cx) / 7.3
    outward = side * u > 0
    rise = np.where(outward, np.abs(u) ** 2.4, 0.55 * np.abs(u) ** 1.8)
    below = (grid.y[:, None] - top) / high - rise
    half = 10.8 * np.clip(below, 0, None) ** np.float32(0.3)
    middle = np.full_like(half, cz)
    return Interval((middle - half).astype(np.float32), (middle + half).astype(np.float32))


def _body(grid: Grid, patient: Patient, pose: Pose) -> np.ndarray:
    """Length in the whole body: trunk, neck with shoulders, arms, breasts and chest muscle."""
    y, wall = grid.y, patient.wall
    chest = cage_width(patient, np.maximum(y, 5)) + 0.9 + wall
    chest += smooth_profile(
        y, ((4, 2.2), (9, 1.6), (14, 0.7), (19, 0.0), (26, 0.0), (34, 0.5 * wall))
    )
    deep = (cage_depth(y) + 0.7 + 0.45 * wall) * np.sqrt(np.clip((y + 4) / 7, 0, 1))
    chest *= np.clip((y + 8) / 13, 0.3, 1)
    trunk = stack(grid, 0 * y, 0.0, chest, deep, pose.turn, 2.6)
    lift = pose.lift
    silhouette = smooth_profile(
        y + lift * np.clip((y + 6) / 6, 0, 1),
        ((-9, 5.6), (-6, 5.5), (-4.2, 6.0), (-3.0, 7.4), (-1.8, 10.2), (-0.6, 14.0), (0.6, 17.0),
         (2.2, 18.8), (5, 19.8), (9, 19.6), (13, 17)),
    ) + 0.35 * (wall - 2)  # fmt: skip
    thick = smooth_profile(
        y, ((-9, 6.0), (-3, 6.2), (1, 7.3), (5, 7.6), (9, 6.4), (13, 2.0), (15, 0))
    )
    shoulders = stack(grid, 0 * y, -0.5, silhouette, thick + 0.2 * wall, pose.turn, 3.0)
    lengths = [trunk.length(), shoulders.length()]
    for side in (-1, 1):
        fade = np.sqrt(np.clip((y - 0.5 + lift) / 3.5, 0, 1))
        arm = 5.2 + 0.4 * wall
        middle = side * smooth_profile(
            y, ((1, 16.2), (6, 17.8), (12, 19.6), (20, 22.6), (30, 26), (36, 28))
        )
        lengths.append(stack(grid, middle, -1.0, arm * fade, arm * fade, pose.turn).length())
    # A smooth maximum: where two parts meet, the skin has a fold but no step.
    total = sum(np.square(np.square(part)) * part for part in lengths) ** np.float32(0.2)
    total += patient.muscle * _muscle(grid, pose)
    if patient.breast:
        total += _breasts(grid, patient, pose)
    return total.astype(np.float32)


def _muscle(grid: Grid, pose: Pose) -> np.ndarray:
    """Chest muscle from the breast bone to the arm, cm."""
    total = np.zeros(grid.shape, np.float32)
    for side in (-1, 1):
        total += ellipsoid(grid, (side * 10.5, 7.0, 8), (7.0, 5.5, 1.1), pose.turn).length()
    return total


def _breasts(grid: Grid, patient: Patient, pose: Pose) -> np.ndarray:
    """Breast tissue: rounder and sharper below than above, cm."""
    total = np.zeros(grid.shape, np.float32)
    thick = patient.breast
    for side in (-1, 1):
        cx = float(turned(np.array(side * (8.6 + 0.15 * thick)), np.array(9.0), pose.turn)[0])
        u = (grid.x[None, :] - cx) / (5.4 + 0.35 * thick)
        v = (grid.y[:, None] - 17.0 - 0.5 * thick) / 1.0
        v = np.where(v > 0, v / (3.4 + 0.3 * thick), v / 8.5)
        total += thick * np.clip(1 - u * u - v * v, 0, None) ** np.float32(0.6)
    return total


def _stomach(grid: Grid, patient: Patient, pose: Pose, top: float) -> np.ndarray:
    """The gas bubble below the left half of the diaphragm, flat where it lies on fluid, cm."""
    x, wide, high = patient.gas
    centre = (x, top + 1.3 + high, 3.0)
    bubble = ellipsoid(grid, centre, (wide, high, 0.8 * wide), pose.turn).length()
    level = np.clip((centre[1] + 0.35 * high - grid.y) / 0.25, 0, 1)
    return bubble * level[:, None]


def _spine(grid: Grid, patient: Patient, pose: Pose) -> np.ndarray:
    """Compact bone in the vertebral bodies and the breast bone, cm; discs are gaps between bodies."""
    y = grid.y
    x, z = spine_axis(patient, y)
    heights = vertebra_heights(patient)
    gap = np.gradient(heights)
    nearest = np.abs(y[:, None] - heights).argmin(1)
    off = np.abs(y - heights[nearest]) / (gap[nearest] / 2)  # 0 middle of a body, 1 of a disc
    body = 1 / (1 + np.exp((off - 0.8) / 0.045))
    plates = np.exp(-(((off - 0.76) / 0.09) ** 2))
    wide = smooth_profile(y, ((-8, 1.25), (0, 1.45), (10, 1.5), (20, 1.85), (34, 2.3)))
    wide = wide * (0.93 + 0.09 * off**2)
    column = stack(grid, x, z, wide, 1.5, pose.turn, 2.8).length()
    amount = 0.085 * body + 0.09 * plates
    across = np.clip((y - 3.2) / 0.6, 0, 1) * np.clip((19.5 - y) / 1.5, 0, 1)
    half = smooth_profile(y, ((3, 2.6), (5, 2.5), (7, 1.6), (9, 1.5), (17, 1.9), (20, 1.2)))
    breast_bone = stack(grid, 0 * y, 8.0, half * np.sqrt(across), 0.5, pose.turn, 4).length()
    return patient.bone * (column * amount[:, None].astype(np.float32) + 0.12 * breast_bone)
