"""Progress of the jobs of one family."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from cxrcore.jobs.model import Job


class FamilyProgress(BaseModel):
    """Progress of several jobs. `share` is 0..1 of all; `current` is a running one, or the next.

    `eta_seconds` is for all jobs, None while unknown. It assumes that they take equally long and
    that as many go on running at once as now.
    """

    model_config = ConfigDict(frozen=True)

    total: int
    done: int
    failed: int  # failed, cancelled or interrupted
    share: float
    current: Job | None
    eta_seconds: float | None

    @property
    def active(self) -> bool:
        """Whether one of them works or waits."""
        return self.current is not None


def family_progress(jobs: Sequence[Job]) -> FamilyProgress:
    """Sum up the jobs of a family, in the order in which they are worked on."""
    running = [job for job in jobs if job.state == "running"]
    waiting = [job for job in jobs if job.state == "queued"]
    done = sum(job.state == "done" for job in jobs)
    active = [*running, *waiting]
    share = sum(job.share if job.active else 1.0 for job in jobs) / max(len(jobs), 1)
    return FamilyProgress(
        total=len(jobs),
        done=done,
        failed=len(jobs) - done - len(active),
        share=share,
        current=active[0] if active else None,
        eta_seconds=_left(jobs, running, len(waiting)) if active else None,
    )


def _left(jobs: Sequence[Job], running: Sequence[Job], waiting: int) -> float | None:
    """Seconds until all are done."""
    rest = [job.eta_seconds for job in running if job.eta_seconds is not None]
    if not waiting:
        return max(rest) if rest and len(rest) == len(running) else None
    # Seconds of one job, from those that ended, else from those that run.
    took = [
        (job.finished - job.started).total_seconds()
        for job in jobs
        if job.state == "done" and job.started and job.finished and job.finished > job.started
    ]
    took = took or [
        (job.heartbeat - job.started).total_seconds() + job.eta_seconds
        for job in running
        if job.started and job.heartbeat and job.eta_seconds is not None
    ]
    if not took:
        return None
    whole = sum(took) / len(took)
    now = sum(
        job.eta_seconds if job.eta_seconds is not None else whole * (1 - job.share)
        for job in running
    )
    return (now + whole * waiting) / max(len(running), 1)
