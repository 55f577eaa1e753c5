"""What pages and commands do with jobs: start, list, cancel, resume, dismiss.

The processes are not children to look after: everything about a job is read from its folder, so
that any page of any server sees the same, also after a restart.
"""

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path

import psutil

from cxrcore import files, settings
from cxrcore.errors import JobError
from cxrcore.jobs import cluster, ending, leftovers, locks, logs, queue, record
from cxrcore.jobs.record import Job, JobSpec

# How a child is started; the folder and `--lock <descriptor>` are appended.
COMMAND: tuple[str, ...] = (sys.executable, "-m", "cxrcore", "run-job")

_GATE_SECONDS = 20.0  # for one start at a time; a start takes milliseconds
_END_SECONDS = 5.0  # for a process that wrote its last word to end


def start(spec: JobSpec, *, command: Sequence[str] = COMMAND) -> Job:
    """Start a job's process, or return the job as it is if it is active already.

    A job that was interrupted, cancelled or failed goes on from its checkpoint; one that was
    done is done anew.

    Args:
        spec: what to do; its id decides whether it is the same job.
        command: how to start the process; it is given the job's folder.

    Raises:
        JobError: the process cannot be started.
        SettingsError: CXR_MAX_JOBS makes no sense.
        StoreError: the jobs' folder cannot be written.
    """
    folder = record.folder_of(spec.job_id)
    queue.places("train")  # a wrong setting is said here, not in a log
    with _gate(), ExitStack() as ends:
        if not folder.is_dir():
            # Whole or absent: a page that looks meanwhile never meets half a job.
            with files.whole_folder(folder) as new:
                lock = _lock(new, ends)
                job = _prepare(new, spec, None)
        else:
            before = record.observe(folder)
            if before.active:
                return before
            lock = _lock(folder, ends)
            job = _prepare(folder, spec, before)
        if job.ray is not None:
            cluster.submit(folder, job, command)
        else:
            queue.line_up(job.kind, job.job_id, job.ticket)
            _spawn(folder, lock, command)
        # The child has the lock now, and closing ours does not free it. Had something failed
        # above, closing ours would, and the job would show as interrupted.
        return record.observe(folder)


def list_jobs() -> list[Job]:
    """All jobs, the newest last; a damaged one is listed as failed with the reason."""
    try:
        folders = [entry for entry in settings.jobs_dir().iterdir() if entry.is_dir()]
    except FileNotFoundError:
        return []
    found = []
    for folder in folders:
        if not folder.name.startswith("."):
            with suppress(JobError):  # dismissed since the line above
                found.append(record.observe(folder))
    return sorted(found, key=lambda job: (job.created, job.job_id))


def get(job_id: str) -> Job:
    """One job as it is now.

    Raises:
        JobError: there is none of that id.
    """
    return record.observe(_existing(job_id))


def cancel(job_id: str) -> Job:
    """Ask a job to stop; its checkpoint is kept, so that it can be resumed.

    It stops after the batch in progress, or at once if it was waiting. Called again 20 s
    later, this ends the process by force. A job that is not active stays as it is.

    Raises:
        JobError: there is no such job.
    """
    folder = _existing(job_id)
    job = record.observe(folder)
    if not job.active:
        return job
    asked = record.asked_to_stop(folder)
    if asked is None:
        record.ask_to_stop(folder)
        if job.ray is not None:
            cluster.cancel(folder, job)
    elif asked >= record.PATIENCE_SECONDS:
        return kill(job_id)
    return record.observe(folder)


def kill(job_id: str) -> Job:
    """End a job's process and all that it started, by force; the job shows as cancelled.

    Raises:
        JobError: there is no such job, or its process is not on this computer.
    """
    folder = _existing(job_id)
    job = record.observe(folder)
    if not job.active:
        return job
    if job.ray is not None:
        return cluster.kill(folder, job)
    if job.pid is None:
        raise JobError(f"The process of {job_id} is only starting. Try again in a moment.")
    process = record.process_of(job)
    if process is None:
        raise JobError(
            f"The process of {job_id}, number {job.pid}, is not to be found on this computer. "
            "End it where it was started."
        )
    record.ask_to_stop(folder)
    try:
        for member in [*process.children(recursive=True), process]:
            with suppress(psutil.NoSuchProcess):
                if not leftovers.is_tracker(member):
                    member.kill()
    except psutil.NoSuchProcess:
        pass  # it ended by itself, which is what was wanted
    except psutil.AccessDenied as error:
        raise JobError(f"Only {process.username()} may end the process of {job_id}.") from error
    _until_free(folder)
    return record.observe(folder)


def resume(job_id: str, *, command: Sequence[str] = COMMAND) -> Job:
    """Go on with a job that was interrupted, cancelled or failed, from its checkpoint.

    It goes to the end of the queue. A job that is active already is returned as it is.

    Raises:
        JobError: there is no such job, it is done, or its specification is damaged.
    """
    folder = _existing(job_id)
    if record.observe(folder).state == "done":
        raise JobError(f"{job_id} is done; there is nothing to resume. Open its result instead.")
    return start(record.read_spec(folder), command=command)


