"""Do models fail some films or people more? A metric by groups of films, and the worst of them."""

from cxrcore.slices.deficits import FEWEST, Slice, Worst, measure, searchable, unpaired, worst
from cxrcore.slices.groups import ALIKE, Attribute, attributes

__all__ = [
    "ALIKE",
    "FEWEST",
    "Attribute",
    "Slice",
    "Worst",
    "attributes",
    "measure",
    "searchable",
    "unpaired",
    "worst",
]
