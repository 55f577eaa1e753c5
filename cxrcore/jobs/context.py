"""What the work of a job may use in its process."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cxrcore.errors import Cancelled
from cxrcore.jobs import disk
from cxrcore.jobs.model import JobSpec
from cxrcore.jobs.status import Status, log_line
from cxrcore.progress import Progress


@dataclass
class Context:
    """The specification and folder of a job, its reports, and requests to stop."""

    spec: JobSpec
    folder: Path
    status: Status
    stopped: Callable[[], bool]  # whether a signal asked the process to end
    _stage: str = field(default="", init=False)  # the last one in the log

    @property
    def checkpoint(self) -> Path:
        """The folder that a later process continues from."""
        return self.folder / disk.CHECKPOINT

    def should_stop(self) -> bool:
        """Whether the job was cancelled or the process was asked to end; takes microseconds."""
        return self.stopped() or (self.folder / disk.CANCEL).exists()

    def wait(self, ahead: int) -> None:
        """Report the number of jobs that wait before this one."""
        before = f", {ahead} before it" if ahead else ""
        self.status.update(stage="waiting", message=f"Waiting for its turn{before}.")

    def progress(self, progress: Progress) -> None:
        """Report countable work; raises Cancelled when the job should stop."""
        if self.should_stop():
            raise Cancelled(f"Stopped while {progress.stage}; what was done is kept.")
        self.update(
            progress.stage,
            share=progress.share,
            message=f"{progress.done:,} of {progress.total:,}",
            images_per_second=finite(progress.rate),
            eta_seconds=finite(progress.eta_seconds),
        )

    def update(self, stage: str, **changes: Any) -> None:
        """Report a stage and other fields of Job; a new stage gets a line in the log."""
        if stage != self._stage:
            self._stage = stage
            log_line(stage)
        self.status.update(stage=stage, **changes)


def finite(value: Any) -> float | int | None:
    """Any number, NumPy's as well, as int or float; None for None and for NaN or infinity."""
    if value is None:
        return None
    plain = float(value)
    if not math.isfinite(plain):
        return None
    return int(value) if isinstance(value, int) else plain
