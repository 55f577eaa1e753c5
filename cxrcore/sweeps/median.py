"""The median rule: a training that others have left behind is given up.

Source: Golovin et al. 2017, Google Vizier, section 3.2.2, doi 10.1145/3097983.3098043; here on the
best validation accuracy so far, which is what a sweep chooses by. See docs/decisions/0057.
"""

import statistics
from collections.abc import Mapping, Sequence

LEAST_EPOCHS = 5  # before, the order of trainings says little
LEAST_OTHERS = 3  # a median of fewer is one training's luck

History = Sequence[Mapping[str, float | int]]


def hopeless(history: History, others: Sequence[History]) -> str:
    """Why a training should end, as a sentence; "" where it should go on.

    Args:
        history: rows of its epochs so far, with `val_accuracy`.
        others: those of the other trainings; only those that came as far count.
    """
    epoch = len(history)
    if epoch < LEAST_EPOCHS:
        return ""
    rivals = [_best(other[:epoch]) for other in others if len(other) >= epoch]
    if len(rivals) < LEAST_OTHERS or _best(history) >= (middle := statistics.median(rivals)):
        return ""
    return (
        f"Ended early after epoch {epoch}: its best validation accuracy, {_best(history):.3f}, was "
        f"below {middle:.3f}, the median of {len(rivals)} others of its sweep at the same epoch. "
        "Trained alone, it goes on from there."
    )


def _best(history: History) -> float:
    return max(row.get("val_accuracy", 0.0) for row in history)
