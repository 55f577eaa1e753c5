"""Show a job's progress until it ends."""

import contextlib
import time

from cxrcore.jobs import control
from cxrcore.jobs.model import Job
from cxrcore.progress import bars

_POLL_SECONDS = 0.2


def follow(job_id: str, visible: bool = True) -> Job:
    """Wait for a job to end, with a progress bar if `visible`, and return it.

    Ctrl-C asks the job to stop; its checkpoint is kept.

    Raises:
        JobError: there is no such job.
        KeyboardInterrupt: after the job was asked to stop.
    """
    job = control.get(job_id)
    with bars() if visible and job.active else contextlib.nullcontext() as drawn:
        task = drawn.add_task(job.title, total=1.0) if drawn else None
        try:
            while job.active:
                time.sleep(_POLL_SECONDS)
                job = control.get(job_id)
                if drawn and task is not None:
                    drawn.update(task, completed=job.share, description=describe(job))
        except KeyboardInterrupt:
            control.cancel(job_id)
            raise
    return job


def describe(job: Job) -> str:
    """One line: what the job is doing and, for a training, the metrics of its last epoch."""
    if job.ray and job.state == "queued":
        return f"{job.title}: {job.message or 'queued'}"  # what the cluster lacks
    if job.kind != "train" or not job.epochs:
        return f"{job.title}: {job.stage or job.state}"
    last = job.history[-1] if job.history else {}
    figures = "".join(f", {key} {last[key]:.3f}" for key in ("loss", "val_accuracy") if key in last)
    return f"{job.title}: {job.stage or job.state}, epoch {job.epoch} of {job.epochs}{figures}"
