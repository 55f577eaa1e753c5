"""What pages and commands do with jobs: start, list, cancel, resume, remove.

The state of a job is read from its folder, so that every server sees the same, also after a
restart.
"""

import os
import shutil
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path

from cxrcore import files, settings
from cxrcore.errors import JobError
from cxrcore.jobs import disk, engine, leftovers, locks, logs
from cxrcore.jobs.disk import existing
from cxrcore.jobs.model import Job, JobSpec, now
from cxrcore.jobs.state import observe

# How a child is started; the folder and `--lock <descriptor>` are appended.
COMMAND: tuple[str, ...] = (sys.executable, "-m", "cxrcore", "run-job")

_GATE_SECONDS = 20.0  # for one start at a time; a start takes milliseconds
_END_SECONDS = 5.0  # for a process that wrote its last status to end


def start(spec: JobSpec, *, command: Sequence[str] = COMMAND) -> Job:
    """Start a job's process, or return the job as it is if it is active already.

    A job that was interrupted, cancelled or failed goes on from its checkpoint; one that was done
    starts from the beginning.

    Args:
        spec: what to do; its id decides whether it is the same job.
        command: how to start the process; it is given the job's folder.

    Raises:
        JobError: the process cannot be started.
        SettingsError: CXR_MAX_JOBS or one of the CXR_RAY_ variables is wrong.
        StoreError: the jobs' folder cannot be written.
    """
    folder = disk.folder_of(spec.job_id)
    with _gate(), ExitStack() as ends:
        if not folder.is_dir():
            with files.whole_folder(folder) as new:  # a page never meets half a job
                lock = _lock(new, ends)
                job = _prepare(new, spec, None)
        else:
            before = observe(folder)
            if before.active:
                return before
            lock = _lock(folder, ends)
            job = _prepare(folder, spec, before)
        engine.of(job).start(folder, job, lock, command)
        # Closing our lock frees it only if the start failed: a local child has inherited it.
        return observe(folder)


def list_jobs() -> list[Job]:
    """All jobs, the newest last; a damaged one is listed as failed with the reason."""
    try:
        folders = [entry for entry in settings.jobs_dir().iterdir() if entry.is_dir()]
    except FileNotFoundError:
        return []
    found = []
    for folder in folders:
        if not folder.name.startswith("."):
            with suppress(JobError):  # just removed
                found.append(observe(folder))
    return sorted(found, key=lambda job: (job.created, job.job_id))


def get(job_id: str) -> Job:
    """One job as it is now.

    Raises:
        JobError: there is no such job.
    """
    return observe(existing(job_id))


def cancel(job_id: str) -> Job:
    """Ask a job to stop; its checkpoint is kept, so that it can be resumed.

    It stops after the batch in progress, or at once if it was waiting. Called again 20 s
    later, this ends the process by force. A job that is not active stays as it is.

    Raises:
        JobError: there is no such job.
    """
    folder = existing(job_id)
    job = observe(folder)
    if not job.active:
        return job
    asked = disk.asked_to_stop(folder)
    if asked is None:
        disk.ask_to_stop(folder)
        engine.of(job).cancel(folder, job)
    elif asked >= disk.PATIENCE_SECONDS:
        return kill(job_id)
    return observe(folder)


def kill(job_id: str) -> Job:
    """End a job's process and all that it started, by force; the job shows as cancelled.

    Raises:
        JobError: there is no such job, or its process cannot be reached from this computer.
    """
    folder = existing(job_id)
    job = observe(folder)
    if not job.active:
        return job
    engine.of(job).kill(folder, job)
    return observe(folder)


def resume(job_id: str, *, command: Sequence[str] = COMMAND) -> Job:
    """Go on with a job that was interrupted, cancelled or failed, from its checkpoint.

    It goes to the end of the queue. A job that is active already is returned as it is.

    Raises:
        JobError: there is no such job, it is done or would fail again, or its specification is
            damaged.
    """
    folder = existing(job_id)
    job = observe(folder)
    if job.final:
        raise JobError(f"{job_id} would fail again. {job.message}")
    if job.state == "done":
        raise JobError(f"{job_id} is done; there is nothing to resume. Open its result instead.")
    return start(disk.read_spec(folder), command=command)


def remove(job_id: str) -> None:
    """Take a job that is not active off the list, with its log and checkpoint; runs are kept.

    Raises:
        JobError: there is no such job, or it is active.
    """
    with _gate():
        leftovers.sweep(settings.jobs_dir())
        folder = existing(job_id)
        if observe(folder).active:
            raise JobError(f"{job_id} is still working. Cancel it first, then remove it.")
        with ExitStack() as ends:
            _lock(folder, ends)
            job = observe(folder)
            engine.of(job).clean_up(job)
            try:
                files.remove(folder)
            except OSError as error:
                raise files.cannot_write(folder, error) from error


def log(job_id: str, tail: int = 200) -> str:
    """The last `tail` lines that the job's process printed, safe to show; "" if there are none.

    Raises:
        JobError: there is no such job.
    """
    folder = existing(job_id)
    if text := logs.last_lines(folder / disk.LOG, tail):
        return text
    job = observe(folder)
    return "" if job.active else engine.of(job).log(folder, job, tail)


def _gate() -> AbstractContextManager[int]:
    """One start or removal at a time, for all processes."""
    folder = settings.jobs_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise files.cannot_write(folder, error) from error
    return locks.hold(folder / ".gate.lock", _GATE_SECONDS)


def _lock(folder: Path, ends: ExitStack) -> int:
    """Take the lock of the job in `folder` until `ends` is closed."""
    lock = locks.take(folder / disk.LOCK, _END_SECONDS)
    if lock is None:
        raise JobError(
            f"A process still works in {folder}, though its job has ended. "
            "Try again in a moment; if it stays, end that process."
        )
    ends.callback(os.close, lock)
    return lock


def _prepare(folder: Path, spec: JobSpec, before: Job | None) -> Job:
    """Write specification and status of a new attempt; the folder's lock is held."""
    job = Job(
        **spec.model_dump(exclude={"details", "resources"}),
        state="queued",
        stage="waiting",
        created=now(),
        ticket=time.time_ns(),
        ray=engine.chosen().request(spec, before),
    )
    if before is not None:
        engine.of(before).clean_up(before)
    try:
        (folder / disk.CANCEL).unlink(missing_ok=True)
        for left in (folder / disk.END, *folder.glob(".*.json.*")):  # of a killed process
            left.unlink(missing_ok=True)
        if before is None or before.state == "done":
            shutil.rmtree(folder / disk.CHECKPOINT, ignore_errors=True)
            (folder / disk.LOG).unlink(missing_ok=True)
        else:
            kept = ("created", "epoch", "epochs", "batch", "batches", "share", "history")
            job = job.model_copy(update={name: getattr(before, name) for name in kept})
    except OSError as error:
        raise files.cannot_write(folder, error) from error
    disk.write(folder / disk.SPEC, spec)
    disk.write(folder / disk.STATUS, job)
    return job
