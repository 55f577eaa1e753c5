"""Several runs of one recipe summarised: folds of a cross-validation, seeds, or both.

Mean and standard deviation are over the runs. The 95 % interval is Student's, with a variance that
depends on what differs between the runs (docs/decisions/0020):

- **Folds**: the corrected resampled t interval, `mean ± t(J - 1) sqrt((1 / J + n_test / n_train) s²)`
  over the J folds (C. Nadeau, Y. Bengio: Inference for the Generalization Error. Machine
  Learning 52, 239-281, 2003). The runs share training images, so the plain s² / J is too small;
  the second term corrects that. Runs of one fold with several seeds also share their test images:
  they count as one, by their mean.
- **Seeds** of one division: the plain interval, s² / J. It describes how much chance in the training
  matters, not other patients, since all runs are tested on the same images.

Unlike a Wilson or bootstrap interval of the pooled predictions, the one for folds works for any
metric (macro F1 is not a proportion), allows several images of a patient, because a fold holds whole
patients, and includes that training on other patients gives another model. Its limits: the
correction was derived for random divisions, no estimator of the variance of a cross-validation is
unbiased (Y. Bengio, Y. Grandvalet, JMLR 5, 1089-1105, 2004), and with few folds it is wide. Where
all runs agree there is no interval: the images are too few to show a spread, which is not certainty.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from cxrcore.errors import CxrError
from cxrcore.metrics.registry import METRICS
from cxrcore.metrics.scores import Metrics

_LEVEL = 0.95
_AGREE = 1e-12  # smaller spreads are rounding


@dataclass(frozen=True)
class Member:
    """One run of a family: its test metrics, what sets it apart, and its number of training images.

    `fold` counts from 1, None where there are no folds.
    """

    test: Metrics
    seed: int
    fold: int | None
    trained: int


class Estimate(BaseModel):
    """A metric over the runs of a family.

    `sd` is the standard deviation over the runs (n - 1); `low` and `high` are the 95 % interval.
    None where they are undefined: no run has the metric, there is one run, or all runs agree.
    """

    model_config = ConfigDict(frozen=True)

    mean: float | None
    sd: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def interval(self) -> str:
        """The interval as text, "0.71 to 0.85" with three digits; "" where there is none."""
        if self.low is None or self.high is None:
            return ""
        return f"{self.low:.3f} to {self.high:.3f}"


class Summary(BaseModel):
    """Mean, spread and interval of every metric over the runs of a family.

    `wanted` is the number of runs of the complete family: one for each fold and seed. `interval`
    names what the intervals are over. The keys of `estimates` are those of `Metrics.columns`.
    """

    model_config = ConfigDict(frozen=True)

    runs: int
    wanted: int
    folds: int | None
    seeds: int
    interval: Literal["folds", "seeds"]
    estimates: dict[str, Estimate]

    @property
    def members(self) -> str:
        """The number of runs: "5 of 5 folds", "10 of 10 (5 folds, 2 seeds)", "3 seeds"."""
        if self.folds is None:
            return f"{self.runs} seeds"
        if self.seeds > 1:
            return f"{self.runs} of {self.wanted} ({self.folds} folds, {self.seeds} seeds)"
        return f"{self.runs} of {self.folds} folds"


def summarise(members: Sequence[Member], folds: int | None = None) -> Summary:
    """Mean, spread and interval of the test metrics of a family.

    A metric that is undefined in some runs is summarised over the others.

    Args:
        members: one for each fold and seed, of the same classes.
        folds: the number of folds; None where all runs share one division.

    Raises:
        CxrError: there are no runs, or their classes differ.
    """
    _classes([member.test for member in members])
    values = [member.test.columns() for member in members]
    seeds = len({member.seed for member in members})
    return Summary(
        runs=len(members),
        wanted=seeds * (folds or 1),
        folds=folds,
        seeds=seeds,
        interval="folds" if folds else "seeds",
        estimates={
            column: _estimate(members, [row[column] for row in values], folds, column)
            for column in values[0]
        },
    )


def pooled(tests: Sequence[Metrics]) -> Metrics:
    """The metrics of all test predictions of a family together, from those of its runs.

    Over the folds of one seed that is every image once; with several seeds each image counts once
    for each seed. Known are the loss and what follows from the sum of the confusion matrices.

    Raises:
        CxrError: there are none, or their classes differ.
    """
    names = _classes(tests)
    confusion = np.sum([test.confusion for test in tests], axis=0)
    loss = np.average([test.loss for test in tests], weights=[test.n for test in tests])
    return Metrics.model_validate(
        {
            "classes": [{"name": name} for name in names],
            "confusion": confusion.tolist(),
            "loss": float(loss),
        }
    )


def _classes(tests: Sequence[Metrics]) -> list[str]:
    """The class names of all the runs."""
    if not tests:
        raise CxrError("A family needs at least one run. Received none. Train one first.")
    classes = [[row.name for row in test.classes] for test in tests]
    if any(names != classes[0] for names in classes):
        raise CxrError(
            "The runs of a family must have the same classes in the same order. Received: "
            f"{sorted({', '.join(names) for names in classes})}. Compare runs of one dataset."
        )
    return classes[0]


def _estimate(
    members: Sequence[Member], values: Sequence[float | None], folds: int | None, column: str
) -> Estimate:
    """Mean, spread and interval of one column, given for each member."""
    known = [(m, value) for m, value in zip(members, values, strict=True) if value is not None]
    if not known:
        return Estimate(mean=None)
    sd = float(np.std([value for _, value in known], ddof=1)) if len(known) > 1 else None
    # The values of each fold; without folds each run stands for itself.
    groups: dict[object, list[float]] = {}
    for place, (member, value) in enumerate(known):
        groups.setdefault(member.fold if folds else place, []).append(value)
    independent = np.array([np.mean(same) for same in groups.values()])
    mean = float(independent.mean())
    count = len(independent)
    spread = float(np.std(independent, ddof=1)) if count > 1 else 0.0
    if spread < _AGREE:
        return Estimate(mean=mean, sd=sd)
    ratios = [member.test.n / member.trained for member, _ in known] if folds else [0.0]
    from scipy.special import stdtrit  # scipy.stats takes half a second to import

    quantile = float(stdtrit(count - 1, (1 + _LEVEL) / 2))
    half = quantile * spread * float(np.sqrt(1 / count + np.mean(ratios)))
    least, greatest = METRICS[column.partition("[")[0]].bounds
    return Estimate(mean=mean, sd=sd, low=max(least, mean - half), high=min(greatest, mean + half))
