"""The store that version 0.4 wrote (tests/data/README.md), in the folders of a test."""

import shutil
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "data" / "store-0.4"
_WRITTEN_IN = "/srv/store-0.4"


def place(models: Path, data: Path, films: Path) -> None:
    """Copy it there; the dataset is registered and the jobs look for it at its new place."""
    shutil.copytree(FOLDER / "models", models)
    shutil.copytree(FOLDER / "data", data)
    shutil.copytree(FOLDER / "films", films)
    for file in (data / "datasets.json", *models.glob(".jobs/*/spec.json")):
        file.write_text(file.read_text().replace(f"{_WRITTEN_IN}/films", str(films)))
