"""Pneumonias of the small thorax: where extra tissue lies in the lungs.

Typical pictures, after the reviews of the Radiological Society of North America (Simpson
2020, Radiology: Cardiothoracic Imaging 2:e200152) and Franquet (2018, Radiology 286:19):
COVID-19 has patches of ground glass on both sides, at the edge and low; other viruses a
net of fine lines and thick vessel sheaths on both sides around the roots of the lungs;
bacteria one dense lobe that ends sharply at a fissure, with air-filled bronchi in it and
at times fluid in the corner of the chest. Every patient has a severity; mild cases are hard.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from cxrcore.datasets.phantom.anatomy import Patient, cage_depth, cage_width
from cxrcore.datasets.phantom.organs import Chest
from cxrcore.datasets.phantom.projector import ellipsoid, fractal_noise
from cxrcore.datasets.phantom.vessels import hilum

CLASSES = ("COVID-19", "Bacterial pneumonia", "Normal", "Viral pneumonia")


@dataclass(frozen=True)
class Patch:
    """One cloud of tissue. Places are shares of the lung, so that they move with the breath."""

    side: int  # -1 right, 1 left lung
    across: float  # 0 midline .. 1 ribs
    down: float  # 0 top of the lung .. 1 top of the diaphragm
    front: float  # -1 back .. 1 front
    half: tuple[float, float, float]  # half axes, cm
    density: float  # tissue per volume, 0..1
    rough: float  # raggedness of the edge
    soft: float  # width of the edge, 0.5 sharp .. 2 a veil
    fissure: tuple[float, int] | None = (
        None  # (share of the lung's height, 1: lies above it, -1: below)
    )


@dataclass(frozen=True)
class Findings:
    """All lesions in one patient's lungs."""

    patches: tuple[Patch, ...] = ()
    net: float = 0.0  # tissue in the net of fine lines, cm
    haze: float = 0.0  # even veil around the roots of the lungs, cm
    sheaths: float = 0.0  # thickening of the vessels, share
    uneven: tuple[float, float] = (1.0, 1.0)  # weight of net and haze, right and left
    bronchi: float = 0.0  # how much air is left in the bronchi of a patch, share
    effusion: tuple[int, float] | None = None  # (side, height of the fluid in cm)
    seed: int = 0

    def grown(self, factor: float) -> "Findings":
        """The same findings, denser or fainter by a factor, as on another day."""
        patches = tuple(
            replace(p, density=float(np.clip(p.density * factor, 0, 1))) for p in self.patches
        )
        return replace(self, patches=patches, net=self.net * factor, haze=self.haze * factor)


def draw_findings(label: str, rng: np.random.Generator) -> Findings:
    """Findings typical of a class of `CLASSES`, from hardly visible to severe."""
    severity = 0.3 + 0.7 * rng.beta(1.8, 1.4)
    if label == "COVID-19":
        return _covid(severity, rng)
    if label == "Viral pneumonia":
        return _viral(severity, rng)
    if label == "Bacterial pneumonia":
        return _bacterial(severity, rng)
    return Findings(seed=int(rng.integers(2**31)))


def _covid(severity: float, rng: np.random.Generator) -> Findings:
    count = 4 + rng.binomial(5, 0.25 + 0.5 * severity)
    both = rng.random() < 0.95
    first = int(rng.choice([-1, 1]))
    patches = tuple(
        Patch(
            side=first if index % 2 == 0 or not both else -first,
            across=float(np.clip(rng.normal(0.8, 0.1), 0.5, 0.95)),
            down=float(np.clip(rng.normal(0.68, 0.17), 0.25, 0.95)),
            front=rng.uniform(-0.7, 0.4),
            half=tuple(rng.uniform(2.1, 3.2, 3) * (0.8 + 0.5 * severity) * [1, 1.25, 1.5]),
            density=rng.uniform(0.42, 0.62) * (0.5 + 0.8 * severity),
            rough=0.5,
            soft=1.5,
        )
        for index in range(count)
    )
    return Findings(patches, sheaths=0.15 * severity, seed=int(rng.integers(2**31)))


