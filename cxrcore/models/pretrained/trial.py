"""Reading a file of weights once in a process of its own, within a limit of memory and time.

What a text of variable length or a compressed array takes can only be told by reading it: HDF5
reserves what the file claims. `child` is the process's program.
"""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

from cxrcore import settings
from cxrcore.errors import WeightsError
from cxrcore.models.pretrained import bounds

_SECONDS = 120
REFUSED = 2  # exit code of a file that cannot be read


def run(path: Path, name: Path) -> None:
    """Try a file; return where all of it could be read.

    Args:
        path: of an HDF5 file that `bounds.check` let pass.
        name: of the file for messages.

    Raises:
        WeightsError: it takes more memory or time than weights of its size do, or is damaged.
    """
    words = [sys.executable, "-P", "-m", "cxrcore.models.pretrained.child", str(path)]
    environment = {**os.environ, "PYTHONPATH": str(settings.ROOT), "OPENBLAS_NUM_THREADS": "1"}
    with contextlib.suppress(subprocess.TimeoutExpired):
        done = subprocess.run(
            words, env=environment, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
        if done.returncode == 0:
            return
        if done.returncode == REFUSED:
            raise WeightsError(done.stdout.strip().replace(str(path), str(name)))
    raise bounds.refused(name, "takes more memory or time to be read than its size allows")
