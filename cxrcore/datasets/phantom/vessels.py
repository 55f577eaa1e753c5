"""The branching vessels of the lungs, grown once per patient, and the air tubes between them."""

import numpy as np

from cxrcore.datasets.phantom.anatomy import Patient, Pose
from cxrcore.datasets.phantom.projector import turned
from cxrcore.datasets.phantom.skeleton import Cloud, joined, resample

# Main branches of one lung: (direction x outward, y down, z front), radius cm, length cm.
_TRUNKS = (
    ((0.35, -0.9, 0.2), 0.36, 2.2), ((0.75, -0.6, -0.3), 0.30, 2.2), ((0.85, -0.2, 0.45), 0.28, 2.2),
    ((0.9, 0.25, 0.4), 0.27, 2.4), ((0.3, 0.93, -0.15), 0.56, 2.8), ((0.55, 0.8, 0.2), 0.38, 2.6),
    ((0.75, 0.55, -0.4), 0.32, 2.4), ((0.15, 0.95, -0.3), 0.36, 2.8), ((0.9, 0.1, -0.4), 0.25, 2.2),
)  # fmt: skip


def hilum(side: int) -> np.ndarray:
    """(3,) cm where the vessels of the right (-1) or left (1) lung begin; the left is higher."""
    return np.array([side * 3.4, 10.8 if side < 0 else 9.8, -0.5])


def lung_vessels(patient: Patient, generations: int = 7) -> Cloud:
    """Arteries and veins of both lungs, not yet posed: points in cm, cm3 of blood at each."""
    rng = np.random.default_rng([patient.vessel_seed, 1])
    return joined([_tree(rng, patient, side, generations) for side in (-1, 1)])


def posed(vessels: Cloud, pose: Pose) -> Cloud:
    """Vessels as the patient stands: the lower ones drawn out or pushed up by the diaphragm."""
    points = vessels[0].copy()
    points[:, 1] += pose.breath * np.clip((points[:, 1] - 9) / 12, 0, 1.2)
    points[:, 0], points[:, 2] = turned(points[:, 0], points[:, 2], pose.turn)
    return points, vessels[1]


def _tree(rng: np.random.Generator, patient: Patient, side: int, generations: int) -> Cloud:
    start = hilum(side)
    aim = np.array([t[0] for t in _TRUNKS]) * [side, 1, 1] + rng.normal(0, 0.14, (len(_TRUNKS), 3))
    place = start + rng.normal(0, [0.4, 0.8, 0.6], aim.shape)
    radius = (
        np.array([t[1] for t in _TRUNKS])
        * 1.35
        * patient.vessels
        * rng.uniform(0.85, 1.15, len(aim))
    )
    length = np.array([t[2] for t in _TRUNKS]) * rng.uniform(0.8, 1.2, len(aim))
    clouds = []
    for _ in range(generations):
        aim /= np.linalg.norm(aim, axis=1, keepdims=True)
        cloud, tips, aim = _segments(rng, place, aim, radius, length)
        clouds.append(cloud)
        # Murray's law: the cubes of the daughters' radii add up to the mother's.
        share = rng.uniform(0.35, 0.75, len(radius))
        radius = np.r_[radius * share ** (1 / 3), radius * (1 - share) ** (1 / 3)] * 0.94
        sideways = rng.normal(0, 1, aim.shape)
        sideways -= (sideways * aim).sum(1, keepdims=True) * aim
        sideways /= np.linalg.norm(sideways, axis=1, keepdims=True)
        spread = rng.uniform(0.25, 0.75, (len(aim), 1))
        outward = tips - start
        outward /= np.linalg.norm(outward, axis=1, keepdims=True) + 1e-6
        base = aim + 0.3 * outward
        aim = np.concatenate([base + spread * (1 - share)[:, None] * 1.6 * sideways,
                              base - spread * share[:, None] * 1.6 * sideways])  # fmt: skip
        place = np.concatenate([tips, tips])
        length = np.r_[length, length] * rng.uniform(0.62, 1.0, len(radius))
    return np.concatenate([c[0] for c in clouds]), np.concatenate([c[1] for c in clouds])


