"""X-rays of the small 3-D thorax: what reaches the detector, and where lungs and lesions are.

The anatomy is in `phantom/`. Here its parts become optical depth (Beer-Lambert), and the body is
projected on the film with its size, tilt and a slight irregular bend, so that edges look natural.
Attenuations are those of a beam of about 60 keV (NIST XCOM: water 0.206, compact bone 0.60 per
cm; inflated lung about a quarter of water).
"""

from dataclasses import dataclass

import cv2
import numpy as np

from cxrcore.datasets.phantom import organs, skeleton, vessels
from cxrcore.datasets.phantom.anatomy import Patient, Pose
from cxrcore.datasets.phantom.lesions import Findings, lesion_tissue
from cxrcore.datasets.phantom.projector import Grid, fractal_noise, splat
from cxrcore.datasets.phantom.skeleton import Cloud, Skeleton, bones
from cxrcore.datasets.phantom.vessels import lung_vessels

SOFT, LUNG, BONE = 0.20, 0.046, 0.58  # 1/cm


@dataclass(frozen=True)
class Projection:
    """One exposure, (size, size) each.

    depth: float32 optical depth of the patient, -log of the transmitted share, >= 0.
    lungs: bool, both lungs outside heart, mediastinum and diaphragm.
    lesions: bool, inside `lungs`.
    """

    depth: np.ndarray
    lungs: np.ndarray
    lesions: np.ndarray


@dataclass(frozen=True)
class Body:
    """What is the same in every picture of a patient, made once."""

    patient: Patient
    skeleton: Skeleton
    vessels: Cloud

    @classmethod
    def of(cls, patient: Patient) -> "Body":
        """The body of this patient."""
        return cls(patient, bones(patient), lung_vessels(patient))


def project(body: Body, pose: Pose, findings: Findings, size: int) -> Projection:
    """One exposure of a patient.

    Args:
        body, pose: of the patient.
        findings: the patient's lesions; `Findings()` for healthy lungs.
        size: pixels of the square result.
    """
    patient = body.patient
    tissue = np.random.default_rng([patient.vessel_seed, 2])
    grid = _grid(patient, pose, size)
    chest = organs.build(grid, patient, pose)
    lung = chest.lung[0] + chest.lung[1]
    filled = np.clip(lung / 9.0, 0, 1) ** 2
    blood = splat(grid, *vessels.posed(body.vessels, pose)) * filled
    bone = splat(grid, *skeleton.posed(body.skeleton, pose)) + chest.spongy
    diseased, extent = lesion_tissue(findings, patient, chest, blood)
    texture = 1 + 0.035 * fractal_noise(tissue, grid, 1.6, 3)
    grain = 1 + 0.02 * fractal_noise(tissue, grid, 6.5, 4)
    depth = (
        SOFT * grain * (chest.body - lung - np.minimum(chest.air, chest.body - lung))
        + LUNG * lung * texture
        + (SOFT - LUNG) * (blood + diseased)
        + (BONE - SOFT) * bone
    )
    depth = np.where(chest.body > 0, depth * np.float32(patient.depth), 0).astype(np.float32)
    fields = (chest.fields[0] | chest.fields[1]).astype(np.float32)
    maps = _lay_out([depth, fields, extent], grid, patient, pose, size)
    inside = maps[1] > 0.5
    return Projection(np.maximum(maps[0], 0), inside, (maps[2] > 0.5) & inside)


def _grid(patient: Patient, pose: Pose, size: int) -> Grid:
    """Rays over the area of the film, with a margin for tilt and bend; slightly finer than the film."""
    side = 1.05 * pose.field / min(patient.width, patient.height) + 1.6
    left, top = (c - side / 2 for c in pose.centre)
    return Grid.square(left, top, side, round(1.08 * size * side / pose.field))


def _lay_out(
    maps: list[np.ndarray],
    grid: Grid,
    patient: Patient,
    pose: Pose,
    size: int,
) -> list[np.ndarray]:
    """Sample body maps at the film's pixels: scaled, tilted, moved and slightly bent."""
    film = Grid.square(-pose.field / 2, -pose.field / 2, pose.field, size)
    x, y = np.meshgrid(film.x, film.y)
    cos, sin = np.cos(pose.tilt), np.sin(pose.tilt)
    across, down = (x * cos + y * sin) / patient.width, (y * cos - x * sin) / patient.height
    rng = np.random.default_rng(pose.seed)
    bend = [0.22 * fractal_noise(rng, film, 12.0, 2) for _ in range(2)]
    across, down = across + pose.centre[0] + bend[0], down + pose.centre[1] + bend[1]
    u = ((across - grid.x[0]) / grid.pitch).astype(np.float32)
    v = ((down - grid.y[0]) / grid.pitch).astype(np.float32)
    return [
        cv2.remap(m, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
        for m in maps
    ]
