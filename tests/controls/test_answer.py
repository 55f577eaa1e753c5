"""Figures with and without lungs against counts by hand, statsmodels, and what the sentences claim."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from cxrcore import controls
from cxrcore.comparison.patients import Patients
from cxrcore.controls import answer
from cxrcore.errors import ComparisonError

CLASSES = ("COVID-19", "Normal", "Viral")
NOBODY = Patients(pd.Series(dtype="str"), "")
ORDER = ("none", "lungs", "lungs-erased", "border")


def table(truth, called, classes=CLASSES) -> pd.DataFrame:
    """Test predictions that call these classes, on films "film-000", …"""
    k = len(classes)
    shares = np.full((len(truth), k), 0.1 / (k - 1), np.float32)
    shares[np.arange(len(truth)), called] = 0.9
    found = pd.DataFrame(shares, columns=[f"p_{name}" for name in classes])
    found["label"] = np.array(list(classes))[truth]
    return found.set_index(pd.Index([f"film-{n:03d}" for n in range(len(truth))], dtype=object))


def wrong(truth, places, k=3):
    """The truth, but the next class at these places."""
    called = truth.copy()
    called[list(places)] = (called[list(places)] + 1) % k
    return called


TRUTH = np.repeat([0, 1, 2], [20, 40, 60])


@pytest.fixture
def judged():
    """8 of 120 wrong on the whole picture, 12 on the lungs, 30 without lungs, 60 on the border."""
    places = {"none": range(8), "lungs": range(4, 16), "lungs-erased": range(0, 90, 3)}
    places["border"] = range(0, 120, 2)
    tables = {name: table(TRUTH, wrong(TRUTH, some)) for name, some in places.items()}
    tables["border"] = tables["border"].drop(["film-000", "film-001", "film-119"])
    return tables, controls.answer.judge(tables, CLASSES, NOBODY, trained=True)


def test_all_regions_are_judged_on_the_films_that_all_have_and_the_others_are_counted(judged):
    _, found = judged
    assert (found.films, found.patients, found.regions) == (117, None, ORDER)
    assert found.left_out == {"COVID-19": 2, "Viral": 1}
    assert [(row.metric, row.class_name) for row in found.rows] == [
        ("accuracy", ""),
        ("balanced_accuracy", ""),
        *(("recall", name) for name in CLASSES),
    ]
    assert "117 test films" in controls.about_films(found)
    assert "3 (COVID-19 2, Viral 1)" in controls.about_films(found)


def test_figures_and_differences_are_those_of_statsmodels(judged):
    tables, found = judged
    kept = tables["border"].index
    right = {
        name: (some.loc[kept].iloc[:, :3].to_numpy().argmax(axis=1) == TRUTH[2:119])
        for name, some in tables.items()
    }
    row, p = found.row("accuracy"), []
    for shown in row.shown:
        own, whole = right[shown.region], right["none"]
        low, high = proportion_confint(own.sum(), 117, method="wilson")
        assert (shown.value, shown.low, shown.high) == pytest.approx((own.mean(), low, high))
        if shown.region != "none":
            assert shown.difference == pytest.approx(own.mean() - whole.mean())
            assert shown.difference_low < shown.difference < shown.difference_high
            cells = [[np.sum(a & b) for b in (whole, ~whole)] for a in (own, ~own)]
            p.append(mcnemar(cells, exact=True).pvalue)
    adjusted = multipletests(p, method="holm")[1]
    assert [shown.p for shown in row.shown[1:]] == pytest.approx(adjusted)
    assert row.of("none").difference is None
    recalls = [found.row("recall", name).of("border").value for name in CLASSES]
    assert recalls == pytest.approx([9 / 18, 20 / 40, 29 / 59])
    balanced = found.row("balanced_accuracy").of("border").value
    assert balanced == pytest.approx(np.mean(recalls))


def test_chance_is_what_knowing_nothing_reaches(judged):
    _, found = judged
    assert found.row("accuracy").chance == pytest.approx(59 / 117)  # always "Viral"
    assert found.row("balanced_accuracy").chance == pytest.approx(1 / 3)
    row = found.row("balanced_accuracy")
    by_hand = (row.of("border").value - 1 / 3) / (row.of("none").value - 1 / 3)
    assert row.remaining("border") == pytest.approx(by_hand)


def test_films_of_one_patient_are_taken_together(judged):
    tables, alone = judged
    whose = pd.Series([f"p{n // 4}" for n in range(120)], tables["none"].index)
    found = controls.answer.judge(tables, CLASSES, Patients(whose, "x"), trained=True)
    assert found.patients == 30
    assert "30 patients" in controls.about_films(found)
    one, other = (each.row("accuracy").of("none") for each in (found, alone))
    assert one.value == other.value
    assert one.high - one.low > other.high - other.low  # the mistakes are of two patients


def told(errors: dict[str, int], *, trained: bool = True, n: int = 120) -> str:
    """The sentence about so many mistakes of n films on each region."""
    truth = np.arange(n) % 3
    tables = {name: table(truth, wrong(truth, range(some))) for name, some in errors.items()}
    return controls.sentence(controls.answer.judge(tables, CLASSES, NOBODY, trained=trained))


def test_a_score_that_stays_without_lungs_says_little_of_them():
    text = told({"none": 12, "lungs": 12, "lungs-erased": 36, "border": 24})
    assert text.startswith(
        "Balanced accuracy of the same recipe, trained anew, with the lungs erased 0.70"
    )
    assert "shown only the border 0.80" in text
    assert "with the whole picture 0.90, with the lungs alone 0.90; guessing gives 0.33." in text
    assert "82 % of what it has above guessing is there without any lung, so" in text
    assert text.endswith("says little of the lungs (Maguolo and Nanni, 2021).")


def test_a_small_rest_is_told_as_a_part_and_an_outline_as_an_outline():
    text = told({"none": 12, "lungs-erased": 60, "border": 80}, trained=False)
    assert text.startswith("Balanced accuracy of the model with the lungs erased 0.50")
    assert "29 % of what it has above guessing" in text  # (0.5 - 1/3) / (0.9 - 1/3)
    assert "(though their outline shows): that part of its score says nothing" in text


def test_falling_to_chance_proves_something_only_after_training():
    errors = {"none": 12, "lungs-erased": 80, "border": 80}
    assert "not shown to be better than guessing" in told(errors)
    assert "does not prove that it needs the lungs" in told(errors, trained=False)


def test_nothing_is_said_of_a_model_that_guesses_or_before_there_is_a_control():
    assert told({"none": 80, "border": 80}).startswith("Nothing can be said: even with")
    assert told({"none": 12, "lungs": 12}).startswith("Nothing can be said yet")


@given(
    st.dictionaries(st.sampled_from(ORDER[1:]), st.integers(0, 60), min_size=1),
    st.integers(0, 60),
    st.booleans(),
)
def test_every_answer_has_a_sentence_and_the_difference_of_its_figures(others, whole, trained):
    truth = np.arange(60) % 2
    errors = {"none": whole, **others}
    tables = {
        name: table(truth, wrong(truth, range(some), 2), ("A", "B"))
        for name, some in errors.items()
    }
    found = controls.answer.judge(tables, ("A", "B"), NOBODY, trained=trained)
    assert controls.sentence(found).endswith(".")
    for row in found.rows:
        for shown in row.shown[1:]:
            assert shown.difference == pytest.approx(shown.value - row.shown[0].value)
            assert shown.p is None or 0 < shown.p <= 1
    frame = found.frame()
    assert len(frame) == len(found.rows) * len(errors) == len(controls.text_frame(found))


def test_without_a_film_in_common_there_is_no_answer():
    one = table(TRUTH, TRUTH)
    with pytest.raises(ComparisonError, match="no lung mask was accepted"):
        answer.judge({"none": one, "border": one.head(0)}, CLASSES, NOBODY, trained=False)
