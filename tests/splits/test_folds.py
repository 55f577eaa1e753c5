"""Folds against scikit-learn's StratifiedGroupKFold, which chooses them far more slowly."""

import warnings

import numpy as np
import pytest
from sklearn.model_selection import StratifiedGroupKFold

from cxrcore.splits import folds


def numbered(values):
    return np.unique(values, return_inverse=True)[1]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("patients", [40, 150, None], ids=["many a patient", "few", "one"])
def test_folds_are_those_of_scikit_learn(seed, patients):
    random = np.random.default_rng(seed)
    classes, number = 1 + seed % 5, 2 + seed
    labels = numbered(random.choice(classes, 240, p=random.dirichlet(np.full(classes, 20))))
    groups = numbered(random.integers(0, patients, 240)) if patients else random.permutation(240)
    found = folds._fold_of_rows(labels, groups, number, seed)
    splitter = StratifiedGroupKFold(number, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a class with fewer images than folds
        wanted = [rows for _, rows in splitter.split(labels, labels, groups)]
    for fold, rows in enumerate(wanted):
        np.testing.assert_array_equal(np.flatnonzero(found == fold), rows)


def test_twenty_thousand_single_images_are_divided_to_the_image():
    labels = np.random.default_rng(0).choice(4, 20_000, p=[0.1, 0.2, 0.3, 0.4])
    names = list("ABCD")
    chosen = folds.carve(labels, np.arange(20_000), names, 0.2, seed=1, leave=2)
    for label in range(4):
        assert chosen[labels == label].mean() == pytest.approx(0.2, abs=0.0005)
