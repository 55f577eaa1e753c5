"""What can be said of an image without a model: quality, gray values, likeness."""

from cxrcore.quality.brisque import brisque
from cxrcore.quality.duplicates import near_duplicates, phash
from cxrcore.quality.histogram import histogram

__all__ = ["brisque", "histogram", "near_duplicates", "phash"]
