"""Folders that are no classes are asked about before they are registered."""

import pytest

from cxrcore import datasets
from cxrcore.errors import DatasetError
from tests.helpers.layouts import mask, picture, table


def refusal(root, **options) -> str:
    with pytest.raises(DatasetError) as error:
        datasets.register("films", root, options=options)
    assert datasets.registered() == []
    assert "\n" not in str(error.value)
    return str(error.value)


def films(root, *folders, each=2):
    for folder in folders:
        for number in range(each):
            picture(root / folder / f"{number}.png")
    return root


@pytest.mark.parametrize(
    ("folders", "kind"),
    [
        (("images_001", "images_002"), "parts of an archive (images_001 2, images_002 2)"),
        (("patient00001", "patient00002"), "patients (patient00001 2, patient00002 2)"),
        (("00012345", "00012346"), "patients"),
        (("study1", "study2"), "studies"),
        (("2019", "2020"), "years"),
        (("png", "jpg"), "file types"),
        (("stage_2_train_images", "stage_2_test_images"), "published splits"),
        (("NORMAL", "PNEUMONIA", "plots"), "plots or results (plots 2)"),
        (("a", "data"), "image folders"),
    ],
)
def test_folders_that_are_no_classes_are_asked_about(tmp_path, folders, kind):
    root = films(tmp_path / "set", *folders)
    assert kind in refusal(root)
    assert datasets.register("films", root, "folders").classes == tuple(sorted(folders))


def test_naming_the_classes_leaves_the_others_out(tmp_path):
    root = films(tmp_path / "set", "NORMAL", "PNEUMONIA", "plots")
    assert "--option classes=NORMAL,PNEUMONIA" in refusal(root)
    dataset = datasets.register("films", root, options={"classes": ["NORMAL", "PNEUMONIA"]})
    assert dataset.counts().to_dict() == {"NORMAL": 2, "PNEUMONIA": 2}


def test_one_folder_a_person_is_asked_about(tmp_path):
    root = films(tmp_path / "set", *(f"Mr {n:x}{chr(97 + n % 26)}" for n in range(31)), each=1)
    assert "look like patients" in refusal(root)


def test_usual_classes_are_registered_without_a_question(tmp_path):
    root = films(tmp_path / "set", "COVID-19", "No_findings", "Pneumonia", "CT", "Grade 2", "TB")
    assert datasets.register("films", root).layout == "folders"


def test_a_table_that_is_not_used_is_asked_about(tmp_path):
    root = films(tmp_path / "set", "a", "b")
    table(root / "x.csv", ["when", "grade"], [["2020", "3"]])
    said = refusal(root)
    assert "a table that is not used" in said
    assert "it has the columns when, grade" in said
    assert datasets.register("films", root, "folders").classes == ("a", "b")


def test_one_class_for_all_images_may_be_given(tmp_path):
    root = films(tmp_path / "set", "images_001", "images_002")
    mask(root / "masks" / "0.png")
    dataset = datasets.register("films", root, options={"constant_label": "Normal"})
    assert dataset.counts().to_dict() == {"Normal": 4}
    table(root / "x.csv", ["path"], [["images_001/0.png"]])
    options = {"constant_label": "Tuberculosis", "file": "x.csv"}
    assert datasets.load(root, options=options).counts().to_dict() == {"Tuberculosis": 1}


def test_classes_of_too_few_patients_are_told(tmp_path):
    root = films(tmp_path / "set", "a", each=3)
    films(root, "b", each=2)
    said = datasets.note_on_few_patients(datasets.load(root))
    assert said is not None
    assert said.startswith("Classes of too few patients: b (2).")
    films(root, "b", each=3)
    assert datasets.note_on_few_patients(datasets.load(root)) is None


def test_tables_beside_loose_images_are_named_and_may_be_put_together(tmp_path):
    root = films(tmp_path / "set", "images", each=6)
    for name, numbers in (("train", range(4)), ("valid", range(4, 6))):
        table(
            root / f"{name}.csv", ["image", "label"], [[f"{n}.png", "ab"[n % 2]] for n in numbers]
        )
    assert "tell the classes: --option file=train.csv,valid.csv." in refusal(root)
    dataset = datasets.register("films", root, options={"file": "train.csv,valid.csv"})
    assert dataset.counts().to_dict() == {"a": 3, "b": 3}
    assert dataset.table["split"].value_counts().to_dict() == {"train": 4, "validation": 2}
