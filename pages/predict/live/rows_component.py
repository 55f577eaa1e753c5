"""Rows of models with their answers and maps, drawn by the browser: one inline component.

The film is sent once, each map as a small gray picture with the part of the film that it covers;
colours, opacity, contours, swipe and zoom need no message (docs/decisions/0050).
"""

import base64
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import streamlit as st

from cxrcore import figures

Box = tuple[int, int, int, int]  # x, y, width, height in pixels of the film
COLOURS = ("inferno", "viridis", "cividis")  # even in brightness, safe for colour-blind eyes


@dataclass(frozen=True)
class Bar:
    """A class with its share, 0..1; `chosen` is the answer, `threshold` its operating point."""

    label: str
    share: float
    text: str
    chosen: bool = False
    threshold: float | None = None


@dataclass(frozen=True)
class Map:
    """One picture of a row: the film, with a map over it.

    Attributes:
        title: of its column.
        text: for screen readers.
        box: the part of the film that it covers.
        src: data URI of the map's gray levels, 255 where it is strongest; "" for the plain film.
        seen: data URI of what the model saw there, where that is not the film itself; or "".
        words: stand over the picture.
        offer: the class that a button below the words explains; or "".
        note: a few words in a corner of the picture; or "".
    """

    title: str
    text: str
    box: Box
    src: str = ""
    seen: str = ""
    words: str = ""
    offer: str = ""
    note: str = ""


@dataclass(frozen=True)
class Near:
    """A training film close to this one."""

    src: str
    text: str
    colour: str


@dataclass(frozen=True)
class Row:
    """One model; all names are plain text.

    Attributes:
        title: beside a square of `colour`.
        marks: words on badges; `hint` explains them.
        answer: the class; `right` where the truth is known.
        words: sentences below the answer.
        bars: the classes.
        near: a sentence over `nearest`; "" without.
        maps: one a column.
        error: why there is no answer; the rest is empty then.
    """

    title: str
    colour: str
    marks: Sequence[str] = ()
    hint: str = ""
    answer: str = ""
    right: bool | None = None
    words: Sequence[str] = ()
    bars: Sequence[Bar] = ()
    near: str = ""
    nearest: Sequence[Near] = ()
    maps: Sequence[Map] = ()
    error: str = ""


@dataclass(frozen=True)
class Film:
    """The film.

    Attributes:
        key: changes with the film.
        src: JPEG as a data URI.
        width, height: in pixels before it was made smaller.
        lungs: closed lines around them, x, y, x, y … in those pixels.
    """

    key: str
    src: str
    width: int
    height: int
    lungs: Sequence[Sequence[int]] = ()


def draw(
    film: Film, rows: Sequence[Row], legend: str, *, on_explain: Callable[[str], None], key: str
) -> None:
    """Draw the rows.

    Args:
        film: under all maps.
        rows: in order.
        legend: what colours mean, below the rows.
        on_explain: called with a class that a map without evidence offers.
        key: of the component, one per place.
    """

    def explain() -> None:
        name = st.session_state[key].explained
        # Not after a click that was under way when the page changed.
        if name in {shown.offer for row in rows for shown in row.maps if shown.offer}:
            on_explain(name)

    data = {
        "film": asdict(film),
        "rows": [asdict(row) for row in rows],
        "legend": legend,
        "tables": _TABLES,
    }
    # Registered again in every run: cheap, and it survives a reset registry.
    component = st.components.v2.component("cxr_live", html=_HTML, css=_CSS, js=_JS)
    component(data=data, key=key, on_explained_change=explain)


def data_uri(picture: bytes, kind: str = "jpeg") -> str:
    """Bytes of a picture as its own address."""
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"


def _text(name: str) -> str:
    return (Path(__file__).parent / name).read_text()


# Base64 of 256 x RGB.
_TABLES = {name: base64.b64encode(figures.COLORMAPS[name].tobytes()).decode() for name in COLOURS}
_HTML = """<div class="live"><div class="bar" role="toolbar" aria-label="View of the maps"></div>
<div class="rows"></div><p class="legend"><span></span></p></div>"""
_CSS = _text("rows_component.css")
_JS = _text("rows_maps.js") + _text("rows_component.js")
