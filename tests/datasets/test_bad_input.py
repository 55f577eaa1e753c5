"""What people's folders have wrong with them: one clear line each, as a note or as an error."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cxrcore import datasets, index
from cxrcore.datasets import masks
from cxrcore.errors import DatasetError, ImageError
from tests.conftest import ROOT
from tests.helpers.layouts import LAYOUTS, mask, picture, table


def records(root: Path) -> list[Path]:
    return sorted((root / "releases" / "all-images" / "annotations").glob("*.json"))


def darwin(root: Path) -> Path:
    LAYOUTS["darwin"](root)
    return root


def image_gone(root: Path) -> None:
    next((darwin(root) / "images").glob("*0.png")).unlink()


def record_gone(root: Path) -> None:
    records(darwin(root))[0].unlink()


def broken_json(root: Path) -> None:
    records(darwin(root))[0].write_text('{"image": ')


def redraw(root: Path, path: list[tuple[int, int]]) -> None:
    file = records(darwin(root))[0]
    record = json.loads(file.read_text())
    record["annotations"][0]["polygon"]["path"] = [{"x": x, "y": y} for x, y in path]
    file.write_text(json.dumps(record))


def polygon_outside(root: Path) -> None:
    redraw(root, [(400, 400), (500, 400), (500, 500)])


def polygon_partly_outside(root: Path) -> None:
    redraw(root, [(8, 9), (19, 9), (19, 90), (8, 90)])


def radiography_mask_gone(root: Path) -> None:
    LAYOUTS["radiography"](root)
    next(root.rglob("masks/Normal-1.png")).unlink()


def csv_rows(root: Path, *more: list[str]) -> None:
    for name in "abcd":
        picture(root / f"{name}.png")
    rows = [[f"{name}.png", label] for name, label in zip("abcd", "iiww", strict=True)]
    table(root / "labels.csv", ["path", "label"], [*rows, *more])


def csv_duplicate(root: Path) -> None:
    csv_rows(root, ["a.png", "i"])


def csv_two_labels(root: Path) -> None:
    csv_rows(root, ["a.png", "w"])


def csv_no_image(root: Path) -> None:
    csv_rows(root, ["e.png", "w"])


def name_not_utf_8(root: Path) -> None:
    LAYOUTS["folders"](root)
    file = next((root / "ill").iterdir())
    os.rename(os.fsencode(file), os.fsencode(root) + b"/ill/b\xe9.png")


def damaged_image(root: Path) -> None:
    LAYOUTS["folders"](root)
    next((root / "ill").iterdir()).write_bytes(b"\x89PNG\r\n\x1a\nbut no more")


def damaged_dicom(root: Path) -> None:
    LAYOUTS["folders"](root, ".dcm")
    file = next((root / "ill").iterdir())
    file.write_bytes(file.read_bytes()[:400])


def cohen_no_image(root: Path) -> None:
    LAYOUTS["cohen"](root)
    next((root / "images").iterdir()).unlink()


NOTED = {
    image_gone: "1 JSON file is left out because no single image has the given name: ",
    record_gone: "1 image is left out without a JSON file: images/00000000.png.",
    broken_json: "1 JSON file is skipped. The first: releases/all-images/annotations/00000000.json",
    polygon_outside: "1 image is left out as X-ray without exactly two lung polygons: images/00000000.png.",
    polygon_partly_outside: "annotated with lungs that reach beyond the image; the excess is cut off",
    radiography_mask_gone: "1 image is without a lung mask: ",
    csv_duplicate: "1 line is left out because the image is listed earlier: a.png.",
    csv_no_image: "1 line is left out because there is no such image: e.png.",
    name_not_utf_8: "1 file is skipped (unreadable name, or not a regular file): ill/b?.png.",
    damaged_image: "1 image is listed but cannot be used",
    damaged_dicom: "1 image is listed but cannot be used",
    cohen_no_image: "1 line is in metadata.csv without an image in the folder",
}  # fmt: skip


@pytest.mark.parametrize("fault", NOTED, ids=lambda fault: fault.__name__)
def test_what_is_wrong_with_single_files_is_a_note_and_the_rest_is_used(fault, tmp_path):
    fault(tmp_path / "set")
    dataset = datasets.load(tmp_path / "set")
    notes = [note for note in dataset.notes if NOTED[fault] in note]
    assert len(notes) == 1, dataset.notes
    assert "\n" not in notes[0]
    assert notes[0].endswith(".")
    assert len(dataset.table) >= 2


def no_columns(root: Path) -> None:
    csv_rows(root)
    table(root / "labels.csv", ["one", "two"], [["a.png", "i"]])


def cohen_no_columns(root: Path) -> None:
    LAYOUTS["cohen"](root)
    table(root / "metadata.csv", ["filename", "patientid"], [["a.png", "1"]])


def ragged(root: Path) -> None:
    csv_rows(root, ["a.png"])


def no_image_at_all(root: Path) -> None:
    table(root / "labels.csv", ["path", "label"], [["a.png", "i"]])


def sidecar_twice(root: Path) -> None:
    LAYOUTS["folders"](root)
    table(root / "metadata.csv", ["path", "view"], [["ill/0.png", "PA"]] * 2)


def all_json_broken(root: Path) -> None:
    for file in records(darwin(root)):
        file.write_text("{")


def nothing(root: Path) -> None:
    root.mkdir()


REFUSED = {
    no_columns: ("csv", "it has the columns one, two. Name it: python -m cxrcore data add NAME"),
    csv_two_labels: (None, "1 of 4 images of bad have several findings"),
    cohen_no_columns: (None, "lacks the column(s) finding; it has filename, patientid"),
    ragged: (None, "line 6 has 1 cells, the first has 2"),
    no_image_at_all: (None, "names no labelled image that is in the folder"),
    sidecar_twice: (None, "lists images twice: ill/0.png"),
    all_json_broken: ("darwin", ""),
    nothing: (None, "holds no images"),
}


@pytest.mark.parametrize("fault", REFUSED, ids=lambda fault: fault.__name__)
def test_what_makes_a_dataset_unusable_is_an_error_of_one_line(fault, tmp_path):
    fault(tmp_path / "set")
    layout, notes = REFUSED[fault]
    with pytest.raises(DatasetError) as error:
        datasets.register("bad", tmp_path / "set", layout)
    assert notes in str(error.value)
    assert "\n" not in str(error.value)
    assert not datasets.registered()


def test_unknown_labels_are_named_with_their_number(tmp_path):
    csv_rows(tmp_path / "set", ["e.png", "strange"])
    picture(tmp_path / "set" / "e.png")
    dataset = datasets.load(tmp_path / "set", options={"classes": ["i", "w"]})
    assert dataset.classes == ("i", "w")
    assert dataset.notes[-1] == "1 image is left out, of classes that were not chosen, strange (1)."
    with pytest.raises(DatasetError, match=r"has the class sick\. Its classes are i, strange, w"):
        datasets.load(tmp_path / "set", options={"classes": ["i", "sick"]})


def test_a_mask_of_another_size_is_reported_where_it_is_used(tmp_path):
    LAYOUTS["radiography"](tmp_path / "set")
    dataset = datasets.load(tmp_path / "set")
    row = dataset.table.iloc[0]
    mask(dataset.mask_of(row), 64)
    # The original's masks are of another size than its images: they are scaled, not refused.
    assert masks.read(dataset.mask_of(row), (32, 32)).shape == (32, 32)
    Image.fromarray(np.zeros((20, 64), np.uint8)).save(dataset.mask_of(row))
    with pytest.raises(ImageError) as error:
        masks.read(dataset.mask_of(row), (32, 32))
    assert "\n" not in str(error.value)


def test_damaged_files_do_not_stop_the_measuring(tmp_path):
    damaged_dicom(tmp_path / "set")
    measured = index.measure(datasets.load(tmp_path / "set"), workers=1)
    assert len(measured.damaged) == 1


@pytest.mark.parametrize("fault", [no_columns, nothing])
def test_the_command_says_one_line_and_ends_with_2(fault, tmp_path, own_folders):
    fault(tmp_path / "set")
    words = ["data", "add", "bad", str(tmp_path / "set"), *(["--layout", "csv"] if fault is no_columns else [])]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "cxrcore", *words],
        cwd=ROOT,
        env=os.environ | {"COLUMNS": "4000"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert ("used as" in done.stdout) == (fault is no_columns)  # its columns are shown
    assert len(done.stderr.strip().splitlines()) == 1
    assert REFUSED[fault][1] in done.stderr
