"""How a job's process publishes its state: kept in memory, written by a thread of its own.

The work only changes values in memory, so that a slow or full disk never slows a training. The
thread writes changes, and heartbeats even while the work is inside a long call. On a full disk the
work goes on; space reserved at the start takes the last status (docs/decisions/0037).
"""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cxrcore.errors import StoreError
from cxrcore.jobs import disk, exit_cause
from cxrcore.jobs.model import Job, now

PAUSE_SECONDS = 0.3  # between writes of changes
HEARTBEAT_SECONDS = 2.0
_LAST_TRIES = 10  # one a second, when the disk is full at the very end
_RESERVE_BYTES = 1 << 17  # more than the status of a training of 400 epochs takes


def log_line(text: str) -> None:
    """Write a line with the time to the job's log, unless the disk is full."""
    with contextlib.suppress(OSError):
        print(f"{now():%Y-%m-%d %H:%M:%S}Z  {text}", file=sys.stderr, flush=True)


class Status:
    """The status of the job in `folder`, whose lock this process holds; it begins as `job`."""

    def __init__(self, folder: Path, job: Job) -> None:
        self._path, self._reserve = folder / disk.STATUS, folder / disk.RESERVE
        self._job = job
        self._changed = True
        self._written = 0.0  # monotonic seconds
        self._failing = False
        self._memory, self._disk = threading.Lock(), threading.Lock()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._keep_writing, name="heartbeat", daemon=True)

    @contextlib.contextmanager
    def published(self) -> Iterator["Status"]:
        """Write now and from now on; at the end of the block the last state is on disk."""
        self._write()
        with contextlib.suppress(OSError):
            # Not zeros, which some file systems store in no space.
            self._reserve.write_bytes(os.urandom(_RESERVE_BYTES))
        self._thread.start()
        try:
            yield self
        finally:
            self._end.set()
            self._thread.join()
            self._write_last()

    def _write_last(self) -> None:
        with contextlib.suppress(OSError):
            self._reserve.unlink(missing_ok=True)
        for _ in range(_LAST_TRIES):
            if not self._failing:
                break
            self._write()
            if self._failing:
                time.sleep(1)

    @property
    def job(self) -> Job:
        """The job as it is now in memory."""
        return self._job

    def update(self, **changes: Any) -> None:
        """Change some values; they reach the disk within about 0.3 s."""
        with self._memory:
            if any(getattr(self._job, name) != value for name, value in changes.items()):
                self._job = self._job.model_copy(update=changes)
                self._changed = True

    def state(self, **changes: Any) -> Job:
        """Change some values and write them before returning; for changes of state."""
        self.update(**changes)
        self._write()
        return self._job

    def _keep_writing(self) -> None:
        while not self._end.wait(PAUSE_SECONDS):
            silence = time.monotonic() - self._written
            if silence >= HEARTBEAT_SECONDS or (self._changed and silence >= PAUSE_SECONDS):
                self._write()

    def _write(self) -> None:
        # Taken before the values are read, so that the last write has the newest values.
        with self._disk:
            with self._memory:
                beat = {"heartbeat": now(), "vitals": exit_cause.vitals()}
                self._job = self._job.model_copy(update=beat)
                job, self._changed = self._job, False
            self._written = time.monotonic()
            try:
                disk.write(self._path, job)
            except StoreError as error:
                if not self._failing:
                    log_line(f"The status cannot be written, the work goes on. {error}")
                self._failing = True
            else:
                if self._failing:
                    log_line("The status can be written again.")
                self._failing = False