def _viral(severity: float, rng: np.random.Generator) -> Findings:
    return Findings(
        net=(0.9 + 3.0 * severity) * rng.uniform(0.8, 1.2),
        haze=(0.6 + 1.9 * severity) * rng.uniform(0.4, 1.3),
        sheaths=0.7 * severity * rng.uniform(0.5, 1.2),
        uneven=(rng.uniform(0.7, 1.2), rng.uniform(0.7, 1.2)),
        seed=int(rng.integers(2**31)),
    )


# Lobes: side, across, down, front, half axes in cm, fissure.
_LOBES: tuple[tuple[int, float, float, float, tuple[float, float, float], tuple[float, int] | None], ...] = (
    (-1, 0.50, 0.30, 0.0, (5.0, 5.0, 8.0), (0.50, 1)),
    (-1, 0.48, 0.74, 0.3, (4.6, 3.8, 7.0), (0.53, -1)),
    (-1, 0.60, 0.82, -0.4, (5.2, 4.6, 7.0), None),
    (1, 0.50, 0.32, 0.1, (4.6, 5.0, 8.0), (0.58, 1)),
    (1, 0.62, 0.66, 0.2, (4.4, 4.0, 7.0), None),
    (1, 0.66, 0.80, -0.4, (5.2, 4.6, 7.0), None),
)  # fmt: skip


def _bacterial(severity: float, rng: np.random.Generator) -> Findings:
    side, across, down, front, half, fissure = _LOBES[rng.integers(len(_LOBES))]
    lobe = Patch(
        side=side,
        across=across + rng.normal(0, 0.07),
        down=down + rng.normal(0, 0.05),
        front=front,
        half=tuple(np.array(half) * (0.8 + 0.4 * severity) * rng.uniform(0.85, 1.15, 3)),
        density=min(0.5 + 0.6 * severity * rng.uniform(0.7, 1.1), 1.0),
        rough=0.38,
        soft=0.8,
        fissure=fissure if severity > 0.35 else None,
    )
    patches = [lobe]
    if rng.random() < 0.15:  # a second, smaller focus on the other side
        small = np.array(half) * 0.4
        patches.append(
            replace(lobe, side=-side, down=rng.uniform(0.5, 0.9), half=tuple(small), fissure=None,
                    density=0.5 * lobe.density)
        )  # fmt: skip
    wet = down > 0.6 and rng.random() < 0.45
    return Findings(
        tuple(patches),
        bronchi=rng.uniform(0.4, 1.0) if rng.random() < 0.6 else 0.0,
        effusion=(side, rng.uniform(1.0, 4.5) * (0.4 + severity)) if wet else None,
        seed=int(rng.integers(2**31)),
    )


