"""Figures: Plotly for all that is drawn, Altair for the confusion matrix that can be clicked.

`summaries` computes the numbers of the data pages; `data`, `gray`, `scores` and `models` draw;
`overlay` lays a map over a picture; `theme` holds the colours. No Streamlit in here: pages show
the figures.
"""

from cxrcore.figures.data import class_balance, image_sizes
from cxrcore.figures.gray import extremes, histogram_lines
from cxrcore.figures.models import confusion_chart, confusion_table, curves, probability_bars
from cxrcore.figures.overlay import COLORMAPS, overlay
from cxrcore.figures.prediction_image import sheet, verdicts
from cxrcore.figures.scores import brisque_panels, removed_bars
from cxrcore.figures.summaries import (
    GrayProfile,
    Quartiles,
    Rule,
    gray_profiles,
    limit,
    quartiles,
    removed,
)
from cxrcore.figures.theme import NEUTRAL, PALETTE, SPLIT_COLOURS, class_colours

__all__ = [
    "COLORMAPS",
    "NEUTRAL",
    "PALETTE",
    "SPLIT_COLOURS",
    "GrayProfile",
    "Quartiles",
    "Rule",
    "brisque_panels",
    "class_balance",
    "class_colours",
    "confusion_chart",
    "confusion_table",
    "curves",
    "extremes",
    "gray_profiles",
    "histogram_lines",
    "image_sizes",
    "limit",
    "overlay",
    "probability_bars",
    "quartiles",
    "removed",
    "removed_bars",
    "sheet",
    "verdicts",
]
