"""Low priority for long work, so that the pages stay responsive."""

import contextlib
import os
from pathlib import Path

_NICENESS = 10  # a tenth of the processor where somebody else wants all of it
_AUTOGROUP = Path("/proc/self/autogroup")


def give_way() -> None:
    """Let everything else on this machine go first; calling it again changes nothing.

    Linux may share its processors between sessions before it considers niceness (autogroup; man
    7 sched). So a process that leads a session, as a job's does, lowers the session too.
    """
    if hasattr(os, "nice"):  # not on Windows
        os.nice(max(0, _NICENESS - os.nice(0)))
    with contextlib.suppress(OSError, AttributeError):  # there is no such file, or no sessions
        if os.getsid(0) == os.getpid():
            _AUTOGROUP.write_text(str(_NICENESS))
