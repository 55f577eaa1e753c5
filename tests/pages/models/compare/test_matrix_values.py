"""What the cells of confusion matrices say, against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from pages.models.compare import matrix_values
from pages.models.compare.matrix_values import FILMS, PREDICTED, TRUE, percent
from pages.shared.entries import Entry
from tests.helpers.tested import answered, keep

CLASSES = ["A", "B", "C"]


@pytest.fixture
def entries(tiny) -> list[Entry]:
    rng = np.random.default_rng(5)
    kept = [
        keep(tiny, n, answered(tiny, rng.integers(0, 3, 36), rng.uniform(0.4, 1, 36)))
        for n in range(3)
    ]
    return [Entry(run, f"Run {n}", "#000000") for n, run in enumerate(kept)]


def said(entry: Entry) -> tuple[list[str], list[str]]:
    table = entry.item.predictions()
    return table["label"].tolist(), table["predicted"].tolist()


@pytest.mark.parametrize(
    ("what", "normalize"), [(FILMS, "true"), (TRUE, "true"), (PREDICTED, "pred")]
)
def test_films_and_shares_are_those_of_scikit_learn(entries, tiny, what, normalize):
    shown, _ = matrix_values.counted(entries, what, tiny)
    for item, entry in zip(shown, entries, strict=True):
        assert item.matrix.counts == confusion_matrix(*said(entry), labels=CLASSES).tolist()
        shares = confusion_matrix(*said(entry), labels=CLASSES, normalize=normalize)
        np.testing.assert_allclose(item.matrix.shades, shares, atol=5e-4)
        written = [] if what == FILMS else [[percent(s) for s in row] for row in shares]
        assert item.matrix.texts == written


def test_differences_are_in_points_and_the_largest_has_the_full_colour(entries, tiny):
    shown, legend = matrix_values.differences(entries[1:], entries[0], tiny)
    shares = [confusion_matrix(*said(e), labels=CLASSES, normalize="true") for e in entries]
    gaps = np.array([own - shares[0] for own in shares[1:]])
    largest = np.abs(gaps).max()
    for item, gap in zip(shown, gaps, strict=True):
        np.testing.assert_allclose(item.matrix.shades, gap / largest, atol=1e-3)
        points = [[int(t.replace("−", "-")) for t in row] for row in item.matrix.texts]
        np.testing.assert_allclose(points, 100 * gap, atol=0.51)
    assert legend.high == f"+{round(100 * largest)}"
    assert legend.low == f"−{round(100 * largest)}"
    assert legend.both
    assert {text[0] for item in shown for row in item.matrix.texts for text in row} <= set("+−0")


def test_runs_that_say_the_same_differ_by_nothing_and_stay_pale(entries, tiny):
    (same,), _ = matrix_values.differences(entries[:1], entries[0], tiny)
    assert same.matrix.texts == [["0"] * 3] * 3
    assert np.abs(same.matrix.shades).max() == 0


def test_agreement_is_that_of_scikit_learn_over_the_films_that_both_were_tested_on(tiny):
    rng = np.random.default_rng(6)
    called = rng.integers(0, 3, (2, 30))
    places = (range(30), range(6, 36))
    runs = [keep(tiny, n, answered(tiny, called[n], np.full(30, 0.8)), places[n]) for n in range(2)]
    one, two = (Entry(run, f"Run {n}", "#000000") for n, run in enumerate(runs))
    (item,), legend = matrix_values.agreement(one, two, tiny)
    expected = confusion_matrix(called[0][6:], called[1][:24])
    assert item.matrix.counts == expected.tolist()
    assert f"agree on {np.trace(expected)} of the 24 films" in legend.text
    cell = item.cell(0, 2)
    assert (cell.rows, cell.row, cell.entry, cell.column) == (one, "A", two, "C")


def test_classes_stand_in_the_order_of_the_dataset_whatever_that_of_the_run(tiny):
    shares = answered(tiny, [0, 0, 0, 1, 2], [0.9] * 5)
    run = keep(tiny, 1, shares)
    turned = run.model_copy(update={
        "run_id": "cnn-plain-00000002", "classes": ["C", "A", "B"],
        "metrics": {"test": run.metrics["test"].model_copy(update={
            "confusion": [[0, 0, 0], [1, 3, 1], [0, 0, 0]]})},
    })  # fmt: skip
    shown, _ = matrix_values.counted(
        [Entry(run, "1", "#000000"), Entry(turned, "2", "#000000")], FILMS, tiny
    )
    assert [item.matrix.rows for item in shown] == [CLASSES, CLASSES]
    assert shown[1].matrix.counts == shown[0].matrix.counts == [[3, 1, 1], [0, 0, 0], [0, 0, 0]]


def test_an_empty_class_has_no_share_and_no_colour(tiny):
    run = keep(tiny, 1, answered(tiny, [0, 0], [0.9, 0.9]))  # both films are of class A
    (item,), _ = matrix_values.counted([Entry(run, "1", "#000000")], TRUE, tiny)
    assert item.matrix.texts == [["100 %", "0 %", "0 %"], ["–"] * 3, ["–"] * 3]
    assert item.matrix.shades[1] == [0, 0, 0]


def test_other_films_and_other_classes_are_named_in_a_difference(entries, tiny):
    fewer = keep(tiny, 8, answered(tiny, [0, 1], [0.9, 0.9]))
    renamed = entries[2].item.model_copy(update={"run_id": "z", "classes": ["A", "B", "D"]})
    others = [Entry(fewer, "Fewer", "#000000"), Entry(renamed, "Renamed", "#000000")]
    shown, legend = matrix_values.differences(others, entries[0], tiny)
    assert [item.matrix.title for item in shown] == ["Fewer"]
    assert "Left out, because their classes are others: Renamed." in legend.text
    assert "Tested on other films than Run 0: Fewer." in legend.text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0 %"), (0.004, "<1 %"), (0.005001, "1 %"), (0.994, "99 %"), (0.996, ">99 %"), (1, "100 %")],
)  # fmt: skip
def test_a_share_that_is_not_all_or_nothing_never_looks_like_it(share, text):
    assert percent(share) == text
