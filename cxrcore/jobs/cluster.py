"""Jobs on a Ray cluster: handed in, stopped, and what they get to work with.

With CXR_RAY_ADDRESS a job's process is not started here but by Ray, on a node that has room. It
is the same command on the same folder: the nodes share CXR_MODELS and CXR_DATA under the same
paths, and the process writes status and log there. docs/cluster.md says how to set one up.
"""

import contextlib
import hashlib
import os
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from cxrcore import settings
from cxrcore.errors import JobError, SettingsError
from cxrcore.jobs import cluster_watch, logs, record
from cxrcore.jobs.cluster_api import AlreadyThere, Api, Unreachable
from cxrcore.jobs.record import Job, JobSpec, OnRay, Room

# Of these the process on a node is told what they are here; of MLflow's not those with secrets.
_TOLD = ("CXR_", "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME")
# What is no training asks for no CPU, so that measuring waits for no training, as on one machine;
# asking for memory lets Ray choose any node instead of the head.
_OTHER = Room(cpus=0.0, gpus=0.0, memory_gb=0.5)
LEAST_CPUS = 0.1
_END_SECONDS = 15.0  # Ray gives a process 3 s between SIGTERM and SIGKILL
_LOG_AGAIN_SECONDS = 30.0
_MOST_ATTEMPTS = 1000

_log_tried: dict[str, float] = {}


def request(spec: JobSpec, before: Job | None) -> OnRay | None:
    """What the next try of a job asks of the cluster; None where it is done on this machine.

    Raises:
        SettingsError: one of the CXR_RAY_ variables makes no sense.
    """
    address = settings.ray_address()
    if address is None:
        return None
    wanted = _OTHER if spec.kind != "train" else spec.room or usual_room()
    tried = before.ray.attempt if before is not None and before.ray is not None else 0
    return _numbered(
        OnRay(address=address, submission="", attempt=0, **dict(wanted)), spec, tried + 1
    )


def usual_room() -> Room:
    """What a training asks for unless it is told otherwise.

    Raises:
        SettingsError: one of the CXR_RAY_ variables makes no sense.
    """
    return Room(
        cpus=settings.ray_cpus(), gpus=settings.ray_gpus(), memory_gb=settings.ray_memory_gb()
    )


def room(cpus: float | None, gpus: float | None) -> Room | None:
    """The usual room with other numbers, for `submit_training`; None where none is given.

    Raises:
        SettingsError: there is no cluster to ask, or nothing can be done with so little.
    """
    given = {name: n for name, n in (("cpus", cpus), ("gpus", gpus)) if n is not None}
    if not given:
        return None
    if settings.ray_address() is None:
        raise SettingsError(
            f"{' and '.join(given)} can be asked of a Ray cluster only, and CXR_RAY_ADDRESS is not "
            "set. Set it to the address of the cluster's dashboard, or leave them out."
        )
    if not (given.get("cpus", LEAST_CPUS) >= LEAST_CPUS and given.get("gpus", 0) >= 0):
        raise SettingsError(
            f"A training needs at least {LEAST_CPUS:g} CPUs and no less than 0 GPUs. Received: "
            f"{', '.join(f'{name} {n:g}' for name, n in given.items())}."
        )
    return usual_room().model_copy(update=given)


def submit(folder: Path, job: Job, command: Sequence[str]) -> None:
    """Hand the job in `folder` in; its status, with `job.ray`, is written already.

    Raises:
        JobError: the cluster cannot be reached or refuses it. The job is interrupted then.
    """
    assert job.ray is not None  # noqa: S101
    api, ray, spec = Api(job.ray.address), job.ray, record.read_spec(folder)
    try:
        while True:
            try:
                api.submit(ray.submission, _entrypoint(folder, ray, command), **_options(ray))
                break
            except AlreadyThere:
                if (there := api.job(ray.submission)) is not None and not there.ended:
                    break  # somebody else handed the same try in: there is one training
                if ray.attempt >= _MOST_ATTEMPTS:
                    raise
                # Left over from a job of this name that was dismissed since.
                ray = _numbered(ray, spec, ray.attempt + 1)
                record.write(folder / record.STATUS, job.model_copy(update={"ray": ray}))
    except JobError as error:
        ended = {"state": "interrupted", "message": str(error), "ray": ray}
        record.write(folder / record.STATUS, job.model_copy(update=ended))
        raise
    cluster_watch.watch(ray.address).forget()


