"""Cells of a confusion matrix: their address and their films."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxrcore.splits import SplitSpec
from pages.models.compare import cells
from pages.models.compare.cells import Cell
from pages.models.compare.families import Family
from pages.shared.entries import Entry
from tests.helpers.tested import answered, keep

NAMES = st.text(st.sampled_from("ab~%2 5|7Eé<&_"), min_size=1, max_size=6)


def entry(run_id: str, classes: list[str]) -> Entry:
    """An entry without files."""
    item = SimpleNamespace(run_id=run_id, classes=classes)
    return Entry(item, run_id.upper(), "#000000")


@given(st.lists(NAMES, min_size=2, max_size=4, unique=True), NAMES, st.booleans(), st.data())
def test_an_address_leads_back_to_its_cell_whatever_the_classes_are_called(
    classes, other, against, data
):
    entries = [entry("one", classes), entry("two", classes), entry(f"{other}3", classes)]
    shown, rows = data.draw(st.sampled_from(entries)), data.draw(st.sampled_from(entries))
    row, column = data.draw(st.sampled_from(classes)), data.draw(st.sampled_from(classes))
    cell = Cell(shown, row, column, rows if against else None)
    assert cells.find(cell.address, entries) == cell


@given(st.text() | st.lists(st.sampled_from(["one", "two", "a", "", "%"])).map("~".join))
def test_an_address_that_anybody_wrote_is_a_cell_or_nothing(address):
    entries = [entry("one", ["a", "b"]), entry("two", ["b", "c"])]
    found = cells.find(address, entries)
    if found is not None:
        assert found.column in found.entry.classes
        assert found.row in (found.rows or found.entry).classes
        assert cells.find(found.address, entries) == found


def test_a_cell_says_what_its_films_have_in_common():
    one, two = entry("one", ["a", "b"]), entry("two", ["a", "b"])
    assert Cell(one, "a", "b").title == "a called b"
    assert Cell(one, "a", "b", two).title == "TWO says a, ONE says b"


@pytest.fixture
def tested(tiny) -> list[Entry]:
    """Three runs with answers at random; the third was tested on other films as well."""
    rng = np.random.default_rng(3)
    kept = [
        keep(tiny, n, answered(tiny, rng.integers(0, 3, 30), rng.uniform(0.4, 1, 30)), rows)
        for n, rows in enumerate([range(30), range(30), range(6, 36)])
    ]
    return [Entry(run, run.run_id, "#000000") for run in kept]


def loop(cell: Cell, entries: list[Entry]) -> list[tuple[str, float, int]]:
    """(image, certainty, how many others answer otherwise), counted film by film."""
    tables = {e.name: e.item.predictions().set_index("image_id") for e in entries}
    found = []
    for image, row in tables[cell.entry.name].iterrows():
        left = row["label"]
        if cell.rows is not None:
            known = image in tables[cell.rows.name].index
            left = tables[cell.rows.name].loc[image, "predicted"] if known else None
        if row["predicted"] != cell.column or left != cell.row:
            continue
        others = [t for name, t in tables.items() if name != cell.entry.name and image in t.index]
        differ = sum(t.loc[image, "predicted"] != cell.column for t in others)
        found.append((image, float(row[f"p_{cell.column}"]), differ))
    return sorted(found, key=lambda film: -film[1])


@pytest.mark.parametrize("against", [None, 1])
def test_films_of_every_cell_are_those_of_a_plain_loop(tested, against):
    total = 0
    for row in "ABC":
        for column in "ABC":
            cell = Cell(tested[2], row, column, None if against is None else tested[against])
            table = cells.films(cell, tested).table
            rows = table[["image_id", "certainty", "otherwise"]].itertuples(index=False, name=None)
            expected = loop(cell, tested)
            assert list(rows) == expected
            total += len(expected)
    assert total == (30 if against is None else 24)  # every film of the run, or those of both


def test_a_film_that_several_seeds_call_the_same_is_there_once_with_the_surest(tiny):
    sure = ([0.9, 0.6], [0.7, 0.8], [0.5, 0.9])
    called = ([0, 1], [0, 1], [1, 1])
    kept = [
        keep(tiny, n, answered(tiny, called[n], sure[n]), split=SplitSpec(), grouping="g")
        for n in range(3)
    ]
    family = Entry(Family("family", tuple(kept)), "Family", "#000000")
    cell = Cell(family, "A", "A")
    found = cells.films(cell, [family])
    assert found.table["certainty"].tolist() == [pytest.approx(0.9)]
    assert found.given == 2
    said = cells.answers(family)
    # The first film: means of p are A (0.9 + 0.7 + 0.25) / 3 and B (0.05 + 0.15 + 0.5) / 3.
    assert said["predicted"].tolist() == ["A", "B"]
    assert said["p_A"].iloc[0] == pytest.approx(1.85 / 3)


def test_answers_are_read_anew_when_the_run_is_another(tiny):
    first = keep(tiny, 1, answered(tiny, [0] * 5, [0.9] * 5))
    assert set(cells.answers(Entry(first, "x", "#000000"))["predicted"]) == {"A"}
    for file in first.folder.iterdir():
        file.unlink()
    first.folder.rmdir()
    second = keep(tiny, 1, answered(tiny, [1] * 5, [0.9] * 5))
    assert set(cells.answers(Entry(second, "x", "#000000"))["predicted"]) == {"B"}
