"""What a dead job's process left behind: helper processes and unfinished folders.

joblib's processes, which decode images in parallel, would wait for ever with a few hundred
megabytes each. They share the session of their job's process and began while it lived, when
nobody else could have its number.
"""

import os
import sys
from pathlib import Path

import psutil

from cxrcore import files

# It notices when the last helper is gone, and then removes what they shared.
_TRACKER = "resource_tracker"

_TOLERANCE_SECONDS = 5.0  # heartbeats lie 2 s apart, and clocks are set


def end(leader: int, born: float, died: float) -> int:
    """Kill what is left of a dead process' session; does nothing if that process is alive.

    Args:
        leader: the pid of the job's process, which led its session.
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
    """Delete the folders of jobs that a process was creating or removing when it died.

    Args:
        jobs: the folder of all jobs; nobody else may create or remove one meanwhile.
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
