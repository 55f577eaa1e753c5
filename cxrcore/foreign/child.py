"""The process in which a network from elsewhere is opened and asked, within a limit of memory.

Its first answer is the signature as JSON. A request is a line of JSON and then the gray levels of films; the
answer is "+" and the outputs as float32, or "-" and a sentence. Never a pickle: what is computed here
comes from anybody.
"""

import contextlib
import json
import queue
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np

from cxrcore.errors import CxrError, ModelError
from cxrcore.films import pipe
from cxrcore.foreign import keras_file, runtimes
from cxrcore.foreign.interface import Format, Interface, shown

_SPARE_BYTES = 3 << 30  # for libraries and feature maps
_TIMES = 6  # the file's size: its weights are held more than once while they are read


def main(kind: Format, path: Path) -> None:
    """Open a file and answer until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    answers = pipe.private_output()
    inbox: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    pipe.listen(inbox.put)
    _limit(_SPARE_BYTES + _TIMES * path.stat().st_size)
    runtime: runtimes.Runtime | None = None

    def start() -> bytes:
        nonlocal runtime
        runtime = runtimes.opened(kind, path)
        return json.dumps(runtime.signature._asdict()).encode()

    pipe.send(answers, _answer(start))
    while runtime is not None:
        pipe.send(answers, _answer(_work, runtime, inbox.get()))


def _work(runtime: runtimes.Runtime, request: bytes) -> bytes:
    line, _, data = request.partition(b"\n")
    wanted = json.loads(line)
    interface = Interface.model_validate(wanted["interface"])
    if (target := wanted.get("keep")) is not None:
        keras_file.adapted(cast(runtimes.Keras, runtime).model, interface).save(target)
        return b""
    films = np.frombuffer(data, np.float32).reshape(-1, interface.size, interface.size)
    found = runtime.run(interface.batch(films))
    if found.shape != (expected := (len(films), runtime.signature.classes)):
        raise ModelError(
            f"The network answers {len(films)} films by {shown(found.shape)} numbers instead of "
            f"{shown(expected)}. Export it with the number of films left open."
        )
    return np.ascontiguousarray(found, np.float32).tobytes()


def _answer(work: Callable[..., bytes], *words: object) -> bytes:
    try:
        return b"+" + work(*words)
    except CxrError as error:
        return b"-" + str(error).encode()
    except MemoryError:
        return b"-The network needs more memory than it is allowed. Export a smaller one."
    except Exception as error:  # noqa: BLE001 - each library raises its own, for any fault of a file
        first = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
        return f"-The network cannot be computed: {first} Export it again.".encode()


def _limit(data_bytes: int) -> None:
    """Limit private writable memory, where the system can (Linux; elsewhere only time is)."""
    with contextlib.suppress(ImportError, AttributeError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (data_bytes, data_bytes))


if __name__ == "__main__":
    main(cast(Format, sys.argv[1]), Path(sys.argv[2]))
