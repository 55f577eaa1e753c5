"""The colours and the common layout of all figures."""

from collections.abc import Iterable, Mapping, Sequence

import plotly.graph_objects as go

# Ten colours, each with a contrast of at least 3 to a white and to a dark page (#11171C), and at
# least 10 CIEDE2000 apart from each other in full, protan and deutan vision, 6 in the rare tritan
# (simulated after Machado et al. 2009, doi 10.1109/TVCG.2009.113). The first two are Okabe and
# Ito's blue and vermilion. `.streamlit/config.toml` has the same ten; a test compares.
PALETTE = (
    "#0072b2",  # blue
    "#d55e00",  # vermilion
    "#00a596",  # teal
    "#b42d78",  # plum
    "#969669",  # olive
    "#0096ff",  # azure
    "#965a5a",  # brown
    "#f05a96",  # pink
    "#7896c3",  # steel
    "#c31e1e",  # red
)
# Eight colours for runs, so that a run is never taken for a class. Contrast as above; 10 CIEDE2000
# apart from each other in full, protan and deutan vision and 12 in tritan; from any colour of a
# class 10 in full, 6 in protan and deutan and 4 in tritan vision; a search of colours every 10 levels
# of red, green and blue found none that keep 10 from both in all of them.
RUN_PALETTE = (
    "#d200be",  # magenta
    "#00785a",  # pine
    "#0a64fa",  # ultramarine
    "#646e32",  # moss
    "#dc0a64",  # crimson
    "#5aa03c",  # leaf
    "#5a648c",  # slate
    "#aa6e82",  # rose
)
NEUTRAL = "#7d8790"  # lines and text that must be seen on a light and on a dark page
MISSING = "unknown"  # shown where a value is missing
SPLIT_COLOURS = {
    "train": "#0072b2",
    "validation": "#00a596",
    "test": "#d55e00",
    MISSING: NEUTRAL,
}
ROW_HEIGHT = 44  # pixels, of one bar with its name


def class_colours(classes: Sequence[str]) -> dict[str, str]:
    """A colour for each class by its place in the dataset's order, the same in every figure.

    >>> class_colours(["Normal", "COVID-19"])
    {'Normal': '#0072b2', 'COVID-19': '#d55e00'}
    """
    return {name: PALETTE[place % len(PALETTE)] for place, name in enumerate(classes)}


def run_colours(
    names: Iterable[str], members: Mapping[str, Sequence[str]] | None = None
) -> dict[str, str]:
    """A colour for each run, the same in every figure; the ninth starts again.

    Args:
        names: of runs and families of runs, in the order in which the first of each was made
            (`store.by_creation`), so that a new one changes the colour of no other.
        members: of a family -> its runs, the oldest first. They take its colour and those that
            follow it.

    >>> run_colours(["one", "two"])
    {'one': '#d200be', 'two': '#00785a'}
    """
    found = {}
    for place, name in enumerate(names):
        for offset, run in enumerate((members or {}).get(name, ())):
            found[run] = RUN_PALETTE[(place + offset) % len(RUN_PALETTE)]
        found[name] = RUN_PALETTE[place % len(RUN_PALETTE)]
    return found


def faded(colour: str, alpha: float) -> str:
    """A `#rrggbb` colour as CSS `rgba(...)` of that opacity, 0..1.

    >>> faded("#0072b2", 0.25)
    'rgba(0, 114, 178, 0.25)'
    """
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {alpha:g})"


def layout(
    fig: go.Figure, *, height: int, x: str | None = None, y: str | None = None, legend: bool = True
) -> go.Figure:
    """Give a figure the common look and return it.

    The page's theme colours background and text, light or dark. Dragging does nothing, so that a
    finger can scroll past.

    Args:
        fig: changed in place; it is the caller's own.
        height: pixels.
        x: title of the horizontal axis.
        y: title of the vertical axis.
        legend: whether to name the traces above the figure.
    """
    fig.update_layout(
        height=height,
        margin={"l": 8, "r": 16, "t": 36 if legend else 12, "b": 8},
        showlegend=legend,
        legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "title_text": ""},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        dragmode=False,
        bargap=0.3,
        hoverlabel={"align": "left"},
    )
    fig.update_xaxes(automargin=True, zeroline=False)
    fig.update_yaxes(automargin=True, zeroline=False)
    if x is not None:
        fig.update_xaxes(title_text=x)
    if y is not None:
        fig.update_yaxes(title_text=y)
    return fig


def plain(text: str) -> str:
    """Escape a name for Plotly, so that `<` and `&` are no markup.

    >>> plain("A<b>C")
    'A&lt;b&gt;C'
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def bars_height(rows: int) -> int:
    """Pixels of a figure with that many horizontal bars and one axis."""
    return 84 + ROW_HEIGHT * max(rows, 1)
