"""The inference process: answers requests from its standard input until that is closed.

A request is a pickled `(arguments of predict, settings)`; the answer is `("value", result)`
or `("error", CxrError)`. Any other exception is a fault in this program: it ends the
process with a traceback on the server's log, and the parent starts a new one. It is a plain
subprocess: docs/decisions/0007.
"""

import contextlib
import os
import queue
import signal
import sys
import threading
from pathlib import Path
from typing import Any, BinaryIO

from cxrcore.errors import CxrError
from cxrcore.inference import pipe
from cxrcore.inference.models import Models, predict

Request = tuple[dict[str, Any], dict[str, str]]


def main(max_models: int) -> None:
    """Answer requests one at a time until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    _offer_to_the_memory_killer()
    answers = _private_output()
    inbox: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read_requests, args=(sys.stdin.buffer, inbox), daemon=True).start()
    models = Models(max_models)
    while True:
        request: Request = pipe.unpack(inbox.get())
        pipe.send(answers, pipe.pack(_answer(models, request)))


def _answer(models: Models, request: Request) -> tuple[str, object]:
    arguments, settings = request
    for key in [key for key in os.environ if key.startswith("CXR_")]:
        del os.environ[key]
    os.environ.update(settings)
    try:
        return "value", predict(models, **arguments)
    except CxrError as error:
        return "error", error


def _read_requests(requests: BinaryIO, inbox: queue.SimpleQueue) -> None:
    """Queue requests; when the input ends, the parent is gone, and this process exits.

    It runs in a thread, so that the end is noticed even in the middle of a computation.
    """
    while True:
        try:
            inbox.put(pipe.receive(requests))
        except (EOFError, OSError):
            os._exit(0)


def _private_output() -> BinaryIO:
    """The pipe to the parent; whatever prints to standard output goes to standard error instead."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


def _offer_to_the_memory_killer() -> None:
    """When memory runs out, let Linux end this process rather than the server."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")


if __name__ == "__main__":
    main(int(sys.argv[1]))
