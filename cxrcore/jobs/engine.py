"""The engines that run jobs: processes on this machine (`local`) and a Ray cluster (`ray`)."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from cxrcore import settings
from cxrcore.jobs import local
from cxrcore.jobs.model import Job, JobSpec, OnRay
from cxrcore.jobs.ray import engine as ray


class Engine(Protocol):
    """Where jobs run: the interface of the modules `jobs.local` and `jobs.ray.engine`."""

    def request(self, spec: JobSpec, before: Job | None) -> OnRay | None:
        """What the next attempt asks of a cluster; `before` is the job as it ended last."""

    def start(self, folder: Path, job: Job, lock: int, command: Sequence[str]) -> None:
        """Start the process of the job in `folder`, whose lock has the descriptor `lock`."""

    def observe(self, folder: Path, job: Job) -> Job:
        """The true state of a job whose status says that it is active."""

    def cancel(self, folder: Path, job: Job) -> None:
        """Stop a job at its next chance, as far as its file `cancel` does not."""

    def kill(self, folder: Path, job: Job) -> None:
        """End all processes of an active job; they are gone on return."""

    def clean_up(self, job: Job) -> None:
        """End what a process that died has left running."""

    def log(self, folder: Path, job: Job, tail: int) -> str:
        """The last lines that the engine has of a job that has ended without a log."""

    def place(self, job: Job) -> str:
        """Where a job runs, as a phrase; "" on this machine."""

    def turn(
        self, spec: JobSpec, job: Job, stop: Callable[[], bool], report: Callable[[int], None]
    ) -> AbstractContextManager[None]:
        """Wait for the job's turn in its own process, and hold its place for a block."""


def of(job: Job) -> Engine:
    """The engine that runs a job, or ran it last."""
    return local if job.ray is None else ray


def chosen() -> Engine:
    """The engine for jobs that are started now."""
    return local if settings.ray_address() is None else ray


def place(job: Job) -> str:
    """Where a job runs, as a phrase; "" on this machine."""
    return of(job).place(job)
