"""Several runs of one recipe, told as one: folds of a cross-validation, seeds, or both.

Mean and standard deviation are over the runs. The interval is Student's, 95 %, with a variance
that depends on what differs between the runs:

- **Folds**: the corrected resampled t interval, `mean ± t(J - 1) sqrt((1 / J + n_test / n_train) s²)`
  over the J folds (C. Nadeau, Y. Bengio: Inference for the Generalization Error. Machine
  Learning 52, 239-281, 2003). The runs share training images, so the plain s² / J is too small;
  the second term makes up for that. Runs of one fold with several seeds share their test
  images as well: they count as one, by their mean.
- **Seeds** of one division: the plain interval, s² / J. It says how much chance in the training
  matters, nothing of other patients, since all runs are tested on the same images.

Why this one for folds and not a Wilson or bootstrap interval of the pooled predictions: it takes
any figure (macro F1 is no proportion), holds with several images a patient, because a fold
holds whole patients, and counts that training on other patients gives another model. Its
limits: the correction was derived for random divisions, no estimator of the variance of a
cross-validation is unbiased (Y. Bengio, Y. Grandvalet, JMLR 5, 1089-1105, 2004), and with few
folds it is wide. Where all runs agree there is no interval: then the images are too few to
show a spread, which is no certainty.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from cxrcore.errors import CxrError
from cxrcore.metrics.scores import ClassMetrics, Metrics

_LEVEL = 0.95
_AGREE = 1e-12  # spreads below are rounding


@dataclass(frozen=True)
class Member:
    """One run of a family: its test figures, what sets it apart, and how many it trained on.

    `fold` is from 1, None where there are no folds; `trained` the number of training images.
    """

    test: Metrics
    seed: int
    fold: int | None
    trained: int


class Estimate(BaseModel):
    """A figure over the runs of a family, 0..1.

    `sd` is the standard deviation over the runs (n - 1); `low` and `high` are the 95 % interval.
    None where they cannot be told: one run, or runs that all agree.
    """

    model_config = ConfigDict(frozen=True)

    mean: float
    sd: float | None = None
    low: float | None = None
    high: float | None = None


class Summary(BaseModel):
    """What the runs of a family amount to.

    `wanted` is how many runs make it whole: one a fold and seed. `interval` names what the
    intervals are over. `recalls` are in class order.
    """

    model_config = ConfigDict(frozen=True)

    runs: int
    wanted: int
    folds: int | None
    seeds: int
    interval: Literal["folds", "seeds"]
    accuracy: Estimate
    macro_f1: Estimate
    recalls: list[Estimate]


def summarise(members: Sequence[Member], folds: int | None = None) -> Summary:
    """Mean, spread and interval of the test figures of a family.

    Args:
        members: one a fold and seed, of the same classes.
        folds: how many folds there are in all; None where all runs share one division.

    Raises:
        CxrError: there are no runs, or their classes differ.
    """
    classes = _classes([member.test for member in members])

    def over(figure: Callable[[Metrics], float]) -> Estimate:
        return _estimate(members, [figure(member.test) for member in members], folds)

    seeds = len({member.seed for member in members})
    return Summary(
        runs=len(members),
        wanted=seeds * (folds or 1),
        folds=folds,
        seeds=seeds,
        interval="folds" if folds else "seeds",
        accuracy=over(lambda test: test.accuracy),
        macro_f1=over(lambda test: test.macro.f1),
        recalls=[
            over(lambda test, number=number: test.classes[number].recall)  # type: ignore[misc]
            for number in range(len(classes))
        ],
    )


def pooled(tests: Sequence[Metrics]) -> Metrics:
    """The figures of all test predictions of a family together, from those of its runs.

    Over the folds of one seed that is every image once; with several seeds each image counts
    once a seed. Neither predictions nor scikit-learn are needed: all figures but the loss follow
    from the sum of the confusion matrices.

    Raises:
        CxrError: there are none, or their classes differ.
    """
    names = _classes(tests)
    confusion = np.sum([test.confusion for test in tests], axis=0)
    n = int(confusion.sum())
    right, true, called = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    recall = right / true.clip(min=1)
    precision = right / called.clip(min=1)
    f1 = 2 * right / (true + called).clip(min=1)
    figures = np.stack([precision, recall, f1], axis=1)

    def row(name: str, values: np.ndarray, support: int) -> ClassMetrics:
        told = dict(zip(("precision", "recall", "f1"), map(float, values), strict=True))
        return ClassMetrics(name=name, support=support, **told)

    return Metrics(
        n=n,
        accuracy=float(right.sum() / n),
        loss=float(np.average([test.loss for test in tests], weights=[t.n for t in tests])),
        classes=[row(name, figures[k], int(true[k])) for k, name in enumerate(names)],
        macro=row("macro average", figures.mean(axis=0), n),
        weighted=row("weighted average", np.average(figures, axis=0, weights=true), n),
        confusion=confusion.tolist(),
    )


def _classes(tests: Sequence[Metrics]) -> list[str]:
    """The class names of all the figures."""
    if not tests:
        raise CxrError("A family needs at least one run. Received none. Train one first.")
    classes = [[row.name for row in test.classes] for test in tests]
    if any(names != classes[0] for names in classes):
        raise CxrError(
            "The runs of a family must have the same classes in the same order. Received: "
            f"{sorted({', '.join(names) for names in classes})}. Compare runs of one dataset."
        )
    return classes[0]


def _estimate(members: Sequence[Member], values: Sequence[float], folds: int | None) -> Estimate:
    """Mean, spread and interval of one figure, given for each member."""
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
    independent = np.asarray(values)
    if folds:
        of_fold: dict[int | None, list[float]] = {}
        for member, value in zip(members, values, strict=True):
            of_fold.setdefault(member.fold, []).append(value)
        independent = np.array([np.mean(same) for same in of_fold.values()])
    mean = float(independent.mean())
    count = len(independent)
    spread = float(np.std(independent, ddof=1)) if count > 1 else 0.0
    if spread < _AGREE:
        return Estimate(mean=mean, sd=sd)
    ratios = [member.test.n / member.trained for member in members] if folds else [0.0]
    from scipy.special import stdtrit  # scipy.stats takes half a second to import

    quantile = float(stdtrit(count - 1, (1 + _LEVEL) / 2))
    half = quantile * spread * float(np.sqrt(1 / count + np.mean(ratios)))
    return Estimate(mean=mean, sd=sd, low=max(0.0, mean - half), high=min(1.0, mean + half))