def lesion_tissue(
    findings: Findings, patient: Patient, chest: Chest, blood: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What the findings add to a chest.

    Args:
        findings: of this patient.
        patient, chest: the body.
        blood: (H, W) cm of vessels, which the sheaths follow and consolidation hides.

    Returns:
        tissue: (H, W) float32 cm of tissue added to (rarely taken from) the healthy lung;
            0 outside the lungs.
        extent: (H, W) float32, above 0.5 where a reader would outline a lesion.
    """
    rng = np.random.default_rng(findings.seed)
    tissue = np.zeros(chest.grid.shape, np.float32)
    extent: np.ndarray = np.zeros(chest.grid.shape, np.float32)
    for patch in findings.patches:
        added, cloud = _patch(patch, patient, chest, blood, findings.bronchi, rng)
        tissue += added
        extent = np.maximum(extent, cloud)
    if findings.net > 0:
        added, envelope = _interstitial(findings, chest, blood, rng)
        tissue += added
        extent = np.maximum(extent, envelope)
    elif findings.sheaths:
        tissue += findings.sheaths * blood
    if findings.effusion:
        fluid, level = _effusion(*findings.effusion, patient, chest)
        tissue = np.maximum(tissue, fluid)
        extent = np.maximum(extent, level)
    return np.minimum(tissue, chest.lung[0] + chest.lung[1]), extent


def _step(x: np.ndarray) -> np.ndarray:
    """0 far below zero, 1 far above."""
    return 1 / (1 + np.exp(-np.clip(x, -30, 30)))


def _patch(
    patch: Patch,
    patient: Patient,
    chest: Chest,
    blood: np.ndarray,
    bronchi: float,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Tissue (cm) and cloud (0..1) of one patch."""
    grid, index = chest.grid, (patch.side + 1) // 2
    lung, height = chest.lung[index], chest.dome_top[index]
    y = patch.down * height
    x = patch.side * patch.across * float(cage_width(patient, np.array(y)))
    z = patch.front * float(cage_depth(np.array(y)))
    a, b, c = patch.half
    inside = 1 - ((grid.x[None] - x) / a) ** 2 - ((grid.y[:, None] - y) / b) ** 2
    ragged = inside + patch.rough * fractal_noise(rng, grid, 4.3, 4)
    cloud = np.clip(0.15 + ragged / patch.soft, 0, 1)
    if patch.fissure:
        place, above = patch.fissure
        bent = place * height + 0.05 * (grid.x[None] - x) * patch.side
        cloud = cloud * _step(above * (bent - grid.y[:, None]) / 0.14)
    reach = ellipsoid(grid, (x, y, z), (1.35 * a, 1.35 * b, c)).within(chest.cavity[index])
    length = np.minimum(reach.length(), lung)
    added = patch.density * cloud * length
    if bronchi:
        # Bronchi run beside the arteries; in solid lung the arteries themselves are lost.
        step = max(1, round(0.45 / grid.pitch))
        beside = np.roll(blood, (step // 2, patch.side * step), (0, 1))
        solid = patch.density * cloud * (length > 1)
        added -= solid * (0.7 * blood + 1.6 * bronchi * beside)
    extent = np.where((length > 0.3) & (patch.density * length > 0.3), cloud, 0)
    return added.astype(np.float32), extent.astype(np.float32)


def _interstitial(
    findings: Findings, chest: Chest, blood: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Net of lines, veil and sheaths around the roots of both lungs: tissue (cm) and extent."""
    grid = chest.grid
    weight = np.zeros(grid.shape, np.float32)
    for index, side in enumerate((-1, 1)):
        x, y, _ = hilum(side).tolist()
        x, y = x + side * 1.5, y + 1.5
        far = ((grid.x[None] - x) / 5.5) ** 2 + ((grid.y[:, None] - y) / 7.5) ** 2
        near = 0.22 + 0.9 * np.exp(-far)
        weight += findings.uneven[index] * near * np.clip(chest.lung[index] / 6, 0, 1)
    weight *= np.clip(1 + 0.28 * fractal_noise(rng, grid, 8.0, 3), 0.2, 2)
    lines: np.ndarray = np.zeros(grid.shape, np.float32)
    for mesh, share in ((1.0, 0.65), (0.62, 0.5), (0.42, 0.35)):  # cm
        noise = fractal_noise(rng, grid, mesh, 1)
        lines += share * np.exp(-((noise / 0.3) ** 2))  # ridges where a cloud changes sign
    lines = cv2.GaussianBlur(lines, (0, 0), 0.09 / grid.pitch)
    tissue = weight * (findings.net * lines + findings.haze) + findings.sheaths * weight * blood
    seen = weight * (0.6 * findings.net + findings.haze)
    return tissue.astype(np.float32), np.clip(seen / 0.4, 0, 1).astype(np.float32)


def _effusion(
    side: int, height: float, patient: Patient, chest: Chest
) -> tuple[np.ndarray, np.ndarray]:
    """Fluid in one corner of the chest, higher towards the ribs: tissue (cm) and extent."""
    grid, index = chest.grid, (side + 1) // 2
    floor = chest.dome_top[index] + 4.6
    toward_ribs = np.clip(side * grid.x[None] / cage_width(patient, grid.y)[:, None], 0, 1)
    surface = floor - height * (0.2 + 1.1 * toward_ribs**3)
    fill = _step((grid.y[:, None] - surface) / 0.3)
    lung = chest.lung[index]
    return (0.95 * fill * lung).astype(np.float32), np.where(lung > 0.3, fill, 0).astype(np.float32)
