"""What a job is on disk and in memory, and how its true state is found out.

    models/.jobs/<job_id>/
        spec.json    what is to be done, written once
        status.json  how far it is, replaced as a whole by the process that holds job.lock
        job.lock     held by the job's process as long as it lives
        cancel       there when somebody asked the job to stop
        log.txt      everything the process printed
        end.json     by which signal the process was ended, if it was
        room         kept free for the status, should the disk be full
        checkpoint/  what a later process needs to continue

A status can say "running" after a power cut; the lock cannot. So a job that claims to be active
while nobody holds its lock is interrupted.
"""

import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

import psutil
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cxrcore import files, settings
from cxrcore.errors import JobError
from cxrcore.jobs import ending, locks

Kind = Literal["train", "index", "demo", "pixels", "duplicates"]
State = Literal["queued", "running", "done", "failed", "cancelled", "interrupted"]

SPEC, STATUS, LOCK, LOG = "spec.json", "status.json", "job.lock", "log.txt"
CANCEL, CHECKPOINT, ROOM = "cancel", "checkpoint", "room"

# A child that has not stopped this long after it was asked may be killed.
PATIENCE_SECONDS = 20.0
# The child writes a heartbeat every 2 s. Missing for so long, it is suspended, or dead while a
# process that it left behind still holds its lock.
STALE_SECONDS = 60.0
# The system counts starts from its boot, so they move when its clock is set right.
_SAME_START_SECONDS = 30.0

_JOB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,119}")
_Model = TypeVar("_Model", bound=BaseModel)


class Room(BaseModel):
    """What a job asks of one node of a Ray cluster."""

    model_config = ConfigDict(frozen=True)

    cpus: float
    gpus: float
    memory_gb: float  # 10^9 bytes


class JobSpec(BaseModel):
    """What a job has to do; `details` are the arguments of its kind of work, as JSON.

    Trainings that differ in fold and seed alone have the same `family`, and `part` says which
    of them it is: "fold 2 of 5, seed 43".
    """

    model_config = ConfigDict(frozen=True)

    job_id: str
    kind: Kind
    title: str
    dataset: str | None = None
    family: str = ""
    part: str = ""
    details: dict[str, Any] = Field(default_factory=dict)
    room: Room | None = None  # None: what the settings say when it is handed in


class OnRay(Room):
    """Where a Ray cluster does a job, and what the job asked of one of its nodes."""

    address: str  # of the cluster's dashboard
    submission: str  # Ray's id for this try
    attempt: int  # tries are counted, because Ray never takes an id twice


class Job(BaseModel):
    """How far a job is. Times are UTC; `share` is 0..1, of all epochs or of the stage."""

    model_config = ConfigDict(frozen=True)

    job_id: str
    kind: Kind
    title: str
    state: State
    dataset: str | None = None
    family: str = ""  # as in JobSpec
    part: str = ""
    run_id: str | None = None  # set when a training is done
    stage: str = ""  # a short phrase: "preparing pixels"
    message: str = ""  # a sentence for people: why it waits, failed or ended
    epoch: int = 0  # the one in progress, from 1
    epochs: int = 0
    batch: int = 0
    batches: int = 0
    share: float = 0.0
    history: list[dict[str, float | int]] = Field(
        default_factory=list
    )  # what is not finite is left out
    images_per_second: float | None = None
    eta_seconds: float | None = None
    created: datetime
    started: datetime | None = None  # when its turn came
    finished: datetime | None = None
    heartbeat: datetime | None = None
    vitals: ending.Vitals | None = None  # at the heartbeat
    pid: int | None = None
    born: float | None = None  # start of process `pid` in seconds: a number used again is not it
    ticket: int = 0  # place in the queue: nanoseconds at submission
    ray: OnRay | None = None  # None: on the machine where it was submitted

    @property
    def active(self) -> bool:
        """Whether a process works on it, or waits to."""
        return self.state in ("queued", "running")


def now() -> datetime:
    """The time in UTC."""
    return datetime.now(UTC)


def folder_of(job_id: str) -> Path:
    """The folder of a job, whether it exists or not.

    Raises:
        JobError: `job_id` is not a job's name; ids come from addresses of pages, so nothing
            that could lead out of the jobs' folder is taken.
    """
    if not _JOB_ID.fullmatch(job_id):
        raise JobError(
            f"{job_id!r} is not the id of a job: ids have letters, digits, - and _. "
            "Choose a job from the list."
        )
    return settings.jobs_dir() / job_id


