"""Principal components, against scikit-learn."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from cxrcore.statistics.components import principal


@pytest.mark.parametrize("shape", [(30, 5), (4, 50), (400, 150)])
def test_components_are_those_of_scikit_learn(shape):
    rng = np.random.default_rng(1)
    values = rng.normal(size=shape) * np.geomspace(10, 0.1, shape[1]) + 7
    before = values.copy()
    found = principal(values, 3)
    expected = PCA(3, svd_solver="full").fit_transform(values)
    assert np.allclose(found, expected, atol=1e-3)
    assert (values == before).all()
    assert (principal(values, 3) == found).all()


def test_points_that_are_all_alike_lie_on_one_spot():
    assert np.ptp(principal(np.full((6, 3), 0.1), 2), axis=0).tolist() == [0, 0]


def test_there_are_no_more_components_than_points_or_columns():
    assert principal(np.eye(3), 5).shape == (3, 3)
    assert principal(np.arange(4.0)[:, None], 2).shape == (4, 1)
