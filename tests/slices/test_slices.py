"""Metrics by groups of films, against scikit-learn and permutation by hand."""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as reference
from statsmodels.stats.proportion import confint_proportions_2indep

from cxrcore.metrics import METRICS
from cxrcore.metrics.uncertainty import Answers, Films
from cxrcore.slices import Attribute, attributes, measure, unpaired, worst
from cxrcore.slices.deficits import _exchangeable, _exchanged, _Tallies
from cxrcore.slices.groups import clusters


def answers(n: int = 120, patients: np.ndarray | None = None, seed: int = 1) -> Answers:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, n)
    shares = 0.4 * np.eye(3)[truth] + 0.6 * rng.dirichlet([1, 1, 1], n)
    return Answers(Films(truth, patients, seed), shares)


def attribute(codes, names=("a", "b", "c")) -> Attribute:
    return Attribute("Source", tuple(names), np.asarray(codes))


def test_metrics_of_slices_are_those_of_scikit_learn():
    given = answers()
    of = attribute(np.arange(120) % 3)
    for name, compute in (
        ("accuracy", lambda t, c, p: reference.accuracy_score(t, c)),
        ("macro_f1", lambda t, c, p: reference.f1_score(t, c, average="macro")),
        ("recall", lambda t, c, p: reference.recall_score(t == 1, c == 1)),
        ("loss", lambda t, c, p: reference.log_loss(t, p, labels=[0, 1, 2])),
        ("auc", lambda t, c, p: reference.roc_auc_score(t == 1, p[:, 1])),
    ):
        found = measure(METRICS[name], 1, given, of)
        for number, part in enumerate(found):
            inside = of.codes == number
            truth, called = given.films.truth[inside], given.called[inside]
            expected = compute(truth, called, given.probabilities[inside])
            assert part.estimate == pytest.approx(expected, abs=1e-6), name
            assert part.low < part.estimate < part.high
            assert part.films == 40
            assert not part.small


def test_a_slice_with_few_films_is_small_and_one_without_films_of_the_class_has_no_recall():
    given = answers()
    codes = np.where(given.films.truth == 1, 0, 1)
    codes[np.flatnonzero(codes == 1)[:5]] = 2
    a, b, c = measure(METRICS["recall"], 1, given, attribute(codes))
    assert a.estimate is not None
    assert b.estimate is None
    assert c.small
    codes = np.where(given.films.truth == 1, np.arange(120) % 2, 2)  # c has no film of the class
    found = worst(METRICS["recall"], 1, given, [attribute(codes)], 50)
    assert found is None or found.value != "c"


