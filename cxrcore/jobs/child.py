"""The process of one job: wait for its turn, work, record how it ended.

`python -m cxrcore run-job FOLDER` comes here (see `cxrcore/__main__.py`). Until its turn the process
loads neither TensorFlow nor pandas, so that waiting costs next to nothing.
"""

import argparse
import contextlib
import errno
import os
import shutil
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import psutil

from cxrcore import priority, settings
from cxrcore.errors import Cancelled, CxrError, JobError
from cxrcore.jobs import disk, engine, locks, registry
from cxrcore.jobs.context import Context
from cxrcore.jobs.disk import RESUME
from cxrcore.jobs.model import Job, now
from cxrcore.jobs.registry import Work
from cxrcore.jobs.status import Status, log_line

# A node may start the process before the submitting one, which holds the lock, has its answer.
_SUBMISSION_SECONDS = 10.0


def main(arguments: Sequence[str], work: Mapping[str, Work] | None = None) -> int:
    """Run the job in the given folder; `work` is as for `run`.

    Returns:
        The exit code: 1 if the job failed, 2 if it could not begin, else 0.
    """
    parser = argparse.ArgumentParser(prog="python -m cxrcore run-job")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lock", type=int, help="descriptor of the job's lock, already held")
    parser.add_argument("--submission", help="the id of this attempt, on a Ray cluster")
    given = parser.parse_args(arguments)
    priority.give_way()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, errors="backslashreplace")  # type: ignore[union-attr]
    try:
        job = run(given.folder, work=work, lock=given.lock, submission=given.submission)
        return 1 if job.state == "failed" else 0
    except CxrError as error:  # it never began, so there is no status to write
        log_line(f"Error: {error}")
        return 2


def run(
    folder: Path,
    *,
    work: Mapping[str, Work] | None = None,
    lock: int | None = None,
    submission: str | None = None,
) -> Job:
    """Run the job in `folder` in this process, and return how it ended.

    SIGTERM and SIGINT stop it after the batch in progress, and leave it interrupted.

    Args:
        folder: a job's folder with `spec.json`.
        work: what to do for each kind of job, instead of `registry.kinds`.
        lock: the descriptor of the job's lock if this process inherited it; else it is taken.
        submission: the id of this attempt if a Ray cluster started the process.

    Raises:
        JobError: another process works on the job, its specification is damaged, or it was
            submitted to the cluster again.
    """
    folder = folder.resolve()
    spec = disk.read_spec(folder)
    with contextlib.ExitStack() as ends:
        ends.callback(
            os.close, _own(folder, lock, 1.0 if submission is None else _SUBMISSION_SECONDS)
        )
        _still_wanted(folder, submission)
        stopped = ends.enter_context(_stop_signals())
        status = ends.enter_context(Status(folder, _begin(folder)).published())
        context = Context(spec, folder, status, stopped)
        log_line(f"{spec.title}: process {os.getpid()}")
        ended = _result(context, work)
        job = status.state(finished=now(), eta_seconds=None, **ended)
        log_line(f"{job.state}: {job.message}")
        if job.state == "done":
            shutil.rmtree(context.checkpoint, ignore_errors=True)  # the result is stored
        return job


@contextlib.contextmanager
def _stop_signals() -> Iterator[Callable[[], bool]]:
    """Yield a function that returns whether SIGTERM or SIGINT has come."""
    # Not a threading.Event, which can deadlock when set in a handler.
    came: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        came.append(number)

    def stopped() -> bool:
        return bool(came)

    if threading.current_thread() is not threading.main_thread():
        yield stopped  # Python delivers signals to the main thread alone
        return
    before = {n: signal.signal(n, note) for n in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _own(folder: Path, given: int | None, patience: float) -> int:
    """The job's lock: the inherited one, or else taken within `patience` seconds."""
    path = folder / disk.LOCK
    if given is not None:
        if not locks.is_of(given, path):
            raise JobError(f"Descriptor {given} is not {path}. Leave --lock out to take the lock.")
        os.set_inheritable(given, False)  # processes that the work starts must not keep it
        return given
    # Wait a moment: a page that only asks about the lock holds it for an instant.
    lock = locks.take(path, patience)
    if lock is None:
        raise JobError(f"Another process works on {folder.name} already. Wait until it ends.")
    return lock


def _still_wanted(folder: Path, submission: str | None) -> None:
    """An attempt that waited in the cluster while the job was resumed must not begin."""
    ray = disk.read_status(folder).ray
    if submission is not None and (ray is None or ray.submission != submission):
        raise JobError(
            f"{submission} was given up: {folder.name} was started again. "
            "There is nothing to do; this process ends."
        )


def _begin(folder: Path) -> Job:
    """The first status: as submitted, with this process."""
    job = disk.read_status(folder)
    return job.model_copy(
        update={
            "state": "queued",
            "message": "",
            "final": False,
            "run_id": None,
            "finished": None,
            "pid": os.getpid(),
            "born": psutil.Process().create_time(),
        }
    )


def _result(context: Context, work: Mapping[str, Work] | None) -> dict[str, Any]:
    """Wait and work; return how it ended as fields of Job."""
    spec, job = context.spec, context.status.job
    try:
        run = work[spec.kind] if work else registry.kind(spec.kind).run
        with engine.of(job).turn(spec, job, context.should_stop, context.wait):
            context.status.state(state="running", stage="starting", message="", started=now())
            ended = run(context)
        return {"state": "done", "stage": "", "share": 1.0, **ended}
    except Cancelled:
        if disk.asked_to_stop(context.folder) is None:  # a signal, then
            note = f"Its process was asked to end, as at a shutdown. {RESUME}"
            return {"state": "interrupted", "message": note}
        return {"state": "cancelled", "message": f"Stopped as asked. {RESUME}"}
    except CxrError as error:
        return {"state": "failed", "message": str(error), "final": error.final}
    except BaseException as error:  # noqa: BLE001
        # Nobody above this process sees an exception; libraries may even call sys.exit.
        with contextlib.suppress(OSError):
            traceback.print_exc()
        return {"state": "failed", "message": _in_one_line(error)}


def _in_one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    text = f": {text[:200]}…" if len(text) > 200 else f": {text}" if text else ""
    advice = RESUME
    if isinstance(error, MemoryError) or "ResourceExhausted" in type(error).__name__:
        advice = "The memory is full: try a smaller batch or smaller images."
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        advice = f"The disk is full ({_free()}): free some space. {RESUME}"
    return (
        f"Unexpected {type(error).__name__}{text}. The full traceback is in the job's log. {advice}"
    )


def _free() -> str:
    """The free space where a job writes: "0 MB free for runs, …"."""
    parts = []
    for what, folder in (
        ("runs", settings.models_dir()),
        ("data", settings.data_dir()),
        ("temporary files", Path(tempfile.gettempdir())),
    ):
        with contextlib.suppress(OSError):
            parts.append(f"{shutil.disk_usage(folder).free / 1e6:,.0f} MB free for {what}")
    return ", ".join(parts)
