"""What a dead job's process left behind: helper processes and unfinished folders.

joblib's processes, which decode images, would wait for ever with a few hundred megabytes each.
They share the session of their job's process and began while it lived, when no other process
could have its number.
"""

import os
import sys
from pathlib import Path

import psutil

from cxrcore import files

# It ends after the last helper, and removes what they shared.
_TRACKER = "resource_tracker"

_TOLERANCE_SECONDS = 5.0  # heartbeats lie 2 s apart, and clocks are set


def end(leader: int, born: float, died: float) -> int:
    """Kill the processes of a dead process' session; does nothing if that process is alive.

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
        except (psutil.Error, OSError):  # it has ended, or is another user's
            continue
    return killed


def sweep(jobs: Path) -> None:
    """Delete the folders of jobs that a process was creating or removing when it died.

    Args:
        jobs: the folder of all jobs; no other process may create or remove one now.
    """
    files.remove_abandoned(jobs, ".*.????????*", 0)


def is_tracker(process: psutil.Process) -> bool:
    """Whether it is one of Python's resource trackers, which end on their own."""
    return any(_TRACKER in word for word in process.cmdline())


def _belongs(process: psutil.Process, leader: int, born: float, died: float) -> bool:
    return (
        os.getsid(process.pid) == leader
        and born - _TOLERANCE_SECONDS < process.create_time() < died + _TOLERANCE_SECONDS
        and Path(process.exe()) == Path(sys.executable).resolve()
    )