def test_two_slices_differ_as_by_newcombes_method():
    given = answers(200)
    first, second, third = measure(
        METRICS["accuracy"], 0, given, attribute(np.minimum(np.arange(200) // 60, 2))
    )
    right = (given.called == given.films.truth).astype(int)
    expected = confint_proportions_2indep(
        right[:60].sum(), 60, right[60:120].sum(), 60, method="newcomb"
    )
    found = unpaired(first, second)
    assert found[0] == pytest.approx(right[:60].mean() - right[60:120].mean())
    assert found[1:] == pytest.approx(expected, abs=1e-6)
    assert unpaired(third, replace(first, low=None)) is None


def test_the_worst_slice_is_found_and_its_p_is_small():
    given = answers(300)
    codes = np.arange(300) % 3
    spoiled = given.probabilities.copy()
    bad = codes == 2
    spoiled[bad] = np.roll(spoiled[bad], 1, axis=1)
    found = worst(METRICS["accuracy"], 0, Answers(given.films, spoiled), [attribute(codes)], 200)
    assert (found.attribute, found.value, found.slices) == ("Source", "c", 3)
    right = spoiled.argmax(axis=1) == given.films.truth
    assert found.inside == pytest.approx(right[bad].mean())
    assert found.outside == pytest.approx(right[~bad].mean())
    assert found.p == pytest.approx(1 / 201)


def test_metrics_that_are_better_small_have_their_worst_where_they_are_large():
    given = answers(200)
    codes = (np.arange(200) < 100).astype(int)
    spoiled = np.where(
        codes[:, None] == 1, 0.2 * given.probabilities + 0.8 / 3, given.probabilities
    )
    found = worst(METRICS["loss"], 0, Answers(given.films, spoiled), [attribute(codes)], 100)
    assert found.value == "b"
    assert found.inside > found.outside


def test_false_alarms_of_the_search_are_five_in_a_hundred():
    alarms = []
    for seed in range(150):
        given = answers(120, seed=seed)
        rng = np.random.default_rng(1000 + seed)
        searched = [attribute(rng.integers(0, 3, 120)), attribute(rng.integers(0, 2, 120))]
        alarms.append(worst(METRICS["accuracy"], 0, given, searched, 99).p <= 0.05)
    assert np.mean(alarms) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 150)


def test_a_class_that_is_common_in_a_slice_makes_its_recall_no_worse():
    truth = np.repeat([1, 0], [25, 200])
    codes = np.concatenate([np.repeat([1, 0], [13, 12]), np.arange(200) % 5 == 0]).astype(int)
    called = np.where(np.arange(225) == 24, 1, 0)  # one film of the class is caught, in slice a
    given = Answers(Films(truth, None, 1), np.eye(2)[called])
    found = worst(METRICS["recall"], 1, given, [attribute(codes, "ab")])
    assert (found.value, found.inside, found.outside) == ("b", 0, pytest.approx(1 / 12))
    # Of the 25 films 12 are in slice a: only one of those makes b as bad.
    assert found.p == pytest.approx(12 / 25, abs=0.05)


def test_p_is_that_of_all_permutations_in_a_small_case(monkeypatch):
    monkeypatch.setattr("cxrcore.slices.deficits.FEWEST", 2)
    right = np.array([1, 1, 1, 1, 0, 0, 0])
    truth = np.zeros(7, int)
    given = Answers(Films(truth, None, 5), np.eye(2)[1 - right])
    codes = np.array([0, 0, 0, 0, 1, 1, 0])

    def greatest(order):
        moved = codes[list(order)]
        inside, outside = right[moved == 1].mean(), right[moved == 0].mean()
        return max(outside - inside, inside - outside)  # either slice may be the worst

    every = [greatest(order) for order in itertools.permutations(range(7))]
    exact = np.mean(np.array(every) >= greatest(range(7)) - 1e-9)
    found = worst(METRICS["accuracy"], 0, given, [attribute(codes, "ab")], 4000)
    assert found.value == "b"
    assert found.p == pytest.approx(exact, abs=0.02)


def test_values_are_exchanged_between_patients_with_as_many_films():
    patients = np.array([0, 1, 1, 2, 2, 3, 0, 4, 5, 5])
    units = _exchangeable(Films(np.zeros(10, int), patients))
    order = _exchanged(np.arange(10), units, np.random.default_rng(0))
    assert sorted(order) == list(range(10))
    for patient in range(6):
        sources = patients[order[patients == patient]]
        assert len(set(sources)) == 1
        assert (patients == sources[0]).sum() == (patients == patient).sum()


@pytest.mark.parametrize("name", ["recall", "macro_f1", "loss"])
def test_after_an_exchange_the_slices_are_measured_anew(name):
    given, rng = answers(90), np.random.default_rng(0)
    searched = [attribute(rng.integers(-1, 3, 90)), attribute(rng.integers(0, 2, 90), "de")]
    places = [(one, number) for one in searched for number in range(len(one.values))]
    tallies = _Tallies(METRICS[name], 1, given, places)
    order = rng.permutation(90)
    _, inside, outside = tallies.deficits([tallies.values[order]])
    for place, (one, number) in enumerate(places):
        codes = one.codes[order]
        two = attribute(np.where(codes < 0, -1, codes == number), "no")
        others, own = measure(METRICS[name], 1, given, two)
        assert inside[0, place] == pytest.approx(own.estimate)
        assert outside[0, place] == pytest.approx(others.estimate)


def test_the_worst_by_a_ranking_is_not_searched():
    assert worst(METRICS["auc"], 1, answers(), [attribute(np.arange(120) % 3)], 10) is None


def test_too_few_films_to_search_give_none():
    assert worst(METRICS["accuracy"], 0, answers(30), [attribute(np.arange(30) % 3)], 10) is None


def test_attributes_hold_what_is_known_of_the_films():
    films = pd.DataFrame(
        {
            "source": ["x"] * 5 + ["y"] * 3,
            "view": ["PA", None, "AP", "PA", None, "AP", "AP", "AP"],
            "modality": ["xray"] * 8,
            "age": [5, 17, 18, 39, 60, 74, 75, None],
        },
    ).astype({"source": "str", "view": "str", "modality": "str"})
    brisque = np.array([1, 2, 3, 4, 5, 6, 7, np.nan])
    found = {a.title: a for a in attributes(films, brisque)}
    assert set(found) == {"Source", "View", "Age", "Image quality (BRISQUE)"}  # one modality
    assert found["Source"].values == ("x", "y")
    assert found["View"].codes.tolist() == [1, -1, 0, 1, -1, 0, 0, 0]
    ages = found["Age"]
    named = [ages.values[code] if code >= 0 else None for code in ages.codes]
    assert named == [
        "0 to 17 years", "0 to 17 years", "18 to 39 years", "18 to 39 years", "60 to 74 years",
        "60 to 74 years", "75 years and older", None,
    ]  # fmt: skip
    quarters = found["Image quality (BRISQUE)"].codes.tolist()
    assert quarters == [0, 0, 1, 1, 2, 3, 3, -1]


def test_ages_as_they_were_written_count_where_they_are_numbers():
    films = pd.DataFrame({"age": pd.array(["58", "old", None, "3"], dtype="string")})
    [found] = attributes(films)
    assert [found.values[code] if code >= 0 else None for code in found.codes] == [
        "40 to 59 years", None, None, "0 to 17 years",
    ]  # fmt: skip


def test_rare_values_are_put_together():
    values = [f"s{i:02d}" for i in range(20) for _ in range(20 - i)] + [None]
    [found] = attributes(pd.DataFrame({"source": pd.Series(values, dtype="str")}))
    assert len(found.values) == 13
    assert found.values[-1] == "all others"
    assert (found.codes == 12).sum() == sum(20 - i for i in range(12, 20))
    assert found.codes[-1] == -1


def test_clusters_are_the_groups_of_the_embedding_the_largest_first():
    rng = np.random.default_rng(2)
    centres = np.repeat([[0, 0, 0], [9, 0, 0]], [80, 40], axis=0)
    found = clusters(centres + rng.normal(0, 0.3, (120, 3)))
    assert found.codes.tolist() == [0] * 80 + [1] * 40
