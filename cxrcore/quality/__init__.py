"""Properties of images without a model: quality, gray values, similarity.

`shortcut` says whether quality or source gives the class away, `outliers` which images are
unusual for their source, `limits` what a limit on the score removes, `gray_profiles` and
`distances` how the gray values of groups differ.
"""

from cxrcore.quality import limits, outliers
from cxrcore.quality.association import Association, association
from cxrcore.quality.brisque import brisque
from cxrcore.quality.dependence import FEWEST, Dependence, Group, dependence, p_in_words, within
from cxrcore.quality.duplicates import near_duplicates, phash
from cxrcore.quality.gray_profiles import GrayProfile, gray_profiles
from cxrcore.quality.histogram import histogram
from cxrcore.quality.shortcut import Shortcut, shortcut

__all__ = [
    "FEWEST",
    "Association",
    "Dependence",
    "GrayProfile",
    "Group",
    "Shortcut",
    "association",
    "brisque",
    "dependence",
    "gray_profiles",
    "histogram",
    "limits",
    "near_duplicates",
    "outliers",
    "p_in_words",
    "phash",
    "shortcut",
    "within",
]
