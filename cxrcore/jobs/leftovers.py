"""What outlived the process of a job: helpers, found and ended, and half-made folders.

A process that is killed cannot tell its helpers. Those that joblib starts to decode images in
parallel then wait for ever, each with a few hundred megabytes. They share the session of their
job's process, and began while it lived: at that time nobody else could have its number.
"""

import os
import sys
from pathlib import Path

import psutil

from cxrcore import files

# Sees by itself when the last helper is gone, and then removes what they shared.
_TRACKER = "resource_tracker"

_TOLERANCE_SECONDS = 5.0  # heartbeats lie 2 s apart, and clocks are set


def end(leader: int, born: float, died: float) -> int:
    """Kill what is left of a dead process' session; nothing if that process is alive.

    Args:
        leader: the number of the job's process, which led its session.
        born, died: when it started and when it was last seen, in seconds since 1970.

    Returns:
        How many processes were killed.
    """
    if psutil.pid_exists(leader):
        return 0
    killed = 0
    for process in psutil.process_iter():
        try:
            if _belongs(process, leader, born, died) and not is_tracker(process):
                process.kill()
                killed += 1
        except (psutil.Error, OSError):  # ended meanwhile, or another user's
            continue
    return killed


def sweep(jobs: Path) -> None:
    """Delete what a process that died left of jobs it was making or removing.

    Args:
        jobs: the folder of all jobs; nobody else makes or removes one meanwhile.
    """
    files.remove_abandoned(jobs, ".*.????????*", 0)


def is_tracker(process: psutil.Process) -> bool:
    """Whether it is one of Python's resource trackers, which end by themselves."""
    return any(_TRACKER in word for word in process.cmdline())


def _belongs(process: psutil.Process, leader: int, born: float, died: float) -> bool:
    return (
        os.getsid(process.pid) == leader
        and born - _TOLERANCE_SECONDS < process.create_time() < died + _TOLERANCE_SECONDS
        and Path(process.exe()) == Path(sys.executable).resolve()
    )
