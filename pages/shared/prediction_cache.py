"""The processes that decode and predict, and their last films and answers."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from typing import Generic, TypeVar

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.scriptrunner import get_script_run_ctx

from cxrcore import explanations, files, settings
from cxrcore.films import OnWait
from cxrcore.inference import Decoder, Film, Prediction, Wait, Worker
from cxrcore.inference.pictures import Lungs
from cxrcore.lungs import Segmentation

FILM_BYTES = 256_000_000
ANSWER_BYTES = 256_000_000
Value = TypeVar("Value")


class Kept(Generic[Value]):
    """The last values by key, for all sessions, as many as fit into so many bytes."""

    def __init__(self, most_bytes: int) -> None:
        self._most, self._bytes = most_bytes, 0
        self._values: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> Value | None:
        """The value, if it is still there."""
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key][0]

    def put(self, key: Hashable, value: Value, size: int) -> None:
        """Keep a value of so many bytes; those used longest ago make room, it may be itself."""
        with self._lock:
            self._bytes += size - self._values.pop(key, (None, 0))[1]
            self._values[key] = value, size
            while self._bytes > self._most:
                self._bytes -= self._values.popitem(last=False)[1][1]


@st.cache_resource(show_spinner=False, on_release=lambda old: old.close())
def worker() -> Worker:
    """The one process that holds loaded models, for all sessions."""
    return Worker()


@st.cache_resource(show_spinner=False, on_release=lambda old: old.close())
def decoder() -> Decoder:
    """The processes that decode files, for all sessions."""
    return Decoder()


@st.cache_resource(show_spinner=False)
def _films() -> Kept[Film]:
    return Kept(FILM_BYTES)


@st.cache_resource(show_spinner=False)
def _answers() -> Kept[Prediction]:
    return Kept(ANSWER_BYTES)


def film(name: str, data: bytes, on_wait: OnWait | None = None, page: int = 1) -> Film:
    """The film of a file's bytes, or a page of it; the last ones are kept.

    Raises:
        ImageError, JobError: as `Decoder.decode`.
    """
    key = name, page, hashlib.blake2b(data, digest_size=16).hexdigest()
    found = _films().get(key)
    if found is None:
        found = decoder().decode(data, name=name, session=_session(), on_wait=on_wait, page=page)
        _films().put(key, found, found.nbytes)
    return found


def predict(
    film: Film,
    run_ids: Sequence[str],
    class_name: str | None,
    *,
    mask: Lungs = None,
    methods: Sequence[str] = explanations.BY_DEFAULT,
    layer: str | None = None,
    on_wait: OnWait | None = None,
) -> list[Prediction]:
    """The answer of each run to a film, with its maps; only what is not kept is computed.

    Args:
        film: of `film`, or `altered`.
        run_ids: in order.
        class_name: the class to explain; None for the one that each run predicts.
        mask, methods, layer, on_wait: as for `Worker.predict`.

    Raises:
        ImageError, ExplainError, JobError: as `Worker.predict`.
    """
    asked = film.digest, _mask_key(mask), frozenset(methods), class_name, layer
    keys = {run_id: (*asked, run_id, _stamp(run_id)) for run_id in run_ids}
    found = {run_id: _answers().get(key) for run_id, key in keys.items()}
    if missing := [run_id for run_id, answer in found.items() if answer is None]:
        for answer in worker().predict(
            film,
            missing,
            mask=mask,
            methods=methods,
            class_name=class_name,
            layer=layer,
            session=_session(),
            on_wait=on_wait,
        ):
            found[answer.run_id] = answer
            if answer.error is None:  # an error may be gone the next time
                _answers().put(keys[answer.run_id], answer, _size(answer))
    return [said for run_id in run_ids if (said := found[run_id]) is not None]


def telling(place: DeltaGenerator) -> OnWait:
    """An `on_wait` that says in a placeholder how long the line is and how far the work.

    Writing there also lets Streamlit end the script when the visitor has gone on, and with it
    the request.
    """

    def tell(wait: Wait) -> None:
        if wait.before:
            place.caption(f"{wait.before} before you …")
        elif wait.done:
            place.progress(wait.done / wait.total, "The models are looking …")
        else:
            place.caption("The models are looking …")

    return tell


def _session() -> str:
    context = get_script_run_ctx(suppress_warning=True)
    return "" if context is None else context.session_id


def _stamp(run_id: str) -> files.Stamp:
    """Changes when a run is trained again under its name."""
    return files.stamp([settings.models_dir() / run_id / "run.json"])


def _mask_key(mask: Lungs) -> Hashable:
    if isinstance(mask, Segmentation):
        return mask.reason, mask.notes, _mask_key(mask.mask)
    if isinstance(mask, np.ndarray):
        digest = hashlib.blake2b(np.packbits(mask).tobytes(), digest_size=16)
        return mask.shape, digest.hexdigest()
    return None if mask is None else (str(mask), files.stamp([mask]))


def _size(answer: Prediction) -> int:
    """Bytes of its arrays, about."""
    arrays = (*answer.maps.values(), *answer.depths, answer.embedding, answer.seen)
    return 4096 + sum(array.nbytes for array in arrays)
