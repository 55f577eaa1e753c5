"""Tables of every form become the same cells."""

import csv
import datetime
import gzip
import io

import openpyxl
import pytest

from cxrcore.datasets import cells
from cxrcore.errors import DatasetError

ROWS = [
    ["Datei", "Befund", "Größe"],
    ["Bilder\\Ö 1.png", 'Überblähung; "schwer"', "1,5"],
    ["b, c.png", "Normal", ""],
]


def written(delimiter: str, ending: str = "\r\n") -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator=ending).writerows(ROWS)
    return out.getvalue()


def check(file) -> None:
    table = cells.read(file)
    assert list(table.columns) == cells.header(file) == ROWS[0]
    assert table.fillna("").to_numpy().tolist() == ROWS[1:]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1"])  # fmt: skip
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_encodings_and_separators_are_told_from_the_content(tmp_path, encoding, delimiter):
    file = tmp_path / "x.csv"
    file.write_bytes(written(delimiter).encode(encoding))
    check(file)


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"'])
def test_the_line_sep_of_excel_is_obeyed(tmp_path, first):
    file = tmp_path / "x.csv"
    file.write_bytes(f"{first}\r\n{written(';')}".encode("cp1252"))
    check(file)


def test_a_packed_table_is_unpacked(tmp_path):
    file = tmp_path / "x.csv.gz"
    file.write_bytes(gzip.compress(written(",").encode()))
    check(file)


def test_a_workbook_is_read_from_its_first_sheet_with_cells(tmp_path):
    book = openpyxl.Workbook()
    book.create_sheet("data")
    for row in [[None] * 3, *ROWS]:
        book["data"].append([cell or None for cell in row])
    book["data"].append([7, 1.0, datetime.date(2020, 5, 1)])
    book.save(tmp_path / "x.xlsx")
    table = cells.read(tmp_path / "x.xlsx")
    assert table.fillna("").to_numpy().tolist() == [*ROWS[1:], ["7", "1", "2020-05-01 00:00:00"]]


def test_columns_without_a_name_are_left_out(tmp_path):
    (tmp_path / "x.csv").write_text(",path,label,,\n0,a.png,x,,\n1,b.png,y,,\n")
    assert cells.read(tmp_path / "x.csv").columns.tolist() == ["path", "label"]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("x.csv.gz", b"no gz", "Not a gzipped file"),
        ("x.csv.gz", gzip.compress(b"path,label\n" * 20, mtime=0)[:-9], "ended before"),
        ("x.xlsx", b"no zip", "not a zip file"),
        ("x.csv", b"a,a\n1,2\n", "columns of the same name"),
        ("x.csv", b"a,b\n1\n", "line 2 has 1 cells, the first has 2"),
    ],
)
def test_what_is_no_table_is_refused_in_one_line(tmp_path, name, content, expected):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DatasetError, match=expected) as error:
        cells.read(tmp_path / name)
    assert "\n" not in str(error.value)


def test_a_table_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(cells, "_MAX_BYTES", 1000)
    (tmp_path / "x.csv.gz").write_bytes(gzip.compress(b"a,b\n" * 1000))
    with pytest.raises(DatasetError, match="more than"):
        cells.read(tmp_path / "x.csv.gz")