def _segments(
    rng: np.random.Generator,
    place: np.ndarray,
    aim: np.ndarray,
    radius: np.ndarray,
    length: np.ndarray,
) -> tuple[Cloud, np.ndarray, np.ndarray]:
    """Gently bent cylinders: their points and volumes, their tips and the directions there."""
    place, aim, radius, length = (v.astype(np.float32) for v in (place, aim, radius, length))
    bend = rng.normal(0, 0.15, aim.shape).astype(np.float32)
    clouds = []
    # Wide vessels need many points to look smooth; there are few of them.
    for low, high, steps, across in ((0.3, 9, 18, 24), (0.13, 0.3, 10, 8), (0, 0.13, 6, 3)):
        some = (radius > low) & (radius <= high)
        clouds.append(
            _filled(place[some], aim[some], bend[some], radius[some], length[some], steps, across)
        )
    tips = place + length[:, None] * (aim + bend)
    after = aim + 2 * bend
    after /= np.linalg.norm(after, axis=1, keepdims=True)
    points = np.concatenate([c[0] for c in clouds])
    return (points, np.concatenate([c[1] for c in clouds])), tips, after


def _filled(
    place: np.ndarray,
    aim: np.ndarray,
    bend: np.ndarray,
    radius: np.ndarray,
    length: np.ndarray,
    steps: int,
    across: int,
) -> Cloud:
    """Points inside bent cylinders: `across` on each of `steps` discs along them."""
    t = ((np.arange(steps) + 0.5) / steps).astype(np.float32)
    run = length[:, None, None] * (t[:, None] * aim[:, None] + t[:, None] ** 2 * bend[:, None])
    axis = place[:, None] + run  # (n, steps, 3)
    side = np.cross(aim, np.array([0.3, 0.2, 0.93], np.float32))
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    other = np.cross(aim, side)
    index = np.arange(steps * across).reshape(steps, across)
    far = np.sqrt((index % across + 0.5) / across)
    u = (far * np.cos(2.399963 * index)).astype(np.float32)  # a sunflower on each disc
    v = (far * np.sin(2.399963 * index)).astype(np.float32)
    disc = u[..., None] * side[:, None, None] + v[..., None] * other[:, None, None]
    points = axis[:, :, None] + disc * radius[:, None, None, None]
    volume = np.pi * radius**2 * length / (steps * across)
    return points.reshape(-1, 3), np.repeat(volume, steps * across)


def airways(pose: Pose) -> Cloud:
    """Windpipe and main bronchi: points and cm3 of air, turned as posed."""
    drop = 0.3 * pose.breath
    fork = [0.3, 8.6 + drop, -1.5]
    paths = [
        ([[0, -14, 2.0], [0, 0, 0.5], [0.1, 5, -0.6], fork], 0.76),
        ([fork, [-1.5, 10.2 + drop, -1.5], [-3.6, 12.0 + drop, -1.2]], 0.58),
        ([fork, [2.0, 9.9 + drop, -1.6], [4.2, 11.2 + drop, -1.8]], 0.52),
    ]
    clouds = [_air_tube(np.array(path, float), radius) for path, radius in paths]
    points = np.concatenate([c[0] for c in clouds])
    points[:, 0], points[:, 2] = turned(points[:, 0], points[:, 2], pose.turn)
    return points, np.concatenate([c[1] for c in clouds])


def _air_tube(path: np.ndarray, radius: float) -> Cloud:
    """A round tube full of air; as the beam is parallel, its depth is put on its axis."""
    step, beside = 0.1, 48
    axis = resample(path, step)
    along = np.gradient(axis[:, :2], axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], 1)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    # Places across and along the tube: evenly spread in the plane, in no rows.
    index = np.arange(len(axis) * beside).reshape(-1, beside, 1)
    u, v = 2 * (0.754878 * index % 1) - 1, 0.569840 * index % 1 - 0.5
    flat = axis[:, None, :2] + radius * u * across[:, None] + v * along[:, None]
    chord = np.sqrt(1 - u[..., 0] ** 2)
    volume = np.pi * radius**2 * step * chord / chord.sum(1, keepdims=True)
    depth = np.broadcast_to(axis[:, None, 2:], u.shape)
    return np.concatenate([flat, depth], -1).reshape(-1, 3), volume.ravel()
