"""What labelled films of the new place buy, where it is known by construction."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax

from cxrcore import external, store
from cxrcore.datasets import Dataset
from cxrcore.datasets.table import build_table
from cxrcore.errors import ComparisonError
from tests.helpers import tested


def made_up(sharper, shift):
    """Half of 600 films for validation; the others are answered `sharper`, and shifted against A."""
    rng, n = np.random.default_rng(5), 600
    truth = rng.integers(0, 3, n)
    rows = {
        "image_id": [f"{place:032x}" for place in range(n)],
        "label": np.array(list("ABC"))[truth],
    }
    table = build_table(pd.DataFrame(rows | {"path": [f"{place:03d}" for place in range(n)]}))
    films = Dataset("films", Path("x"), "folders", table, ("A", "B", "C"))
    test = np.arange(n) % 2 == 1
    # The logarithms of the true odds: a temperature of 1 fits.
    logits = rng.normal(0, 1, (n, 3)) + np.eye(3)[truth]
    logits[test] *= sharper
    logits[test, 0] -= shift
    home = store.Home(run_id="x", dataset="home", fingerprint="0" * 16, mapping={})
    parts = np.where(test, "test", "validation")
    return tested.keep(films, 1, softmax(logits, axis=1), None, parts, None, home=home)


def test_films_of_the_place_mend_a_temperature_and_a_threshold_that_do_not_fit():
    found = external.recalibrate(made_up(4.0, 6.0), "A", 0.9, 60)
    (_, loss, _), (_, mended, _) = found.loss
    assert mended < 0.7 * loss
    (_, recall, _), (_, regained, _) = found.recall
    assert regained > recall + 0.2


def test_where_all_fits_nothing_is_bought():
    run = made_up(1.0, 0.0)
    found = external.recalibrate(run, "A", 0.9, 60)
    (_, loss, _), (_, after, _) = found.loss
    assert after == pytest.approx(loss, abs=0.03)
    assert external.recalibrate(run, "A", 0.9, 60) == found  # the same films each time


def test_too_few_films_are_refused():
    run = made_up(1.0, 0.0)
    for films in (4, 296):
        with pytest.raises(ComparisonError, match="5 to 295 can be learned from"):
            external.recalibrate(run, "A", 0.9, films)
    with pytest.raises(ComparisonError, match="has no class 'Z'"):
        external.recalibrate(run, "Z", 0.9, 8)
