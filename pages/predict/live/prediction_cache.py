"""What the live page keeps: the process that holds the models, and its last answers."""
# ruff: noqa: ARG001  (arguments that a function does not use are the key of its cache)

from pathlib import Path
from typing import Any

import streamlit as st

from cxrcore import settings
from cxrcore.inference import Prediction, Worker


@st.cache_resource(show_spinner=False, on_release=lambda old: old.close())
def worker() -> Worker:
    """The one process that holds loaded models, for all sessions."""
    return Worker()


def predict(
    name: str, image: bytes, mask: str | None, run_ids: tuple[str, ...], class_name: str | None
) -> list[Prediction]:
    """The answer of each run to an image, with its maps; the last answers are kept.

    Args:
        name: of the image, for messages.
        image: its bytes.
        mask: path of its lung mask, if it has one.
        run_ids: in order.
        class_name: the class to explain; None for the one that each run predicts.

    Raises:
        ImageError, ExplainError, JobError: as `Worker.predict`.
    """
    arguments: Any = (name, image, mask, run_ids, class_name, str(settings.models_dir()))
    found = _predict(*arguments)
    if any(prediction.error for prediction in found):
        _predict.clear(*arguments)  # it may work the next time
    return found


@st.cache_data(max_entries=24, show_spinner="The models are looking …")
def _predict(
    name: str,
    image: bytes,
    mask: str | None,
    run_ids: tuple[str, ...],
    class_name: str | None,
    models_dir: str,
) -> list[Prediction]:
    path = None if mask is None else Path(mask)
    return worker().predict(image, run_ids, mask=path, class_name=class_name, name=name)
