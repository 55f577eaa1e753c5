"""The COVID-19 Radiography Database: masks, sources from workbooks, both generations."""

import io
import zipfile
from pathlib import Path

import numpy as np
import openpyxl
import pytest
from PIL import Image

from cxrcore import datasets
from cxrcore.datasets import radiography

NEW = ("COVID", "Lung_Opacity", "Normal", "Viral Pneumonia")
OLD = ("COVID-19", "NORMAL", "Viral Pneumonia")
SIRM = "https://sirm.org/category/senza-categoria/covid-19/"


def picture(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.zeros((20, 20), np.uint8)
    values = np.frombuffer(str(file).encode(), np.uint8)[-300:]
    pixels.flat[: len(values)] = values
    Image.fromarray(pixels).save(file, "PNG")


def workbook(file: Path, rows: list[tuple[str, ...]]) -> None:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(file)


def table_of(label: str, *lines: tuple[str, str]) -> list[tuple[str, ...]]:
    return [
        ("FILE NAME", "FORMAT", "SIZE", "URL"),
        *((name, "PNG", "256*256", url) for name, url in lines),
    ]


@pytest.fixture
def new(tmp_path) -> Path:
    root = tmp_path / "COVID-19_Radiography_Dataset"
    for label in NEW:
        for number in (1, 2):
            for part in ("images", "masks"):
                picture(root / label / part / f"{label}-{number}.png")
        lines = [(f"{label.upper()}-{number}", f"{SIRM}?{label}&{number}") for number in (1, 2)]
        workbook(root / f"{label}.metadata.xlsx", table_of(label, *lines))
    return root


@pytest.fixture
def old(tmp_path) -> Path:
    root = tmp_path / "archive" / "COVID-19 Radiography Database"
    for label in OLD:
        for number in (1, 2):
            picture(root / label / f"{label} ({number}).png")
        lines = [(f"{label}({number})", SIRM) for number in (1, 2)]
        workbook(root / f"{label}.metadata.xlsx", table_of(label, *lines))
    return root


def test_the_new_generation_has_masks_and_sources(new):
    dataset = datasets.load(new)
    assert (dataset.layout, dataset.classes) == ("radiography", NEW)
    assert dataset.counts().to_dict() == dict.fromkeys(NEW, 2)
    row = dataset.table.iloc[0]
    assert row["path"] == "COVID/images/COVID-1.png"
    assert dataset.mask_of(row) == new / "COVID/masks/COVID-1.png"
    assert row["source"] == f"{SIRM}?COVID&1"
    assert dataset.table["source"].nunique() == 8
    assert dataset.table["patient_id"].isna().all()


def test_the_older_generation_is_flat_and_has_no_masks(old):
    dataset = datasets.load(old)
    assert (dataset.layout, dataset.classes) == ("radiography", OLD)
    assert dataset.table["mask"].isna().all()
    assert set(dataset.table["source"]) == {SIRM}
    assert datasets.load(old.parent).table["source"].notna().all()  # with the folder around it


def test_without_tables_the_layout_is_recognised_by_file_names(new):
    for path in new.glob("*.xlsx"):
        path.unlink()
    dataset = datasets.load(new)
    assert dataset.layout == "radiography"
    assert dataset.table["source"].isna().all()


def test_lines_and_images_without_a_partner_are_noted(new):
    lines = table_of("COVID", ("COVID-1", SIRM), ("COVID-9", SIRM))
    workbook(new / "COVID.metadata.xlsx", lines)
    dataset = datasets.load(new)
    assert dataset.table["source"].isna().sum() == 1
    notes = "\n".join(dataset.notes)
    assert "1 image is not in COVID.metadata.xlsx: COVID/images/COVID-2.png." in notes
    assert "1 line is in COVID.metadata.xlsx without an image: covid9." in notes


def test_an_empty_cell_leaves_the_source_missing(new):
    workbook(new / "COVID.metadata.xlsx", table_of("COVID", ("COVID-1", ""), ("COVID-2", SIRM)))
    assert datasets.load(new).table["source"][:2].isna().tolist() == [True, False]


def test_a_missing_mask_is_noted(new):
    (new / "COVID/masks/COVID-1.png").unlink()
    notes = "\n".join(datasets.load(new).notes)
    assert "1 image is without a lung mask: COVID/images/COVID-1.png." in notes


def zipped(sheet: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/worksheets/sheet1.xml", sheet)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"no zip", "cannot be read as a table"),
        (b"", "cannot be read as a table"),
        (zipped(b"<broken"), "cannot be read as a table"),
        (zipped(b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'), "is not a plain table"),
        (zipped(b" " * (70 << 20)), "a part of it has more than 64 MB"),
    ],
    ids=["text", "empty", "xml", "entities", "bomb"],
)
def test_a_bad_workbook_is_noted_in_one_sentence(new, content, expected):
    (new / "COVID.metadata.xlsx").write_bytes(content)
    dataset = datasets.load(new)
    note = next(
        note for note in dataset.notes if note.startswith("The sources of COVID are missing")
    )
    assert expected in note
    assert "\n" not in note
    assert dataset.table["source"].isna().sum() == 2


def test_a_workbook_of_other_columns_is_noted(new):
    workbook(new / "COVID.metadata.xlsx", [("A", "B"), ("1", "2")])
    assert "lacks the columns FILE NAME and URL; it has A, B." in "\n".join(
        datasets.load(new).notes
    )


def test_class_folders_of_these_names_are_not_taken_for_it(tmp_path):
    for label in ("COVID", "Normal", "Viral Pneumonia"):
        picture(tmp_path / "own" / label / "scan1.png")
    assert not radiography.detect(tmp_path / "own")
    assert datasets.load(tmp_path / "own").layout == "folders"
