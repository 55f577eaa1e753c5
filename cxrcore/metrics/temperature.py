"""The temperature that makes a run's probabilities as large as they should be."""

import numpy as np
import numpy.typing as npt

from cxrcore.metrics import calibration
from cxrcore.metrics.decision import calibrated

BOUNDS = (0.05, 20.0)


def fit(truth: npt.NDArray[np.integer], probabilities: npt.NDArray[np.floating]) -> float:
    """The temperature with the least log loss on these films, within BOUNDS.

    Fit it on validation films, never on the test films that it is to be judged on.

    Args:
        truth: (n,) class numbers, 0 to k-1.
        probabilities: (n, k) as the network gave them.

    Source: Guo et al. 2017, arXiv:1706.04599, section 4.2.
    """
    from scipy.optimize import minimize_scalar

    values = probabilities.astype(np.float64)

    def loss(log_temperature: float) -> float:
        return calibration.log_loss(truth, calibrated(values, float(np.exp(log_temperature))))

    # The log loss has one minimum over the inverse temperature, in which it is convex.
    found = minimize_scalar(
        loss, bounds=tuple(np.log(BOUNDS)), method="bounded", options={"xatol": 1e-4}
    )
    return float(np.exp(found.x))
