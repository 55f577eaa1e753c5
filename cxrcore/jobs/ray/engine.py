"""The engine that runs jobs on a Ray cluster.

With CXR_RAY_ADDRESS Ray starts a job's process on a node that has the resources: the same command on
the same folder, since the nodes share CXR_MODELS and CXR_DATA under the same paths. docs/cluster.md
says how to set one up.
"""

import contextlib
import hashlib
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from cxrcore import settings
from cxrcore.errors import Cancelled, JobError
from cxrcore.jobs import disk, logs, registry
from cxrcore.jobs.model import Job, JobSpec, OnRay, now
from cxrcore.jobs.ray import state
from cxrcore.jobs.ray.api import Api, DuplicateSubmission, Unreachable
from cxrcore.jobs.ray.watch import watch

observe = state.observe

# The process on a node gets these variables, and none with secrets.
_FORWARDED = ("CXR_", "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME")
_END_SECONDS = 15.0  # Ray gives a process 3 s between SIGTERM and SIGKILL
_LOG_AGAIN_SECONDS = 30.0
_MOST_ATTEMPTS = 1000

_log_asked: dict[str, float] = {}


def request(spec: JobSpec, before: Job | None) -> OnRay | None:
    """What the next attempt of a job asks of the cluster; None without CXR_RAY_ADDRESS.

    Raises:
        SettingsError: one of the CXR_RAY_ variables is wrong.
    """
    address = settings.ray_address()
    if address is None:
        return None
    wanted = spec.resources or registry.kind(spec.kind).lane.resources()
    attempts = before.ray.attempt if before is not None and before.ray is not None else 0
    first = OnRay(address=address, submission="", attempt=0, **dict(wanted))
    return _numbered(first, spec, attempts + 1)


def start(folder: Path, job: Job, _lock: int, command: Sequence[str]) -> None:
    """Submit the job in `folder`, whose status with `job.ray` is written.

    Raises:
        JobError: the cluster cannot be reached or refuses it. The job is interrupted then.
    """
    assert job.ray is not None  # noqa: S101
    api, ray, spec = Api(job.ray.address), job.ray, disk.read_spec(folder)
    try:
        while True:
            try:
                api.submit(ray.submission, _entrypoint(folder, ray, command), **_options(ray))
                break
            except DuplicateSubmission:
                if (there := api.job(ray.submission)) is not None and not there.ended:
                    break  # somebody else submitted the same attempt
                if ray.attempt >= _MOST_ATTEMPTS:
                    raise
                # Left over from a removed job of this name.
                ray = _numbered(ray, spec, ray.attempt + 1)
                disk.write(folder / disk.STATUS, job.model_copy(update={"ray": ray}))
    except JobError as error:
        ended = {"state": "interrupted", "message": str(error), "ray": ray}
        disk.write(folder / disk.STATUS, job.model_copy(update=ended))
        raise
    watch(ray.address).forget()


def _numbered(ray: OnRay, spec: JobSpec, attempt: int) -> OnRay:
    # Two stores on one cluster may have trainings of the same name.
    store = hashlib.blake2b(str(settings.models_dir()).encode(), digest_size=3).hexdigest()
    name = f"{spec.job_id}-{store}-{attempt}"
    return ray.model_copy(update={"submission": name, "attempt": attempt})


def _entrypoint(folder: Path, ray: OnRay, command: Sequence[str]) -> str:
    """The shell command; what Python prints before our code runs goes to the job's log too."""
    python = settings.ray_python() if command[0] == sys.executable else command[0]
    parts = [python, *command[1:], str(folder.resolve()), "--submission", ray.submission]
    log = shlex.quote(str(folder.resolve() / disk.LOG))
    return f"exec >> {log} 2>&1; exec {shlex.join(parts)}"


