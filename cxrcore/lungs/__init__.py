"""Lungs on any film: a small network in OpenCV, a verdict on each mask, estimates of a dataset.

`lungs.md` beside the network tells what it was trained on and what it cannot do
(docs/decisions/0051). What concerns datasets is loaded when first used: it needs pandas, which
takes as much memory as all that finds the lungs of a film.
"""

import importlib
from typing import TYPE_CHECKING, Any

from cxrcore.lungs.segmentation import DIGEST, Segmentation, inside, mask, segment
from cxrcore.lungs.threshold import above

# Public name -> the module it comes from.
_SOURCES = {
    "COMPLETED": "masking",
    "ESTIMATED": "masking",
    "Estimates": "estimates",
    "GIVEN": "masking",
    "correct": "corrections",
    "estimate": "estimates",
    "export": "exchange",
    "find": "corrections",
    "identity": "masking",
    "identity_of": "masking",
    "load": "estimates",
    "masked": "masking",
    "read_back": "exchange",
    "refusals": "masking",
    "refused_by_class": "estimates",
    "restore": "corrections",
    "source_of": "masking",
    "stamp": "estimates",
    "summary": "estimates",
}

if TYPE_CHECKING:
    from cxrcore.lungs.corrections import correct, find, restore
    from cxrcore.lungs.estimates import (
        Estimates,
        estimate,
        load,
        refused_by_class,
        stamp,
        summary,
    )
    from cxrcore.lungs.exchange import export, read_back
    from cxrcore.lungs.masking import (
        COMPLETED,
        ESTIMATED,
        GIVEN,
        identity,
        identity_of,
        masked,
        refusals,
        source_of,
    )
else:

    def __getattr__(name: str) -> Any:
        if name not in _SOURCES:
            raise AttributeError(f"module 'cxrcore.lungs' has no attribute {name!r}")
        return getattr(importlib.import_module(f"cxrcore.lungs.{_SOURCES[name]}"), name)


__all__ = [
    "COMPLETED",
    "DIGEST",
    "ESTIMATED",
    "GIVEN",
    "Estimates",
    "Segmentation",
    "above",
    "correct",
    "estimate",
    "export",
    "find",
    "identity",
    "identity_of",
    "inside",
    "load",
    "mask",
    "masked",
    "read_back",
    "refusals",
    "refused_by_class",
    "restore",
    "segment",
    "source_of",
    "stamp",
    "summary",
]
