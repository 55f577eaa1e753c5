"""Progress reports of a training, and requests to stop it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from cxrcore.errors import Cancelled
from cxrcore.progress import Progress
from cxrcore.tracking.tensorboard import Board

Stage = Literal[
    "measuring images",
    "searching duplicates",
    "looking for lungs",
    "preparing pixels",
    "building",
    "computing features",
    "training",
    "evaluating",
    "saving",
]
_INTERVAL_SECONDS = 0.5


@dataclass(frozen=True)
class TrainingProgress:
    """Progress of a training.

    `epoch` is the one in progress, from 1; `batch` and `batches` count within it, or within
    another stage. `history` has one row per completed epoch, with the columns of `Run.history`.
    Rates and times are None until known.
    """

    stage: Stage
    epoch: int = 0
    epochs: int = 0
    batch: int = 0
    batches: int = 0
    images_per_second: float | None = None
    eta_seconds: float | None = None
    history: list[dict[str, Any]] = field(default_factory=list)


class Reporter:
    """Passes progress on about twice a second; raises Cancelled when the training should stop."""

    def __init__(
        self,
        callback: Callable[[TrainingProgress], None],
        should_stop: Callable[[], bool],
        epochs: int,
    ) -> None:
        self._callback, self._should_stop = callback, should_stop
        self.epochs = epochs
        self._last = -_INTERVAL_SECONDS
        self._stage: Stage | None = None
        self.history: list[dict[str, Any]] = []  # rows of the completed epochs
        self.board = Board()  # TensorBoard logs, where they are wanted

    def report(
        self,
        stage: Stage,
        *,
        epoch: int | None = None,
        now: bool = False,
        **details: Any,
    ) -> None:
        """Report if the last report is old enough, the stage is new, or `now`.

        `details` are further fields of TrainingProgress.

        Raises:
            Cancelled: the training should stop.
        """
        self.stop_if_asked()
        if not now and stage == self._stage and time.monotonic() - self._last < _INTERVAL_SECONDS:
            return
        self._stage, self._last = stage, time.monotonic()
        history = list(self.history)
        epoch = len(history) if epoch is None else epoch
        progress = TrainingProgress(stage, epoch, self.epochs, history=history, **details)
        self._callback(progress)

    def for_stage(self, stage: Stage) -> Callable[[Progress], None]:
        """A Report for countable work within a stage."""

        def report(progress: Progress) -> None:
            self.report(
                stage,
                batch=progress.done,
                batches=progress.total,
                images_per_second=progress.rate,
                eta_seconds=progress.eta_seconds,
            )

        return report

    def stop_if_asked(self) -> None:
        """Raise Cancelled if the training should stop."""
        if not self._should_stop():
            return
        done = len(self.history)
        kept = f"{done} of {self.epochs} epochs are kept" if done else "no epoch was done yet"
        raise Cancelled(f"The training was stopped; {kept}. Start it again to continue.")
