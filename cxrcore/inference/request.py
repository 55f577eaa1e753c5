"""What the pages' end and the inference process send each other."""

from collections import OrderedDict
from typing import Any, NamedTuple

from cxrcore.inference.pictures import Picture


class Request(NamedTuple):
    """One run is to be warmed, or to answer for one picture."""

    run_id: str
    settings: dict[str, str]  # the parent's CXR_* variables, which may have changed
    options: dict[str, Any]  # of `predict`, or of `warm` without a film
    # `film` is a number; what it stands for is sent with its first request.
    film: int | None = None
    picture: Picture | None = None


class Recent(OrderedDict):
    """The last pictures by number; parent and child forget the same ones, so neither needs to ask."""

    def put(self, number: int, picture: object) -> None:
        """Add one, and drop the oldest beyond four."""
        self[number] = picture
        while len(self) > 4:
            self.popitem(last=False)
