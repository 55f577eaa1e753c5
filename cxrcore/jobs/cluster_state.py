"""How a job on a Ray cluster truly is, from what its process writes and from what Ray says.

The process writes `status.json` in the shared folder as everywhere. While that moves, nobody
else is asked. Ray's word counts where the file is silent: before the process has begun, and when
nothing was written for some seconds. A lock that is held proves life; one that is free proves
nothing, because not every file system carries locks from node to node.
"""

import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cxrcore.jobs import cluster_watch, ending, locks, record
from cxrcore.jobs.cluster_api import Node, Said
from cxrcore.jobs.record import Job, OnRay

# Heartbeats are written every 2 s; a shared file system may show them a few seconds later.
_QUIET_SECONDS = 6.0
# A process that Ray saw ending well has written its last word; so long may it be on its way.
_LAST_WORD_SECONDS = 40.0

_RESUME = "Resume continues from the last checkpoint."


@dataclass
class _Pulse:
    """When this process first saw a try, and its heartbeat change; monotonic seconds."""

    first: float
    heartbeat: datetime | None
    changed: float
    ended: float | None = None  # when Ray was first heard to say that it ended


# Clocks of nodes differ, so a heartbeat's own time is only good for a first guess.
_pulses: dict[str, _Pulse] = {}


def observe(folder: Path, job: Job) -> Job:
    """The job in `folder`, whose status says that it is active on a cluster, as it truly is."""
    assert job.ray is not None  # noqa: S101 (asked by `record`, and for mypy)
    pulse, quiet = _feel(job.ray, job)
    held = locks.is_held(folder / record.LOCK)
    begun = job.pid is not None
    if begun and (quiet < _QUIET_SECONDS or (held and quiet < record.STALE_SECONDS)):
        return _noted(folder, job)
    word = cluster_watch.watch(job.ray.address).word(since=pulse.first)
    if word is None:
        return _noted(folder, job)
    if word.error:
        return _noted(folder, job, f"Last sign of life {quiet:.0f} s ago. {word.error}")
    said = word.jobs.get(job.ray.submission)
    if said is None and held:
        return job  # it is being handed in
    if said is None or said.ended:
        return _ended(folder, job, said, pulse)
    if said.status == "PENDING":
        return _pending(folder, job, word.nodes)
    if not begun:
        return _noted(folder, job, "A node has taken it; its process is starting.")
    hangs = f"No sign of life for {quiet:.0f} s: it hangs, or its node is lost."
    return _noted(folder, job, hangs if quiet > record.STALE_SECONDS else "")


def asked_for(ray: OnRay) -> str:
    """What a job asked of a node, for people: "2 CPUs and 1 GPU"."""
    return _amounts(ray.cpus, ray.gpus, ray.memory_gb)


def place(job: Job) -> str:
    """Where a job is done, as a phrase; "" on this machine."""
    if job.ray is None:
        return ""
    return f"on Ray, node {job.vitals.machine}" if job.vitals else "on Ray"


def _feel(ray: OnRay, job: Job) -> tuple[_Pulse, float]:
    """What is known of a try, and for how many seconds it has been quiet."""
    now = time.monotonic()
    pulse = _pulses.get(ray.submission)
    if pulse is None:
        # Seen for the first time: only clocks can tell, and one that is ahead proves no life.
        guess = abs(record.silence(job))
        pulse = _pulses[ray.submission] = _Pulse(now, job.heartbeat, now - guess)
    elif pulse.heartbeat != job.heartbeat:
        pulse.heartbeat, pulse.changed, pulse.ended = job.heartbeat, now, None
    return pulse, now - pulse.changed


def _noted(folder: Path, job: Job, note: str = "") -> Job:
    asked = record.asked_to_stop(folder)
    if asked is not None and asked < record.PATIENCE_SECONDS:
        note = "Stopping after this batch."
    elif asked is not None:
        note = f"Asked to stop {asked:.0f} s ago. Cancel again to let Ray end it by force. {note}"
    return job.model_copy(update={"message": note.strip()}) if note else job


