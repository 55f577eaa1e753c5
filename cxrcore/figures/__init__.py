"""Plotly figures.

They draw what was computed elsewhere, for pages, notebooks and reports.
"""

from cxrcore.figures.class_curves import Axes, Line, class_curves
from cxrcore.figures.class_lines import CLASS_CURVES
from cxrcore.figures.data import class_balance, image_sizes, parts_of
from cxrcore.figures.film_map import film_map
from cxrcore.figures.gray import extremes, histogram_lines
from cxrcore.figures.gray_distance import distance_matrix
from cxrcore.figures.interval_bar import bar_axis, interval_bar, swatch
from cxrcore.figures.models import confusion_heatmap, curves, probability_bars
from cxrcore.figures.overlay import COLORMAPS, outline, overlay
from cxrcore.figures.prediction_image import prediction_image
from cxrcore.figures.quality import pairs_in_order
from cxrcore.figures.response import response_curves
from cxrcore.figures.scores import brisque_panels, removed_bars
from cxrcore.figures.sweep import parallel_coordinates
from cxrcore.figures.theme import (
    NEUTRAL,
    PALETTE,
    RUN_PALETTE,
    SPLIT_COLOURS,
    class_colours,
    run_colours,
)

__all__ = [
    "CLASS_CURVES",
    "COLORMAPS",
    "NEUTRAL",
    "PALETTE",
    "RUN_PALETTE",
    "SPLIT_COLOURS",
    "Axes",
    "Line",
    "bar_axis",
    "brisque_panels",
    "class_balance",
    "class_colours",
    "class_curves",
    "confusion_heatmap",
    "curves",
    "distance_matrix",
    "extremes",
    "film_map",
    "histogram_lines",
    "image_sizes",
    "interval_bar",
    "outline",
    "overlay",
    "pairs_in_order",
    "parallel_coordinates",
    "parts_of",
    "prediction_image",
    "probability_bars",
    "removed_bars",
    "response_curves",
    "run_colours",
    "swatch",
]
