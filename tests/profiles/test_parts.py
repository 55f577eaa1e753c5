"""The parts of a profile against independent computations: distances, limits, poses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import mahalanobis
from sklearn.covariance import LedoitWolf

from cxrcore.profiles import limits, views
from cxrcore.profiles.distances import Cloud
from cxrcore.profiles.views import Poses
from tests.helpers import other_images


def test_the_distance_is_that_of_mahalanobis_with_the_covariance_of_scikit_learn():
    rng = np.random.default_rng(0)
    samples = (rng.normal(size=(40, 6)) @ rng.normal(size=(6, 6)) + 3).astype(np.float32)
    others = rng.normal(3, 4, (5, 6)).astype(np.float32)
    spread = samples.std(axis=0)
    inverse = LedoitWolf().fit(samples / spread).precision_
    centre = samples.mean(axis=0) / spread
    wanted = [mahalanobis(one / spread, centre, inverse) / np.sqrt(6) for one in others]
    np.testing.assert_allclose(Cloud.of(samples).distance(others), wanted, rtol=1e-3)


def test_a_channel_that_never_varied_does_not_decide_alone():
    rng = np.random.default_rng(0)
    samples = rng.normal(size=(40, 6)).astype(np.float32)
    samples[:, 2] = 0
    other = np.array([[0, 0, 0.1, 0, 0, 0]], np.float32)
    assert Cloud.of(samples).distance(other)[0] < 3


@pytest.mark.parametrize(("count", "checks"), [(39, 2), (100, 2), (200, 1), (200, 3)])
def test_new_films_exceed_the_limits_as_seldom_as_promised(count, checks):
    rng = np.random.default_rng(1)
    stopped = []
    for _ in range(400):
        mixed = rng.normal(size=(count + 50, 1)) + rng.normal(size=(count + 50, checks))
        chosen = limits.joint(mixed[:count], 0.05)
        stopped.append((mixed[count:] > chosen).any(axis=1).mean())
    assert 0.02 <= np.mean(stopped) <= 0.052


@given(st.integers(1, 80), st.integers(1, 3), st.integers(0, 1000))
def test_limits_are_scores_that_were_seen_and_keep_the_share(count, checks, seed):
    scores = np.random.default_rng(seed).normal(size=(count, checks)).round(1)
    chosen = limits.joint(scores, 0.05)
    assert all(limit in column for limit, column in zip(chosen, scores.T, strict=True))
    assert (scores > chosen).any(axis=1).sum() <= 0.05 * (count + 1)


def test_a_share_counts_equal_scores():
    ordered = np.array([1.0, 2.0, 2.0, 3.0])
    assert [limits.share_below(ordered, s) for s in (0, 2, 2.5, 9)] == [0, 0.75, 0.75, 1]


@pytest.fixture(scope="module")
def poses():
    rng = np.random.default_rng(2)
    return Poses.of(views.small(np.stack([other_images.chest(rng, 64) for _ in range(60)])))


def test_each_way_in_which_a_film_may_lie_is_recognised(poses):
    rng = np.random.default_rng(3)
    films = np.stack([other_images.chest(rng, 64) for _ in range(20)])
    altered = [
        films,
        films[:, :, ::-1],
        np.rot90(films, 1, axes=(1, 2)),
        np.rot90(films, 2, axes=(1, 2)),
        np.rot90(films, 3, axes=(1, 2)),
        255 - films,
    ]
    for place, some in enumerate(altered):
        odds = poses.log_odds(views.small(some))
        assert (odds.argmax(axis=1) == place).mean() >= 0.95, views.VERSIONS[place]
        assert (odds[:, 0] == 0).all()


def test_turning_back_undoes_each_of_the_versions():
    films = np.stack([other_images.chest(np.random.default_rng(3), 64)])
    copies, gray_values = views.small(films), views.gray_values(films)[0]
    for pose, altered in enumerate(views.versions(copies)):
        back, _ = views.righted(altered[0], gray_values, pose)
        np.testing.assert_array_equal(back, copies[0])
    inverted = views.gray_values(255 - films)[0]
    np.testing.assert_array_equal(views.righted(copies[0], inverted, 5)[1], gray_values)


def test_small_copies_do_not_depend_on_brightness_and_contrast():
    film = other_images.chest(np.random.default_rng(3), 96)[None]
    darker = (film / 2 + 20).astype(np.uint8)
    np.testing.assert_allclose(views.small(film), views.small(darker), atol=0.12)
