"""Tables as text: CSV of any encoding and separator, packed or not, and Excel workbooks.

All cells are stripped text; only empty ones are missing ("NA" may be a name). Files are
untrusted: what they unpack to is bounded, and whatever is wrong becomes one DatasetError.
"""

import csv
import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

import pandas as pd

from cxrcore.errors import DatasetError

SUFFIXES = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".xlsx")
_DELIMITERS = ",;\t|"
_MAX_BYTES = 512 << 20  # of a table, unpacked; MIMIC-CXR's largest has 56 MB
_MAX_SHEET = 64 << 20  # of one part of a workbook, unpacked
_LINES, _HEAD = 50, 1 << 20  # of the beginning, by which separators are judged; characters


def is_table(name: str) -> bool:
    """Whether a file's name has the ending of a table."""
    return name.lower().endswith(SUFFIXES)


def read(path: Path, names: tuple[str, ...] = ()) -> pd.DataFrame:
    """The cells of a table; columns without a name are left out.

    Args:
        path: one of SUFFIXES, or other text.
        names: of the columns, for a list of words without a line of names; its lines may lack the
            last word, or have more.

    Raises:
        DatasetError: it cannot be opened, is no table, its lines differ in length, or two columns
            have one name.
    """
    try:
        if names:
            short = [line for line in words(path) if len(line) < len(names) - 1]
            if short:
                raise ValueError(
                    f"the line {' '.join(short[0])!r} has less than {len(names) - 1} words"
                )
            return _frame(list(names), [[*line, ""][: len(names)] for line in words(path)])
        lines = _lines(path)
        header = next(lines, [])
        return _frame(header, list(_fitted(lines, len(header))))
    except _DAMAGE as error:
        raise _refused(path, error) from error


def header(path: Path) -> list[str]:
    """The names of the columns; of text only the beginning is read.

    Raises:
        DatasetError: as for `read`, as far as the first lines tell.
    """
    try:
        return [name for name in next(_lines(path), []) if name]
    except _DAMAGE as error:
        raise _refused(path, error) from error


def encoding(path: Path) -> str:
    """The encoding of a text table, from its content; "" of a workbook.

    Raises:
        DatasetError: it cannot be opened.
    """
    try:
        return "" if path.name.lower().endswith(".xlsx") else _text(path)[1]
    except _DAMAGE as error:
        raise _refused(path, error) from error


def words(path: Path, most: int | None = None) -> list[list[str]]:
    """The words of the first lines of a text, at most `most`; empty lines do not count.

    Raises:
        DatasetError: it cannot be opened.
    """
    try:
        lines = (line.split() for line in _text(path)[0].splitlines())
        return list(islice(filter(None, lines), most))
    except _DAMAGE as error:
        raise _refused(path, error) from error


# What damaged files have raised: bad UTF-8 is a ValueError, openpyxl raises whatever comes.
_DAMAGE = (
    OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError, EOFError, SyntaxError,
    NotImplementedError, csv.Error, zlib.error, zipfile.BadZipFile,
)  # fmt: skip


def _refused(path: Path, error: BaseException) -> DatasetError:
    reason = " ".join(str(error).split())[:160] or type(error).__name__
    return DatasetError(
        f"{path} cannot be read as a table: {reason}. "
        "Save it again as comma-separated UTF-8 text, or remove it."
    )


def _lines(path: Path) -> Iterator[list[str]]:
    """The cells of each line that has any, stripped."""
    if path.name.lower().endswith(".xlsx"):
        lines = _sheet(path)
    else:
        text, _ = _text(path)
        delimiter, start = _delimiter(text)
        lines = csv.reader(io.StringIO(text[start:], newline=""), strict=True, delimiter=delimiter)
    for line in lines:
        cells = [cell.strip() for cell in line]
        if any(cells):
            yield cells


def _text(path: Path) -> tuple[str, str]:
    """The text of a file and its encoding: by its mark, else UTF-8, else Windows' of the West."""
    if path.name.lower().endswith(".gz"):
        with gzip.open(path) as packed:
            data = packed.read(_MAX_BYTES + 1)
    else:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        raise ValueError(f"it has more than {_MAX_BYTES >> 20} MB")
    candidates = ["utf-8-sig", "cp1252", "latin-1"]
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        candidates = ["utf-16"]
    elif data[:2].count(0) == 1 and len(data) % 2 == 0:  # UTF-16 without a mark
        candidates = ["utf-16-be" if data[0] == 0 else "utf-16-le"]
    for encoding in candidates:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        return text, encoding
    raise ValueError("its characters cannot be read")


def _delimiter(text: str) -> tuple[str, int]:
    """The separator of cells, and where the table begins: after Excel's line `sep=;`, if any.

    Of the separators under which the first lines are of one length, the one with most cells.
    """
    first = text[: text.find("\n") + 1 or None].strip().strip('"')
    if first.lower().startswith("sep=") and len(first) == 5:
        return first[4], text.find("\n") + 1

    def suits(delimiter: str) -> tuple[bool, int, int]:
        lines = csv.reader(io.StringIO(text[:_HEAD], newline=""), delimiter=delimiter)
        try:
            lengths = [len(line) for line in islice(lines, _LINES) if line]
        except csv.Error:
            lengths = []
        most = lengths[0] if lengths else 0
        return len(set(lengths)) == 1 and most > 1, most, -_DELIMITERS.index(delimiter)

    return max(_DELIMITERS, key=suits), 0


def _fitted(lines: Iterator[list[str]], width: int) -> Iterator[list[str]]:
    for number, line in enumerate(lines, 2):
        if len(line) != width:
            raise ValueError(f"line {number} has {len(line)} cells, the first has {width}")
        yield line


def _frame(header: list[str], rows: list[list[str]]) -> pd.DataFrame:
    named = [name for name in header if name]
    if len(set(named)) < len(named):
        raise ValueError(f"columns of the same name in {named}")
    frame = pd.DataFrame(rows, columns=range(len(header)), dtype="string")
    frame = frame[[at for at, name in enumerate(header) if name]].set_axis(named, axis=1)
    return frame.mask(frame == "", pd.NA)


def _sheet(path: Path) -> Iterator[list[str]]:
    """The lines of a workbook's first sheet that has any."""
    import openpyxl  # 30 ms, and most datasets have no workbook

    with zipfile.ZipFile(path) as book:
        if max((part.file_size for part in book.infolist()), default=0) > _MAX_SHEET:
            raise ValueError(f"a part of it has more than {_MAX_SHEET >> 20} MB")
        for part in book.namelist():
            if part.endswith(".xml"):
                with book.open(part) as file:
                    if b"<!DOCTYPE" in file.read(1024):
                        raise ValueError(f"{part} is not a plain table")
    book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    try:
        for sheet in book.worksheets:
            sheet.reset_dimensions()
            lines = sheet.iter_rows(values_only=True)
            first = next((line for line in lines if any(cell is not None for cell in line)), None)
            if first is not None:
                width = len(first)
                for line in chain([first], lines):
                    cells = [*line, *[None] * (width - len(line))]
                    yield [
                        _shown(cell) for cell in (cells if any(cells[width:]) else cells[:width])
                    ]
                return
    finally:
        book.close()


def _shown(cell: object) -> str:
    """A workbook's cell as text: whole numbers without a decimal point."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)
