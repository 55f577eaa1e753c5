"""The pages' end of the inference process: start it, send requests, notice when it is gone.

Not `multiprocessing`: its spawn imports the parent's main module in the child, and under
`streamlit run app.py` that is the app itself. Here the child is a command of its own
(`python -m cxrcore.inference.child`) that reads pickled requests from standard input and answers
on standard output. However the parent dies, the system closes that input and the child ends.
"""

import contextlib
import os
import queue
import subprocess
import sys
import threading
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

from cxrcore import explanations, settings
from cxrcore.errors import JobError
from cxrcore.inference import pipe
from cxrcore.inference.prediction import Prediction


class Worker:
    """One process that keeps networks loaded, predicts and explains, for many sessions.

    The process starts with the first call. Calls from several threads wait for each other. A
    process that died or hung is replaced at the next call.

    Args:
        max_models: how many networks stay loaded; the least recently used is dropped first.
    """

    def __init__(self, max_models: int = 8) -> None:
        self._max_models = max_models
        self._turn = threading.Lock()
        self._child: _Child | None = None

    def predict(
        self,
        image: bytes | Path,
        run_ids: Sequence[str],
        *,
        mask: Path | None = None,
        methods: Sequence[str] = explanations.BY_DEFAULT,
        class_name: str | None = None,
        name: str | None = None,
        timeout: float = 120,
    ) -> list[Prediction]:
        """What each run predicts for one image, prepared for each as in its training.

        Args:
            image: a file, or the bytes of an upload; untrusted, decoded in the child.
            run_ids: runs of the store, the only place that networks are loaded from.
            mask: lung mask for runs trained on masked images. Without it they get the whole
                image, and a note says so.
            methods: the maps to compute, of `explanations.METHODS`; none is quickest.
            class_name: the class to explain. By default, and with a note where a run does not
                have that class, the predicted one.
            name: the image's name in messages.
            timeout: seconds for this call, loading of networks included.

        Returns:
            One Prediction per run, in the order of `run_ids`. The `error` of a run that cannot
            be used says why; the others are not affected.

        Raises:
            ImageError: the image or the mask cannot be used.
            ExplainError: a method does not exist.
            JobError: the process died or took too long.
        """
        arguments = {"image": image, "run_ids": list(run_ids), "mask": mask, "name": name}
        arguments |= {"methods": list(methods), "class_name": class_name}
        return cast(list[Prediction], self._ask(arguments, timeout))

    @property
    def alive(self) -> bool:
        """Whether the process is running; False before the first call."""
        child = self._child
        return child is not None and child.process.poll() is None

    @property
    def pid(self) -> int | None:
        """The process id, if it is running."""
        child = self._child
        return child.process.pid if child is not None and self.alive else None

    def close(self) -> None:
        """Stop the process at once; a call in progress raises JobError. A later call starts a new one."""
        if child := self._child:
            child.stop()

    def _ask(self, arguments: dict[str, Any], timeout: float) -> object:
        with self._turn:
            if self._child is None or not self.alive:
                self.close()
                self._child = _Child(self._max_models)
            kind, answer = self._child.ask((arguments, _settings()), timeout)
        if kind == "error":
            raise answer
        return answer


class _Child:
    """The running process, as the parent holds it."""

    def __init__(self, max_models: int) -> None:
        # PR_SET_PDEATHSIG would look simpler, but it fires when the *thread* that started the
        # child ends, and Streamlit's script threads are short-lived.
        self.process = subprocess.Popen(
            # -P: no module is imported from the folder in which the server was started.
            [sys.executable, "-P", "-m", "cxrcore.inference.child", str(max_models)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=_environment(),
        )
        # Also called when the Worker is dropped and when the interpreter exits.
        self.stop = weakref.finalize(self, _end, self.process)

    def ask(self, request: object, timeout: float) -> tuple[str, Any]:
        """Send one request and wait for its answer; the child is stopped if none comes."""
        answers: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        message = pipe.pack(request)
        # A thread, because writing to a pipe and reading from it have no timeout.
        exchange = threading.Thread(
            target=_exchange, args=(self.process, message, answers), daemon=True
        )
        exchange.start()
        try:
            answer = answers.get(timeout=timeout)
        except queue.Empty:
            self.stop()
            raise JobError(
                f"The prediction took longer than {timeout:g} s and was stopped. The machine may "
                "be busy with a training. Try again, or choose fewer models."
            ) from None
        except BaseException:  # an interrupt: the answer would be taken for the next call's
            self.stop()
            raise
        if answer is None:
            if not self.stop.alive:
                raise JobError("The inference process was closed during a prediction. Try again.")
            self.stop()
            raise JobError(_cause_of_death(self.process.returncode))
        return cast(tuple[str, Any], pipe.unpack(answer))


def _exchange(process: subprocess.Popen, message: bytes, answers: queue.SimpleQueue) -> None:
    """Send one request and queue its answer; None if the child is gone."""
    try:
        pipe.send(cast(BinaryIO, process.stdin), message)
        answers.put(pipe.receive(cast(BinaryIO, process.stdout)))
    except (OSError, EOFError, ValueError):  # ValueError: closed at this end
        answers.put(None)


def _end(process: subprocess.Popen) -> None:
    """Kill the child, wait for it, close the pipes."""
    process.kill()
    process.wait()
    for end in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):  # what could not be delivered any more
            cast(BinaryIO, end).close()


def _environment() -> dict[str, str]:
    """The parent's, with this very package importable and TensorFlow less talkative."""
    path = os.pathsep.join(filter(None, [str(settings.ROOT), os.environ.get("PYTHONPATH")]))
    return {"TF_CPP_MIN_LOG_LEVEL": "2", **os.environ, "PYTHONPATH": path}


def _settings() -> dict[str, str]:
    """The current CXR_* variables; the child may have been started under others."""
    return {key: value for key, value in os.environ.items() if key.startswith("CXR_")}


def _cause_of_death(code: int) -> str:
    """A sentence on how the child ended."""
    if code == -9:
        cause = "the system killed it, most likely because the memory was full"
    elif code < 0:
        cause = f"it was ended by signal {-code}"
    else:
        cause = f"exit code {code}; the server's log has the details"
    return (
        f"The inference process stopped while it was working ({cause}). No stored data was "
        "affected. Try again, with fewer models if need be; a new process starts by itself."
    )
