"""Operating points: chosen on validation films, measured on test films."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as reference

from cxrcore import store
from cxrcore.errors import ComparisonError
from cxrcore.metrics.temperature import fit
from cxrcore.thresholds import choose, measure, operating_point, per_thousand, temperature
from tests.helpers import tested


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 20)), min_size=2, max_size=40),
    st.floats(0.05, 1),
)
@settings(max_examples=100, deadline=None)
def test_the_threshold_is_the_greatest_with_the_recall_that_is_wanted(rows, wanted):
    positive = np.array([True, *(row[0] for row in rows)])
    scores = np.array([10, *(row[1] for row in rows)]) / 20
    if scores.min() == scores.max():
        return
    found = choose(positive, scores, wanted)

    def recall(threshold):
        return np.mean(scores[positive] >= threshold)

    assert recall(found.threshold) >= wanted - 1e-9
    stricter = np.unique(scores[scores > found.threshold])
    assert all(recall(threshold) < wanted for threshold in stricter)
    assert found.caught == (scores[positive] >= found.threshold).sum()


def test_twenty_films_cannot_promise_95_percent_and_59_can():
    for n, promised in ((20, False), (58, False), (59, True)):
        scores = np.append(np.linspace(0.5, 0.9, n), 0.1)
        found = choose(np.append(np.ones(n, bool), False), scores, 0.95)
        everyone = choose(np.append(np.ones(n, bool), False), scores, 1.0)
        assert everyone.bound == pytest.approx(0.05 ** (1 / n))
        assert (everyone.bound >= 0.95) == promised
        assert found.needed == 59
        assert not found.promised  # one film in twenty is missed


def test_the_bound_is_that_of_scipys_exact_binomial_interval():
    scores = np.append(np.linspace(0.2, 0.9, 40), 0.0)
    found = choose(np.append(np.ones(40, bool), False), scores, 0.9)
    exact = stats.binomtest(found.caught, 40, alternative="greater").proportion_ci(0.95, "exact")
    assert found.bound == pytest.approx(exact.low)


def test_the_promise_holds_in_95_of_100_validation_sets():
    rng = np.random.default_rng(8)
    kept = []
    for _ in range(2000):
        scores = rng.uniform(size=41)  # the true recall of a threshold t is 1 - t
        scores[-1] = 0
        found = choose(np.append(np.ones(40, bool), False), scores, 0.9)
        kept.append(1 - found.threshold >= found.bound)
    # The threshold lies at a film, so the bound is a little too low rather than too high.
    assert 0.94 <= np.mean(kept) <= 1


def test_without_films_of_the_class_or_with_equal_answers_there_is_no_threshold():
    with pytest.raises(ComparisonError, match="No validation film is of this class"):
        choose(np.zeros(5, bool), np.linspace(0, 1, 5), 0.9)
    with pytest.raises(ComparisonError, match=r"same probability, 0.4"):
        choose(np.array([True, False]), np.full(2, 0.4), 0.9)


def test_the_cost_is_that_of_scikit_learn_at_the_threshold():
    rng = np.random.default_rng(9)
    truth = rng.integers(0, 3, 150)
    shares = rng.dirichlet([1, 1, 1], 150)
    cost = measure(truth, shares, ["A", "B", "C"], "B", 0.25)
    others = np.where(shares[:, 0] >= shares[:, 2], 0, 2)
    answers = np.where(shares[:, 1] >= 0.25, 1, others)
    assert (cost.confusion == reference.confusion_matrix(truth, answers)).all()
    assert cost.recall.value == pytest.approx(reference.recall_score(truth == 1, answers == 1))
    assert cost.precision.value == pytest.approx(
        reference.precision_score(truth == 1, answers == 1)
    )
    assert cost.specificity.value == pytest.approx(reference.recall_score(truth != 1, answers != 1))
    assert cost.accuracy.value == pytest.approx(reference.accuracy_score(truth, answers))
    wilson = stats.binomtest(int(cost.confusion[1, 1]), int((truth == 1).sum())).proportion_ci(
        method="wilson"
    )
    assert (cost.recall.low, cost.recall.high) == pytest.approx(tuple(wilson))


def test_misses_and_false_alarms_of_a_thousand_follow_the_prevalence():
    truth = np.array([1] * 10 + [0] * 40)
    called = np.array([1] * 9 + [0] + [1] * 4 + [0] * 36)
    shares = np.eye(2)[called]
    cost = measure(truth, shares, ["A", "B"], "B", 0.5)
    found = per_thousand(cost, 0.02)
    assert found.missed[0] == pytest.approx(2)  # a tenth of 20
    assert found.alarms[0] == pytest.approx(98)  # a tenth of 980
    assert found.missed[1] < 2 < found.missed[2]
    assert found.alarms[2] == pytest.approx(980 * (1 - cost.specificity.low))


def of_run(dataset, number=1, parts=None, **changes):
    """A run with every second film for validation."""
    n = len(dataset.table)
    truth = dataset.table["label"].map(list(dataset.classes).index).to_numpy()
    rng = np.random.default_rng(number)
    shares = 0.5 * np.eye(len(dataset.classes))[truth]
    shares += 0.5 * rng.dirichlet(np.ones(len(dataset.classes)), n)
    split = np.where(np.arange(n) % 2, "test", "validation") if parts is None else parts
    return tested.keep(dataset, number, shares, parts=split, **changes)


def test_a_run_is_judged_on_films_that_did_not_choose_its_threshold(tiny):
    run = of_run(tiny)
    found = operating_point(run, "B", 1.0)
    table = run.predictions()
    validation, test = (table[table["split"] == name] for name in ("validation", "test"))
    least = validation.loc[validation["label"] == "B", "p_B"].min()
    assert found.choice.threshold == pytest.approx(least)
    assert found.cost.confusion.sum() == len(test)
    caught = (test.loc[test["label"] == "B", "p_B"] >= found.choice.threshold).mean()
    assert found.cost.recall.value == pytest.approx(caught)


def test_the_threshold_is_one_of_calibrated_probabilities(tiny):
    run = of_run(tiny, 2)
    before = operating_point(run, "B", 0.9)
    store.annotate(run.run_id, temperature=2.0)
    after = operating_point(run, "B", 0.9)
    assert after.choice.threshold < before.choice.threshold
    assert after.choice.caught == before.choice.caught


def test_a_run_without_validation_films_gets_no_threshold(tiny):
    with pytest.raises(ComparisonError, match="without looking at the test films"):
        operating_point(of_run(tiny, 3, parts="test"), "B", 0.9)


@pytest.mark.parametrize(
    ("class_name", "recall", "message"),
    [("Z", 0.9, "has no class 'Z'"), ("B", 0.0, "Received: 0"), ("B", 1.2, "at most 1")],
)
def test_what_cannot_be_asked_is_refused(class_name, recall, message, tiny):
    with pytest.raises(ComparisonError, match=message):
        operating_point(of_run(tiny, 4), class_name, recall)


def test_the_temperature_of_a_run_is_that_of_its_raw_validation_films(tiny):
    run = of_run(tiny, 5)
    table = run.predictions()
    rows = table[table["split"] == "validation"]
    truth = rows["label"].map(run.classes.index).to_numpy()
    shares = rows[[f"p_{name}" for name in run.classes]].to_numpy(float)
    found = temperature(run)
    assert found == pytest.approx(fit(truth, shares))
    store.annotate(run.run_id, temperature=3.0)
    assert temperature(run) == found