def _pending(folder: Path, job: Job, nodes: tuple[Node, ...]) -> Job:
    if record.asked_to_stop(folder) is not None:
        note = f"Stopped while it waited. {_RESUME}"
        return job.model_copy(update={"state": "cancelled", "message": note})
    assert job.ray is not None  # noqa: S101
    wanted = job.ray
    fits = [
        n
        for n in nodes
        if n.cpus >= wanted.cpus and n.gpus >= wanted.gpus and n.memory_gb >= wanted.memory_gb
    ]
    if fits:
        note = f"In the cluster's queue; begins when a node has {asked_for(wanted)} to spare."
    elif not nodes:
        note = f"Waiting for {asked_for(wanted)}; the cluster has no node."
    else:
        note = (
            f"No node of the cluster has what this asks for, {asked_for(wanted)}; the nodes have "
            f"{_have(nodes)}. It waits for such a node to join. Or cancel it, lower CXR_RAY_CPUS, "
            "CXR_RAY_GPUS or CXR_RAY_MEMORY_GB, and start it again."
        )
    return job.model_copy(update={"message": note})


def _have(nodes: tuple[Node, ...]) -> str:
    """What the nodes have, each kind once: "1 CPU (2 nodes), 8 CPUs"."""
    said = [_amounts(n.cpus, n.gpus, n.memory_gb) for n in nodes]
    kinds = sorted(set(said))
    return "; ".join(k if said.count(k) == 1 else f"{k} ({said.count(k)} nodes)" for k in kinds)


def _amounts(cpus: float, gpus: float, memory_gb: float) -> str:
    parts = [f"{cpus:g} CPU{'' if cpus == 1 else 's'}"] if cpus or not (gpus or memory_gb) else []
    parts += [f"{gpus:g} GPU{'' if gpus == 1 else 's'}"] if gpus else []
    parts += [f"{memory_gb:.1f} GB"] if memory_gb else []
    return " and ".join(parts)


def _ended(folder: Path, job: Job, said: Said | None, pulse: _Pulse) -> Job:
    """Ray has ended it or does not know it: its last word if it wrote one, else what is known."""
    # Ray was asked after the status was read: the process may have written its last word since.
    again = record.read_status(folder)
    if not again.active:
        return again
    if again.ticket != job.ticket:
        return again  # resumed meanwhile; the next look tells more
    if said is not None and said.exit_code in (0, 1) and again.pid is not None:
        # It ended by itself, done or failed; its last word may still be on the way through the file system.
        now = time.monotonic()
        pulse.ended = now if pulse.ended is None else pulse.ended
        if now - pulse.ended < _LAST_WORD_SECONDS:
            return _noted(folder, again, "Its process has ended; waiting for its last word.")
    state, note = "interrupted", _why(folder, again, said)
    if record.asked_to_stop(folder) is not None:
        state, note = "cancelled", f"Ended by force. {_RESUME}"
    ended = {"state": state, "message": note, "finished": again.heartbeat, "eta_seconds": None}
    return again.model_copy(update=ended)


def _why(folder: Path, job: Job, said: Said | None) -> str:
    if said is None:
        return (
            "The cluster does not know this job: it was started anew since, or the job never "
            f"reached it. {_RESUME}"
        )
    if said.error_type == "JOB_SUPERVISOR_ACTOR_START_TIMEOUT":
        return (
            "Ray gave up waiting for room on a node. Resume lines it up again. To let jobs wait "
            "longer, start the cluster's head with a larger RAY_JOB_START_TIMEOUT_SECONDS."
        )
    if said.error_type.startswith("JOB_SUPERVISOR"):
        where = f" ({job.vitals.machine})" if job.vitals else ""
        return f"Its node{where} was lost, or Ray's process on it. {_RESUME}"
    if job.pid is None:
        return (
            "Its process could not start on the node; its log may say why. The node needs the "
            "project's Python (CXR_RAY_PYTHON) and the shared folders. Resume tries again."
        )
    return f"{ending.why(folder, job)} {_RESUME}"
