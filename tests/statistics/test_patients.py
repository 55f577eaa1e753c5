"""Films of one patient: codes, sums and design effects against slow direct ones."""

import numpy as np
import pytest

from cxrcore.errors import CxrError
from cxrcore.statistics.patients import codes, design_effect, sums, worst
from tests.helpers.clusters import cluster_sums, patients


@pytest.mark.parametrize("kind", [np.int64, np.uint8, np.int16])
def test_patients_are_numbered_without_gaps_whatever_their_codes(kind):
    assert codes(np.array([9, 3, 9, 3, 200], kind), 5).tolist() == [1, 0, 1, 0, 2]
    assert codes(np.array([0, 2, 1, 0, 2], kind), 5).tolist() == [0, 2, 1, 0, 2]


@pytest.mark.parametrize("given", [None, [5, 3, 1], [2, 0, 1], []])
def test_patients_with_one_film_each_are_as_good_as_unknown(given):
    assert codes(given, 3 if given is None else len(given)) is None


def test_codes_for_other_films_are_refused():
    with pytest.raises(CxrError, match=r"each of 4 films\. Received: \(3,\)"):
        codes([1, 1, 2], 4)


def test_sums_are_those_of_each_patient():
    groups = np.array([2, 0, 1, 0, 2])
    assert sums(np.arange(5), groups).tolist() == [4, 2, 4]
    assert sums(np.arange(10).reshape(2, 5), groups).tolist() == [[4, 2, 4], [14, 7, 14]]
    assert sums(np.arange(5), None).tolist() == [0, 1, 2, 3, 4]


def test_the_design_effect_nears_the_ratio_of_the_variances_with_many_films():
    groups = codes(patients(1_000), 1_000)
    rng = np.random.default_rng(1)
    hits = np.where(
        rng.random(1_000) < 0.6, rng.random(1_000)[groups] < 0.7, rng.random(1_000) < 0.7
    )
    residuals = hits - hits.mean()
    clustered = sum(total**2 for total in cluster_sums(residuals, groups.tolist()))
    seen = (~hits).sum()
    assert design_effect(residuals, groups, seen) == pytest.approx(
        clustered / np.sum(residuals**2), rel=0.01
    )


def test_without_a_mistake_films_of_a_patient_count_as_alike():
    groups = np.array([0, 0, 0, 1, 2, 2])  # 3, 1 and 2 films: (9 + 1 + 4) / 6
    assert worst(groups) == pytest.approx(14 / 6)
    assert design_effect(np.zeros(6), groups, 0) == pytest.approx(14 / 6)
    assert design_effect(np.zeros(6), None, 0) == 1
