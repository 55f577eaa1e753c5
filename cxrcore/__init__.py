"""Chest X-ray classifiers: prepare datasets, train, evaluate, compare and explain.

    import cxrcore as cxr

The names below are what a notebook or script needs; docs/notebook.md shows them in use. They are
loaded when first used: importing this package loads no other library.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.11.0"

# Public name -> the module it comes from; a module stands for itself.
_SOURCES = {
    "CxrError": "cxrcore.errors",
    "METRICS": "cxrcore.metrics",
    "RECIPES": "cxrcore.models",
    "Run": "cxrcore.notebook",
    "build": "cxrcore.notebook",
    "compare": "cxrcore.comparison.frames",
    "errors": "cxrcore.errors",
    "explain": "cxrcore.explanations",
    "load": "cxrcore.notebook",
    "lungs": "cxrcore.lungs",
    "measure": "cxrcore.notebook",
    "needs_lungs": "cxrcore.controls",
    "plot": "cxrcore.plot",
    "quality": "cxrcore.quality",
    "report": "cxrcore.reports.file",
    "run": "cxrcore.notebook",
    "runs": "cxrcore.notebook",
    "train": "cxrcore.notebook",
}

if TYPE_CHECKING:
    from cxrcore import errors, lungs, plot, quality
    from cxrcore.comparison.frames import compare
    from cxrcore.controls import needs_lungs
    from cxrcore.errors import CxrError
    from cxrcore.explanations import explain
    from cxrcore.metrics import METRICS  # type: ignore[attr-defined, unused-ignore]
    from cxrcore.models import RECIPES
    from cxrcore.notebook import Run, build, load, measure, run, runs, train
    from cxrcore.reports.file import report
else:

    def __getattr__(name: str) -> Any:
        if name not in _SOURCES:
            raise AttributeError(f"module 'cxrcore' has no attribute {name!r}")
        module = importlib.import_module(_SOURCES[name])
        value = module if _SOURCES[name] == f"cxrcore.{name}" else getattr(module, name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *_SOURCES})


__all__ = [
    "METRICS",
    "RECIPES",
    "CxrError",
    "Run",
    "build",
    "compare",
    "errors",
    "explain",
    "load",
    "lungs",
    "measure",
    "needs_lungs",
    "plot",
    "quality",
    "report",
    "run",
    "runs",
    "train",
]
