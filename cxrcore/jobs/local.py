"""Jobs as processes on this machine, which outlive the one that started them."""

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil

from cxrcore import settings
from cxrcore.errors import JobError
from cxrcore.jobs import disk, exit_cause, leftovers, locks, queue, registry
from cxrcore.jobs.model import Job, JobSpec

_END_SECONDS = 5.0  # for the system to drop the lock of a killed process
# The system counts starts from its boot, so they shift when its clock is set.
_SAME_START_SECONDS = 30.0


def request(spec: JobSpec, _before: Job | None) -> None:
    """None; a wrong setting is an error here and not in a log."""
    registry.kind(spec.kind).lane.places()


def start(folder: Path, job: Job, lock: int, command: Sequence[str]) -> None:
    """Queue the job and start its process, which inherits the lock.

    Raises:
        JobError: the process cannot be started.
        StoreError: the queue cannot be written.
    """
    queue.line_up(registry.kind(job.kind).lane, job.job_id, job.ticket)
    # The child works in the project's folder, where the package can be imported; relative
    # paths of this process must not change their meaning with that.
    places = settings.places()
    try:
        with open(folder / disk.LOG, "ab") as output:
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
    threading.Thread(target=_reap, args=(process, time.time(), folder), daemon=True).start()


def observe(folder: Path, job: Job) -> Job:
    """The true state of an active job, by the lock of its process."""
    while job.active:
        left_behind = job.silence > disk.STALE_SECONDS and _process_of(job) is None
        if locks.is_held(folder / disk.LOCK) and not left_behind:
            return _with_note(folder, job)
        # Between reading the status and asking for the lock, the process may have written its
        # last status, or the job may have been resumed: look again before calling it dead.
        again = disk.read_status(folder)
        if again.ticket == job.ticket:
            return _dead(folder, again) if again.active else again
        job = again
    return job


def cancel(_folder: Path, _job: Job) -> None:
    """Nothing to do: the process looks for the file `cancel`."""


def kill(folder: Path, job: Job) -> None:
    """End the job's process and all that it started.

    Raises:
        JobError: the process is only starting, runs elsewhere, or belongs to somebody else.
    """
    if job.pid is None:
        raise JobError(f"The process of {job.job_id} is only starting. Try again in a moment.")
    process = _process_of(job)
    if process is None:
        raise JobError(
            f"The process of {job.job_id}, number {job.pid}, is not to be found on this computer. "
            "End it where it was started."
        )
    disk.ask_to_stop(folder)
    try:
        for member in [*process.children(recursive=True), process]:
            with contextlib.suppress(psutil.NoSuchProcess):
                if not leftovers.is_tracker(member):
                    member.kill()
    except psutil.NoSuchProcess:
        pass  # it has ended
    except psutil.AccessDenied as error:
        raise JobError(f"Only {process.username()} may end the process of {job.job_id}.") from error
    with contextlib.suppress(JobError), locks.hold(folder / disk.LOCK, _END_SECONDS):
        pass  # the process is gone


def clean_up(job: Job) -> None:
    """End the helpers of a process whose parent had ended before."""
    if job.pid is not None and job.born is not None and job.heartbeat is not None:
        leftovers.end(job.pid, job.born, job.heartbeat.timestamp())


def log(_folder: Path, _job: Job, _tail: int) -> str:
    """Nothing: the process writes the log itself."""
    return ""


def place(_job: Job) -> str:
    """Nothing worth saying."""
    return ""


@contextlib.contextmanager
def turn(
    spec: JobSpec, job: Job, stop: Callable[[], bool], report: Callable[[int], None]
) -> Iterator[None]:
    """Wait in the job's lane and hold a place there for a block; Cancelled once `stop` is true."""
    lane = registry.kind(spec.kind).lane
    handle = queue.wait(lane, spec.job_id, job.ticket, should_stop=stop, report=report)
    try:
        yield
    finally:
        os.close(handle)


def _process_of(job: Job) -> psutil.Process | None:
    """The living process that wrote the job's status, or None."""
    if job.pid is None or job.born is None:
        return None
    try:
        process = psutil.Process(job.pid)
        # Same number but another start: another process has the number now.
        return process if abs(process.create_time() - job.born) < _SAME_START_SECONDS else None
    except psutil.Error:
        return None


def _with_note(folder: Path, job: Job) -> Job:
    asked = disk.asked_to_stop(folder)
    if asked is not None and asked < disk.PATIENCE_SECONDS:
        note = "Stopping." if job.state == "queued" else "Stopping after this batch."
    elif asked is not None:
        note = f"Asked to stop {asked:.0f} s ago, still busy. Cancel again to end it by force."
    elif (silence := job.silence) > disk.STALE_SECONDS:
        note = f"No sign of life for {silence:.0f} s: its process hangs, or the disk is full."
    else:
        return job
    return job.model_copy(update={"message": note})


def _dead(folder: Path, job: Job) -> Job:
    if disk.asked_to_stop(folder) is not None:
        return job.ended("cancelled", f"Ended by force. {disk.RESUME}")
    if job.pid is None:
        note = "Its process could not start; its log may say why. Resume tries again."
    else:
        note = f"{exit_cause.explain(folder, job)} {disk.RESUME}"
    return job.ended("interrupted", note)


def _reap(process: subprocess.Popen[bytes], born: float, folder: Path) -> None:
    """Read the exit code, so that no zombie stays; note a violent end, and end the helpers too."""
    code = process.wait()
    if code < 0:
        exit_cause.note(folder, process.pid, -code)
        leftovers.end(process.pid, born, time.time())
