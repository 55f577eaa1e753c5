"""The process of one job: wait for its turn, work, tell how it ended.

`python -m cxrcore run-job FOLDER` comes here (see `cxrcore/__main__.py`). Until its turn comes
the process has loaded neither TensorFlow nor pandas, so waiting costs next to nothing.
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
from cxrcore.jobs import locks, queue, record
from cxrcore.jobs.record import Job
from cxrcore.jobs.status import Status, say
from cxrcore.jobs.work import WORK, Context, Work

# A node can be quicker than the answer to who handed the job in, and holds its lock till then.
_HANDING_IN_SECONDS = 10.0

_RESUME = "Resume continues from the last checkpoint."


def main(arguments: Sequence[str], work: Mapping[str, Work] = WORK) -> int:
    """What the process does: run the job in the folder that is given.

    Returns:
        The exit code: 1 if the job failed, 2 if it could not even begin, else 0.
    """
    parser = argparse.ArgumentParser(prog="python -m cxrcore run-job")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lock", type=int, help="descriptor of the job's lock, already held")
    parser.add_argument("--submission", help="the id of this try, on a Ray cluster")
    given = parser.parse_args(arguments)
    priority.give_way()  # to the pages
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, errors="backslashreplace")  # type: ignore[union-attr]
    try:
        job = run(given.folder, work=work, lock=given.lock, submission=given.submission)
        return 1 if job.state == "failed" else 0
    except CxrError as error:  # it never began; there is no status to write this into
        say(f"Error: {error}")
        return 2


def run(
    folder: Path,
    *,
    work: Mapping[str, Work] = WORK,
    lock: int | None = None,
    submission: str | None = None,
) -> Job:
    """Do the job that lies in `folder`, in this process, and return how it ended.

    SIGTERM and SIGINT stop it after the batch in progress, and leave it interrupted.

    Args:
        folder: a job's folder with `spec.json`.
        work: what is done for each kind of job.
        lock: the descriptor of the job's lock if this process was given it; else it is taken.
        submission: the id of this try if a Ray cluster started the process.

    Raises:
        JobError: another process works on the job, its specification is damaged, or it was
            handed in to the cluster again since.
    """
    folder = folder.resolve()
    spec = record.read_spec(folder)
    with contextlib.ExitStack() as ends:
        ends.callback(
            os.close, _own(folder, lock, 1.0 if submission is None else _HANDING_IN_SECONDS)
        )
        _still_wanted(folder, submission)
        stopped = ends.enter_context(_stop_signals())
        status = ends.enter_context(Status(folder, _begin(folder)).kept())
        context = Context(spec, folder, status, stopped=stopped)
        say(f"{spec.title}: process {os.getpid()}")
        ended = _result(context, work)
        job = status.state(finished=record.now(), eta_seconds=None, **ended)
        say(f"{job.state}: {job.message}")
        if job.state == "done":
            shutil.rmtree(context.checkpoint, ignore_errors=True)  # the result is stored
        return job


@contextlib.contextmanager
def _stop_signals() -> Iterator[Callable[[], bool]]:
    """Yield a function that tells whether SIGTERM or SIGINT came since."""
    # Not a threading.Event: one that is set in a handler can wait for itself.
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
    """The job's lock: the one that was handed down, or else taken within `patience` seconds."""
    path = folder / record.LOCK
    if given is not None:
        if not locks.is_of(given, path):
            raise JobError(
                f"Descriptor {given} is not {path}. Leave --lock out to take the lock anew."
            )
        os.set_inheritable(given, False)  # processes that the work starts must not keep it
        return given
    # A page that asks for the lock at this very moment must not be taken for a holder.
    lock = locks.take(path, patience)
    if lock is None:
        raise JobError(f"Another process works on {folder.name} already. Wait until it ends.")
    return lock


def _still_wanted(folder: Path, submission: str | None) -> None:
    """A try that waited in the cluster while it was cancelled and resumed must not begin."""
    ray = record.read_status(folder).ray
    if submission is not None and (ray is None or ray.submission != submission):
        raise JobError(
            f"{submission} was given up, {folder.name} was started again since. "
            "Nothing is to be done; this process ends."
        )


def _begin(folder: Path) -> Job:
    """The status to begin with: as it was submitted, with this process in it."""
    job = record.read_status(folder)
    return job.model_copy(
        update={
            "state": "queued",
            "message": "",
            "run_id": None,
            "finished": None,
            "pid": os.getpid(),
            "born": psutil.Process().create_time(),
        }
    )


def _result(context: Context, work: Mapping[str, Work]) -> dict[str, Any]:
    """Wait, work, and say in fields of a Job how it ended."""
    try:
        with _turn(context):
            context.status.state(
                state="running", stage="starting", message="", started=record.now()
            )
            ended = work[context.spec.kind](context)
        return {"state": "done", "stage": "", "share": 1.0, **ended}
    except Cancelled:
        if record.asked_to_stop(context.folder) is None:  # a signal, then
            note = f"Its process was told to end, as at a shutdown. {_RESUME}"
            return {"state": "interrupted", "message": note}
        return {"state": "cancelled", "message": f"Stopped as asked. {_RESUME}"}
    except CxrError as error:
        return {"state": "failed", "message": str(error)}
    except BaseException as error:  # noqa: BLE001
        # The one place where everything is caught: nobody is above this process to see an
        # exception, so it becomes a state that the page can show and a traceback in the log.
        # BaseException, because libraries that call sys.exit would otherwise end it as if dead.
        with contextlib.suppress(OSError):
            traceback.print_exc()
        return {"state": "failed", "message": _in_one_line(error)}


@contextlib.contextmanager
def _turn(context: Context) -> Iterator[None]:
    """Hold a place of the job's lane during the work."""
    spec, job = context.spec, context.status.job
    if job.ray is not None:  # Ray has chosen its turn
        from cxrcore import parallel

        if context.should_stop():
            raise Cancelled("Stopped while it waited in the cluster; nothing was started.")
        parallel.spread()
        yield
        return
    place = queue.wait(
        spec.kind, spec.job_id, job.ticket, should_stop=context.should_stop, report=context.waits
    )
    try:
        yield
    finally:
        os.close(place)


def _in_one_line(error: BaseException) -> str:
    said = " ".join(str(error).split())
    said = f": {said[:200]}…" if len(said) > 200 else f": {said}" if said else ""
    advice = _RESUME
    if isinstance(error, MemoryError) or "ResourceExhausted" in type(error).__name__:
        advice = "The memory is full: try a smaller batch or smaller images."
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        advice = f"The disk is full ({_free()}): free some space. {_RESUME}"
    return (
        f"Unexpected {type(error).__name__}{said}. The whole account is in the job's log. {advice}"
    )


def _free() -> str:
    """What room is left where a job writes: "0 MB free for runs, …"."""
    said = []
    for what, folder in (
        ("runs", settings.models_dir()),
        ("data", settings.data_dir()),
        ("temporary files", Path(tempfile.gettempdir())),
    ):
        with contextlib.suppress(OSError):
            said.append(f"{shutil.disk_usage(folder).free / 1e6:,.0f} MB free for {what}")
    return ", ".join(said)
