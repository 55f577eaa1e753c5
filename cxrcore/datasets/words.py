"""Words of tables and folders for splits, modalities, views and sexes, in those of the image table.

One list for every layout. Letter case, `_`, `-`, dots and repeated blanks do not count.
"""

import re

import pandas as pd

SPLITS = {
    **dict.fromkeys(("train", "training", "train val", "trainval"), "train"),
    **dict.fromkeys(("val", "valid", "validate", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
MODALITIES = {
    "ct": "ct",
    # CR and DX are DICOM's names of computed and digital radiography (PS3.3 C.7.3.1.1.1).
    **dict.fromkeys(("xray", "x ray", "cxr", "cr", "dx"), "xray"),
}
VIEWS = {
    **dict.fromkeys("pa,pa erect,pa stehend,postero anterior,posteroanterior".split(","), "PA"),
    **dict.fromkeys(
        "ap,ap supine,ap liegend,aps,ap erect,ap semi erect,ap axial,ap portable,antero posterior,"
        "anteroposterior".split(","),
        "AP",
    ),
    **dict.fromkeys("l,ll,rl,lat,lateral,left lateral,lateral left,right lateral".split(","), "L"),
}
SEXES = {
    **dict.fromkeys(("f", "female", "w", "woman", "weiblich"), "F"),
    **dict.fromkeys(("m", "male", "man", "männlich"), "M"),
}
_WORDS = {"split": SPLITS, "modality": MODALITIES, "view": VIEWS, "sex": SEXES}
COLUMNS = ("split", "modality", "view")  # of the image table
_OLDEST = 125  # years; more is a slip of the pen


def word(text: str) -> str:
    """A word as the lists write it.

    >>> word(" AP_Supine "), word("X-ray"), word("p.a.")
    ('ap supine', 'x ray', 'pa')
    """
    return " ".join(re.split(r"[\s_-]+", text.lower().replace(".", ""))).strip()


def normalised(cells: pd.Series, column: str) -> pd.Series:
    """Cells in the words of the image table, or years; unknown ones missing.

    Args:
        cells: as they are written.
        column: split, modality, view, sex or age.
    """
    if column == "age":
        return _years(cells)
    known = _WORDS[column]
    return cells.map(lambda cell: known.get(word(cell)), na_action="ignore").astype("string")


def _years(cells: pd.Series) -> pd.Series:
    """Ages in years; DICOM writes 058Y, 018M, 003W and 010D (PS3.5, AS)."""
    parts = cells.astype("string").str.extract(r"^\s*(\d{1,3}(?:[.,]\d+)?)\s*([YyMmWwDd]?)\s*$")
    number = pd.to_numeric(parts[0].str.replace(",", "."), errors="coerce").astype("Float64")
    a_year = parts[1].str.upper().map({"": 1, "Y": 1, "M": 12, "W": 52, "D": 365}).astype("Float64")
    years = (number / a_year).round(2)
    return years.where(years <= _OLDEST)


def split_in(name: str) -> str | None:
    """The published split that a file's or folder's name tells, if it tells one.

    >>> split_in("train_COVIDx9A.txt"), split_in("valid.csv"), split_in("metadata.csv")
    ('train', 'validation', None)
    """
    told = {SPLITS[part] for part in re.split(r"[^a-z]+", name.lower()) if part in SPLITS}
    return told.pop() if len(told) == 1 else None
