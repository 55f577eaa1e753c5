"""The patient in front of the detector: all numbers that vary between pictures.

A `Patient` is the same in all of a patient's pictures; a `Pose` is drawn per picture.
Body coordinates, cm, of a standard adult: x = 0 midline, positive towards the patient's
left (the picture's right); y = 0 top of the lungs, down positive; z = 0 middle of the
chest, positive towards the front. Differences in size are applied to the whole body when
it is projected on the film, so that solids and skeleton always fit.
"""

from dataclasses import dataclass

import numpy as np

# Inner half width of the rib cage (y, x) and half depth (y, z) of a standard adult.
_CAGE_WIDTH = (
    (-2, 3.8), (-0.5, 5.6), (1, 7.8), (2.5, 9.6), (4.5, 11.2), (7, 12.3), (10, 13.1),
    (14, 13.7), (18, 13.9), (23, 13.7), (28, 13.0), (34, 12.2),
)  # fmt: skip
_CAGE_DEPTH = ((-2, 3.0), (1, 4.6), (4, 6.6), (8, 8.2), (14, 9.4), (20, 9.9), (30, 9.6))


@dataclass(frozen=True)
class Patient:
    """One body. Lengths in cm, factors around 1."""

    width: float  # factor on x
    height: float  # factor on y
    depth: float  # factor on z
    wall: float  # fat and muscle outside the ribs
    muscle: float  # pectoral and shoulder muscle, 0..1
    breast: float  # thickness of breast tissue, 0 for none
    heart: float  # factor on the heart's width
    knob: float  # radius of the aortic arch
    rib_spacing: float  # factor on the distance of ribs
    rib_slope: float  # factor on how far ribs fall from back to front
    bone: float  # factor on bone density
    dome_gap: float  # how much higher the right diaphragm stands
    cage_bend: tuple[float, ...]  # small departures of the rib cage's width, cm
    vessel_seed: int
    vessels: float  # factor on vessel calibre: fuller vessels resemble disease
    gas: tuple[float, float, float]  # stomach bubble: x, half width, half height
    scoliosis: float  # sideways bow of the spine


@dataclass(frozen=True)
class Pose:
    """One picture of a patient. Angles in radians, lengths in cm."""

    turn: float  # about the long axis
    tilt: float  # in the plane of the film
    breath: float  # how much lower the diaphragm stands; negative: shallow breath
    shoulders: float  # how far the shoulder blades are drawn off the lungs
    lift: float  # how high the shoulders are
    field: float  # side of the picture at the patient
    centre: tuple[float, float]  # body point at the middle of the picture
    seed: int  # of lung texture, body bend and noise


def draw_patient(rng: np.random.Generator) -> Patient:
    """A random patient: with or without breast tissue, lean to stout."""
    stout = rng.beta(2, 3)
    woman = rng.random() < 0.5
    return Patient(
        width=rng.normal(0.96 if woman else 1.02, 0.035) + 0.03 * (stout - 0.4),
        height=rng.normal(0.95 if woman else 1.02, 0.045),
        depth=rng.normal(0.97 if woman else 1.03, 0.03) + 0.16 * (stout - 0.4),
        wall=1.0 + 3.2 * stout,
        muscle=float(np.clip(rng.normal(0.35 if woman else 0.65, 0.2), 0, 1)),
        breast=float(np.clip(rng.normal(2.0 + 2.2 * stout, 0.8), 0.5, 4.2)) if woman else 0.0,
        heart=float(np.clip(rng.normal(0.87 + 0.15 * (stout - 0.4), 0.08), 0.7, 1.15)),
        knob=float(np.clip(rng.normal(1.55, 0.22), 1.1, 2.1)),
        rib_spacing=rng.normal(1.0, 0.035),
        rib_slope=rng.normal(1.0, 0.13),
        bone=float(np.clip(rng.normal(1.0, 0.15), 0.6, 1.35)),
        dome_gap=float(np.clip(rng.normal(1.3, 0.6), 0.2, 2.8)),
        cage_bend=tuple(rng.normal(0, 0.22, 6)),
        vessel_seed=int(rng.integers(2**31)),
        vessels=float(np.clip(rng.normal(1.0, 0.13), 0.75, 1.4)),
        gas=(rng.normal(7.0, 0.8), rng.uniform(1.4, 3.6), rng.uniform(0.5, 1.5)),
        scoliosis=rng.normal(0, 0.35),
    )


def draw_pose(rng: np.random.Generator, patient: Patient) -> Pose:
    """A random pose of this patient: turn, breath, framing."""
    field = rng.normal(36.6, 1.6) + 16 * (patient.width - 1) + 0.5 * patient.wall
    return Pose(
        turn=float(np.clip(rng.normal(0, 0.045), -0.12, 0.12)),
        tilt=rng.normal(0, 0.025),
        breath=float(np.clip(rng.normal(0.3, 1.0), -2.6, 2.0)),
        shoulders=rng.normal(0, 0.8),
        lift=rng.normal(0, 1.0),
        field=float(np.clip(field, 34, 45)),
        centre=(rng.normal(0, 0.7), rng.normal(12.3, 0.9)),
        seed=int(rng.integers(2**31)),
    )


def smooth_profile(y: np.ndarray, knots: tuple[tuple[float, float], ...]) -> np.ndarray:
    """Values at heights `y` of a smooth curve through (y, value) knots, constant beyond them."""
    heights, values = np.array(knots).T
    # The mean over a short window rounds the corners of the polygon.
    window = np.linspace(-0.9, 0.9, 7)
    return np.interp(y[..., None] + window, heights, values).mean(-1)


def cage_width(patient: Patient, y: np.ndarray) -> np.ndarray:
    """Inner half width of the rib cage at heights `y`, cm, same shape as `y`."""
    bend = np.interp(y, np.linspace(0, 28, len(patient.cage_bend)), patient.cage_bend)
    return smooth_profile(y, _CAGE_WIDTH) + bend


def cage_depth(y: np.ndarray) -> np.ndarray:
    """Inner half depth of the rib cage at heights `y`, cm, same shape as `y`."""
    return smooth_profile(y, _CAGE_DEPTH)
