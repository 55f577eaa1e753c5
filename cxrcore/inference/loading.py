"""Open networks, and ask them about many prepared films."""

import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from cxrcore import explanations, foreign
from cxrcore.errors import StoreError
from cxrcore.progress import Meter, Report
from cxrcore.training import machine

if TYPE_CHECKING:
    import keras

_AT_ONCE = 512  # films in memory


class Answers(NamedTuple):
    """What a network says of n films."""

    probabilities: npt.NDArray[np.float32]  # (n, k)
    embeddings: npt.NDArray[np.float32]  # (n, d)
    seconds: float


def load(
    path: Path, name: str, classes: int, interface: foreign.Interface | None = None
) -> "keras.Model":
    """The network of a file, computing in float32.

    Args:
        path: of the file, one of this store or made here.
        name: of its run, for messages.
        classes: that it tells apart.
        interface: of a network from elsewhere; its file is opened when it is asked.

    Raises:
        StoreError: the file cannot be opened.
    """
    machine.start_tensorflow()
    if interface is not None and interface.format != "keras":
        return foreign.network(foreign.Engine(path, interface.format), interface, classes)
    import keras

    from cxrcore.explanations.precision import in_float32

    try:
        # compile=False: no optimiser is needed. safe_mode: code in the file is not run.
        model = keras.models.load_model(path, compile=False, safe_mode=True)
    except (OSError, ValueError, TypeError, LookupError, ImportError, zipfile.BadZipFile) as error:
        raise StoreError(
            f"The network of {name} cannot be opened: {' '.join(str(error).split())[:200]}. "
            f"This is Keras {keras.__version__}; the run's details name the version that wrote it. "
            "Train it again."
        ) from error
    return in_float32(model)


def ask(
    model: "keras.Model", films: np.ndarray, rows: npt.NDArray[np.intp], report: Report
) -> Answers:
    """What a network says of some rows of prepared films, (n, S, S) uint8 and mostly on disk.

    Raises:
        ExplainError, ModelError: the network cannot be asked.
    """
    meter, start = Meter("predicting", len(rows), report), time.perf_counter()
    parts = []
    for first in range(0, len(rows), _AT_ONCE):
        chosen = rows[first : first + _AT_ONCE]
        parts.append(explanations.predict(model, films[chosen]))
        meter.update(first + len(chosen))
    probabilities, embeddings = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Answers(probabilities, embeddings, time.perf_counter() - start)