def _numbered(ray: OnRay, spec: JobSpec, attempt: int) -> OnRay:
    # Two stores on one cluster may have trainings of the same name.
    store = hashlib.blake2b(str(settings.models_dir()).encode(), digest_size=3).hexdigest()
    name = f"{spec.job_id}-{store}-{attempt}"
    return ray.model_copy(update={"submission": name, "attempt": attempt})


def _entrypoint(folder: Path, ray: OnRay, command: Sequence[str]) -> str:
    """The shell command; what Python says before it can say anything goes to the job's log."""
    python = settings.ray_python() if command[0] == sys.executable else command[0]
    words = [python, *command[1:], str(folder.resolve()), "--submission", ray.submission]
    log = shlex.quote(str(folder.resolve() / record.LOG))
    return f"exec >> {log} 2>&1; exec {shlex.join(words)}"


def _options(ray: OnRay) -> dict[str, object]:
    told = {name: value for name, value in os.environ.items() if name.startswith(_TOLD)}
    told |= {
        **settings.places(),
        # Where the project lies at the same place on the node; elsewhere it must be installed.
        "PYTHONPATH": str(settings.ROOT),
    }
    if uri := settings.tracking_uri():  # all who reach Ray's dashboard can read this
        told["MLFLOW_TRACKING_URI"] = _without_password(uri)
    if ray.cpus:
        # Ray reserves and does not enforce: a training must keep to its CPUs by itself.
        threads = str(max(1, round(ray.cpus)))
        names = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
        told |= dict.fromkeys((*names, "LOKY_MAX_CPU_COUNT"), threads)
    return {
        "runtime_env": {"env_vars": told},
        "entrypoint_num_cpus": ray.cpus,
        "entrypoint_num_gpus": ray.gpus,
        "entrypoint_memory": round(ray.memory_gb * 1e9),
    }


def _without_password(address: str) -> str:
    before, mark, rest = address.partition("://")
    host, slash, path = rest.partition("/")
    return f"{before}{mark}{host.rpartition('@')[2]}{slash}{path}"


def cancel(folder: Path, job: Job) -> None:
    """Take a job that waits in Ray's queue out of it; one that works sees the mark by itself.

    A cluster that does not answer is no error here: the mark in the job's folder stands.
    """
    assert job.ray is not None  # noqa: S101
    api = Api(job.ray.address)
    try:
        said = api.job(job.ray.submission)
        if said is None or said.status != "PENDING":
            return
        # Ray heeds this when the job's turn comes; until then only we know that it is over.
        api.stop(job.ray.submission)
    except JobError:
        return
    note = "Stopped while it waited in the cluster. Resume lines it up again."
    ended = {"state": "cancelled", "message": note, "finished": record.now()}
    record.write(folder / record.STATUS, job.model_copy(update=ended))


def kill(folder: Path, job: Job) -> Job:
    """Let Ray end a job's processes by force, and return it as it is then.

    A job whose cluster is gone is given up once it has shown no life for a minute.

    Raises:
        JobError: the cluster does not answer, or its job did not end.
    """
    assert job.ray is not None  # noqa: S101
    api = Api(job.ray.address)
    record.ask_to_stop(folder)
    try:
        api.stop(job.ray.submission)
        end = time.monotonic() + _END_SECONDS
        while (said := api.job(job.ray.submission)) is not None and said.status == "RUNNING":
            if time.monotonic() > end:
                raise JobError(
                    f"Ray was asked to end {job.job_id} but has not. Try again in a moment, or "
                    f"look at {job.ray.address}."
                )
            time.sleep(0.2)
    except Unreachable:
        if record.silence(job) < record.STALE_SECONDS:
            raise
    cluster_watch.watch(job.ray.address).forget()
    last = record.read_status(folder)
    if last.active and last.ticket == job.ticket:
        note = "Ended by force. Resume continues from the last checkpoint."
        ended = {"state": "cancelled", "message": note, "finished": last.heartbeat}
        record.write(folder / record.STATUS, last.model_copy(update={**ended, "eta_seconds": None}))
    return record.observe(folder)


def log(folder: Path, tail: int) -> str:
    """What Ray has of a job whose own log is empty and that has ended; kept as its log then."""
    job = record.observe(folder)
    if job.ray is None or job.active:
        return ""
    last = _log_tried.get(job.ray.submission)
    if last is not None and time.monotonic() - last < _LOG_AGAIN_SECONDS:
        return ""
    _log_tried[job.ray.submission] = time.monotonic()
    try:
        said = Api(job.ray.address, seconds=2.0).log(job.ray.submission)
    except JobError as error:
        return str(error)
    with contextlib.suppress(OSError):  # a full disk; it is asked again
        (folder / record.LOG).write_text(said)
    return logs.last_lines(folder / record.LOG, tail)
