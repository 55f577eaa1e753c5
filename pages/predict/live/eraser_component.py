"""The film with boxes that the visitor draws on it, by mouse, finger or keyboard."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

Box = tuple[int, int, int, int]  # x, y, width, height in pixels of the film


def draw(src: str, width: int, height: int, *, on_box: Callable[[Box], None], key: str) -> None:
    """Draw the film.

    Args:
        src: data URI of its picture, of any size.
        width, height: of the film in pixels.
        on_box: called with a box that was drawn, which lies on the film.
        key: of the component, one per place.
    """

    def boxed() -> None:
        box = _valid(st.session_state[key].box, width, height)
        if box is not None:
            on_box(box)

    # Registered again in every run: cheap, and it survives a reset registry.
    component = st.components.v2.component("cxr_eraser", html=_HTML, css=_CSS, js=_JS)
    data = {"src": src, "width": width, "height": height}
    component(data=data, key=key, on_box_change=boxed)


def _valid(sent: Any, width: int, height: int) -> Box | None:
    """The box that the browser sent, in whole pixels of the film; None for anything else."""
    if not isinstance(sent, list) or len(sent) != 4:
        return None
    if not all(type(part) in (int, float) and math.isfinite(part) for part in sent):
        return None
    x, y, wide, high = sent
    left, top = max(0, math.floor(x)), max(0, math.floor(y))
    right, bottom = min(width, math.ceil(x + wide)), min(height, math.ceil(y + high))
    return (left, top, right - left, bottom - top) if left < right and top < bottom else None


_HTML = """<div class="eraser" tabindex="0" role="application"><img alt="" draggable="false"><i hidden></i>
</div><p>Drag over a part to erase it.</p>"""
_CSS, _JS = (Path(__file__).with_suffix(suffix).read_text() for suffix in (".css", ".js"))
