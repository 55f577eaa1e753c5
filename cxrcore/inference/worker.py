"""The pages' end of the inference process: whose turn it is, what is asked, when it is gone."""

import itertools
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from cxrcore import explanations
from cxrcore.errors import CxrError, JobError
from cxrcore.films import Decoder, Film, OnWait, Turns, Wait, pipe
from cxrcore.films.process import Process
from cxrcore.inference.pictures import Lungs, Picture
from cxrcore.inference.prediction import Prediction
from cxrcore.inference.request import Recent, Request

_TICK = 0.1  # seconds between two calls of `on_wait`
Warm = tuple[str, tuple[str, ...]]  # a run, and methods that are compiled together


class Worker:
    """One process that keeps networks loaded, predicts and explains, for many sessions.

    The process starts with the first call, works on one run at a time, and is replaced at the next
    call if it died or hung. Sessions take turns: after each run of a request another session's
    comes in between, and what a session asks for replaces what it was still waiting for.

    Args:
        max_models: how many networks stay loaded; the least recently used is dropped first.
    """

    def __init__(self, max_models: int = 8) -> None:
        self._max_models = max_models
        self._turns = Turns(newest=True)
        self._child: _Child | None = None
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._cold: deque[Warm] = deque()
        self._warming = False
        self._decoder: Decoder | None = None

    def predict(
        self,
        image: Film | bytes | Path,
        run_ids: Sequence[str],
        *,
        mask: Lungs = None,
        methods: Sequence[str] = explanations.BY_DEFAULT,
        class_name: str | None = None,
        layer: str | None = None,
        session: str = "",
        on_wait: OnWait | None = None,
        timeout: float = 120,
        name: str | None = None,
    ) -> list[Prediction]:
        """What each run predicts for one image, prepared for each as in its training.

        Args:
            image: a film, or a file or upload, which a `Decoder` of this worker's then decodes.
            run_ids: runs of the store, the only place that networks are loaded from.
            mask: lungs for runs trained on masked images, (H, W) bool, a reference as
                `Dataset.mask_of` gives it, or as `lungs.find` found them. Without it, and with a
                reference for runs trained on estimated lungs, they are found so; where there are
                none the run gets the whole image, and a note says so.
            methods: the maps to compute, of `explanations.METHODS`; none is quickest.
            class_name: the class to explain. By default, and with a note where a run does not
                have that class, the predicted one.
            layer: where CAM methods look, one of `explanations.layers`; by default the last.
            session: the visitor; "" is a new one each time.
            on_wait: called with a Wait about every 0.1 s. What it raises ends the request: it
                leaves the line, or a slow method stops at its next step.
            timeout: seconds of work on this request, loading of networks included.
            name: the image's name in messages; a film has its own.

        Returns:
            One Prediction per run, in the order of `run_ids`. The `error` of a run that cannot
            be used says why; the others are not affected.

        Raises:
            ImageError: the image or the mask cannot be used.
            ExplainError: a method does not exist.
            Superseded: the session asked for something else while this waited.
            JobError: too many requests wait, or the process died or took too long.
        """
        explanations.check(methods)
        film = image
        if not isinstance(film, Film):
            film = self._own_decoder().decode(film, name=name, session=session, on_wait=on_wait)
        picture, number = Picture(film.gray, mask, film.digest), next(self._numbers)
        options = {"methods": list(methods), "class_name": class_name, "layer": layer}
        found: list[Prediction] = []

        def tell(wait: Wait) -> None:
            steps = max(1, wait.total)  # of one run
            if on_wait is not None:
                done = len(found) * steps + wait.done
                on_wait(Wait(wait.before, done, len(run_ids) * steps))

        with self._turns.request(session) as request:
            for run_id in run_ids:
                with request.turn(tell):
                    child = self._running(tell)
                    start = time.monotonic()
                    wanted = Request(run_id, _settings(), options, number)
                    found += child.ask(wanted, picture, timeout, tell)
                    timeout -= time.monotonic() - start
        return found

    def warm(self, run_ids: Sequence[str]) -> None:
        """Load networks and compile their quick methods, while nobody waits; returns at once.

        First the maps of all runs, then their answers alone, as a film that is being changed needs
        them. A run that cannot be loaded is passed over: its prediction will say why.
        """
        quick = tuple(explanations.BY_DEFAULT)
        wanted = [(run, methods) for methods in (quick, ()) for run in run_ids[: self._max_models]]
        with self._lock:
            self._cold.extend(step for step in wanted if step not in self._cold)
            if self._cold and not self._warming:
                self._warming = True
                threading.Thread(target=self._warm, daemon=True).start()

    @property
    def alive(self) -> bool:
        """Whether the process is running; False before the first call."""
        child = self._child
        return child is not None and child.alive

    @property
    def pid(self) -> int | None:
        """The process id, if it is running."""
        child = self._child
        return child.pid if child is not None and child.alive else None

    def close(self) -> None:
        """Stop the process at once; a call in progress raises JobError. A later call starts a new one."""
        with self._lock:
            self._cold.clear()
        if child := self._child:
            child.stop()
        if decoder := self._decoder:
            decoder.close()

    def _running(self, tell: OnWait | None = None) -> "_Child":
        """The process, idle; another one if it died or cannot be freed of an abandoned request."""
        if self._child is None or not self._child.free(tell):
            if self._child is not None:
                self._child.stop()
            self._child = _Child(self._max_models)
        return self._child

    def _warm(self) -> None:
        while True:
            with self._lock:
                self._warming = bool(self._cold)
                if not self._warming:
                    return
                step = self._cold.popleft()
            try:
                with self._turns.request(low=True) as waiting, waiting.turn():
                    child = self._running()
                    if step not in child.warm:
                        child.warm.add(step)
                        run_id, methods = step
                        request = Request(run_id, _settings(), {"methods": methods})
                        child.ask(request, None, 120, None)
            except CxrError:
                continue

    def _own_decoder(self) -> Decoder:
        with self._lock:
            if self._decoder is None:
                self._decoder = Decoder()
            return self._decoder


