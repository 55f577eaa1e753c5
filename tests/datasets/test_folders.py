"""Class folders in all their shapes, and every way in which they can be wrong."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cxrcore import datasets
from cxrcore.errors import DatasetError


class Folder:
    """Writes pictures, each of a content of its own unless a value is given."""

    def __init__(self, root: Path) -> None:
        self.root, self._next = root, 0
        root.mkdir()

    def picture(self, *paths: str, value: int | None = None) -> "Folder":
        for path in paths:
            self._next += 1
            pixels = np.zeros((20, 20), np.uint16)
            pixels[0, 0] = 1000
            pixels[0, 1] = value if value is not None else self._next
            file = self.root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(file, "PNG")
        return self

    def text(self, path: str, text: str = "x") -> "Folder":
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return self

    def load(self) -> datasets.Dataset:
        return datasets.load(self.root)

    def column(self, name: str) -> dict[str, object]:
        table = self.load().table
        return {
            path: None if pd.isna(cell) else cell
            for path, cell in zip(table["path"], table[name], strict=True)
        }


@pytest.fixture
def folder(tmp_path) -> Folder:
    return Folder(tmp_path / "set")


def refusal(folder: Folder) -> str:
    with pytest.raises(DatasetError) as error:
        folder.load()
    assert "\n" not in str(error.value)
    return str(error.value)


def notes(folder: Folder) -> str:
    return "\n".join(folder.load().notes)


def test_folders_are_classes(tiny_dataset_folder):
    dataset = datasets.load(tiny_dataset_folder)
    assert dataset.classes == ("A", "B", "C")
    assert dataset.counts().to_dict() == {"A": 12, "B": 12, "C": 12}
    assert dataset.table["patient_id"].nunique() == 24
    assert set(dataset.table["modality"]) == {"xray"}
    for column in ("split", "mask", "view", "source"):
        assert dataset.table[column].isna().all()
    assert set(dataset.table["width"]) == set(dataset.table["height"]) == {48}
    assert (dataset.name, dataset.layout, dataset.synthetic, dataset.notes) == (
        "tiny",
        "folders",
        False,
        (),
    )
    assert dataset.path_of(dataset.table.iloc[0]).is_file()


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train", "train"),
        ("Training", "train"),
        ("VAL", "validation"),
        ("valid", "validation"),
        ("Validation", "validation"),
        ("test", "test"),
        ("testing", "test"),
    ],
)
def test_published_splits_stand_above_or_below_the_class(folder, name, split):
    folder.picture(f"{name}/A/1.png", f"B/{name}/2.png", "B/3.png")
    assert folder.load().classes == ("A", "B")
    assert folder.column("split") == {f"{name}/A/1.png": split, f"B/{name}/2.png": split} | {
        "B/3.png": None
    }


def test_images_and_masks_may_have_folders_of_their_own(folder):
    folder.picture("A/images/1.png", "A/images/2.png", "A/masks/1.png", "A/lesions/1.png")
    folder.picture("B/3.png", "B/Masks/3_mask.png", "train/B/images/4.png", "train/B/masks/4.png")
    assert folder.column("mask") == {
        "A/images/1.png": "A/masks/1.png",
        "A/images/2.png": None,
        "B/3.png": "B/Masks/3_mask.png",
        "train/B/images/4.png": "train/B/masks/4.png",
    }
    dataset = folder.load()
    assert dataset.classes == ("A", "B")
    assert dataset.mask_of(dataset.table["image_id"][0]) == folder.root / "A/masks/1.png"


def test_a_mask_of_another_class_is_not_taken(folder):
    folder.picture("A/images/1.png", "B/images/1.png", "B/masks/1.png")
    assert folder.column("mask") == {"A/images/1.png": None, "B/images/1.png": "B/masks/1.png"}


def test_masks_may_stand_above_the_classes(folder):
    folder.picture("images/A/1.png", "images/B/2.png", "masks/A/1.png")
    assert folder.column("mask") == {"images/A/1.png": "masks/A/1.png", "images/B/2.png": None}
    assert folder.load().classes == ("A", "B")


def test_a_folder_ct_is_a_modality_where_classes_follow(folder):
    folder.picture("CT/COVID/1.png", "X-ray/COVID/2.png", "Normal/ct/3.png", "Normal/4.png")
    assert folder.load().classes == ("COVID", "Normal")
    assert folder.column("modality") == {
        "CT/COVID/1.png": "ct",
        "Normal/4.png": "xray",
        "Normal/ct/3.png": "ct",
        "X-ray/COVID/2.png": "xray",
    }


def test_a_folder_ct_is_a_class_where_none_follows(folder):
    folder.picture("CT/1.png", "Xray/2.png")
    assert folder.column("label") == {"CT/1.png": "CT", "Xray/2.png": "Xray"}
    assert folder.column("modality") == {"CT/1.png": "ct", "Xray/2.png": "xray"}


def test_a_root_called_ct_holds_ct(tmp_path):
    dataset = Folder(tmp_path / "CT").picture("A/1.png", "B/2.png").load()
    assert set(dataset.table["modality"]) == {"ct"}


def test_folders_of_patients_below_a_class_are_no_classes(folder):
    folder.picture("A/p1/s1/1.png", "A/p2/2.png", "B/p3/deep/er/still/3.png")
    assert folder.column("label") == {
        "A/p1/s1/1.png": "A",
        "A/p2/2.png": "A",
        "B/p3/deep/er/still/3.png": "B",
    }


def test_folders_around_everything_are_not_classes_and_reported(folder):
    folder.picture("archive/chest xray/train/A/1.png", "archive/chest xray/test/B/2.png")
    folder.text("archive/readme.md")
    dataset = folder.load()
    assert dataset.classes == ("A", "B")
    assert "lies in the folder archive/chest xray; classes" in notes(folder)


def test_a_second_copy_of_everything_within_is_left_out(folder):
    for number, place in enumerate(("train/A", "test/B")):
        folder.picture(f"{place}/x.png", f"chest_xray/{place}/x.png", value=number)
    dataset = folder.load()
    assert dataset.classes == ("A", "B")
    assert len(dataset.table) == 2
    assert "2 files are left out because another file has the same content" in notes(folder)


def test_hidden_files_and_what_systems_leave_are_ignored_without_a_word(folder):
    folder.picture("A/1.png", "B/2.png", "A/.3.png", "__MACOSX/A/._1.png", ".cache/C/4.png")
    folder.text("A/Thumbs.db").text(".DS_Store")
    dataset = folder.load()
    assert len(dataset.table) == 2
    assert not [note for note in dataset.notes if "one image" not in note]


def test_other_files_are_skipped_with_a_note(folder):
    folder.picture("A/1.png", "B/2.png").text("A/readme.txt").text("B/x.mp4").text("list.xlsx")
    assert (
        "3 files are skipped (not the ending of an image): "
        "A/readme.txt, B/x.mp4, list.xlsx." in notes(folder)
    )


def test_images_beside_the_class_folders_are_skipped_with_a_note(folder):
    folder.picture("A/1.png", "B/2.png", "3.png", "train/4.png")
    assert "2 images are skipped (outside the class folders" in notes(folder)


def test_links_out_of_the_folder_are_ignored_with_a_note(folder, tmp_path):
    folder.picture("A/1.png", "B/2.png")
    other = Folder(tmp_path / "other").picture("3.png")
    (folder.root / "A/3.png").symlink_to(other.root / "3.png")
    (folder.root / "C").symlink_to(other.root)
    assert folder.load().classes == ("A", "B")
    assert "2 links are ignored (to a folder, out of the dataset, or broken)" in notes(folder)


def test_an_empty_folder_is_reported(folder):
    folder.picture("A/1.png", "B/2.png")
    (folder.root / "C").mkdir()
    assert "1 folder is empty: C." in notes(folder)


def test_one_class_loads_with_a_note(folder):
    folder.picture("A/1.png", "A/2.png")
    assert folder.load().classes == ("A",)
    assert "only one class, 'A'; training needs two" in notes(folder)


def test_a_class_of_one_image_loads_with_a_note(folder):
    folder.picture("A/1.png", "A/2.png", "B/3.png")
    assert "Classes with only one image: B;" in notes(folder)


def test_classes_that_differ_in_capitals_are_reported(folder):
    folder.picture("train/Normal/1.png", "test/NORMAL/2.png", "test/A/3.png")
    assert folder.load().classes == ("A", "NORMAL", "Normal")
    assert "'NORMAL' and 'Normal' differ only by case" in notes(folder)


def test_a_damaged_image_keeps_its_row_without_a_size(folder):
    folder.picture("A/1.png", "B/2.png").text("A/broken.jpg", "no picture").text("B/empty.png", "")
    assert folder.column("width") == {
        "A/1.png": 20,
        "A/broken.jpg": None,
        "B/2.png": 20,
        "B/empty.png": None,
    }
    assert "2 images are listed but cannot be used. The first: broken.jpg is not an" in notes(
        folder
    )


def test_content_decides_and_not_the_ending(folder):
    folder.picture("A/1.dcm", "B/2.JPG")
    assert set(folder.column("width").values()) == {20}


def test_a_file_that_cannot_be_opened_is_skipped_with_a_note(folder, monkeypatch):
    folder.picture("A/1.png", "A/closed.png", "B/2.png")
    original = Path.read_bytes

    def read_bytes(self: Path) -> bytes:  # the user who runs the tests may be allowed everything
        if self.name == "closed.png":
            raise PermissionError(13, "Permission denied")
        return original(self)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    assert folder.load().table["path"].tolist() == ["A/1.png", "B/2.png"]
    assert "1 file is skipped (cannot be opened). The first: closed.png" in notes(folder)


def test_a_folder_of_files_that_cannot_be_opened_is_refused(folder, monkeypatch):
    folder.picture("A/1.png")

    def closed(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", closed)
    assert "None of the 1 images" in refusal(folder)


def test_the_same_content_under_two_labels_is_left_out(folder):
    folder.picture("A/1.png", "B/1.png", value=500).picture("A/2.png", "B/2.png")
    assert folder.load().table["path"].tolist() == ["A/2.png", "B/2.png"]
    assert "2 files are left out because the same content has different" in notes(folder)


def test_nothing_but_contradictions_is_refused(folder):
    folder.picture("A/1.png", "B/1.png", value=1)
    assert "No image in" in refusal(folder)


def test_an_empty_root_is_refused(folder):
    assert "holds no images (.bmp, " in refusal(folder)
    assert "found: nothing" in refusal(folder)


def test_a_root_of_other_files_is_refused(folder):
    folder.text("A/1.txt").text("B/2.docx")
    assert "found: 2 other files (A/1.txt, B/2.docx)" in refusal(folder)


def test_a_root_of_masks_alone_is_refused(folder):
    folder.picture("A/masks/1.png")
    assert "found: 1 masks (A/masks/1.png)" in refusal(folder)


def test_images_without_class_folders_are_refused(folder):
    folder.picture("1.png", "2.png", "train/3.png")
    message = refusal(folder)
    assert "holds 3 images but no class folders" in message
    assert "into a folder named after the class" in message


def test_a_blank_folder_name_is_no_class(folder):
    folder.picture("A/1.png", "B/2.png", " /3.png")
    assert folder.load().classes == ("A", "B")


def test_loading_twice_gives_the_same_dataset(folder):
    folder.picture("A/1.png", "B/2.png").text("A/bad.png")
    one, two = folder.load(), folder.load()
    pd.testing.assert_frame_equal(one.table, two.table)
    assert (one.fingerprint, one.notes) == (two.fingerprint, two.notes)


@pytest.mark.real
def test_the_real_three_classes_are_read_with_their_patients(real_data):
    dataset = datasets.load(real_data / "cxr3")
    assert dataset.classes == ("Covid-19", "No_findings", "Pneumonia")
    # One of the 500 files of No_findings holds the same bytes as another of the same patient.
    assert dataset.counts().to_dict() == {"Covid-19": 124, "No_findings": 499, "Pneumonia": 500}
    assert "1 file is left out because another file has the same content" in dataset.notes[0]
    patients = dataset.table.groupby("label")["patient_id"]
    assert patients.nunique().to_dict() == {"Covid-19": 0, "No_findings": 332, "Pneumonia": 371}
    assert patients.count().to_dict() == {"Covid-19": 0, "No_findings": 499, "Pneumonia": 500}
    assert dataset.table["patient_id"].nunique() == 682
    assert dataset.table[["width", "height"]].notna().all().all()
    assert dataset.table[["width", "height"]].max().max() == 512
