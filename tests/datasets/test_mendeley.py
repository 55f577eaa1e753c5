"""Mendeley's collection: modality and class by folder, in any letter case."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cxrcore import datasets
from cxrcore.datasets import mendeley
from cxrcore.errors import DatasetError


def write(root: Path, *paths: str) -> Path:
    for path in paths:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.zeros((20, 20), np.uint8)
        pixels[0, 0], pixels[0, 1] = 255, len([p for p in root.rglob("*") if p.is_file()])
        Image.fromarray(pixels).save(file, "PNG")
    return root


def four(xray: str, ct: str, covid: str, non: str) -> list[str]:
    return [f"{modality}/{label}/a.png" for modality in (xray, ct) for label in (covid, non)]


@pytest.mark.parametrize(
    "words",
    [
        ("X-Ray", "CT", "COVID", "Non-COVID"),
        ("X-ray", "CT", "COVID", "Non-COVID"),
        ("x-ray", "ct", "Covid", "non-covid"),
        ("XRAY", "Ct", "covid", "NON-COVID"),
    ],
)
@pytest.mark.parametrize("above", ["COVID-19 Dataset/", ""])
def test_modality_and_class_are_the_folders(tmp_path, words, above):
    dataset = datasets.load(write(tmp_path / "set", *(above + path for path in four(*words))))
    assert (dataset.layout, dataset.classes) == ("mendeley", ("COVID", "Non-COVID"))
    pairs = dataset.table.groupby(["modality", "label"]).size().to_dict()
    assert pairs == {(m, c): 1 for m in ("ct", "xray") for c in ("COVID", "Non-COVID")}
    assert any(
        note.startswith("Both modalities are present, 2 ct and 2 xray") for note in dataset.notes
    )


def test_one_modality_alone_can_be_loaded(tmp_path):
    root = write(tmp_path / "COVID-19 Dataset", *four("X-Ray", "CT", "COVID", "Non-COVID"))
    dataset = datasets.load(root / "CT")
    assert (dataset.layout, set(dataset.table["modality"])) == ("mendeley", {"ct"})
    assert "Both modalities" not in "".join(dataset.notes)
    assert set(datasets.load(root / "X-Ray").table["modality"]) == {"xray"}


def test_the_same_picture_under_both_classes_is_left_out(tmp_path):
    root = write(tmp_path / "COVID-19 Dataset", *four("X-Ray", "CT", "COVID", "Non-COVID"))
    copy = root / "CT" / "COVID" / "b.png"
    copy.write_bytes((root / "CT" / "Non-COVID" / "a.png").read_bytes())
    dataset = datasets.load(root)
    assert len(dataset.table) == 3
    assert "the same content has different labels" in "\n".join(dataset.notes)


def test_images_elsewhere_are_refused_by_name(tmp_path):
    root = write(tmp_path / "COVID-19 Dataset", *four("X-Ray", "CT", "COVID", "Non-COVID"))
    write(root, "other/c.png")
    with pytest.raises(DatasetError, match=r"has images outside X-ray/COVID.*other/c\.png"):
        datasets.load(root)
    assert datasets.load(root, "folders").layout == "folders"


def test_classes_without_a_modality_are_not_taken_for_it(tmp_path):
    root = write(tmp_path / "set", "COVID/a.png", "Non-COVID/b.png")
    assert not mendeley.detect(root)
    with pytest.raises(DatasetError, match="has images outside X-ray/COVID"):
        datasets.load(root, "mendeley")


def test_modalities_with_other_classes_are_not_taken_for_it(tmp_path):
    root = write(tmp_path / "set", "X-ray/COVID/a.png", "X-ray/Normal/b.png", "CT/COVID/c.png")
    assert datasets.load(root).layout == "folders"
