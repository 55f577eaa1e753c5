"""The bones as clouds of points: tubes with a dense shell and a light core, and thin plates.

A point carries the volume of compact bone it stands for; `projector.splat` adds them up.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from cxrcore.datasets.phantom.anatomy import (
    Patient,
    Pose,
    cage_depth,
    cage_width,
    smooth_profile,
)
from cxrcore.datasets.phantom.projector import turned

Cloud = tuple[np.ndarray, np.ndarray]  # points (n, 3) cm, volumes (n,) cm3
_CORE = 0.22  # compact bone per volume of spongy bone


def resample(path: np.ndarray, step: float) -> np.ndarray:
    """Points every `step` cm along a smooth curve through the knots `path` (n, 3)."""
    count = len(path)
    if count > 2:  # Catmull-Rom spline, 12 points a span
        ends = np.vstack([2 * path[0] - path[1], path, 2 * path[-1] - path[-2]])
        t = np.linspace(0, count - 1, 12 * (count - 1) + 1)
        span = np.minimum(t.astype(int), count - 2)
        f = (t - span)[:, None]
        p0, p1, p2, p3 = (ends[span + k] for k in range(4))
        path = 0.5 * (
            2 * p1 + (p2 - p0) * f + (2 * p0 - 5 * p1 + 4 * p2 - p3) * f**2
            + (3 * p1 - p0 - 3 * p2 + p3) * f**3
        )  # fmt: skip
    walked = np.r_[0, np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))]
    at = np.linspace(0, walked[-1], max(2, round(walked[-1] / step) + 1))
    return np.stack([np.interp(at, walked, path[:, k]) for k in range(3)], 1)


def tube(
    path: ArrayLike,
    tall: ArrayLike,
    thick: ArrayLike,
    shell: ArrayLike,
    core: float = _CORE,
    step: float = 0.13,
    around: int = 16,
) -> Cloud:
    """A bent tube of elliptic section along `path` (n, 3).

    Args:
        path: knots of its axis, cm.
        tall, thick: half axes of the section, cm: upright across the path, and the other; one
            number, or several that are spread evenly over the path.
        shell: thickness of the compact wall, cm; likewise.
        core: compact bone per volume inside, 0..1.
        step, around: sampling, cm and points on the section.

    Returns:
        Points and volumes of compact bone.
    """
    axis = resample(np.asarray(path, float), step)
    count = len(axis)
    along = np.gradient(axis, axis=0)
    ds = np.linalg.norm(along, axis=1, keepdims=True)
    along /= ds
    up = np.array([0.0, 1.0, 0.05])
    first = up - (along @ up)[:, None] * along
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    second = np.cross(along, first)
    a, b, wall = (_along(values, count) for values in (tall, thick, shell))
    # Each section starts at another angle, or the samples line up as stripes.
    angle = 2 * np.pi * (np.arange(around) + (0.618034 * np.arange(count)[:, None]) % 1) / around
    cos, sin = np.cos(angle), np.sin(angle)
    arc = np.hypot(a * sin, b * cos) * 2 * np.pi / around
    ring = (a * cos)[..., None] * first[:, None] + (b * sin)[..., None] * second[:, None]
    # Points spread along the path between sections, or the sections show as stripes.
    spread = (0.754878 * np.arange(count * around) % 1 - 0.5).reshape(count, around)
    ring += (spread * ds)[..., None] * along[:, None]
    points, volumes = [axis[:, None] + ring], [wall * arc * ds]
    if core:  # half as many points, in the middle
        points.append(axis[:, None] + 0.6 * ring[:, ::2])
        inside = core * 2 * np.pi * a * b * ds / around
        volumes.append(np.broadcast_to(inside, arc[:, ::2].shape))
    return np.concatenate([p.reshape(-1, 3) for p in points]), np.concatenate(
        [v.ravel() for v in volumes]
    )


def _along(values: ArrayLike, count: int) -> np.ndarray:
    """(count, 1) values between the given ones, which are spread evenly over the path."""
    knots = np.atleast_1d(np.asarray(values, float))
    return np.interp(np.linspace(0, 1, count), np.linspace(0, 1, len(knots)), knots)[:, None]


def plate(corners: ArrayLike, thickness: float, side: int = 70) -> Cloud:
    """A flat four-cornered plate: corners (4, 3) in order round it, thickness in cm."""
    a, b = np.meshgrid(*[(np.arange(side) + 0.5) / side] * 2)
    a, b = a[..., None], b[..., None]
    p, q, r, s = np.asarray(corners, float)
    points = (1 - a) * (1 - b) * p + a * (1 - b) * q + a * b * r + (1 - a) * b * s
    area = np.linalg.norm(np.cross(r - p, s - q)) / 2
    return points.reshape(-1, 3), np.full(side * side, thickness * area / side**2)


def ball(centre: list[float], radius: float, shell: float, core: float, count: int = 6000) -> Cloud:
    """A sphere with a compact wall of `shell` cm and `core` compact bone per volume inside."""
    turn = np.arange(count) * np.pi * (3 - np.sqrt(5))  # a sunflower wound on a sphere
    height = 1 - 2 * (np.arange(count) + 0.5) / count
    flat = np.sqrt(1 - height**2)
    directions = np.stack([flat * np.cos(turn), height, flat * np.sin(turn)], 1)
    depth = (0.754878 * np.arange(count) % 1) ** (1 / 3)  # unrelated to the direction
    inside = core * 4 / 3 * np.pi * radius**3 / count
    wall = shell * 4 * np.pi * radius**2 / count
    points = np.concatenate([directions, directions * depth[:, None]]) * radius + centre
    return points, np.repeat([wall, inside], count)


def vertebra_heights(patient: Patient) -> np.ndarray:
    """(23,) heights y of the middles of C3..C7, T1..T12, L1..L6: the first ribs sit at index 5."""
    gaps = np.r_[1.4, 1.4, 1.45, 1.55, 1.7, np.linspace(1.85, 2.55, 11), np.linspace(2.8, 3.4, 6)]
    heights = np.r_[0, np.cumsum(gaps)] * patient.rib_spacing
    return heights - heights[5] - 0.9


def spine_axis(patient: Patient, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """x and z of the middles of the vertebral bodies at heights `y`."""
    x = patient.scoliosis * np.sin((y - 2) / 9)
    z = smooth_profile(y, ((-9, -1.0), (0, -2.6), (6, -5.0), (12, -6.2), (20, -6.0), (30, -4.6)))
    return x, z


def _rib(patient: Patient, number: int) -> Cloud:
    """Left rib `number` 1..12: a tube that hugs the rib cage from the spine to its end in front."""
    origin = vertebra_heights(patient)[number + 4]
    fall = np.interp(number, [1, 2, 4, 7, 10, 12], [5.2, 6.8, 9.0, 11.0, 11.0, 8.0])
    fall *= patient.rib_slope
    reach = np.interp(number, [1, 2, 8, 9, 10, 11, 12], [0.84, 0.84, 0.80, 0.77, 0.73, 0.55, 0.4])
    phi = np.pi * np.linspace(0.085, reach, 26)
    # Steeply down to the side, then nearly level to the front.
    down = np.interp(phi / np.pi, [0, 0.2, 0.35, 0.5, 0.65, 0.85], [0, 0.1, 0.3, 0.56, 0.78, 1.0])
    # Upper ribs first rise a little from the spine before they fall.
    y = origin + fall * down - 0.3 * np.exp(-(((phi - 0.75) / 0.4) ** 2))
    width, depth = cage_width(patient, y) + 0.25, cage_depth(y) + 0.25
    x = width * np.sin(phi) ** 0.92
    z = -depth * np.cos(phi)
    height = np.interp(number, [1, 2, 5, 9, 12], [0.62, 0.6, 0.64, 0.62, 0.45])
    # Broadest near the end in front, slim at the neck.
    tall = height * np.interp(phi / np.pi, [0.08, 0.2, 0.5, 0.8], [0.78, 1, 0.95, 1.08])
    shell = np.interp(phi / np.pi, [0.1, 0.3, 0.45, 0.6, 0.8], [0.15, 0.15, 0.09, 0.1, 0.09])
    shell = shell * np.clip((phi[-1] - phi) / 0.3, 0.1, 1)  # gristle takes over in front
    return tube(np.stack([x, y, z], 1), tall, 0.28, shell, 0.16)


@lru_cache
def _shoulder() -> list[Cloud]:
    """Clavicle, shoulder blade and upper arm of the left side."""

    def at(x: float, y: float, z: float) -> list[float]:
        return [x, y, z]

    clavicle = [
        at(1.7, 4.0, 6.2), at(4.4, 3.0, 6.6), at(8.0, 1.7, 6.0),
        at(11.8, 0.2, 3.6), at(15.0, -0.3, 1.2), at(16.6, 0.2, 0.6),
    ]  # fmt: skip
    acromion = at(17.3, 1.0, -1.5)
    neck = at(15.4, 3.6, -2.2)
    top = at(10.2, 1.8, -7.5)
    root = at(10.9, 4.6, -8.6)  # where the spine of the blade begins
    tip = at(13.2, 14.2, -8.5)
    head = at(17.6, 4.0, -1.0)
    return [
        tube(clavicle, [1.1, 0.78, 0.6, 0.58, 0.66, 0.5], [0.8, 0.6, 0.55, 0.55, 0.5, 0.4],
             0.2, 0.35, around=48),
        plate(np.array([top, neck, tip, root]), 0.13),
        tube([top, root, tip], 0.18, 0.18, 0.10, around=10),
        tube([tip, at(14.6, 9.5, -6), neck], [0.35, 0.42, 0.6], 0.35, 0.14, around=14),
        tube([root, at(13.6, 3.0, -7.6), acromion], [0.2, 0.45, 0.8], 0.3, 0.12),
        tube([top, at(12.6, 2.6, -4.5), neck], 0.22, 0.22, 0.12, around=10),
        tube([at(14.6, 3.0, 0), at(13.4, 2.2, 2.6)], 0.55, 0.5, 0.06),
        tube([at(15.6, 2.7, -2), at(15.6, 5.2, -2)], 0.5, 1.1, 0.12),
        ball(head, 2.15, 0.1, 0.16),
        tube([head, at(18.9, 10.5, -1.5), at(24, 30, -2.5)],
             [1.7, 1.15, 1.0], [1.7, 1.15, 1.0], 0.22, 0, step=0.1, around=64),
    ]  # fmt: skip


@lru_cache
def _vertebra_parts() -> tuple[Cloud, Cloud, Cloud]:
    """Right pedicle, right transverse process and spinous process (1 cm long) of one vertebra."""
    pedicle = tube(np.array([[0, -0.35, -1.4], [0, -0.3, -2.6]]), 0.52, 0.33, 0.045, 0.1)
    transverse = tube(np.array([[0, -0.35, -1.4], [1.7, -0.2, -3.6]]), 0.42, 0.36, 0.04)
    spinous = tube(np.array([[0, 0, -2.8], [0, 1, -4.6]]), 0.3, 0.26, 0.045, 0.1)
    return pedicle, transverse, spinous


def _vertebra_details(patient: Patient) -> list[Cloud]:
    """Pedicles, spinous and transverse processes: rings and short rods at the back."""
    pedicle, transverse, spinous = _vertebra_parts()
    clouds = []
    for index, y in enumerate(vertebra_heights(patient)):
        x, z = (float(v) for v in spine_axis(patient, np.asarray(y)))
        apart = np.interp(index, [0, 5, 9, 16, 22], [1.35, 1.5, 1.05, 1.25, 1.5])
        strength = 0.5 if index < 5 else 1.0
        for side in (-1, 1):
            for points, volume in (pedicle, transverse):
                place = np.array([x + side * apart, y, z])
                clouds.append((points * [side, 1, 1] + place, volume * strength))
        length = np.interp(index, [0, 7, 13, 22], [0.7, 1.7, 1.5, 0.4])
        stretched = spinous[0] * [1, length, 1] + [x, y + 0.2, z]
        clouds.append((stretched, spinous[1] * length))
    return clouds


@dataclass(frozen=True)
class Skeleton:
    """The bones of one patient but the vertebral bodies and the breast bone, not yet posed."""

    ribs: Cloud
    shoulders: Cloud
    spine: Cloud


def bones(patient: Patient) -> Skeleton:
    """This patient's bones; volumes are of compact bone."""
    return Skeleton(
        joined(_mirrored([_rib(patient, n) for n in range(1, 13)]), patient.bone),
        joined(_mirrored(_shoulder()), patient.bone),
        joined(_vertebra_details(patient), patient.bone),
    )


