"""Confusion matrices side by side, for mouse, keyboard and screen readers: one inline component.

Streamlit's charts give no keyboard a way to their cells; see docs/decisions/0045.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from cxrcore.figures import PALETTE

Place = tuple[int, int, int]  # a matrix, its row, its column, each from 0


@dataclass(frozen=True)
class Matrix:
    """One matrix; all names are plain text.

    Attributes:
        title: above it, beside a square of `colour`.
        detail: a word or two after the title.
        marks: words on badges; `hint` explains them.
        rows, columns: names of classes.
        counts: films, one list a row; or of what `noun` says.
        texts: what the cells say instead of their films; empty for the films.
        shades: -1..1, negative only on a scale with two ends.
        words: stand before the row, before the column and after the films where a cell is read out.
        unit: follows its text there.
    """

    title: str
    colour: str
    rows: Sequence[str]
    columns: Sequence[str]
    counts: Sequence[Sequence[int]]
    texts: Sequence[Sequence[str]]
    shades: Sequence[Sequence[float]]
    words: tuple[str, str, str]
    unit: str = ""
    noun: str = "film"
    detail: str = ""
    marks: Sequence[str] = ()
    hint: str = ""


@dataclass(frozen=True)
class Legend:
    """What the colours mean: the ends of the scale, a sentence; `both` if it has two sides of 0."""

    low: str
    high: str
    text: str
    both: bool = False


@dataclass(frozen=True)
class Listing:
    """Some cells as a table: what it is called, the heading of its first column, the cells."""

    title: str
    heading: str
    places: Sequence[Place]


def draw(
    matrices: Sequence[Matrix],
    legend: Legend,
    *,
    selected: Place | None,
    listing: Listing,
    on_pick: Callable[[Place], None],
    key: str,
) -> None:
    """Draw matrices of one size, as many a row as fit.

    Args:
        matrices: in order.
        legend: of all of them.
        selected: the open cell.
        listing: cells as a table below.
        on_pick: called with the cell that is opened, which is one of those drawn.
        key: of the component, one per place.
    """

    def picked() -> None:
        place = st.session_state[key].picked
        if _exists(place, matrices):  # not after a click that was under way when the page changed
            on_pick((place[0], place[1], place[2]))

    data = {
        "matrices": [asdict(matrix) for matrix in matrices],
        "legend": asdict(legend),
        "selected": selected,
        "listing": asdict(listing),
        "other": PALETTE[1],
    }
    # Registered again in every run: cheap, and it survives a reset registry.
    component = st.components.v2.component("cxr_matrices", html=_HTML, css=_CSS, js=_JS)
    component(data=data, key=key, on_picked_change=picked)


def _exists(place: Any, matrices: Sequence[Matrix]) -> bool:
    """Whether what the browser sent is a cell."""
    if not isinstance(place, list) or [type(part) for part in place] != [int, int, int]:
        return False
    number, row, column = place
    if not 0 <= number < len(matrices):
        return False
    return 0 <= row < len(matrices[number].rows) and 0 <= column < len(matrices[number].columns)


_HTML = """<div class="matrices"><div class="all"></div><div class="legend"><span></span><i></i>
<span></span><p></p></div><details><summary></summary><table></table></details></div>"""
_CSS, _JS = (Path(__file__).with_suffix(suffix).read_text() for suffix in (".css", ".js"))