class _Child(Process):
    """The inference process, as the parent holds it; used by one thread at a time."""

    def __init__(self, max_models: int) -> None:
        quiet = {"TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "2")}
        super().__init__("cxrcore.inference.child", str(max_models), environment=quiet)
        self.warm: set[Warm] = set()
        self._sent = Recent()
        self._deadline: float | None = None  # of the request under way

    def free(self, tell: OnWait | None) -> bool:
        """Wait for the end of an abandoned request; False if the process has to be replaced."""
        while self._deadline is not None and time.monotonic() < self._deadline:
            try:
                self._take(_TICK)
            except queue.Empty:
                if tell is not None:
                    tell(Wait(0))
            except JobError:
                return False
        return self._deadline is None and self.alive

    def ask(
        self, request: Request, picture: Picture | None, timeout: float, tell: OnWait | None
    ) -> Any:
        """Send a request and wait for its answer; the process is stopped if none comes."""
        new = picture is not None and request.film not in self._sent
        self.send(pipe.pack(request._replace(picture=picture) if new else request))
        if new:
            self._sent.put(cast(int, request.film), None)
        self._deadline = time.monotonic() + timeout
        done = total = 0
        while True:
            left = self._deadline - time.monotonic()
            try:
                answer = self._take(max(0.0, min(_TICK, left)))
            except queue.Empty:
                answer = None
                if left <= 0:
                    self.stop()
                    raise JobError(
                        f"The prediction took longer than {timeout:.3g} s and was stopped. The "
                        "machine may be busy with a training. Try again, or choose fewer models."
                    ) from None
            match answer:
                case "progress", (done, total):
                    pass
                case "value", found:
                    return found
                case "error", error:
                    raise error
            if tell is not None:
                try:
                    tell(Wait(0, done, total))
                except BaseException:
                    self.send(b"")  # abandons it
                    raise

    def _take(self, timeout: float) -> tuple[str, Any]:
        """The next answer.

        Raises:
            queue.Empty: none came in so many seconds.
            JobError: the process is gone.
        """
        message = self.receive(max(0.0, timeout))
        if message is None:
            self._deadline = None
            if self.stopped:
                raise JobError("The inference process was closed during a prediction. Try again.")
            cause = self.cause_of_death()
            self.stop()
            raise JobError(
                f"The inference process stopped while it was working ({cause}). No stored data was "
                "affected. Try again, with fewer models if need be; a new process starts by itself."
            )
        answer = cast(tuple[str, Any], pipe.unpack(message))
        if answer[0] != "progress":
            self._deadline = None
        return answer


def _settings() -> dict[str, str]:
    """The current CXR_* variables; the process may have been started under others."""
    return {key: value for key, value in os.environ.items() if key.startswith("CXR_")}
