"""Which films are compared, why not all, and who is on them."""

import hashlib

import numpy as np
import pytest

from cxrcore import comparison, datasets, models
from cxrcore.errors import ComparisonError, StoreError
from cxrcore.splits import Leak, Leaks, SplitSpec
from tests.helpers.comparisons import keep, keep_family, shares_of

TRUTH = np.arange(30) % 3


def films(first: int, last: int) -> list[str]:
    return [f"film-{number:04d}" for number in range(first, last)]


def kept(name: str, first: int = 0, last: int = 30, **changes: object):
    truth = TRUTH[first:last]
    return keep(name, truth, shares_of(truth, 0.7, 1), films(first, last), **changes)


def compared(*names: str, **what: str) -> comparison.Comparison:
    return comparison.compare(comparison.subjects(names), **what)


def test_the_films_are_those_that_all_were_tested_on_and_a_digest_of_their_ids_says_so():
    kept("one-1", 0, 20)
    kept("two-1", 10, 30, split=SplitSpec(seed=7))
    common = compared("one-1", "two-1").common
    assert (common.films, common.of) == (10, {"one-1": 20, "two-1": 20})
    text = "\n".join(films(10, 20))
    assert common.digest == hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
    assert common.reasons[:2] == [
        "two-1 and one-1 divide the images differently into training and test films.",
        "Compared are the 10 films that all were tested on.",
    ]


def test_another_region_is_no_other_division():
    recipe = models.get("cnn-plain")
    kept("whole-1", 0, 30, recipe=recipe, grouping="a")
    kept("lungs-1", 0, 25, recipe=recipe.override(region="lungs"), grouping="b")
    kept("other-1", 0, 25, recipe=recipe, grouping="b")
    told = compared("whole-1", "lungs-1").common.reasons
    assert told[0] == "Compared are the 25 films that all were tested on."
    assert "divide the images differently" in compared("whole-1", "other-1").common.reasons[0]


def test_runs_on_the_same_films_have_nothing_to_explain():
    kept("one-1")
    kept("two-1")
    told = compared("one-1", "two-1").common.reasons
    assert not [r for r in told if "divide" in r or "tested" in r]


def test_another_dataset_is_told_and_films_of_another_label_are_left_out_and_counted():
    kept("one-1")
    truth = TRUTH.copy()
    truth[:2] = (truth[:2] + 1) % 3
    keep(
        "two-1", truth, shares_of(truth, 0.7, 1), films(0, 30), dataset="six", fingerprint="a" * 16
    )
    common = compared("one-1", "two-1").common
    assert common.films == 28
    assert common.reasons[:3] == [
        "two-1 was tested on 'six', one-1 on 'three'.",
        "2 films are left out: their labels differ.",
        "Compared are the 28 films that all were tested on.",
    ]


def test_the_figures_are_those_of_the_films_in_common():
    one = kept("one-1", 0, 20)
    kept("two-1", 10, 30)
    table = one.predictions().set_index("image_id").loc[films(10, 20)]
    [figure] = [f for f in compared("one-1", "two-1").figures if f.name == "one-1"]
    assert figure.value == pytest.approx((table["label"] == table["predicted"]).mean())


def test_no_film_in_common_or_other_classes_are_refused():
    kept("one-1", 0, 10)
    kept("two-1", 10, 20)
    with pytest.raises(ComparisonError, match="No film was tested by all of one-1, two-1"):
        compared("one-1", "two-1")
    truth = TRUTH[:10] % 2
    keep("three-1", truth, shares_of(truth, 0.7, 1, 2), classes=["A", "B"])
    with pytest.raises(ComparisonError, match=r"three-1 has A, B.*Leave one of them out"):
        compared("one-1", "three-1")
    with pytest.raises(ComparisonError, match="at least one run"):
        compared()
    with pytest.raises(StoreError, match="no run 'four-1'"):
        compared("one-1", "four-1")


def test_validation_films_never_count():
    parts = np.where(np.arange(30) < 10, "validation", "test")
    keep("one-1", TRUTH, shares_of(TRUTH, 0.7, 1), films(0, 30), parts=parts)
    kept("two-1")
    assert compared("one-1", "two-1").common.films == 20


def test_films_that_a_model_knows_from_its_training_are_told():
    leak = Leak(image_id="film-0003", partner="x", why="patient")
    leaks = Leaks(test_images=30, found=(leak,), patients_known=1.0, duplicates_searched=True)
    kept("one-1", leaks=leaks)
    kept("two-1", imported="weights.h5 0123")
    kept("three-1")
    told = compared("one-1", "two-1", "three-1").common.reasons
    assert told[:3] == [
        "one-1 knows 1 of the films from its training (the same patient or a duplicate): its "
        "figures may be too good.",
        "Imported models may have been trained on these films: two-1.",
        "Not checked for films known from training: three-1.",
    ]