def _options(ray: OnRay) -> dict[str, object]:
    variables = {k: v for k, v in os.environ.items() if k.startswith(_FORWARDED)}
    variables |= {
        **settings.places(),
        # Works where the project has the same path on the node; elsewhere it must be installed.
        "PYTHONPATH": str(settings.ROOT),
    }
    if uri := settings.tracking_uri():  # everybody who reaches Ray's dashboard can read this
        variables["MLFLOW_TRACKING_URI"] = _without_password(uri)
    if ray.cpus:
        # Ray reserves CPUs but does not enforce that; the threads must.
        threads = str(max(1, round(ray.cpus)))
        names = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
        variables |= dict.fromkeys((*names, "LOKY_MAX_CPU_COUNT"), threads)
    return {
        "runtime_env": {"env_vars": variables},
        "entrypoint_num_cpus": ray.cpus,
        "entrypoint_num_gpus": ray.gpus,
        "entrypoint_memory": round(ray.memory_gb * 1e9),
    }


def _without_password(address: str) -> str:
    before, mark, rest = address.partition("://")
    host, slash, path = rest.partition("/")
    return f"{before}{mark}{host.rpartition('@')[2]}{slash}{path}"


def cancel(folder: Path, job: Job) -> None:
    """Take a job out of Ray's queue; one that works looks for the file `cancel`.

    A cluster that does not answer is no error: the file stays.
    """
    assert job.ray is not None  # noqa: S101
    api = Api(job.ray.address)
    try:
        there = api.job(job.ray.submission)
        if there is None or there.status != "PENDING":
            return
        # Ray acts on this only when the job's turn comes.
        api.stop(job.ray.submission)
    except JobError:
        return
    note = "Stopped while it waited in the cluster. Resume queues it again."
    disk.write(folder / disk.STATUS, job.ended("cancelled", note, finished=now()))


def kill(folder: Path, job: Job) -> None:
    """Let Ray end a job's processes by force.

    A job whose cluster is gone is given up after a minute without a sign of life.

    Raises:
        JobError: the cluster does not answer, or its job did not end.
    """
    assert job.ray is not None  # noqa: S101
    api = Api(job.ray.address)
    disk.ask_to_stop(folder)
    try:
        api.stop(job.ray.submission)
        end = time.monotonic() + _END_SECONDS
        while (there := api.job(job.ray.submission)) is not None and there.status == "RUNNING":
            if time.monotonic() > end:
                raise JobError(
                    f"Ray was asked to end {job.job_id} but has not. Try again in a moment, or "
                    f"look at {job.ray.address}."
                )
            time.sleep(0.2)
    except Unreachable:
        if job.silence < disk.STALE_SECONDS:
            raise
    watch(job.ray.address).forget()
    last = disk.read_status(folder)
    if last.active and last.ticket == job.ticket:
        disk.write(folder / disk.STATUS, last.ended("cancelled", f"Ended by force. {disk.RESUME}"))


def clean_up(_job: Job) -> None:
    """Nothing to do: Ray ends the processes that a job leaves."""


def log(folder: Path, job: Job, tail: int) -> str:
    """What Ray has of a job that ended without a log; kept as its log."""
    assert job.ray is not None  # noqa: S101
    last = _log_asked.get(job.ray.submission)
    if last is not None and time.monotonic() - last < _LOG_AGAIN_SECONDS:
        return ""
    _log_asked[job.ray.submission] = time.monotonic()
    try:
        text = Api(job.ray.address, seconds=2.0).log(job.ray.submission)
    except JobError as error:
        return str(error)
    with contextlib.suppress(OSError):  # a full disk; it is asked again
        (folder / disk.LOG).write_text(text)
    return logs.last_lines(folder / disk.LOG, tail)


def place(job: Job) -> str:
    """Where a job runs, as a phrase."""
    return f"on Ray, node {job.vitals.machine}" if job.vitals else "on Ray"


@contextlib.contextmanager
def turn(
    _spec: JobSpec, _job: Job, stop: Callable[[], bool], _report: Callable[[int], None]
) -> Iterator[None]:
    """Begin at once, as Ray queues; images may be read on all nodes. Cancelled if `stop` is true."""
    from cxrcore import parallel

    if stop():
        raise Cancelled("Stopped while it waited in the cluster; nothing was started.")
    parallel.spread()
    yield
