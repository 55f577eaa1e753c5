"""Progress of long work: one record, one estimate of the time left, one kind of bar."""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID


@dataclass(frozen=True)
class Progress:
    """How much of a piece of work is done.

    `stage` is a short phrase for people ("measuring images"); `rate` is None until enough
    was done to estimate it, `eta_seconds` also when all is done.
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
    """The Report that shows nothing."""


class Meter:
    """Turns counts into Progress with rate and time left, measured from its creation."""

    def __init__(self, stage: str, total: int, report: Report = silent) -> None:
        self.stage, self.total, self._report = stage, total, report
        self._start = time.monotonic()

    def update(self, done: int) -> None:
        """Report that `done` items of the total are done."""
        seconds = time.monotonic() - self._start
        rate = done / seconds if done and seconds > 0 else None
        # When all is done another stage may follow: no time is promised.
        eta = (self.total - done) / rate if rate and done < self.total else None
        self._report(Progress(self.stage, done, self.total, eta, rate))


@contextlib.contextmanager
def progress_bar(visible: bool = True) -> Iterator[Report]:
    """A Report that draws one bar per stage, full once the next begins; nothing unless `visible`."""
    if not visible:
        yield silent
        return
    with bars() as drawn:
        tasks: dict[str, TaskID] = {}

        def fill() -> None:  # the last report of a stage may be missing
            for task in drawn.tasks:
                drawn.update(task.id, completed=task.total)

        def report(progress: Progress) -> None:
            if not progress.total:
                return  # a bar of nothing tells nothing
            if progress.stage not in tasks:
                fill()
                tasks[progress.stage] = drawn.add_task(progress.stage, total=progress.total)
            drawn.update(tasks[progress.stage], completed=progress.done, total=progress.total)

        yield report
        fill()


def bars(*, time_left: bool = True) -> "Bars":
    """Progress bars in Jupyter, or on the standard error of a terminal.

    Args:
        time_left: False for work that reports no times of its own.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    return Bars(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        *([TimeRemainingColumn()] if time_left else []),
        console=Console(stderr=True, emoji=False),
    )
