"""Pretrained weights: where they are published, where they are here, and how they are read."""

from collections.abc import Mapping

from cxrcore.models.pretrained.location import available, kinds_of, locate
from cxrcore.models.records import Source
from cxrcore.models.registry import View

__all__ = ["SOURCES", "Source", "available", "kinds_of", "locate"]

SOURCES: Mapping[str, Source] = View("sources")
