"""Figures, pairs and ranks against statsmodels, scikit-learn and direct computations."""

import itertools

import numpy as np
import pytest
from sklearn import metrics as reference
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from cxrcore import comparison
from cxrcore.errors import ComparisonError
from cxrcore.metrics import METRICS
from tests.helpers.comparisons import CLASSES, keep, shares_of

RIGHT = {"good-1": 0.95, "fair-1": 0.75, "poor-1": 0.3}


@pytest.fixture
def made():
    """Three runs on the same 60 films: truth, probabilities by name, and the subjects."""
    truth = np.arange(60) % 3
    shares = {
        name: shares_of(truth, right, seed) for seed, (name, right) in enumerate(RIGHT.items())
    }
    for name, given in shares.items():
        keep(name, truth, given)
    return truth, shares, comparison.subjects(list(RIGHT))


def by_name(found):
    return {figure.name: figure for figure in found.figures}


def test_accuracies_have_wilsons_intervals_and_the_best_comes_first(made):
    truth, shares, subjects = made
    found = comparison.compare(subjects)
    hits = {name: int((given.argmax(axis=1) == truth).sum()) for name, given in shares.items()}
    assert [f.name for f in found.figures] == sorted(hits, key=hits.get, reverse=True)
    for figure in found.figures:
        low, high = proportion_confint(hits[figure.name], 60, method="wilson")
        got = (figure.value, figure.low, figure.high)
        assert got == pytest.approx((hits[figure.name] / 60, low, high))
    assert (found.relevant, found.common.films, found.common.of) == (
        60,
        60,
        dict.fromkeys(RIGHT, 60),
    )


@pytest.mark.parametrize(
    ("metric", "name"), [("accuracy", ""), ("recall", "Viral"), ("specificity", "Viral")]
)
def test_shares_are_tested_by_exact_mcnemar_on_the_films_they_are_about_and_holm(
    made, metric, name
):
    truth, shares, subjects = made
    about = {"accuracy": truth >= 0, "recall": truth == 2, "specificity": truth != 2}[metric]
    found = comparison.compare(subjects, metric, name)
    assert found.relevant == about.sum()
    expected = []
    for pair in found.pairs:
        first, second = (shares[each].argmax(axis=1)[about] for each in (pair.first, pair.second))
        if metric == "specificity":
            first, second = first != 2, second != 2
        else:
            first, second = first == truth[about], second == truth[about]
        table = [[np.sum(a & b) for b in (second, ~second)] for a in (first, ~first)]
        expected.append(float(mcnemar(table, exact=True).pvalue))
        assert pair.difference == pytest.approx(first.mean() - second.mean())
        assert pair.low <= pair.difference <= pair.high
    assert [pair.p for pair in found.pairs] == pytest.approx(expected)
    adjusted = multipletests(expected, method="holm")[1]
    assert [pair.adjusted for pair in found.pairs] == pytest.approx(adjusted)


def test_an_auc_is_that_of_scikit_learn_and_its_differences_delongs_by_definition(made):
    truth, shares, subjects = made
    found = comparison.compare(subjects, "auc", "Normal")
    of, others = truth == 1, truth != 1
    components = {}
    for name, given in shares.items():
        scores = given[:, 1].astype(float)
        figure = by_name(found)[name]
        assert figure.value == pytest.approx(reference.roc_auc_score(of, scores))
        won = (scores[of][:, None] > scores[others]) + 0.5 * (scores[of][:, None] == scores[others])
        components[name] = won.mean(axis=1), won.mean(axis=0)
    for pair in found.pairs:
        moved = [
            a - b for a, b in zip(components[pair.first], components[pair.second], strict=True)
        ]
        spread = np.sqrt(sum(np.var(each, ddof=1) / len(each) for each in moved))
        z = abs(pair.difference) / spread
        from scipy.stats import norm

        assert pair.p == pytest.approx(2 * norm.sf(z))


def test_a_difference_of_log_losses_is_tested_by_all_flips_of_signs():
    truth = np.array([0, 0, 1, 1, 0, 1, 0, 1])
    shares = [shares_of(truth, right, seed, 2) for seed, right in ((1, 0.9), (2, 0.2))]
    for name, given in zip(("one-1", "two-1"), shares, strict=True):
        keep(name, truth, given, classes=["A", "B"])
    [pair] = comparison.compare(comparison.subjects(["one-1", "two-1"]), "loss").pairs
    losses = [-np.log(given[np.arange(8), truth].astype(float)) for given in shares]
    moved = losses[0] - losses[1]
    sums = [abs(moved @ signs) for signs in itertools.product([-1, 1], repeat=8)]
    exact = np.mean(np.array(sums) >= abs(moved.sum()) - 1e-9)
    assert pair.p == pytest.approx(exact, abs=0.02)
    assert pair.difference == pytest.approx(-abs(moved.mean()), rel=1e-5)


