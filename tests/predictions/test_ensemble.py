"""The mean of runs' probabilities as a run of its own, against NumPy and SciPy."""

import dataclasses

import numpy as np
import pytest
from scipy.special import log_softmax

from cxrcore import comparison, datasets, predictions, store
from cxrcore.errors import ComparisonError, PredictionsError
from cxrcore.metrics import temperature
from tests.helpers import tested

COLUMNS = ["p_A", "p_B", "p_C"]


@pytest.fixture
def two(tiny):
    return tested.divided(tiny, 1, 0.5), tested.divided(tiny, 2, 0.2)


def test_the_mean_is_that_of_the_films_in_the_same_part_for_all(two, tiny):
    found = predictions.ensemble([run.run_id for run in two], "Both")
    first, second = (run.predictions().set_index("image_id") for run in two)
    kept = found.predictions().set_index("image_id")
    wanted = (first[COLUMNS] + second[COLUMNS].reindex(first.index)) / 2
    assert np.abs(kept[COLUMNS] - wanted.reindex(kept.index)).to_numpy().max() < 1e-6
    assert (kept["split"] == first["split"].reindex(kept.index)).all()
    assert not found.has_network
    assert found.imported is None
    assert store.title(found) == "Both"
    assert "cnn-plain-00000001, cnn-plain-00000002" in found.notes[0]
    compared = comparison.subjects([found.run_id, two[0].run_id])
    assert comparison.compare(compared).common.films == found.metrics["test"].n
    assert predictions.ensemble([run.run_id for run in two], "Both") == found
    # A run that learned from half of the test films shares the others.
    place = np.arange(len(tiny.table))
    other = tested.divided(tiny, 3, 0.4, np.where(place % 4 == 1, "test", "train"))
    part = predictions.ensemble([two[0].run_id, other.run_id], "Part")
    assert part.metrics["test"].n == (place % 4 == 1).sum()


def test_calibrated_means_are_of_probabilities_at_each_runs_temperature(two):
    found = predictions.ensemble([run.run_id for run in two], "Both", calibrated=True)
    parts = []
    for run in two:
        table = run.predictions()
        validated = table[table["split"] == "validation"]
        truth = validated["label"].map(run.classes.index).to_numpy()
        fitted = temperature.fit(truth, validated[COLUMNS].to_numpy(np.float64))
        logits = np.log(table[COLUMNS].to_numpy(np.float64)) / fitted
        parts.append(np.exp(log_softmax(logits, axis=1)))
    table = found.predictions().set_index("image_id")
    order = two[0].predictions()["image_id"]
    assert np.abs(table[COLUMNS].reindex(order) - np.mean(parts, axis=0)).to_numpy().max() < 1e-5


def test_what_cannot_be_averaged_says_why(two, tiny, make_tiny_dataset):
    names = [run.run_id for run in two]
    with pytest.raises(ComparisonError, match="two runs or more"):
        predictions.ensemble(names[:1] * 2, "One")
    with pytest.raises(PredictionsError, match="title"):
        predictions.ensemble(names, "two\nlines")
    other = datasets.load(make_tiny_dataset(side=32))
    away = tested.divided(dataclasses.replace(other, name="tiny"), 4, 0.5)
    with pytest.raises(ComparisonError, match="other films or classes"):
        predictions.ensemble([names[0], away.run_id], "Two places")
    place = np.arange(len(tiny.table))
    swapped = tested.divided(tiny, 5, 0.5, np.where(place % 2, "validation", "test"))
    with pytest.raises(ComparisonError, match="No film is a test film of all"):
        predictions.ensemble([names[0], swapped.run_id], "No film")
    only_tested = tested.keep(tiny, 6, np.full((len(place), 3), 1 / 3))
    with pytest.raises(ComparisonError, match="no predictions of validation films"):
        predictions.ensemble([names[0], only_tested.run_id], "C", calibrated=True)
