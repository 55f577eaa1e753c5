"""Properties of images without a model: quality, gray values, similarity.

`dependence` and `association` tell whether quality or source reveals the class, `outliers`
which images are unusual for their source.
"""

from cxrcore.quality import outliers
from cxrcore.quality.association import Association, association
from cxrcore.quality.brisque import brisque
from cxrcore.quality.dependence import FEWEST, Dependence, Group, dependence, p_in_words, within
from cxrcore.quality.duplicates import near_duplicates, phash
from cxrcore.quality.histogram import histogram

__all__ = [
    "FEWEST",
    "Association",
    "Dependence",
    "Group",
    "association",
    "brisque",
    "dependence",
    "histogram",
    "near_duplicates",
    "outliers",
    "p_in_words",
    "phash",
    "within",
]
