"""The COVID-19 Radiography Database: masks, sources from workbooks, both generations."""

import zipfile
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
import pytest
from PIL import Image

from cxrcore import datasets
from cxrcore.datasets import radiography

NEW = ("COVID", "Lung_Opacity", "Normal", "Viral Pneumonia")
OLD = ("COVID-19", "NORMAL", "Viral Pneumonia")
SIRM = "https://sirm.org/category/senza-categoria/covid-19/"
MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'


def picture(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.zeros((20, 20), np.uint8)
    values = np.frombuffer(str(file).encode(), np.uint8)[-300:]
    pixels.flat[: len(values)] = values
    Image.fromarray(pixels).save(file, "PNG")


def workbook(file: Path, rows: list[tuple[str, ...]], shared: bool = True) -> None:
    """A plain workbook, with shared strings as Excel writes it or with inline ones."""
    texts = [text for row in rows for text in row]
    cells, number = [], 0
    for line, row in enumerate(rows, 1):
        body = ""
        for column, text in enumerate(row):
            where = f'r="{"ABCDEFG"[column]}{line}"'
            if text and shared:
                body += f'<c {where} t="s"><v>{number}</v></c>'
            elif text:
                body += f'<c {where} t="inlineStr"><is><t>{escape(text)}</t></is></c>'
            number += 1
        cells.append(f'<row r="{line}">{body}</row>')
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as book:
        sheet = f"<worksheet {MAIN}><sheetData>{''.join(cells)}</sheetData></worksheet>"
        book.writestr("xl/worksheets/sheet1.xml", sheet)
        if shared:
            items = "".join(f"<si><t>{escape(text)}</t></si>" for text in texts)
            book.writestr("xl/sharedStrings.xml", f"<sst {MAIN}>{items}</sst>")


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
        workbook(root / f"{label}.metadata.xlsx", table_of(label, *lines), shared=False)
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
    import io

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/worksheets/sheet1.xml", sheet)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"no zip", "cannot be read as a workbook"),
        (b"", "cannot be read as a workbook"),
        (zipped(b"<broken"), "cannot be read as a workbook"),
        (zipped(b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'), "is not a plain table"),
        (zipped(b" " * (70 << 20)), "is not a plain table"),
        (zipped(b"<worksheet/>"), "lacks the columns FILE NAME and URL; it has none"),
        (zipped(b'<a><row><c t="s"><v>9</v></c></row></a>'), "cannot be read as a workbook"),
    ],
    ids=["text", "empty", "xml", "entities", "bomb", "columns", "strings"],
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


def test_class_folders_of_these_names_are_not_taken_for_it(tmp_path):
    for label in ("COVID", "Normal", "Viral Pneumonia"):
        picture(tmp_path / "own" / label / "scan1.png")
    assert not radiography.detect(tmp_path / "own")
    assert datasets.load(tmp_path / "own").layout == "folders"
