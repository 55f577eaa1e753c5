"""The inference process: takes requests from its standard input until that is closed.

A request is a pickled `(arguments of predict, settings)`; the answer is `("value", result)`
or `("error", CxrError)`. Any other exception is a fault in this program: it ends the
process with a traceback on the server's log, and the parent starts a new one.
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
    """Answer requests, one at a time, for ever."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's; we see its end
    _offer_to_the_memory_killer()
    answers = _private_output()
    inbox: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, inbox), daemon=True).start()
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


def _listen(requests: BinaryIO, inbox: queue.SimpleQueue) -> None:
    """Pass requests on. The end of the input is the end of the parent, and so of this process.

    In a thread of its own, so that it is noticed also in the middle of a computation.
    """
    while True:
        try:
            inbox.put(pipe.receive(requests))
        except (EOFError, OSError):
            os._exit(0)


def _private_output() -> BinaryIO:
    """The pipe to the parent, out of reach of anything that prints."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


def _offer_to_the_memory_killer() -> None:
    """When memory runs out, Linux shall end this process rather than the server."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")


if __name__ == "__main__":
    main(int(sys.argv[1]))