# Patients


@pytest.fixture
def tiny_runs(tiny_dataset_folder):
    """Two runs on all images of the tiny dataset, two of which each second patient has."""
    dataset = datasets.register("three", tiny_dataset_folder)
    truth = dataset.table["label"].map(list(dataset.classes).index).to_numpy(int)
    for seed, name in enumerate(("one-1", "two-1")):
        shares = shares_of(truth, 0.7 - 0.3 * seed, seed)
        keep(name, truth, shares, dataset.table["image_id"], dataset.classes)
    return dataset


def test_patients_come_from_the_table_of_the_dataset_and_are_taken_whole(tiny_runs):
    found = compared("one-1", "two-1")
    assert found.common.patients == tiny_runs.table["patient_id"].nunique() == 24
    assert not [r for r in found.common.reasons if "independent" in r]
    assert {figure.method for figure in found.figures} == {"Wilson, for whole patients"}
    assert compared("one-1", metric="loss").figures[0].method == "bootstrap of whole patients"


def test_without_the_dataset_films_are_independent_and_a_reason_says_so(tiny_runs):
    with_patients = compared("one-1")
    datasets.forget("three")
    without = compared("one-1")
    assert without.common.patients is None
    assert without.common.reasons[-1].startswith("The dataset 'three' is not registered here.")
    assert without.figures[0].method == "Wilson"
    assert without.figures[0].low != with_patients.figures[0].low


def test_a_dataset_whose_folder_is_missing_is_no_failure(tiny_runs, tmp_path):
    tiny_runs.root.rename(tmp_path / "elsewhere")
    common = compared("one-1").common
    assert common.patients is None
    assert "cannot be read" in common.reasons[-1]


def test_a_film_without_a_patient_stands_for_itself(tiny_runs):
    for number, file in enumerate(sorted((tiny_runs.root / "A").iterdir())):
        file.rename(file.with_name(f"{number}.png"))  # its name told the patient
    patients = datasets.load("three").table["patient_id"]
    assert (patients.isna().sum(), patients.nunique()) == (12, 16)
    common = compared("one-1").common
    assert common.patients == 16
    assert "The patient of 12 films is unknown: each counts as a patient." in common.reasons


# Families


def test_seeds_of_one_division_are_resampled_with_the_films():
    family = keep_family(TRUTH, 0.6, seeds=(0, 1, 2))
    kept("one-1")
    found = compared(family, "one-1")
    runs = comparison.subjects([family])[0].runs
    by_name = {figure.name: figure for figure in found.figures}
    mean = np.mean([run.metrics["test"].accuracy for run in runs])
    assert by_name[family].value == pytest.approx(mean)
    assert by_name[family].method == "bootstrap of films and 3 seeds"
    assert by_name["one-1"].method == "Wilson"
    assert found.pairs[0].method == "paired bootstrap of films and 3 seeds"
    assert found.common.reasons[0] == "How much chance in training matters is unknown of: one-1."
    assert found.detectable is None


def test_folds_of_the_same_division_have_the_corrected_t_test_by_hand():
    names = [
        keep_family(TRUTH, right, (0,), 3, name)
        for right, name in ((0.9, "cnn-plain"), (0.5, "cnn-batchnorm"))
    ]
    subjects = comparison.subjects(names)
    found = comparison.compare(subjects)
    values = {s.name: np.array([run.metrics["test"].accuracy for run in s.runs]) for s in subjects}
    [pair] = found.pairs
    moved = values[pair.first] - values[pair.second]
    from scipy.stats import t

    # Nadeau and Bengio: (1 / J + n_test / n_train) s²; the helper trains on four times the test films.
    error = np.sqrt((1 / 3 + 1 / 4) * moved.var(ddof=1))
    assert pair.difference == pytest.approx(moved.mean())
    assert pair.p == pytest.approx(2 * t.sf(abs(moved.mean()) / error, 2))
    assert pair.method == "corrected t test over folds"
    row = comparison.intervals(subjects).loc[pair.first]
    figure = found.figures[0]
    assert row[["accuracy", "accuracy_low", "accuracy_high"]].tolist() == pytest.approx(
        [figure.value, figure.low, figure.high]
    )


def test_a_cross_validation_beside_a_single_run_is_judged_by_the_model_of_each_fold():
    family = keep_family(TRUTH, 0.9, (0,), 3)
    keep("one-1", TRUTH, shares_of(TRUTH, 0.1, 5))
    found = compared(family, "one-1")
    assert found.pairs[0].method.startswith("exact McNemar")
    assert f"Each film is judged by the model of its fold: {family}." in found.common.reasons