def read_spec(folder: Path) -> JobSpec:
    """The specification in a job's folder.

    Raises:
        JobError: it is missing or damaged.
    """
    return _read(folder / SPEC, JobSpec, "Remove this job and start it again.")


def read_status(folder: Path) -> Job:
    """The status as it was last written; JobError if it is missing or damaged."""
    return _read(folder / STATUS, Job, "Resume this job, or remove it.")


def write(path: Path, record: JobSpec | Job) -> None:
    """Replace `path` by the record; numbers that are not finite become null."""
    files.write_atomic(path, record.model_dump_json(indent=1).encode())


def observe(folder: Path) -> Job:
    """The job in `folder` as it truly is; a damaged one is failed, with the reason as message.

    Raises:
        JobError: there is no such folder.
    """
    try:
        return _observe(folder)
    except JobError as error:
        if not folder.is_dir():
            raise no_such(folder.name) from error
        return _damaged(folder, str(error))


def no_such(job_id: str) -> JobError:
    """The error for a job that does not exist."""
    return JobError(f"There is no job {job_id}; it may have been removed. See the list of jobs.")


def process_of(job: Job) -> psutil.Process | None:
    """The living process that wrote the job's status, or None."""
    if job.pid is None or job.born is None:
        return None
    try:
        process = psutil.Process(job.pid)
        # Same number but another start: another process has the number now.
        return process if abs(process.create_time() - job.born) < _SAME_START_SECONDS else None
    except psutil.Error:
        return None


def _observe(folder: Path) -> Job:
    job = read_status(folder)
    if job.active and job.ray is not None:
        from cxrcore.jobs import cluster_state  # loaded only where there is a cluster

        return cluster_state.observe(folder, job)
    while job.active:
        if locks.is_held(folder / LOCK) and not _left_behind(job):
            return _with_note(folder, job)
        # Between reading the status and asking for the lock, the process may have written its
        # last word, or the job may have been resumed: look again before calling it dead.
        again = read_status(folder)
        if again.ticket == job.ticket:
            return _ended_without_word(folder, again) if again.active else again
        job = again
    return job


def _left_behind(job: Job) -> bool:
    return silence(job) > STALE_SECONDS and process_of(job) is None


def silence(job: Job) -> float:
    """Seconds since the job's process last wrote anything, or since it was submitted."""
    # Not since `created`: a job that is resumed was created long ago, and its new process has
    # not written yet.
    submitted = datetime.fromtimestamp(job.ticket / 1e9, UTC) if job.ticket else job.created
    return (now() - (job.heartbeat or submitted)).total_seconds()


def ask_to_stop(folder: Path) -> None:
    """Leave the mark that the job's process looks for.

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


def _with_note(folder: Path, job: Job) -> Job:
    asked = asked_to_stop(folder)
    if asked is not None and asked < PATIENCE_SECONDS:
        note = "Stopping." if job.state == "queued" else "Stopping after this batch."
    elif asked is not None:
        note = f"Asked to stop {asked:.0f} s ago, still busy. Cancel again to end it by force."
    elif (quiet := silence(job)) > STALE_SECONDS:
        note = f"No sign of life for {quiet:.0f} s: its process hangs, or the disk is full."
    else:
        return job
    return job.model_copy(update={"message": note})


def _ended_without_word(folder: Path, job: Job) -> Job:
    if asked_to_stop(folder) is not None:
        state, note = "cancelled", "Ended by force. Resume continues from the last checkpoint."
    elif job.pid is None:
        state = "interrupted"
        note = "Its process could not start; its log may say why. Resume tries again."
    else:
        state = "interrupted"
        note = f"{ending.why(folder, job)} Resume continues from the last checkpoint."
    return job.model_copy(
        update={"state": state, "message": note, "finished": job.heartbeat, "eta_seconds": None}
    )


def _damaged(folder: Path, message: str) -> Job:
    known: dict[str, Any] = {"kind": "train", "title": folder.name}
    try:
        spec = read_spec(folder)
        known = {"kind": spec.kind, "title": spec.title, "dataset": spec.dataset}
    except JobError as error:
        message = str(error)  # without a specification it cannot be resumed: say that instead
    created = datetime.fromtimestamp(folder.stat().st_mtime, UTC)
    return Job(job_id=folder.name, state="failed", message=message, created=created, **known)


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
