"""Temperature scaling, against SciPy on logits and a scan."""

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from cxrcore.metrics import calibration, temperature
from cxrcore.metrics.decision import calibrated


def drawn(true_temperature: float, n: int = 4000):
    """Films whose classes follow softmax(logits / T), with softmax(logits) as the answer."""
    rng = np.random.default_rng(7)
    logits = rng.normal(0, 3, (n, 3))
    right = softmax(logits / true_temperature, axis=1)
    truth = (rng.uniform(size=(n, 1)) > np.cumsum(right, axis=1)).sum(axis=1)
    return truth.clip(max=2), softmax(logits, axis=1), logits


@pytest.mark.parametrize("true_temperature", [0.6, 1.0, 2.5])
def test_the_temperature_of_the_films_is_found(true_temperature):
    truth, shares, _ = drawn(true_temperature)
    assert temperature.fit(truth, shares) == pytest.approx(true_temperature, rel=0.1)


def test_no_other_temperature_has_a_smaller_loss_on_the_logits():
    truth, shares, logits = drawn(1.7, 300)
    found = temperature.fit(truth, shares)

    def loss(t):
        return -log_softmax(logits / t, axis=1)[np.arange(len(truth)), truth].mean()

    scan = [loss(t) for t in np.geomspace(*temperature.BOUNDS, 400)]
    assert loss(found) <= min(scan) + 1e-6


def test_calibrated_probabilities_are_the_softmax_of_the_divided_logits():
    _, shares, logits = drawn(1.0, 50)
    np.testing.assert_allclose(calibrated(shares, 3.0), softmax(logits / 3, axis=1), rtol=1e-9)


def test_scaling_lowers_the_calibration_error_of_a_network_that_is_too_sure():
    truth, shares, _ = drawn(3.0, 1000)
    after = calibrated(shares, temperature.fit(truth, shares))
    before = calibration.calibration_error(truth, shares)
    assert before > 0.2
    assert calibration.calibration_error(truth, after) < 0.04


def test_answers_that_are_always_right_become_sure():
    truth = np.array([0, 1, 2] * 10)
    shares = np.eye(3)[truth] * 0.8 + 0.2 / 3
    assert temperature.BOUNDS[0] <= temperature.fit(truth, shares) < 0.1
