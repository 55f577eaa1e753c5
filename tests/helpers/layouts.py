"""A small folder of each layout, laid out as its original is: `LAYOUTS[name](root, suffix)`.

`suffix` is the pictures' kind, such as ".png" or ".dcm"; every picture differs from the others.
Each class has PER_CLASS pictures. A builder returns the classes in order.
"""

import csv
import hashlib
import json
from pathlib import Path

import numpy as np
import openpyxl
from PIL import Image

from tests.helpers.dicom_files import dicom

PER_CLASS = 3
SIDE = 48  # pixels; under some 40 a picture has no BRISQUE
LEFT, RIGHT = np.s_[9:39, 8:20], np.s_[9:39, 28:40]  # lungs


def picture(file: Path, side: int = SIDE) -> None:
    """Write a picture that only this path has: dark lungs on a bright ground, and noise."""
    seed = hashlib.blake2b(str(file.relative_to(file.anchor)).encode(), digest_size=4).digest()
    rng = np.random.default_rng(int.from_bytes(seed))
    pixels = rng.normal(190, 20, (side, side)).clip(0, 255).astype(int)
    pixels[LEFT] //= 3
    pixels[RIGHT] //= 3
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".dcm":
        file.write_bytes(dicom((pixels * 16).astype(np.uint16)))
    else:
        Image.fromarray(pixels.astype(np.uint8)).save(file, quality=100)


def mask(file: Path, side: int = SIDE) -> None:
    """Write a lung mask that fits `picture`."""
    pixels = np.zeros((side, side), np.uint8)
    pixels[LEFT] = pixels[RIGHT] = 255
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(file)


def table(file: Path, header: list[str], rows: list[list[str]], delimiter: str = ",") -> None:
    """Write a CSV file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out, delimiter=delimiter).writerows([header, *rows])


def _workbook(file: Path, rows: list[tuple[str, ...]]) -> None:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(file)


def darwin(root: Path, suffix: str = ".png") -> tuple[str, ...]:
    classes = ("Bacterial Pneumonia", "COVID-19", "No Pneumonia (healthy)", "Viral Pneumonia")
    annotations = root / "releases" / "all-images" / "annotations"
    annotations.mkdir(parents=True)
    lungs = [
        [(x, 9), (x + 11, 9), (x + 11, 38), (x, 38)]  # as LEFT and RIGHT
        for x in (8, 28)
    ]
    for number in range(PER_CLASS * len(classes)):
        name = f"{number:08d}{suffix}"
        picture(root / "images" / name)
        told = [
            {"name": "Lung", "polygon": {"path": [{"x": x, "y": y} for x, y in path]}}
            for path in lungs
        ]
        tags = (classes[number // PER_CLASS], f"PatientID:{number}")
        told += [{"name": tag, "tag": {}} for tag in tags]
        image = {"filename": name, "original_filename": name, "width": SIDE, "height": SIDE}
        record = {"image": image, "annotated": True, "annotations": told}
        (annotations / f"{number:08d}.json").write_text(json.dumps(record))
    return classes


def cohen(root: Path, suffix: str = ".jpg") -> tuple[str, ...]:
    header = "patientid offset sex age finding view modality location folder filename".split()
    rows = []
    for finding in ("Pneumonia/Viral/COVID-19", "Pneumonia/Bacterial", "No Finding"):
        for number in range(PER_CLASS):
            name = f"{finding.split('/')[-1].lower()}-{number}{suffix}"
            picture(root / "images" / name)
            who = [str(len(rows)), "0", "F", "50", finding, "PA", "X-ray", "Rome, Italy"]
            rows.append([*who, "images", name])
    table(root / "metadata.csv", header, rows)
    return ("Bacterial", "COVID-19", "No Finding")


def radiography(root: Path, suffix: str = ".png") -> tuple[str, ...]:
    base = root / "COVID-19_Radiography_Dataset"
    classes = ("COVID", "Lung_Opacity", "Normal", "Viral Pneumonia")
    for label in classes:
        lines = []
        for number in range(1, PER_CLASS + 1):
            picture(base / label / "images" / f"{label}-{number}{suffix}")
            mask(base / label / "masks" / f"{label}-{number}.png")
            lines.append((f"{label.upper()}-{number}", "PNG", "256*256", "https://sirm.org"))
        head = ("FILE NAME", "FORMAT", "SIZE", "URL")
        _workbook(base / f"{label}.metadata.xlsx", [head, *lines])
    return classes


def radiography_old(root: Path, suffix: str = ".png") -> tuple[str, ...]:
    base = root / "COVID-19 Radiography Database"
    classes = ("COVID-19", "NORMAL", "Viral Pneumonia")
    for label in classes:
        lines = []
        for number in range(1, PER_CLASS + 1):
            picture(base / label / f"{label} ({number}){suffix}")
            lines.append((f"{label}({number})", "PNG", "1024*1024", "https://sirm.org"))
        head = ("FILE NAME", "FORMAT", "SIZE", "URL")
        _workbook(base / f"{label}.metadata.xlsx", [head, *lines])
    return classes


def mendeley(root: Path, suffix: str = ".png") -> tuple[str, ...]:
    for modality in ("X-ray", "CT"):
        for label in ("COVID", "Non-COVID"):
            for number in range(PER_CLASS):
                picture(root / "COVID-19 Dataset" / modality / label / f"{number}{suffix}")
    return ("COVID", "Non-COVID")


def kermany(root: Path, suffix: str = ".jpeg") -> tuple[str, ...]:
    for split, first in (("train", 10), ("val", 20), ("test", 30)):
        folder = root / "chest_xray" / split
        picture(folder / "NORMAL" / f"NORMAL2-IM-{first:04d}-0001{suffix}")
        picture(folder / "PNEUMONIA" / f"person{first}_bacteria_{first}{suffix}")
    return ("NORMAL", "PNEUMONIA")


def csv_table(root: Path, suffix: str = ".png") -> tuple[str, ...]:
    rows = []
    for label in ("effusion", "none"):
        for number in range(PER_CLASS):
            name = f"films/{label[0]}{number}{suffix}"
            picture(root / name)
            rows.append([name, label, f"p{len(rows)}", "PA"])
    table(root / "labels.csv", ["Image_Path", "Finding", "Patient", "View"], rows)
    return ("effusion", "none")


def folders(root: Path, suffix: str = ".png") -> tuple[str, ...]:
    for label in ("ill", "well"):
        for number in range(PER_CLASS):
            picture(root / label / f"{number}{suffix}")
    return ("ill", "well")


# The directory's name and the builder; the first word is the layout.
LAYOUTS = {
    "darwin": darwin,
    "cohen": cohen,
    "radiography": radiography,
    "radiography of before 2021": radiography_old,
    "mendeley": mendeley,
    "kermany": kermany,
    "csv": csv_table,
    "folders": folders,
}
