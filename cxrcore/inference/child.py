"""The inference process: answers requests from its standard input until that is closed.

A request is a pickled `Request`; an empty message abandons the one under way. The answer is
`("value", result)`, `("error", CxrError)` or `("abandoned", None)`; `("progress", (done, total))`
may come before. Any other exception is a fault in this program: it ends the process with a
traceback on the server's log, and the parent starts a new one (docs/decisions/0007).
"""

import contextlib
import os
import queue
import signal
import sys
import threading
import time
from pathlib import Path
from typing import BinaryIO

from cxrcore.errors import CxrError
from cxrcore.films import pipe
from cxrcore.inference.models import Models, predict, warm
from cxrcore.inference.request import Recent, Request

_SECONDS = 0.1  # between two messages of progress


class _Abandoned(Exception):  # noqa: N818 (it is asked for)
    """The visitor does not want the answer any more."""


def main(max_models: int) -> None:
    """Answer requests one at a time until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    _offer_to_the_memory_killer()
    answers = pipe.private_output()
    inbox: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    abandoned = threading.Event()

    def hear(message: bytes) -> None:
        if message:
            abandoned.clear()  # the parent sends nothing before the last request was answered
            inbox.put(message)
        else:
            abandoned.set()

    pipe.listen(hear)
    models, pictures = Models(max_models), Recent()
    while True:
        request: Request = pipe.unpack(inbox.get())
        answer = _answer(models, pictures, request, _Progress(answers, abandoned))
        pipe.send(answers, pipe.pack(answer))


def _answer(
    models: Models, pictures: Recent, request: Request, progress: "_Progress"
) -> tuple[str, object]:
    for key in [key for key in os.environ if key.startswith("CXR_")]:
        del os.environ[key]
    os.environ.update(request.settings)
    if request.picture is not None and request.film is not None:
        pictures.put(request.film, request.picture)
    options = request.options
    try:
        if request.film is None:
            warm(models, request.run_id, **options)
            return "value", None
        picture = pictures[request.film]
        return "value", predict(models, picture, [request.run_id], progress=progress, **options)
    except CxrError as error:
        return "error", error
    except _Abandoned:
        return "abandoned", None


class _Progress:
    """Tells the parent how far a slow map is, and ends it when the parent wants that."""

    def __init__(self, answers: BinaryIO, abandoned: threading.Event) -> None:
        self._answers, self._abandoned = answers, abandoned
        self._told = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        if self._abandoned.is_set():
            raise _Abandoned
        if time.monotonic() - self._told >= _SECONDS:
            self._told = time.monotonic()
            pipe.send(self._answers, pipe.pack(("progress", (done, total))))


def _offer_to_the_memory_killer() -> None:
    """When memory runs out, let Linux end this process rather than the server."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")


if __name__ == "__main__":
    main(int(sys.argv[1]))
