"""The decoding process: reads untrusted files, one at a time, within a limit of memory.

A request is two messages: a pickled `(path or None, name, page, settings)`, and the bytes of an upload or
nothing; on its own, because a message that is unpacked is in memory twice. The answer is a packed Film, or
"-" and a sentence that says why there is none; never a pickle, see docs/decisions/0048.
"""

import contextlib
import os
import queue
import signal
import sys

import cv2

from cxrcore.errors import CxrError
from cxrcore.films import pipe
from cxrcore.films.film import Film
from cxrcore.images import dicom  # noqa: F401 - imported before the first film and not with it


def main(data_bytes: int) -> None:
    """Answer until the parent is gone.

    Args:
        data_bytes: most memory for data; mapped libraries come on top.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent
    answers = pipe.private_output()
    inbox: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    pipe.listen(inbox.put)
    cv2.setNumThreads(1)
    _load_codecs()
    _limit(data_bytes)
    pipe.send(answers, b"ready")
    while True:
        pipe.send(answers, *_answer(inbox.get(), inbox.get()))


def _answer(request: bytes, data: bytes) -> list[bytes | memoryview]:
    try:
        path, name, page, settings = pipe.unpack(request)
        os.environ.update(settings)
        return Film.read(data if path is None else path, name, page).packed()
    except CxrError as error:
        return [b"-", str(error).encode()]
    except MemoryError:
        return [b"-The file needs more memory to be read than is allowed here. Save it smaller."]


def _load_codecs() -> None:
    """imagecodecs loads each of its libraries at the first use."""
    import imagecodecs

    _ = imagecodecs.jpeg_decode, imagecodecs.jpeg2k_decode, imagecodecs.jpegls_decode
    _ = imagecodecs.png_decode, imagecodecs.tiff_decode


def _limit(data_bytes: int) -> None:
    """Limit private writable memory, where the system can (Linux; elsewhere only time is)."""
    with contextlib.suppress(ImportError, AttributeError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (data_bytes, data_bytes))


if __name__ == "__main__":
    main(int(sys.argv[1]))
