"""The true state of a job on a Ray cluster, from what its process writes and what Ray reports.

The process writes `status.json` in the shared folder. Ray is asked only before the process has begun,
and when nothing was written for some seconds. A held lock proves life; a free one proves nothing
(docs/decisions/0039).
"""

import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cxrcore.jobs import disk, exit_cause, locks
from cxrcore.jobs.disk import RESUME
from cxrcore.jobs.model import Job, OnRay
from cxrcore.jobs.ray import watch as watches
from cxrcore.jobs.ray.api import Node, RayJob

# Heartbeats are written every 2 s; a shared file system may show them a few seconds later.
_SILENT_SECONDS = 6.0
# How long the last status of an ended process may take to arrive.
_LAST_STATUS_SECONDS = 40.0


@dataclass
class _Pulse:
    """When this process first saw an attempt, and its heartbeat change; monotonic seconds."""

    first: float
    heartbeat: datetime | None
    changed: float
    ended: float | None = None  # when Ray first reported its end


# Clocks of nodes differ, so a heartbeat's own time is only a first guess.
_pulses: dict[str, _Pulse] = {}


def observe(folder: Path, job: Job) -> Job:
    """The job in `folder`, whose status says that it is active on a cluster, as it truly is."""
    assert job.ray is not None  # noqa: S101
    pulse, silence = _pulse(job.ray, job)
    held = locks.is_held(folder / disk.LOCK)
    begun = job.pid is not None
    if begun and (silence < _SILENT_SECONDS or (held and silence < disk.STALE_SECONDS)):
        return _with_note(folder, job)
    answer = watches.watch(job.ray.address).answer(since=pulse.first)
    if answer is None:
        return _with_note(folder, job)
    if answer.error:
        return _with_note(folder, job, f"Last sign of life {silence:.0f} s ago. {answer.error}")
    there = answer.jobs.get(job.ray.submission)
    if there is None and held:
        return job  # it is being submitted
    if there is None or there.ended:
        return _ended(folder, job, there, pulse)
    if there.status == "PENDING":
        return _pending(folder, job, answer.nodes)
    if not begun:
        return _with_note(folder, job, "A node has accepted it; its process is starting.")
    hangs = f"No sign of life for {silence:.0f} s: it hangs, or its node is lost."
    return _with_note(folder, job, hangs if silence > disk.STALE_SECONDS else "")


def _pulse(ray: OnRay, job: Job) -> tuple[_Pulse, float]:
    """The pulse of an attempt, and the seconds since it changed."""
    now = time.monotonic()
    pulse = _pulses.get(ray.submission)
    if pulse is None:
        # First seen: only clocks can say, and one that is ahead proves no life.
        guess = abs(job.silence)
        pulse = _pulses[ray.submission] = _Pulse(now, job.heartbeat, now - guess)
    elif pulse.heartbeat != job.heartbeat:
        pulse.heartbeat, pulse.changed, pulse.ended = job.heartbeat, now, None
    return pulse, now - pulse.changed


def _with_note(folder: Path, job: Job, note: str = "") -> Job:
    asked = disk.asked_to_stop(folder)
    if asked is not None and asked < disk.PATIENCE_SECONDS:
        note = "Stopping after this batch."
    elif asked is not None:
        note = f"Asked to stop {asked:.0f} s ago. Cancel again to let Ray end it by force. {note}"
    return job.model_copy(update={"message": note.strip()}) if note else job


def _pending(folder: Path, job: Job, nodes: tuple[Node, ...]) -> Job:
    if disk.asked_to_stop(folder) is not None:
        note = f"Stopped while it waited. {RESUME}"
        return job.model_copy(update={"state": "cancelled", "message": note})
    assert job.ray is not None  # noqa: S101
    wanted = job.ray
    needs = _amounts(wanted.cpus, wanted.gpus, wanted.memory_gb)
    fits = [
        n
        for n in nodes
        if n.cpus >= wanted.cpus and n.gpus >= wanted.gpus and n.memory_gb >= wanted.memory_gb
    ]
    if fits:
        note = f"In the cluster's queue; begins when a node has {needs} to spare."
    elif not nodes:
        note = f"Waiting for {needs}; the cluster has no node."
    else:
        note = (
            f"No node of the cluster has what this asks for, {needs}; the nodes have "
            f"{_have(nodes)}. It waits for such a node to join. Or cancel it, lower CXR_RAY_CPUS, "
            "CXR_RAY_GPUS or CXR_RAY_MEMORY_GB, and start it again."
        )
    return job.model_copy(update={"message": note})


def _have(nodes: tuple[Node, ...]) -> str:
    """What the nodes have, each kind once: "1 CPU (2 nodes), 8 CPUs"."""
    amounts = Counter(_amounts(n.cpus, n.gpus, n.memory_gb) for n in nodes)
    return "; ".join(k if n == 1 else f"{k} ({n} nodes)" for k, n in sorted(amounts.items()))


def _amounts(cpus: float, gpus: float, memory_gb: float) -> str:
    parts = [f"{cpus:g} CPU{'' if cpus == 1 else 's'}"] if cpus or not (gpus or memory_gb) else []
    parts += [f"{gpus:g} GPU{'' if gpus == 1 else 's'}"] if gpus else []
    parts += [f"{memory_gb:.1f} GB"] if memory_gb else []
    return " and ".join(parts)


def _ended(folder: Path, job: Job, there: RayJob | None, pulse: _Pulse) -> Job:
    """A job that Ray has ended or does not know: its last status, or else the known cause."""
    # Ray was asked after the status was read: the process may have written its last status since.
    again = disk.read_status(folder)
    if not again.active or again.ticket != job.ticket:  # ended or resumed
        return again
    if there is not None and there.exit_code in (0, 1) and again.pid is not None:
        # It ended by itself; its last status may still be on the way through the file system.
        now = time.monotonic()
        pulse.ended = now if pulse.ended is None else pulse.ended
        if now - pulse.ended < _LAST_STATUS_SECONDS:
            return _with_note(folder, again, "Its process has ended; waiting for its last status.")
    if disk.asked_to_stop(folder) is not None:
        return again.ended("cancelled", f"Ended by force. {RESUME}")
    return again.ended("interrupted", _why(folder, again, there))


def _why(folder: Path, job: Job, there: RayJob | None) -> str:
    if there is None:
        return (
            "The cluster does not know this job: it was restarted since, or the job never "
            f"reached it. {RESUME}"
        )
    if there.error_type == "JOB_SUPERVISOR_ACTOR_START_TIMEOUT":
        return (
            "Ray gave up waiting for a node with enough resources. Resume queues it again. To let jobs "
            "wait longer, start the cluster's head with a larger RAY_JOB_START_TIMEOUT_SECONDS."
        )
    if there.error_type.startswith("JOB_SUPERVISOR"):
        where = f" ({job.vitals.machine})" if job.vitals else ""
        return f"Its node{where} was lost, or Ray's process on it. {RESUME}"
    if job.pid is None:
        return (
            "Its process could not start on the node; its log may say why. The node needs the "
            "project's Python (CXR_RAY_PYTHON) and the shared folders. Resume tries again."
        )
    return f"{exit_cause.explain(folder, job)} {RESUME}"