def dismiss(job_id: str) -> None:
    """Take a job that is not active off the list, with its log and checkpoint; runs are kept.

    Raises:
        JobError: there is no such job, or it is active.
    """
    with _gate():
        leftovers.sweep(settings.jobs_dir())
        folder = _existing(job_id)
        if record.observe(folder).active:
            raise JobError(f"{job_id} is still working. Cancel it first, then remove it.")
        with ExitStack() as ends:
            _lock(folder, ends)
            _end_leftovers(record.observe(folder))
            try:
                files.remove(folder)
            except OSError as error:
                raise files.cannot_write(folder, error) from error


def log(job_id: str, tail: int = 200) -> str:
    """The last `tail` lines of what the job's process printed, safe to show; "" if nothing.

    Raises:
        JobError: there is no such job.
    """
    folder = _existing(job_id)
    return logs.last_lines(folder / record.LOG, tail) or cluster.log(folder, tail)


def _gate() -> AbstractContextManager[int]:
    """One start or removal at a time for all processes; the work itself is not behind it."""
    folder = settings.jobs_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise files.cannot_write(folder, error) from error
    return locks.hold(folder / ".gate.lock", _GATE_SECONDS)


def _existing(job_id: str) -> Path:
    folder = record.folder_of(job_id)
    if not folder.is_dir():
        raise record.no_such(job_id)
    return folder


def _lock(folder: Path, ends: ExitStack) -> int:
    """Take the lock of the job in `folder` until `ends` is closed."""
    lock = locks.take(folder / record.LOCK, _END_SECONDS)
    if lock is None:
        raise JobError(
            f"A process still works in {folder}, though its job has ended. "
            "Try again in a moment; if it stays, end that process."
        )
    ends.callback(os.close, lock)
    return lock


def _fresh(spec: JobSpec) -> Job:
    facts = spec.model_dump(exclude={"details", "room"})
    created = record.now()
    return Job(**facts, state="queued", stage="waiting", created=created, ticket=time.time_ns())


def _prepare(folder: Path, spec: JobSpec, before: Job | None) -> Job:
    """Write specification and status of a new try; the folder's lock is held."""
    job = _fresh(spec).model_copy(update={"ray": cluster.request(spec, before)})
    if before is not None:
        _end_leftovers(before)
    try:
        (folder / record.CANCEL).unlink(missing_ok=True)
        for left in (folder / ending.END, *folder.glob(".*.json.*")):  # of a killed process
            left.unlink(missing_ok=True)
        if before is None or before.state == "done":
            shutil.rmtree(folder / record.CHECKPOINT, ignore_errors=True)
            (folder / record.LOG).unlink(missing_ok=True)
        else:
            kept = ("created", "epoch", "epochs", "batch", "batches", "share", "history")
            job = job.model_copy(update={name: getattr(before, name) for name in kept})
    except OSError as error:
        raise files.cannot_write(folder, error) from error
    record.write(folder / record.SPEC, spec)
    record.write(folder / record.STATUS, job)
    return job


def _spawn(folder: Path, lock: int, command: Sequence[str]) -> None:
    # The child works in the project's folder, where the package can be imported; what is
    # relative to ours must not move with that.
    places = settings.places()
    try:
        with open(folder / record.LOG, "ab") as output:
            process = subprocess.Popen(
                [*command, str(folder), "--lock", str(lock)],
                cwd=settings.ROOT,
                env={**os.environ, **places},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # outlives this process, its terminal and its Ctrl-C
                pass_fds=(lock,),
            )
    except OSError as error:
        raise JobError(
            f"The process for {folder.name} could not be started: {error.strerror or error}. "
            "Free some memory or disk space, then resume the job."
        ) from error
    reaper = threading.Thread(target=_reap, args=(process, time.time(), folder), daemon=True)
    reaper.start()


def _reap(process: subprocess.Popen[bytes], born: float, folder: Path) -> None:
    """Read the exit code, so that no zombie stays; note a violent end, and end the helpers too."""
    code = process.wait()
    if code < 0:
        ending.note(folder, process.pid, -code)
        leftovers.end(process.pid, born, time.time())


def _end_leftovers(job: Job) -> None:
    """The same for a process that died while nobody was there to reap it."""
    if job.ray is not None:
        return  # Ray ends them, and the numbers are those of another computer
    if job.pid is not None and job.born is not None and job.heartbeat is not None:
        leftovers.end(job.pid, job.born, job.heartbeat.timestamp())


def _until_free(folder: Path) -> None:
    """Wait for the lock of a process that was killed; the kernel drops it in a moment."""
    with suppress(JobError), ExitStack() as ends:
        _lock(folder, ends)
