"""Several findings and uncertain ones become one class, against a reference written by hand."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrcore.datasets import findings
from cxrcore.datasets.selection import LabelOptions
from cxrcore.errors import DatasetError

NAMES = ["A", "B", "C"]
VALUES = st.lists(st.lists(st.sampled_from([1, 0, -1, None]), min_size=3, max_size=3), max_size=8)


def decided(rows: list[list[int | None]], **options: object) -> list[str | None]:
    table = pd.DataFrame(rows, columns=NAMES, dtype="Int8")
    told = findings.decided(table, LabelOptions(**options), name="set").labels
    return [None if pd.isna(label) else label for label in told]


def reference(row: list[int | None], several: str, uncertain: str, rest: str | None) -> str | None:
    """One film, as the options describe it."""
    told = dict(zip(NAMES, row, strict=True))
    asked = [rest] if rest else NAMES
    if any(told[name] == -1 for name in asked) and uncertain == "out":
        return None
    told |= {
        n: {"positive": 1, "negative": 0}.get(uncertain)
        for n in NAMES
        if told[n] == -1 and n in asked
    }
    present = [name for name in NAMES if told[name] == 1]
    if rest:
        if told[rest] == 1:
            return rest
        return f"not {rest}" if present or told[rest] == 0 else None
    if len(present) < 2:
        return present[0] if present else None
    if several == "priority":
        return next((name for name in ("C", "A") if name in present), None)
    return "|".join(present) if several == "whole" else None


@given(
    VALUES,
    st.sampled_from(["one", "priority", "whole", "any"]),
    st.sampled_from(["out", "positive", "negative"]),
)
def test_each_film_gets_the_class_that_the_options_describe(rows, several, uncertain):
    rest = "B" if several == "any" else None
    options = {"several": several, "uncertain": uncertain, "against_rest": rest}
    if several == "priority":
        options["priority"] = ("C", "A")
    expected = [reference(row, several, uncertain, rest) for row in rows]
    assert decided(rows, **options) == expected


def test_what_was_not_chosen_is_asked_with_counts():
    rows = [[1, 1, 0], [1, 0, 0]]
    with pytest.raises(DatasetError, match=r"1 of 2 images of set .* A 2, B 1, C 0.*several=one"):
        decided(rows)
    with pytest.raises(DatasetError, match=r"Uncertain findings of set: C 1\. .*uncertain=out"):
        decided([[1, 0, -1]])


def test_renaming_joins_findings():
    assert decided([[1, 1, 0], [0, 0, 1]], rename={"A": "X", "B": "X"}) == ["X", "C"]
    with pytest.raises(DatasetError, match="has the class nope"):
        decided([[1, 0, 0]], against_rest="nope")


@pytest.mark.parametrize(
    ("cells", "separator"),
    [
        (["A|B", "C"], "|"),
        (["A;B", "B"], ";"),
        (["A, B", "A"], ","),
        (["COVID-19, ARDS", "Normal"], ""),
        (["['A', 'B']", "['A']"], findings.LIST),
        (["A", "B"], ""),
    ],
)
def test_a_separator_is_one_where_parts_also_stand_alone(cells, separator):
    assert findings.separator_of(pd.Series(cells, dtype="string")) == separator


def test_cells_are_read_with_decimal_points_and_commas():
    cells = pd.DataFrame({"A": ["1.0", "0,0", "-1.0", None], "B": ["yes", "No", "TRUE", "0"]}, dtype="string")  # fmt: skip
    told = findings.of_cells(cells)
    assert told.fillna(9).to_numpy().tolist() == [[1, 1], [0, 0], [-1, 1], [9, 0]]
    with pytest.raises(DatasetError, match="'A' cannot be a finding: it holds 3"):
        findings.of_cells(pd.DataFrame({"A": ["3"]}, dtype="string"))
