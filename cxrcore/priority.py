"""Low priority for long work, so that the pages stay responsive."""

import contextlib
import os
from pathlib import Path

_NICENESS = 10  # about a tenth of a busy processor
_AUTOGROUP = Path("/proc/self/autogroup")


def give_way() -> None:
    """Let everything else on this machine go first; calling it again changes nothing.

    A process that leads a session, as a job's does, lowers the session as well, because Linux
    shares processors between sessions first (autogroup; docs/decisions/0028).
    """
    if hasattr(os, "nice"):  # not on Windows
        os.nice(max(0, _NICENESS - os.nice(0)))
    with contextlib.suppress(OSError, AttributeError):  # there is no such file, or no sessions
        if os.getsid(0) == os.getpid():
            _AUTOGROUP.write_text(str(_NICENESS))
