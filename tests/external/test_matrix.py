"""Trained on x, tested on y: figures and what is lost, against statsmodels and scikit-learn."""

import dataclasses

import numpy as np
import pytest
from sklearn.metrics import f1_score, recall_score
from statsmodels.stats.proportion import confint_proportions_2indep

from cxrcore import datasets, external, store
from cxrcore.external import mapping
from cxrcore.statistics import shares
from cxrcore.statistics.estimate import unpaired
from tests.helpers import elsewhere, tested


@pytest.fixture
def home(tiny):
    return elsewhere.home_run(tiny)


@pytest.fixture
def away(home, tiny, make_tiny_dataset):
    """The test of `home` on films of A and B alone, without a network."""
    other = datasets.register("other", make_tiny_dataset(classes=("A", "B"), side=32))
    other = dataclasses.replace(other, classes=tiny.classes)  # those of the run
    truth = other.table["label"].map(["A", "B"].index).to_numpy()
    given = np.random.default_rng(3).dirichlet(np.ones(3), len(truth))
    there = store.Home(
        run_id=home.run_id, dataset="tiny", fingerprint=tiny.fingerprint, mapping={"A": "A"}
    )
    return tested.keep(other, 2, given, recipe=home.recipe, home=there, write=None)


def rows(run, classes):
    table = run.predictions()
    table = table[(table["split"] == "test") & table["label"].isin(list(classes))]
    truth = table["label"].map(run.classes.index).to_numpy()
    return truth, table[[f"p_{name}" for name in run.classes]].to_numpy(np.float64)


def _balanced(truth, given, classes):
    numbers = list(range(len(classes)))
    return recall_score(truth, given.argmax(1), labels=numbers, average="macro")


def test_the_matrix_compares_the_same_classes(home, away):
    found = external.table("balanced_accuracy").set_index("run_id")
    there, here = rows(away, "AB"), rows(home, "AB")
    one, other = (_balanced(*each, "AB") for each in (there, here))
    row = found.loc[away.run_id]
    assert row["value"] == pytest.approx(one)
    assert row["home_value"] == pytest.approx(other)
    assert row["drop"] == pytest.approx(other - one)
    assert row["classes"] == ["A", "B"]
    assert (row["trained_on"], row["tested_on"], row["films"]) == ("tiny", "other", 24)
    all_three = _balanced(*rows(home, "ABC"), "ABC")
    assert found.loc[home.run_id, "value"] == pytest.approx(all_three)
    matrix = external.matrix(found.reset_index())
    assert matrix.loc[home.run_id, "other"] == pytest.approx(one)
    assert list(matrix.columns) == ["other", "tiny"]


def test_an_average_is_that_of_the_classes_with_films(home, away):
    row = external.table("macro_f1").set_index("run_id").loc[away.run_id]
    truth, given = rows(away, "AB")
    wanted = f1_score(truth, given.argmax(1), labels=[0, 1], average="macro")
    assert row["value"] == pytest.approx(wanted)


def test_a_greater_loss_elsewhere_is_a_drop(home, away):
    row = external.table("loss").set_index("run_id").loc[away.run_id]
    there, here = (
        -np.log(given[np.arange(len(truth)), truth]).mean()
        for truth, given in (rows(run, "AB") for run in (away, home))
    )
    assert row["drop"] == pytest.approx(there - here, abs=1e-6)


def test_a_run_that_was_deleted_leaves_its_tests(home, away):
    store.delete(home.run_id)
    row = external.table("recall", "A").iloc[0]
    assert np.isfinite(row["value"])
    assert np.isnan(row["drop"])
    assert external.table("recall", "Z").empty


@pytest.mark.parametrize(
    ("hits", "of"), [((40, 50), (30, 60)), ((10, 10), (0, 9)), ((1, 7), (7, 7))]
)
def test_the_interval_of_an_unpaired_difference_is_newcombes(hits, of):
    first, second = (shares.estimate(np.arange(n) < k, None) for k, n in ((hits[0], hits[1]), of))
    found = unpaired(first, second)
    low, high = confint_proportions_2indep(*hits, *of, method="newcomb", compare="diff")
    assert (found.low, found.high) == pytest.approx((low, high))


def test_only_names_that_are_the_same_are_suggested():
    classes = ["COVID-19", "Normal", "A+", "A-"]
    labels = ["covid 19", "Viral normal", "a", "A-"]
    assert mapping.suggest(labels, classes) == {
        "covid 19": "COVID-19", "Viral normal": "", "a": "", "A-": "A-",
    }  # fmt: skip
