"""The classifiers of probes; need scikit-learn."""

import copy
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cxrcore.progress import Meter, Report

Values = npt.NDArray[np.float64]  # (n, d), standardised
Labels = npt.NDArray[np.integer]  # (n,) class numbers; every class is among those of the training

STRENGTHS = tuple(10.0**power for power in range(-5, 3))  # C of scikit-learn, the inverse strength
_STEPS, _TOLERANCE = 1_000, 1e-6  # of the fit that is kept; others end at scikit-learn's 1e-4
HIDDEN = 128
_EPOCHS, _PATIENCE = 60, 8


@dataclass(frozen=True)
class Classifier:
    """A trained classifier.

    Attributes:
        predict: (n, d) -> (n, k) probabilities.
        parameters: how many numbers it consists of.
        chosen: a sentence on what the validation films decided.
    """

    predict: Callable[[Values], npt.NDArray[np.floating]]
    parameters: int
    chosen: str


def linear(
    train: tuple[Values, Labels], validation: tuple[Values, Labels], seed: int, report: Report
) -> Classifier:
    """Multinomial logistic regression; the L2 penalty with the lowest log loss on validation.

    Weaker penalties begin from the weights of stronger ones, until one has a greater loss. `seed` changes
    nothing: the loss is convex.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(max_iter=_STEPS, warm_start=True, random_state=seed)
    meter, best, found = Meter("training", len(STRENGTHS), report), np.inf, model
    with warnings.catch_warnings():
        # A weak penalty that is not reached in time has a validation loss like any other.
        warnings.simplefilter("ignore", ConvergenceWarning)
        rough = train[0].astype(np.float32), train[1]  # twice as fast, and enough to choose
        for number, strength in enumerate(STRENGTHS):
            model.set_params(C=strength).fit(*rough)
            loss = _loss(model, validation)
            meter.update(number + 1)
            if loss >= best:
                break
            best, found = loss, copy.deepcopy(model)
        found.set_params(tol=_TOLERANCE).fit(*train)
    chosen = (
        f"Of the penalties 1/C with C from {STRENGTHS[0]:g} to {STRENGTHS[-1]:g}, C = {found.C:g} has the "
        f"lowest log loss on validation, {_loss(found, validation):.4f}."
    )
    return Classifier(found.predict_proba, found.coef_.size + found.intercept_.size, chosen)


def mlp(
    train: tuple[Values, Labels], validation: tuple[Values, Labels], seed: int, report: Report
) -> Classifier:
    """One hidden layer; the epoch with the lowest log loss on validation."""
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier((HIDDEN,), random_state=seed)
    classes = np.unique(train[1])
    meter, best, kept, epoch = Meter("training", _EPOCHS, report), np.inf, None, 0
    for number in range(1, _EPOCHS + 1):
        model.partial_fit(*train, classes=classes)
        loss = _loss(model, validation)
        if loss < best:
            best, epoch = loss, number
            kept = copy.deepcopy((model.coefs_, model.intercepts_))
        meter.update(number)
        if number - epoch == _PATIENCE:
            break
    if kept is not None:
        model.coefs_, model.intercepts_ = kept
    chosen = (
        f"{HIDDEN} hidden units; of {number} epochs the weights of epoch {epoch} have the lowest log loss on "
        f"validation, {best:.4f}."
    )
    parameters = sum(each.size for each in (*model.coefs_, *model.intercepts_))
    return Classifier(model.predict_proba, parameters, chosen)


def _loss(model: Any, validation: tuple[Values, Labels]) -> float:
    from sklearn.metrics import log_loss

    shares = model.predict_proba(validation[0])
    return float(log_loss(validation[1], shares, labels=model.classes_))
