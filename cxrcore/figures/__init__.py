"""Figures: Plotly, and Altair for the confusion matrix, whose cells can be clicked.

Figures draw what was computed elsewhere, for pages, notebooks and reports.
"""

from cxrcore.figures.data import class_balance, image_sizes
from cxrcore.figures.gray import extremes, histogram_lines
from cxrcore.figures.gray_distance import distance_matrix
from cxrcore.figures.models import confusion_chart, confusion_table, curves, probability_bars
from cxrcore.figures.overlay import COLORMAPS, outline, overlay
from cxrcore.figures.prediction_image import prediction_image
from cxrcore.figures.quality import pairs_in_order
from cxrcore.figures.scores import brisque_panels, removed_bars
from cxrcore.figures.theme import NEUTRAL, PALETTE, SPLIT_COLOURS, class_colours

__all__ = [
    "COLORMAPS",
    "NEUTRAL",
    "PALETTE",
    "SPLIT_COLOURS",
    "brisque_panels",
    "class_balance",
    "class_colours",
    "confusion_chart",
    "confusion_table",
    "curves",
    "distance_matrix",
    "extremes",
    "histogram_lines",
    "image_sizes",
    "outline",
    "overlay",
    "pairs_in_order",
    "prediction_image",
    "probability_bars",
    "removed_bars",
]
