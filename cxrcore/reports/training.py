"""How the models of a report were trained: the loss after each epoch, the best one, learning rates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cxrcore.figures import NEUTRAL, Axes, Line
from cxrcore.store import Run


@dataclass(frozen=True)
class Trained:
    """The epochs of one model.

    Attributes:
        line: its validation loss after each epoch, marked at the least.
        epochs: how many.
        best: the epoch of the least validation loss.
        loss, train_loss: after that epoch, on validation and on training films.
        rates: learning rate of the first and the last epoch.
    """

    line: Line
    epochs: int
    best: int
    loss: float
    train_loss: float
    rates: tuple[float, float]


def trained(
    runs: Sequence[Run], titles: Mapping[str, str], colours: Mapping[str, str]
) -> dict[str, Trained]:
    """By run id; without runs whose weights were imported, or that had no validation films.

    Raises:
        StoreError: a run's history is missing or was changed.
    """
    found = {}
    for run in runs:
        table = run.history()
        table = table[np.isfinite(table["val_loss"].astype(float))]
        if table.empty:
            continue
        best = table.loc[table["val_loss"].idxmin()]
        epochs, losses = table["epoch"].to_numpy(float), table["val_loss"].to_numpy(float)
        marked = float(best["epoch"]), float(best["val_loss"])
        found[run.run_id] = Trained(
            Line(
                titles.get(run.run_id, run.run_id),
                colours.get(run.run_id, NEUTRAL),
                epochs,
                losses,
                marked=marked,
            ),
            int(epochs[-1]),
            int(best["epoch"]),
            float(best["val_loss"]),
            float(best["loss"]),
            (float(table["learning_rate"].iloc[0]), float(table["learning_rate"].iloc[-1])),
        )
    return found


def axes(curves: Sequence[Line]) -> Axes:
    """Epochs from the first to the last of all, losses from 0."""
    last = max(float(line.x[-1]) for line in curves)
    most = max(float(np.max(line.y)) for line in curves)
    ends = (0.0, most * 1.05 or 1.0)
    return Axes("Epoch", "Validation loss", {}, (1.0, max(last, 2.0)), ends, percent=False)
