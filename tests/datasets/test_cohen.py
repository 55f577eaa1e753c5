"""Cohen's collection: findings of both generations, patients, views, and every bad line."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cxrcore import datasets
from cxrcore.datasets import cohen
from cxrcore.errors import DatasetError
from tests.helpers.layouts import mask

COLUMNS = "patientid offset sex age finding view modality location folder filename".split()


class Collection:
    """Writes `images/` and the lines of `metadata.csv`."""

    def __init__(self, root: Path) -> None:
        self.root, self.lines, self._next = root, [], 0
        (root / "images").mkdir(parents=True)

    def image(self, name: str) -> "Collection":
        self._next += 1
        pixels = np.zeros((20, 20), np.uint8)
        pixels[0, 0], pixels[0, 1] = 255, self._next
        Image.fromarray(pixels).save(self.root / "images" / name, "PNG")
        return self

    def line(self, name: str, finding: str = "COVID-19", **cells: str) -> "Collection":
        defaults = {"folder": "images", "filename": name, "finding": finding, "view": "PA"}
        self.lines.append({"modality": "X-ray", "patientid": "1"} | defaults | cells)
        return self

    def both(self, name: str, finding: str = "COVID-19", **cells: str) -> "Collection":
        return self.image(name).line(name, finding, **cells)

    def write(self, columns: list[str] = COLUMNS, encoding: str = "utf-8") -> "Collection":
        path = self.root / "metadata.csv"
        with path.open("w", newline="", encoding=encoding) as file:
            writer = csv.DictWriter(file, columns, restval="", extrasaction="ignore")
            writer.writeheader()
            writer.writerows(self.lines)
        return self

    def load(self) -> datasets.Dataset:
        return datasets.load(self.write().root)

    def notes(self) -> str:
        return "\n".join(self.load().notes)


@pytest.fixture
def collection(tmp_path) -> Collection:
    return Collection(tmp_path / "covid-chestxray-dataset").both("0.jpg")


def test_the_columns_fill_the_table(collection):
    collection.both("1.png", "SARS", patientid="311a", view="AP Supine", location="Rome, Italy")
    dataset = collection.load()
    row = dataset.table.iloc[1]
    assert (dataset.layout, dataset.classes) == ("cohen", ("COVID-19", "SARS"))
    assert (row["path"], row["label"], row["patient_id"]) == ("images/1.png", "SARS", "311a")
    assert (row["view"], row["source"], row["modality"]) == ("AP", "Rome, Italy", "xray")


def test_age_and_sex_are_kept_where_they_are_known(collection):
    collection.both("1.png", age="58", sex="f").both("2.png", age="unknown", sex="X")
    table = collection.load().table
    assert table["age"].isna().tolist() == [True, False, True]
    assert (table["age"].iloc[1], table["sex"].iloc[1]) == (58, "F")
    assert table["sex"].isna().tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("finding", "label"),
    [
        ("COVID-19", "COVID-19"),
        ("COVID-19, ARDS", "COVID-19"),
        ("Pneumonia/Viral/COVID-19", "COVID-19"),
        ("Streptococcus", "Streptococcus"),
        ("Pneumonia/Bacterial/Streptococcus", "Streptococcus"),
        ("Pneumonia", "Pneumonia"),
        ("No Finding", "No Finding"),
    ],
)
def test_the_finding_of_either_generation_is_the_label(collection, finding, label):
    collection.both("1.png", finding)
    assert collection.load().table["label"][1] == label


def test_a_syndrome_beside_the_cause_is_reported(collection):
    collection.both("1.png", "COVID-19, ARDS")
    assert "1 image is labelled 'COVID-19, ARDS' and counted as COVID-19." in collection.notes()


@pytest.mark.parametrize("finding", ["", "todo", "Unknown"])
def test_an_image_without_a_finding_is_left_out(collection, finding):
    collection.both("1.png", finding)
    assert "1 image is left out because metadata.csv gives no finding: images/1.png" in (
        collection.notes()
    )


def test_ct_slices_are_marked(collection):
    collection.both("1.png", modality="CT", view="Axial")
    row = collection.load().table.iloc[1]
    assert row["modality"] == "ct"
    assert row[["view", "source"]].isna().all()
    assert "1 image is CT, marked `ct` in the column modality." in collection.notes()


def test_lines_and_images_without_a_partner_are_noted(collection):
    collection.line("1.png").line("2.nii.gz", folder="volumes").image("3.png")
    notes = collection.notes()
    assert "2 lines are in metadata.csv without an image in the folder: images/1.png" in notes
    assert "1 image is left out because not listed in metadata.csv: images/3.png" in notes


def test_two_patients_with_the_same_image_are_one(collection):
    collection.line("0.jpg", patientid="2").both("1.png", patientid="2")
    collection.both("2.png", patientid="3")
    assert list(collection.load().table["patient_id"]) == ["1", "1", "3"]
    assert "Patients 1 and 2 share images/0.jpg; both are 1 here." in collection.notes()


def test_a_line_that_is_there_twice_without_patients_counts_once(collection):
    collection.both("1.png", patientid="").line("1.png", patientid="")
    assert len(collection.load().table) == 2


def test_an_image_with_two_findings_is_left_out(collection):
    collection.both("1.png", "SARS").line("1.png", "COVID-19")
    assert list(collection.load().table["path"]) == ["images/0.jpg"]
    assert "1 image is left out because of two findings: images/1.png" in collection.notes()


def test_a_damaged_image_keeps_its_row(collection):
    (collection.line("1.png").root / "images" / "1.png").write_bytes(b"no picture")
    assert collection.load().table["width"].isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("column", "expected"),
    [("finding", "lacks the column"), ("filename", "lacks the column")],
)
def test_a_missing_column_is_named(collection, column, expected):
    collection.write([name for name in COLUMNS if name != column])
    with pytest.raises(DatasetError, match=f"{expected}.* {column}; it has patientid"):
        datasets.load(collection.root, "cohen")


def test_columns_that_may_be_missing_are_noted(collection):
    collection.write(["filename", "finding"])
    dataset = datasets.load(collection.root)
    assert dataset.table["path"][0] == "images/0.jpg"
    assert dataset.notes[0].startswith("metadata.csv has no column patientid, view")


def test_lung_masks_of_the_annotations_are_found(collection):
    collection.both("1.png").both("2.png")
    mask(collection.root / "annotations" / "lungVAE-masks" / "1_mask.png", 20)
    table = collection.load().table.set_index("path")
    assert table["mask"].dropna().to_dict() == {
        "images/1.png": "annotations/lungVAE-masks/1_mask.png"
    }


def test_text_that_is_not_utf_8_is_read(collection):
    collection.both("1.png", location="Vall d'Hebrón").write(encoding="latin-1")
    assert "Vall d'Hebrón" in set(datasets.load(collection.root).table["source"])


def test_no_metadata_or_no_image_at_all_is_refused(collection):
    with pytest.raises(DatasetError, match=r"metadata\.csv is missing"):
        datasets.load(collection.root, "cohen")
    (collection.root / "images" / "0.jpg").unlink()
    with pytest.raises(DatasetError, match="names no labelled image that is in the folder"):
        collection.load()


def test_class_folders_with_metadata_are_not_taken_for_it(tiny_dataset_folder):
    (tiny_dataset_folder / "images").mkdir()
    (tiny_dataset_folder / "metadata.csv").write_text("path,filename,finding\n")
    assert not cohen.detect(tiny_dataset_folder)
    (tiny_dataset_folder / "metadata.csv").write_text("filename,notes\n")
    assert not cohen.detect(tiny_dataset_folder)


@pytest.mark.real
def test_the_real_collection_gives_patients_and_views(real_data):
    dataset = datasets.load(real_data / "ieee8023-covid-chestxray-dataset")
    assert (dataset.layout, len(dataset.table)) == ("cohen", 98)  # 99 lines, one image twice
    assert len(dataset.classes) == 15
    assert dataset.counts()["COVID-19"] == 35
    assert dataset.table["patient_id"].notna().all()
    assert dataset.table["patient_id"].nunique() == 56
    assert dataset.table["view"].value_counts().to_dict() == {"PA": 63, "AP": 19, "L": 11}
    assert dataset.table["modality"].value_counts().to_dict() == {"xray": 93, "ct": 5}
    assert "Patients 287 and 340 share images/000001-27.jpg; both are 287 here." in dataset.notes
