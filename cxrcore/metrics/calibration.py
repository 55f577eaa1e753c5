"""Whether probabilities are as large as they should be: log loss, Brier score, calibration error."""

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.integer]
Floats = npt.NDArray[np.floating]

# Keras clips probabilities here before the logarithm, so that losses agree with history.csv.
_SMALLEST = 1e-7
_BINS = 15
_IMAGES_PER_BIN = 20  # fewer say little about the share that is correct


def log_loss(truth: Ints, probabilities: Floats) -> float:
    """Mean cross-entropy in nats; probabilities below 1e-7 count as 1e-7.

    Args:
        truth: (n,) class numbers, 0 to k-1.
        probabilities: (n, k).
    """
    return float(log_losses(truth, probabilities).mean())


def log_losses(truth: Ints, probabilities: Floats) -> Floats:
    """(n,) cross-entropy of each image in nats; arguments as `log_loss`."""
    of_truth = probabilities[np.arange(len(truth)), truth]
    return -np.log(of_truth.clip(_SMALLEST, 1.0))


def brier(truth: Ints, probabilities: Floats) -> float:
    """Mean over the images of sum_k (p_k - y_k)², 0 (best) to 2; y is 1 for the true class, else 0.

    The original definition (Brier 1950, Monthly Weather Review 78, 1-3): for two classes twice the
    value of the form that looks at one of them.

    Args:
        truth: (n,) class numbers, 0 to k-1.
        probabilities: (n, k).

    >>> brier(np.array([0, 1]), np.array([[0.8, 0.2], [0.6, 0.4]])).__round__(6)
    0.4
    """
    return float(briers(truth, probabilities).mean())


def briers(truth: Ints, probabilities: Floats) -> Floats:
    """(n,) Brier score of each image; arguments as `brier`."""
    wanted = np.eye(probabilities.shape[1])[truth]
    return np.square(probabilities - wanted).sum(axis=1)


def calibration_error(truth: Ints, probabilities: Floats) -> float:
    """Expected calibration error of the predicted class, root mean square, debiased, 0..1.

    The root of `squared_calibration_error`, 0 where that is negative. NaN with fewer than 2 images.

    Args:
        truth: (n,) class numbers, 0 to k-1.
        probabilities: (n, k).
    """
    correct = probabilities.argmax(axis=1) == truth
    return float(np.sqrt(np.maximum(0.0, squared_calibration_error(probabilities.max(1), correct))))


def squared_calibration_error(confidence: Floats, correct: npt.NDArray[np.bool_]) -> float:
    """Mean squared distance of confidence and share correct over bins, less what chance adds.

    Bins hold about equally many images, at least 20 and at most 15 bins; equal confidences share a
    bin. In each the plug-in estimate (mean confidence - share correct)² is too large by the variance
    of the share; share (1 - share) / (images - 1) estimates that without bias and is subtracted. So
    the mean over test sets of a calibrated model is about 0, and a single value may be negative.

    Source: Kumar, Liang and Ma 2019, Verified Uncertainty Calibration, arXiv:1909.10155, section
    5 (debiased estimator).

    Args:
        confidence: (n,) probability of the predicted class.
        correct: (n,) whether it is the true one.
    """
    if len(confidence) < 2:
        return float("nan")
    return float(_squared(confidence, correct, np.ones((1, len(correct))), 1)[0])


def calibration_errors(truth: Ints, probabilities: Floats, weights: Floats) -> Floats:
    """(d,) calibration errors of d samples that hold each image as often as `weights` (d, n) say.

    The bins are those of all images. What chance adds is subtracted twice: once for the images, once
    for the sample that is drawn of them. So the samples scatter about the error of all images.
    """
    correct = probabilities.argmax(axis=1) == truth
    if len(correct) < 2:
        return np.full(len(weights), np.nan)
    return np.sqrt(_squared(probabilities.max(axis=1), correct, weights, 2).clip(min=0.0))


def _squared(
    confidence: Floats, correct: npt.NDArray[np.bool_], weights: Floats, times: int
) -> Floats:
    """(d,) `squared_calibration_error` of d samples, what chance adds subtracted so many times."""
    order = np.argsort(confidence, kind="stable")
    ascending = confidence[order].astype(np.float64)
    starts = bin_starts(ascending)
    bins = np.zeros((len(order), len(starts)), dtype=weights.dtype)
    bins[order, np.searchsorted(starts, np.arange(len(order)), side="right") - 1] = 1.0
    sizes = weights @ bins  # (d, bins)
    share = weights @ (bins * correct[:, None]) / sizes.clip(min=1)
    surplus = (confidence - correct)[:, None].astype(weights.dtype)
    distance = weights @ (bins * surplus) / sizes.clip(min=1)
    chance = share * (1 - share) / (sizes - 1).clip(min=1)
    return np.sum(sizes * (distance**2 - times * chance), axis=1) / sizes.sum(axis=1)


def bin_starts(confidence: npt.NDArray[np.float64]) -> list[int]:
    """Where each bin of ascending probabilities starts.

    At most 15 bins of about equally many images, 20 or more where there are as many; equal
    probabilities share a bin, and every bin has two images or more.
    """
    n = len(confidence)
    bins = min(_BINS, max(1, n // _IMAGES_PER_BIN))
    wanted = np.arange(1, bins) * n // bins
    starts = [0]
    for start in np.searchsorted(confidence, confidence[wanted]):
        if start >= starts[-1] + 2 and start <= n - 2:
            starts.append(int(start))
    return starts
