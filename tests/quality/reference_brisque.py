"""BRISQUE as the `image-quality` package 1.2.7 defines it, written for clarity, not speed.

Follows imquality/brisque.py and imquality/statistics.py step by step with the libraries
they use (scikit-image, scipy.signal, scipy.optimize), so that `cxrcore.quality.brisque`
can be held against something that shares none of its code. Four things differ, each
because the original cannot run on current libraries: gray input skips `rgb2gray` (which
refuses it now), `multichannel=False` became the default, features go through a plain loop over
the support vectors in place of libsvm, and a fit that does not converge is an
ArithmeticError in place of an assertion. There, all statistics are properties that are
computed anew at each use, and that is most of what it costs; here too when `as_costly`.
"""

import functools
import pickle
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import scipy.optimize
import scipy.signal
import scipy.special
import skimage.transform


class AsymmetricGeneralizedGaussian:
    def __init__(self, x):
        self.x = x

    @property
    def x_left(self):
        return self.x[np.where(self.x < 0)]

    @property
    def x_right(self):
        return self.x[np.where(self.x >= 0)]

    @property
    def sigma_left(self):
        return np.sqrt(np.square(self.x_left).mean())

    @property
    def sigma_right(self):
        return np.sqrt(np.square(self.x_right).mean())

    @property
    def gamma(self):
        return self.sigma_left / self.sigma_right

    @property
    def r_hat(self):
        return np.abs(self.x).mean() ** 2 / np.square(self.x).mean()

    @property
    def R_hat(self):
        return self.r_hat * (self.gamma**3 + 1) * (self.gamma + 1) / (self.gamma**2 + 1) ** 2

    @staticmethod
    def phi(alpha):
        gamma = scipy.special.gamma
        return gamma(2 / alpha) ** 2 / (gamma(1 / alpha) * gamma(3 / alpha))

    @property
    def constant(self):
        gamma = scipy.special.gamma
        return np.sqrt(gamma(1 / self.alpha) / gamma(3 / self.alpha))

    @property
    def mean(self):
        gamma = scipy.special.gamma
        ratio = gamma(2 / self.alpha) / gamma(1 / self.alpha)
        return (self.sigma_right - self.sigma_left) * self.constant * ratio

    def fit(self, as_costly):
        known = self.R_hat
        solution = scipy.optimize.root(
            lambda a: self.phi(a) - (self.R_hat if as_costly else known), np.array([0.2])
        )
        if not solution.success:
            raise ArithmeticError(f"no root for R_hat {self.R_hat}: {solution.message}")
        self.alpha = solution.x.item()
        return self


def kernel(size=7, sigma=7 / 6):
    y, x = np.indices((size, size)) - int(size / 2)
    weights = 1 / (2 * np.pi * sigma**2) * np.exp(-(x**2 + y**2) / (2 * sigma**2))
    return weights / np.sum(weights)


def features_of(image, as_costly):
    local_mean = scipy.signal.convolve2d(image, kernel(), "same")
    local_square = scipy.signal.convolve2d(np.square(image), kernel(), "same")
    deviation = np.sqrt(np.abs(np.square(local_mean) - local_square))
    mscn = (image - local_mean) / (deviation + 1 / 255)
    fit = AsymmetricGeneralizedGaussian(mscn).fit(as_costly)
    values = [fit.alpha, np.mean([np.square(fit.sigma_left), np.square(fit.sigma_right)])]
    for products in (
        mscn[:, :-1] * mscn[:, 1:],
        mscn[:-1, :] * mscn[1:, :],
        mscn[:-1, :-1] * mscn[1:, 1:],
        mscn[1:, :-1] * mscn[:-1, 1:],
    ):
        fit = AsymmetricGeneralizedGaussian(products).fit(as_costly)
        values += [fit.alpha, fit.mean, np.square(fit.sigma_left), np.square(fit.sigma_right)]
    return np.array(values)


def features(gray, as_costly=False):
    """(36,) the features of the image and of its half-size copy, not yet scaled."""
    image = gray / 255.0
    half = skimage.transform.rescale(image, 1 / 2, order=2, mode="constant", anti_aliasing=False)
    return np.concatenate([features_of(image, as_costly), features_of(half, as_costly)])


def model_folder():
    return Path(find_spec("imquality").origin).parent / "models"


@functools.cache
def load_model():
    """gamma, rho, and (coefficient, vector) pairs of libsvm's text format."""
    header, vectors = {}, []
    lines = iter((model_folder() / "brisque_svm.txt").read_text().splitlines())
    for line in lines:
        if line == "SV":
            break
        name, _, value = line.partition(" ")
        header[name] = value
    for line in lines:
        coefficient, *pairs = line.split()
        vector = np.zeros(36)
        for pair in pairs:
            index, value = pair.split(":")
            vector[int(index) - 1] = float(value)
        vectors.append((float(coefficient), vector))
    return float(header["gamma"]), float(header["rho"]), vectors


def score(gray, as_costly=False):
    """BRISQUE of an (H, W) uint8 image; raises ArithmeticError where it has no value."""
    with open(model_folder() / "normalize.pickle", "rb") as file:
        ranges = pickle.load(file)
    low, high = np.array(ranges["min_"]), np.array(ranges["max_"])
    scaled = -1 + 2.0 / (high - low) * (features(gray, as_costly) - low)
    gamma, rho, vectors = load_model()
    total = -rho
    for coefficient, vector in vectors:
        total += coefficient * np.exp(-gamma * np.sum(np.square(vector - scaled)))
    return float(total)
