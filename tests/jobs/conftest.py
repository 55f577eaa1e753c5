"""Jobs whose work is steered by files, real processes all the same."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cxrcore import jobs, settings
from cxrcore.jobs import control
from cxrcore.jobs.model import Job, JobSpec

WORKER = Path(__file__).with_name("worker.py")
COMMAND = (sys.executable, str(WORKER))
DEADLINE_SECONDS = 120.0  # jobs give way to everything else: on a busy machine they crawl


class Bench:
    """Starts jobs of the worker, waits for what they do, and ends what is left."""

    command = COMMAND

    def spec(self, job_id: str = "count", kind: str = "train", **details: object) -> JobSpec:
        """A specification for the worker."""
        return JobSpec(job_id=job_id, kind=kind, title=f"Job {job_id}", details=details)

    def start(self, job_id: str = "count", kind: str = "train", **details: object) -> Job:
        """Start a job of the worker."""
        return control.start(self.spec(job_id, kind, **details), command=COMMAND)

    def resume(self, job_id: str = "count") -> Job:
        """Resume it with the worker."""
        return jobs.resume(job_id, command=COMMAND)

    def folder(self, job_id: str = "count") -> Path:
        """Where the job lies."""
        return settings.jobs_dir() / job_id

    def let_go(self, job_id: str = "count") -> None:
        """End the holding of a job."""
        (self.folder(job_id) / "go").touch()

    def until(self, condition: Callable[[], object], seconds: float = DEADLINE_SECONDS) -> None:
        """Wait until a condition holds, or fail with the jobs and logs as they are."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                logs = {job.job_id: jobs.log(job.job_id) for job in jobs.list_jobs()}
                pytest.fail(f"waited in vain; {jobs.list_jobs()} {logs}")
            time.sleep(0.05)

    def until_state(
        self, state: str, job_id: str = "count", seconds: float = DEADLINE_SECONDS
    ) -> Job:
        """Wait for a state of a job."""
        self.until(lambda: jobs.get(job_id).state == state, seconds)
        return jobs.get(job_id)

    def running(self, job_id: str = "count", **details: object) -> Job:
        """A job that has done its steps and holds."""
        self.start(job_id, hold=True, **details)
        self.until_state("running", job_id)
        steps = details.get("steps", 1)
        self.until(lambda: len(jobs.get(job_id).history) == steps)
        return jobs.get(job_id)


@pytest.fixture
def bench() -> Iterator[Bench]:
    """Jobs of the worker; every process that a test leaves is ended after it."""
    bench = Bench()
    yield bench
    for job_id in [job.job_id for job in jobs.list_jobs() if job.active]:
        bench.until(lambda name=job_id: jobs.get(name).pid or not jobs.get(name).active)
        jobs.kill(job_id)
