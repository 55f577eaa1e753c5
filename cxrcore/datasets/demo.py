"""The demonstration dataset: synthetic chest X-rays of four classes, made on this machine.

    demo/
      dataset.json  metadata.csv
      COVID-19/images/demo-0001_1.png    8-bit gray
      COVID-19/masks/demo-0001_1.png     lungs, 0 or 255
      COVID-19/lesions/demo-0001_1.png   lesions, 0 or 255; all black if there are none
      Bacterial pneumonia/...  Normal/...  Viral pneumonia/...

The images are of a simulated 3-D thorax (`thorax`, `phantom/`), not of patients. The dataset is
for trying the program out.
"""

import contextlib
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from cxrcore import files
from cxrcore.datasets import thorax
from cxrcore.datasets.phantom import anatomy, film, lesions
from cxrcore.errors import DatasetError
from cxrcore.images import encode_png
from cxrcore.parallel import unordered
from cxrcore.progress import Meter, Report, silent

FOLDER_NAME = "demo"
CLASSES = lesions.CLASSES
NOTE = (
    "Synthetic: these images are X-rays of a simulated thorax, not of patients; "
    "results on them say nothing about real images."
)
SHORTCUT_NOTE = (
    "A shortcut is planted: a lead letter in a corner of each picture reveals its class, "
    "so that you can check whether an audit finds it."
)
_VERSION = 1  # raise it when the same parameters make other pictures
_PICTURES = (2, 3, 1)  # pictures a patient, in turn: two on average
# The planted letter of each class and the corner it is in, as shares of the side.
SHORTCUTS = dict(
    zip(
        CLASSES,
        (("H", 0.06, 0.94), ("K", 0.94, 0.94), ("N", 0.06, 0.05), ("T", 0.94, 0.05)),
        strict=True,
    )
)


@dataclass(frozen=True)
class Parameters:
    """Everything that determines the bytes of the dataset; kept in `dataset.json`."""

    patients: int
    seed: int
    size: int
    shortcut: bool
    version: int = _VERSION


@dataclass(frozen=True)
class _Picture:
    name: str
    image: bytes
    mask: bytes
    lesion: bytes


def make(
    folder: Path,
    *,
    patients: int = 60,
    seed: int = 0,
    size: int = 256,
    shortcut: bool = False,
    workers: int | None = None,
    report: Report = silent,
) -> Path:
    """Make the dataset in `folder`, whole or not at all; if it exists already, nothing is done.

    Args:
        folder: must be absent, empty, or hold this very dataset.
        patients: per class, 1..2000; about two pictures each.
        seed: 0..2^32 - 1. Same parameters, same bytes, whatever the number of workers.
        size: side of the pictures in pixels, 64..1024.
        shortcut: plant a corner marker that follows the class (`SHORTCUTS`).
        workers: processes; by default one per core. 1 stays in this process.
        report: receives how many pictures are made.

    Returns:
        `folder`.

    Raises:
        DatasetError: a parameter is out of range, or `folder` holds something else.
        StoreError: the disk is full or not writable.
    """
    wanted = Parameters(patients, seed, size, shortcut)
    _check_range(wanted)
    if not folder.exists() or _is_empty(folder):
        with files.whole_folder(folder) as draft:
            _write_all(draft, wanted, workers, report)
            if _is_empty(folder):
                folder.rmdir()  # or the new one could not take its place
    # Even after making it: another process may have been first, with other parameters.
    _check_made(folder, wanted)
    return folder


