"""Accuracy, loss, precision, recall, F1 and the confusion matrix of one set of predictions."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from cxrcore.errors import CxrError

# Keras clips probabilities here before the logarithm, so losses agree with history.csv.
_SMALLEST = 1e-7


class ClassMetrics(BaseModel):
    """One row of a classification report; shares are 0..1.

    `support` is the number of images whose true class this is; for an
    average it is the number of all images.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    precision: float
    recall: float
    f1: float
    support: int


class Metrics(BaseModel):
    """What one set of predictions amounts to.

    `loss` is the mean cross-entropy in nats. `confusion[i][j]` counts images
    of class i (row, true) that were predicted as class j (column). A class
    that is never predicted has precision 0, one without images recall 0.
    """

    model_config = ConfigDict(frozen=True)

    n: int
    accuracy: float
    loss: float
    classes: list[ClassMetrics]
    macro: ClassMetrics
    weighted: ClassMetrics
    confusion: list[list[int]]


def evaluate(
    y_true: npt.ArrayLike, probabilities: npt.ArrayLike, class_names: Sequence[str]
) -> Metrics:
    """Score predictions against the truth by scikit-learn.

    Args:
        y_true: (n,) class numbers, 0 to k-1.
        probabilities: (n, k) shares, 0..1; the largest of a row is the prediction.
        class_names: the k classes in column order.

    Raises:
        CxrError: the arrays do not fit each other, are empty, or hold
            class numbers or probabilities that cannot be.

    >>> evaluate([0, 1], [[0.9, 0.1], [0.2, 0.8]], ["A", "B"]).accuracy
    1.0
    """
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    truth, shares = _checked(y_true, probabilities, class_names)
    labels = np.arange(len(class_names))
    predicted = shares.argmax(axis=1)
    options = {"labels": labels, "zero_division": 0}
    rows = precision_recall_fscore_support(truth, predicted, **options)
    classes = [
        _row(name, precision, recall, f1, support)
        for name, precision, recall, f1, support in zip(class_names, *rows, strict=True)
    ]

    def average(kind: str) -> ClassMetrics:
        precision, recall, f1, _ = precision_recall_fscore_support(
            truth, predicted, average=kind, **options
        )
        return _row(f"{kind} average", precision, recall, f1, len(truth))

    of_truth = shares[np.arange(len(truth)), truth]
    return Metrics(
        n=len(truth),
        accuracy=float(np.mean(predicted == truth)),
        loss=float(-np.log(of_truth.clip(_SMALLEST, 1.0)).mean()),
        classes=classes,
        macro=average("macro"),
        weighted=average("weighted"),
        confusion=confusion_matrix(truth, predicted, labels=labels).tolist(),
    )


def normalised(confusion: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """(k, k) shares of the true class: each row sums to 1, or to 0 where a class has no image.

    >>> normalised([[3, 1], [0, 0]]).tolist()
    [[0.75, 0.25], [0.0, 0.0]]
    """
    counts = np.asarray(confusion, dtype=np.float64)
    return counts / counts.sum(axis=1, keepdims=True).clip(min=1)


def _row(name: str, precision: float, recall: float, f1: float, support: int) -> ClassMetrics:
    return ClassMetrics(
        name=name,
        precision=float(precision),
        recall=float(recall),
        f1=float(f1),
        support=int(support),
    )


def _checked(
    y_true: npt.ArrayLike, probabilities: npt.ArrayLike, class_names: Sequence[str]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    truth = np.asarray(y_true)
    shares = np.asarray(probabilities, dtype=np.float64)
    k = len(class_names)
    if truth.ndim != 1 or shares.shape != (len(truth), k) or len(truth) == 0:
        raise CxrError(
            f"An evaluation needs (n,) true classes and (n, {k}) probabilities, with n of 1 or "
            f"more. Received: {truth.shape} and {shares.shape}. Give one row an image and one "
            f"column a class ({', '.join(class_names)})."
        )
    if not np.issubdtype(truth.dtype, np.integer) or truth.min() < 0 or truth.max() >= k:
        raise CxrError(
            f"True classes must be whole numbers from 0 to {k - 1}. "
            f"Received: {np.unique(truth)[:5].tolist()} ({truth.dtype}). Turn labels into class "
            "numbers by their place in the class names first."
        )
    if not np.isfinite(shares).all() or shares.min() < -1e-6 or shares.max() > 1 + 1e-3:
        raise CxrError(
            "Probabilities must lie between 0 and 1. Received values from "
            f"{shares.min()} to {shares.max()}. If the model's weights are not numbers any more, "
            "train it again with a lower learning rate."
        )
    return truth.astype(np.intp), shares
