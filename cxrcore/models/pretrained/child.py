"""The process that reads a file of weights on trial: `python -m cxrcore.models.pretrained.child FILE`.

It prints nothing, or why the file cannot be read.
"""

import contextlib
import sys
from pathlib import Path

import numpy as np

from cxrcore.errors import WeightsError
from cxrcore.models.pretrained import bounds
from cxrcore.models.pretrained.reader import open_weights
from cxrcore.models.pretrained.trial import REFUSED

_SPARE_BYTES = 1 << 30  # for the libraries and the reading itself


def main(path: Path) -> None:
    """Read all arrays of a file, one after the other."""
    with contextlib.suppress(ImportError, ValueError, OSError):  # where the system has no limits
        import resource

        most = bounds.allowed(path) + _SPARE_BYTES
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    try:
        with open_weights(path, tried=True) as content:
            for array in (array for layer in content.layers for array in layer.arrays):
                try:
                    np.asarray(array)
                except OSError as error:
                    raise WeightsError(
                        f"{path} is damaged: {error}. Get the file again."
                    ) from error
    except WeightsError as error:
        print(error)
        sys.exit(REFUSED)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
