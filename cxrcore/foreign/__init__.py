"""Networks that were made elsewhere: ONNX, TFLite and Keras files, opened and asked without trusting them.

    engine = foreign.Engine(path, "onnx")          # a process of its own
    interface = foreign.Interface(**foreign.describe(engine.signature(), "onnx"), range=..., outputs=...)
    engine.outputs(films, interface)
    foreign.network(engine, interface, k)           # the same as a Keras model

Only files on this machine's disk are opened, never uploads. See docs/decisions/0058.
"""

from cxrcore.foreign.engine import Engine
from cxrcore.foreign.interface import (
    RANGES,
    TITLES,
    Format,
    Interface,
    Layout,
    Outputs,
    Range,
    Signature,
    describe,
    shown,
)
from cxrcore.foreign.network import engine_of, network

__all__ = [
    "RANGES",
    "TITLES",
    "Engine",
    "Format",
    "Interface",
    "Layout",
    "Outputs",
    "Range",
    "Signature",
    "describe",
    "engine_of",
    "network",
    "shown",
]
