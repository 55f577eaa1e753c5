"""How long work reports how far it is: one record, one estimate of the time left."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """How far a piece of work is.

    `stage` is a short phrase for people ("measuring images"); `eta_seconds` is None
    until enough was done to estimate it.
    """

    stage: str
    done: int
    total: int
    eta_seconds: float | None = None
    rate: float | None = None  # items per second

    @property
    def share(self) -> float:
        """Part that is done, 0..1."""
        return min(1.0, self.done / self.total) if self.total else 1.0


Report = Callable[[Progress], None]


def silent(_: Progress) -> None:
    """The Report that tells nobody."""


class Meter:
    """Turns counts into Progress with rate and ETA, measured from its creation."""

    def __init__(self, stage: str, total: int, report: Report = silent) -> None:
        self.stage, self.total, self._report = stage, total, report
        self._start = time.monotonic()

    def update(self, done: int) -> None:
        """Report that `done` items of the total are done."""
        seconds = time.monotonic() - self._start
        rate = done / seconds if done and seconds > 0 else None
        eta = (self.total - done) / rate if rate else None
        self._report(Progress(self.stage, done, self.total, eta, rate))