def pictures(parameters: Parameters) -> pd.DataFrame:
    """The rows of `metadata.csv` plus number and label, one per picture.

    Patients go to classes, hospitals and numbers of pictures in turn, so each class has
    equally many of each (exactly, if `patients` is a multiple of 6).
    """
    rows = []
    for number in range(parameters.patients * len(CLASSES)):
        label, turn = CLASSES[number % len(CLASSES)], number // len(CLASSES)
        patient = f"demo-{number + 1:04d}"
        for shot in range(1, _PICTURES[turn // 2 % len(_PICTURES)] + 1):
            rows.append(
                {
                    "number": number,
                    "label": label,
                    "path": f"{label}/images/{patient}_{shot}.png",
                    "patient_id": patient,
                    "source": film.HOSPITALS[turn % 2].name,
                    "view": "PA",
                    "modality": "xray",
                }
            )
    return pd.DataFrame(rows)


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())


def _check_range(wanted: Parameters) -> None:
    limits = {"patients": (1, 2000), "seed": (0, 2**32 - 1), "size": (64, 1024)}
    for name, (low, high) in limits.items():
        value = getattr(wanted, name)
        if not low <= value <= high:
            raise DatasetError(
                f"The demonstration dataset takes {name} from {low} to {high}. "
                f"Received: {value}. Choose a number in this range."
            )


def _check_made(folder: Path, wanted: Parameters) -> None:
    path = folder / "dataset.json"
    about = files.read_json(path) if path.is_file() else {}
    found = about.get("made") if isinstance(about, dict) else None
    if found == asdict(wanted):
        return
    if not isinstance(found, dict):
        raise DatasetError(
            f"{folder} exists and is not a demonstration dataset. "
            "Choose another folder; nothing was changed."
        )
    other = ", ".join(f"{k} {found.get(k)} instead of {v}" for k, v in asdict(wanted).items()
                      if found.get(k) != v)  # fmt: skip
    raise DatasetError(
        f"{folder} holds a demonstration dataset with other parameters: {other}. "
        "Ask for the same parameters, choose another folder, or delete this one and make it again."
    )


def _write_all(draft: Path, parameters: Parameters, workers: int | None, report: Report) -> None:
    table = pictures(parameters)
    for label in CLASSES:
        for kind in ("images", "masks", "lesions"):
            (draft / label / kind).mkdir(parents=True)
    meter = Meter("making synthetic patients", len(table), report)
    meter.update(0)
    done = 0
    patients = range(parameters.patients * len(CLASSES))
    # Pictures are returned as bytes and written here: after an interruption, a process that is
    # still at work cannot leave anything in the folder.
    with contextlib.closing(
        unordered(partial(_patient, parameters), patients, workers)
    ) as finished:
        for number, shots in finished:
            place = draft / CLASSES[number % len(CLASSES)]
            for picture in shots:
                (place / "images" / picture.name).write_bytes(picture.image)
                (place / "masks" / picture.name).write_bytes(picture.mask)
                (place / "lesions" / picture.name).write_bytes(picture.lesion)
            done += len(shots)
            meter.update(done)
    table.drop(columns=["number", "label"]).to_csv(
        draft / "metadata.csv", index=False, lineterminator="\n"
    )
    notes = [NOTE, SHORTCUT_NOTE] if parameters.shortcut else [NOTE]
    about = {
        "synthetic": True,
        "classes": list(CLASSES),
        "notes": notes,
        "made": asdict(parameters),
    }
    files.write_json(draft / "dataset.json", about)


def _patient(parameters: Parameters, number: int) -> tuple[int, list[_Picture]]:
    """The number and all pictures of one patient; runs in a process of its own."""
    label, turn = CLASSES[number % len(CLASSES)], number // len(CLASSES)
    patient = anatomy.draw_patient(np.random.default_rng([parameters.seed, number, 0]))
    findings = lesions.draw_findings(label, np.random.default_rng([parameters.seed, number, 1]))
    body = thorax.Body.of(patient)
    hospital = film.HOSPITALS[turn % 2]
    shots = []
    for shot in range(_PICTURES[turn // 2 % len(_PICTURES)]):
        rng = np.random.default_rng([parameters.seed, number, 2 + shot])
        pose = anatomy.draw_pose(rng, patient)
        today = findings.grown(rng.uniform(0.85, 1.15))
        view = thorax.project(body, pose, today, parameters.size)
        image = film.develop(view.depth, view.lungs, hospital, rng)
        if parameters.shortcut:
            image = plant(image, label, rng)
        shots.append(
            _Picture(
                f"demo-{number + 1:04d}_{shot + 1}.png",
                encode_png(image),
                *(
                    encode_png(np.where(m, 255, 0).astype(np.uint8))
                    for m in (view.lungs, view.lesions)
                ),
            )
        )
    return number, shots


def plant(image: np.ndarray, label: str, rng: np.random.Generator) -> np.ndarray:
    """A copy of the (S, S) uint8 image with the class's letter in the class's corner.

    The letter is bright on a dark rim, visible on air and on the abdomen.
    """
    letter, x, y = SHORTCUTS[label]
    size = len(image)
    place = (x + rng.uniform(-0.01, 0.01), y + rng.uniform(-0.01, 0.01))
    lead = film.lead_letter(letter, size, place, 0.055, rng.normal(0, 5))
    rim = np.minimum(3 * cv2.GaussianBlur(lead, (0, 0), 0.008 * size), 1)
    rim[rim < 0.02] = 0
    gray = image * (1 - 0.8 * rim)
    return (gray + (250 - gray) * lead).round().astype(np.uint8)