def test_every_figure_of_predictions_can_be_compared_and_its_pairs_fit_its_values(made):
    subjects = made[2]
    for metric in METRICS.values():
        if metric.basis in ("run", "maps"):
            continue
        name = "COVID-19" if metric.scope == "class" else ""
        found = comparison.compare(subjects, metric.name, name)
        values = {figure.name: figure.value for figure in found.figures}
        ordered = list(values.values())
        assert ordered == sorted(ordered, reverse=metric.better == "up"), metric.name
        for figure in found.figures:
            assert figure.low <= figure.value <= figure.high, metric.name
            [run] = next(s.runs for s in subjects if s.name == figure.name)
            row = run.metrics["test"]
            stored = row.classes[0].value(metric.name) if name else row.value(metric.name)
            assert figure.value == pytest.approx(stored, abs=1e-6)
        for pair in found.pairs:
            assert pair.difference == pytest.approx(values[pair.first] - values[pair.second])
            assert pair.low <= pair.difference + 1e-9
            assert pair.high >= pair.difference - 1e-9
            assert 0 < pair.p <= pair.adjusted <= 1


def test_a_rank_is_the_range_that_the_proven_pairs_leave(made):
    found = comparison.compare(made[2])
    proven = {(pair.first, pair.second) for pair in found.pairs if pair.proven}
    # 0.95, 0.75 and 0.3 of 60 right: only the last one is proven worse than both.
    assert proven == {("good-1", "poor-1"), ("fair-1", "poor-1")} | (
        proven & {("good-1", "fair-1")}
    )
    ranks = {figure.name: figure.ranks for figure in found.figures}
    told_apart = ("good-1", "fair-1") in proven
    assert ranks == {
        "good-1": (1, 1 if told_apart else 2),
        "fair-1": (2 if told_apart else 1, 2),
        "poor-1": (3, 3),
    }


def test_runs_that_answer_alike_are_not_tested_and_share_all_ranks():
    truth = np.arange(12) % 3
    for name in ("one-1", "two-1"):
        keep(name, truth, shares_of(truth, 0.8, 1))
    for metric, class_name in (
        ("accuracy", ""),
        ("auc", "Viral"),
        ("macro_f1", ""),
        ("loss", ""),
        ("ece", ""),
    ):
        found = comparison.compare(comparison.subjects(["one-1", "two-1"]), metric, class_name)
        [pair] = found.pairs
        assert pair.difference == 0
        assert not pair.proven
        assert pair.better is None
        assert [figure.ranks for figure in found.figures] == [(1, 2), (1, 2)]


def test_a_figure_that_is_undefined_is_last_and_has_no_rank():
    truth = np.zeros(6, int)  # no film of the class "Viral"
    for name, right in (("one-1", 0.9), ("two-1", 0.4)):
        keep(name, truth, shares_of(truth, right, 1))
    found = comparison.compare(comparison.subjects(["one-1", "two-1"]), "auc", "Viral")
    assert [(f.value, f.low, f.ranks) for f in found.figures] == [(None, None, None)] * 2
    assert found.pairs[0].method == "not tested: a figure is undefined"
    assert found.relevant == 0


def test_the_detectable_difference_is_that_of_the_power_for_the_level_of_one_pair(made):
    from cxrcore.statistics import power

    found = comparison.compare(made[2])
    assert found.level == pytest.approx(0.05 / 3)
    assert found.detectable == power.smallest_difference(60, 0.05 / 3, 0.3)
    few = comparison.compare(
        made[2], "recall", "Viral"
    )  # 20 films: 0.3 of them are too few to tell
    assert power.smallest_difference(20, 0.05 / 3, 0.3) is None
    assert few.discordance > 0.3
    assert few.detectable <= few.discordance
    assert comparison.compare(made[2], "loss").detectable is None


def test_the_order_of_classes_and_subjects_does_not_matter(made):
    truth, shares, subjects = made
    backwards = [2, 1, 0]
    keep("other-1", 2 - truth, shares["fair-1"][:, backwards], classes=CLASSES[::-1])
    same = comparison.compare(comparison.subjects(["fair-1", "other-1"]), "recall", "COVID-19")
    assert same.figures[0].value == same.figures[1].value
    assert same.pairs[0].method.startswith("not tested: both models have the same films right")
    assert comparison.compare(subjects[::-1]) == comparison.compare(subjects)


@pytest.mark.parametrize(
    ("metric", "class_name", "said"),
    [
        ("speed", "", "Choose one of: accuracy, .*recall"),
        ("parameters", "", "Choose one of"),
        ("recall", "", "COVID-19, Normal, Viral"),
        ("recall", "Pneumonia", "'Pneumonia'. Choose one of: COVID-19"),
        ("accuracy", "Viral", "one figure for all classes"),
    ],
)
def test_what_does_not_exist_is_named_with_what_does(made, metric, class_name, said):
    with pytest.raises(ComparisonError, match=said):
        comparison.compare(made[2], metric, class_name)
    with pytest.raises(ComparisonError, match=said):
        comparison.load(made[2], metric, class_name)


def test_intervals_are_those_of_a_comparison_of_one(made):
    subjects = made[2][:1]
    row = comparison.intervals(subjects).loc["good-1"]
    for metric, class_name, column in (
        ("accuracy", "", "accuracy"),
        ("auc", "Viral", "auc[Viral]"),
        ("loss", "", "loss"),
        ("f1", "Normal", "f1[Normal]"),
    ):
        [figure] = comparison.compare(subjects, metric, class_name).figures
        found = row[[column, f"{column}_low", f"{column}_high"]].tolist()
        assert found == pytest.approx([figure.value, figure.low, figure.high])
    columns = subjects[0].runs[0].metrics["test"].columns()
    assert set(row.index) == {c + end for c in columns for end in ("", "_low", "_high")}
    assert row[list(columns)].to_dict() == pytest.approx(columns, abs=1e-6)