def _mirrored(clouds: list[Cloud]) -> list[Cloud]:
    """The clouds and their mirror images on the other side of the body."""
    return clouds + [(points * [-1, 1, 1], volumes) for points, volumes in clouds]


def joined(clouds: list[Cloud], factor: float = 1.0) -> Cloud:
    """The clouds as one of float32, with volumes multiplied by a factor."""
    points = np.concatenate([c[0] for c in clouds]).astype(np.float32)
    return points, (np.concatenate([c[1] for c in clouds]) * factor).astype(np.float32)


def posed(skeleton: Skeleton, pose: Pose) -> Cloud:
    """All bones as the patient stands: ribs raised by the breath, shoulders drawn, body turned."""
    ribs, shoulders = skeleton.ribs[0].copy(), skeleton.shoulders[0].copy()
    ribs[:, 1] -= 0.25 * pose.breath
    # The inner ends of the clavicles stay where they are.
    free = np.clip((np.abs(shoulders[:, 0]) - 3) / 10, 0, 1)
    shoulders[:, 0] += np.sign(shoulders[:, 0]) * free * pose.shoulders
    shoulders[:, 1] -= free * pose.lift
    points = np.concatenate([ribs, shoulders, skeleton.spine[0]])
    points[:, 0], points[:, 2] = turned(points[:, 0], points[:, 2], pose.turn)
    return points, np.concatenate([skeleton.ribs[1], skeleton.shoulders[1], skeleton.spine[1]])
