"""The real process of a job, which kills itself as kill -9 would before a certain rename.

That is the worst moment: what was written is there under a name that is not final yet. The
environment's CXR_DIE_AT is a regular expression for the name that is about to be given.
"""

import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from cxrcore.jobs import child

DIE_AT = re.compile(os.environ["CXR_DIE_AT"])


def deadly(rename: Callable[..., None]) -> Callable[..., None]:
    """The same, but not for names that DIE_AT finds."""

    def renamed(source: object, target: object, **options: object) -> None:
        if DIE_AT.search(str(target)):
            os.kill(os.getpid(), signal.SIGKILL)
        rename(source, target, **options)

    return renamed


if __name__ == "__main__":
    os.rename, os.replace = deadly(os.rename), deadly(os.replace)
    sys.exit(child.main(sys.argv[1:]))
