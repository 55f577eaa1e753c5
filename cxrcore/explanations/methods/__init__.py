"""The explanation methods, one module each with a `METHOD`; a new module here is found by itself."""

import importlib
import pkgutil

from cxrcore.explanations.base import Method


def find() -> dict[str, Method]:
    """Every method by name, in the order of the modules' names."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    found = [importlib.import_module(f"{__name__}.{name}").METHOD for name in names]
    return {method.name: method for method in found}
