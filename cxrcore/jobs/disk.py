"""What a job is on disk.

    models/.jobs/<job_id>/
        spec.json    what is to be done, written once
        status.json  how far it is, replaced as a whole by the process that holds job.lock
        job.lock     held by the job's process as long as it lives
        cancel       present once somebody asked the job to stop
        log.txt      everything the process printed
        end.json     the signal that ended the process, if one did
        room         space reserved for the last status on a full disk (docs/decisions/0037)
        checkpoint/  what a later process needs to continue

A status can say "running" after a power cut; the lock cannot. So a job whose status is active while
nobody holds its lock is interrupted (see `state`).
"""

import re
import time
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from cxrcore import files, settings
from cxrcore.errors import JobError
from cxrcore.jobs.model import Job, JobSpec

SPEC, STATUS, LOCK, LOG, END = "spec.json", "status.json", "job.lock", "log.txt", "end.json"
CANCEL, CHECKPOINT, RESERVE = "cancel", "checkpoint", "room"

# A process that has not stopped this long after a cancel may be killed.
PATIENCE_SECONDS = 20.0
# Heartbeats come every 2 s. Without one for this long, the process hangs, or it is dead while a
# process that it started still holds its lock.
STALE_SECONDS = 60.0
RESUME = "Resume continues from the last checkpoint."

_JOB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,119}")
_Model = TypeVar("_Model", bound=BaseModel)


def folder_of(job_id: str) -> Path:
    """The folder of a job, whether it exists or not.

    Raises:
        JobError: `job_id` is not a valid id. Ids come from page addresses, so anything that
            could lead out of the jobs' folder is refused.
    """
    if not _JOB_ID.fullmatch(job_id):
        raise JobError(
            f"{job_id!r} is not the id of a job: ids have letters, digits, - and _. "
            "Choose a job from the list."
        )
    return settings.jobs_dir() / job_id


def existing(job_id: str) -> Path:
    """The folder of a job that exists; JobError if there is none."""
    folder = folder_of(job_id)
    if not folder.is_dir():
        raise not_found(job_id)
    return folder


def not_found(job_id: str) -> JobError:
    """The error for a job that does not exist."""
    return JobError(f"There is no job {job_id}; it may have been removed. See the list of jobs.")


def read_spec(folder: Path) -> JobSpec:
    """The specification in a job's folder; JobError if it is missing or damaged."""
    return _read(folder / SPEC, JobSpec, "Remove this job and start it again.")


def read_status(folder: Path) -> Job:
    """The status as it was last written; JobError if it is missing or damaged."""
    return _read(folder / STATUS, Job, "Resume this job, or remove it.")


def write(path: Path, record: JobSpec | Job) -> None:
    """Replace `path` by the record; numbers that are not finite become null."""
    files.write_atomic(path, record.model_dump_json(indent=1, by_alias=True).encode())


def ask_to_stop(folder: Path) -> None:
    """Make the file that the job's process looks for.

    Raises:
        StoreError: the folder cannot be written.
    """
    try:
        (folder / CANCEL).touch()
    except OSError as error:
        raise files.cannot_write(folder / CANCEL, error) from error


def asked_to_stop(folder: Path) -> float | None:
    """Seconds since somebody cancelled the job, or None if nobody did."""
    try:
        return time.time() - (folder / CANCEL).stat().st_mtime
    except FileNotFoundError:
        return None


def _read(path: Path, model: type[_Model], advice: str) -> _Model:
    try:
        return model.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        reason = error.strerror if isinstance(error, OSError) else _first_line(error)
        raise JobError(f"{path} cannot be read: {reason}. {advice}") from error


def _first_line(error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}" if place else first["msg"]
