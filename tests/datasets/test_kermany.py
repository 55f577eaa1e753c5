"""Kermany's collection: the published split, and patients from the names."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cxrcore import datasets
from cxrcore.datasets import kermany
from cxrcore.errors import DatasetError

FILES = (
    "train/NORMAL/IM-0115-0001.jpeg",
    "train/NORMAL/IM-0666-0001-0002.jpeg",
    "train/PNEUMONIA/person12_bacteria_3.jpeg",
    "train/PNEUMONIA/person12_bacteria_4.jpeg",
    "train/PNEUMONIA/person12_virus_9.jpeg",
    "val/NORMAL/NORMAL2-IM-1427-0001.jpeg",
    "val/PNEUMONIA/person1946_bacteria_4874.jpeg",
    "test/NORMAL/NORMAL2-IM-0123-0001.jpeg",
    "test/PNEUMONIA/person1_virus_6.jpeg",
)


def write(root: Path, *paths: str) -> Path:
    for number, path in enumerate(paths):
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.zeros((20, 20), np.uint8)
        pixels[0, 0], pixels[0, 1] = 255, len(list(root.rglob("*.*"))) + number
        Image.fromarray(pixels).save(file, "JPEG", quality=100)
    return root


@pytest.fixture
def folder(tmp_path) -> Path:
    write(tmp_path / "set" / "chest_xray", *FILES)
    return tmp_path / "set"


def test_split_classes_and_patients_are_read(folder):
    dataset = datasets.load(folder)
    assert (dataset.layout, dataset.classes) == ("kermany", ("NORMAL", "PNEUMONIA"))
    assert dataset.counts().to_dict() == {"NORMAL": 4, "PNEUMONIA": 5}
    assert dataset.table["split"].value_counts().to_dict() == {
        "train": 5,
        "validation": 2,
        "test": 2,
    }
    names = dataset.table["path"].str.split("/").str[-1]
    patients = dict(zip(names, dataset.table["patient_id"], strict=True))
    assert patients["person12_bacteria_3.jpeg"] == patients["person12_bacteria_4.jpeg"]
    assert dataset.table["patient_id"].nunique() == 8
    assert set(dataset.table["modality"]) == {"xray"}


@pytest.mark.parametrize(
    ("name", "patient"),
    [
        ("person12_bacteria_3.jpeg", "person12_bacteria"),
        ("person12_virus_3.jpeg", "person12_virus"),
        ("NORMAL2-IM-0123-0001.jpeg", "NORMAL2-IM-0123"),
        ("IM-0123-0001.jpeg", "IM-0123"),
        ("IM-0666-0001-0002.jpeg", "IM-0666"),
        ("BACTERIA-1008087-0001.jpeg", "BACTERIA-1008087"),
        ("NORMAL-1003233-0001.jpeg", "NORMAL-1003233"),
        ("person12.jpeg", None),
        ("00000012_001.png", None),
    ],
)
def test_the_patient_stands_in_the_name(name, patient):
    assert kermany.patient_of(f"train/A/{name}") == patient


def test_the_folder_itself_or_one_around_it_may_be_given(folder):
    assert datasets.load(folder / "chest_xray").layout == "kermany"
    (folder / "chest_xray").rename(folder / "inner")
    (folder / "chest_xray").mkdir()
    (folder / "inner").rename(folder / "chest_xray" / "chest_xray")
    assert datasets.load(folder).counts().sum() == 9


def test_pneumonia_is_parted_by_its_cause_on_request(folder):
    write(folder / "chest_xray", "train/PNEUMONIA/other.jpeg")
    dataset = kermany.read(folder, "three", causes=True)
    assert dataset.classes == ("BACTERIA", "NORMAL", "VIRUS")
    assert dataset.counts().to_dict() == {"BACTERIA": 3, "NORMAL": 4, "VIRUS": 2}
    assert "1 image is left out, named without a cause of the pneumonia" in "\n".join(dataset.notes)


def test_names_without_a_patient_are_noted(folder):
    write(folder / "chest_xray", "train/NORMAL/other.jpeg")
    dataset = datasets.load(folder)
    assert dataset.table["patient_id"].isna().sum() == 1
    assert (
        "1 image is named without a patient: chest_xray/train/NORMAL/other.jpeg." in dataset.notes
    )


def test_a_patient_in_two_published_splits_is_noted(folder):
    write(folder / "chest_xray", "test/PNEUMONIA/person12_bacteria_8.jpeg")
    notes = datasets.load(folder).notes
    assert "1 patient is in more than one published split: person12_bacteria." in notes


def test_other_class_folders_are_refused(folder):
    write(folder / "chest_xray", "train/COVID/a.jpeg")
    with pytest.raises(DatasetError, match="has the folders COVID besides NORMAL and PNEUMONIA"):
        datasets.load(folder)


def test_other_folders_of_these_names_are_not_taken_for_it(tmp_path):
    root = write(tmp_path / "own", "train/NORMAL/a.jpeg", "train/PNEUMONIA/b.jpeg")
    assert not kermany.detect(root)
    assert datasets.load(root).layout == "folders"
