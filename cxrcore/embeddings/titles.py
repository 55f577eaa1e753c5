"""The probes, and what they are called."""

from typing import Literal

Probe = Literal["linear", "mlp"]
PROBES: dict[Probe, str] = {"linear": "Linear probe", "mlp": "Small MLP"}
