"""A network from elsewhere, computed in a process of its own within limits of memory and time."""

import json
import queue
import threading
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cxrcore.archives import size
from cxrcore.errors import ModelError
from cxrcore.films.process import Process
from cxrcore.foreign.interface import Format, Interface, Signature

SECONDS = 10.0  # for a film; one takes milliseconds
_START_SECONDS = 120.0  # libraries take seconds, on a busy machine many
MOST_BYTES = 2 << 30  # of a file; protocol buffers hold no more
_ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": "-1"}


class Engine:
    """A network that can be asked; its process starts at the first question and again after a fault.

    Args:
        path: of its file.
        kind: of file.
        seconds: for each film; a network that takes longer is stopped.
    """

    def __init__(self, path: Path, kind: Format, seconds: float = SECONDS) -> None:
        self.kind = kind
        self.failure: ModelError | None = None  # of the last question: TensorFlow would drop it
        self._path, self._seconds = path, seconds
        self._lock = threading.Lock()
        self._process: Process | None = None
        self._signature: Signature | None = None

    def signature(self) -> Signature:
        """What the file says about its network.

        Raises:
            ModelError: it cannot be used, or takes too much memory or time.
        """
        with self._lock:
            self._running()
            assert self._signature is not None  # noqa: S101 - known once it runs
            return self._signature

    def logits(
        self, films: npt.NDArray[np.float32], interface: Interface
    ) -> npt.NDArray[np.float32]:
        """(n, k) values for n films whose softmax are the probabilities; arguments as `outputs`."""
        return interface.logits(self.outputs(films, interface))

    def outputs(
        self, films: npt.NDArray[np.float32], interface: Interface
    ) -> npt.NDArray[np.float32]:
        """(n, k) outputs of the network for (n, S, S) gray levels 0..255.

        Raises:
            ModelError: it fails, or takes too much memory or time.
        """
        try:
            self.failure = None
            data = np.ascontiguousarray(films, np.float32)
            answer = self._ask({}, interface, data.tobytes(), self._seconds * (1 + len(films)))
            return np.frombuffer(answer, np.float32).reshape(len(films), -1)
        except ModelError as error:
            self.failure = error
            raise

    def keep(self, target: Path, interface: Interface) -> None:
        """Write a network of a `.keras` file as those that are trained here.

        Raises:
            ModelError: as `outputs`.
        """
        self._ask({"keep": str(target)}, interface, b"", _START_SECONDS)

    def close(self) -> None:
        """End the process; a later question starts another."""
        with self._lock:
            if self._process is not None:
                self._process.stop()

    def _ask(
        self, wanted: dict[str, str], interface: Interface, data: bytes, seconds: float
    ) -> bytes:
        line = json.dumps({**wanted, "interface": interface.model_dump()}).encode()
        with self._lock:
            process = self._running()
            process.send(line + b"\n" + data)
            return self._received(process, seconds)

    def _running(self) -> Process:
        if self._process is None or self._process.stopped or not self._process.alive:
            try:
                bytes_ = self._path.stat().st_size
            except OSError as error:
                raise ModelError(
                    f"{self._path} cannot be read: {error.strerror}. Import the network again."
                ) from error
            if bytes_ > MOST_BYTES:
                raise ModelError(
                    f"{self._path.name} has {size(bytes_)}; {size(MOST_BYTES)} are the most. Export the "
                    "network in one file, without what only training needs."
                )
            self._process = Process(
                "cxrcore.foreign.child", self.kind, str(self._path), environment=_ENVIRONMENT
            )
            self._signature = None
        if self._signature is None:
            found = json.loads(self._received(self._process, _START_SECONDS))
            self._signature = Signature(**{**found, "shape": tuple(found["shape"])})
        return self._process

    def _received(self, process: Process, seconds: float) -> bytes:
        """The next answer without its sign."""
        name = self._path.name
        try:
            answer = process.receive(seconds)
        except queue.Empty:
            process.stop()
            raise ModelError(
                f"{name} did not answer in {seconds:g} s and was stopped. Its network is too slow for this "
                "machine, or never ends: try it again on an idle machine, or export a smaller one."
            ) from None
        if answer is None:
            cause = process.cause_of_death()
            process.stop()
            raise ModelError(
                f"The process that computed {name} ended ({cause}); the file is damaged, or needs more memory "
                "than it is allowed. Export the network again."
            )
        if answer[:1] == b"-":
            raise ModelError(f"{name}: {answer[1:].decode('utf-8', 'replace')}")
        return answer[1:]
