"""The true state of a job, which its status on disk may not know."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cxrcore.errors import JobError
from cxrcore.jobs import disk, engine
from cxrcore.jobs.model import Job


def observe(folder: Path) -> Job:
    """The job in `folder` as it truly is; a damaged one is failed, with the reason as message.

    Raises:
        JobError: there is no such folder.
    """
    try:
        job = disk.read_status(folder)
        return engine.of(job).observe(folder, job) if job.active else job
    except JobError as error:
        if not folder.is_dir():
            raise disk.not_found(folder.name) from error
        return _damaged(folder, str(error))


def _damaged(folder: Path, message: str) -> Job:
    created = datetime.fromtimestamp(folder.stat().st_mtime, UTC)
    found: dict[str, Any] = {"kind": "unknown", "title": folder.name}
    try:
        spec = disk.read_spec(folder)
        found = spec.model_dump(include={"kind", "title", "dataset"})
    except JobError as error:
        message = str(error)  # it cannot be resumed without a specification
    return Job(job_id=folder.name, state="failed", message=message, created=created, **found)
