"""What one run predicts for one image."""

import html
from dataclasses import dataclass, field

import numpy as np

from cxrcore.explanations import Layer


def _no_numbers() -> np.ndarray:
    return np.zeros(0, np.float32)


def _no_image() -> np.ndarray:
    return np.zeros((0, 0), np.uint8)


@dataclass(frozen=True)
class Prediction:
    """What one run predicts for one image; or `error`, and then the rest is empty.

    `notes` are sentences for people, for instance that a network trained on masked lungs was
    given the whole image.
    """

    run_id: str
    recipe: str = ""
    classes: tuple[str, ...] = ()  # in the order of the probabilities
    probabilities: np.ndarray = field(default_factory=_no_numbers)  # (k,) float32, sum 1
    predicted: str = ""  # the class with the largest probability
    explained: str = ""  # the class that the maps are about
    maps: dict[str, np.ndarray] = field(default_factory=dict)  # method -> (S, S) float32, >= 0
    # of class activation maps that are 0 everywhere: the classes with evidence, strongest first
    evidence: dict[str, tuple[str, ...]] = field(default_factory=dict)
    layers: tuple[Layer, ...] = ()  # that class activation maps can look at, see explanations
    layer: str | None = None  # that they looked at; None: the last one
    missing: tuple[
        str, ...
    ] = ()  # methods that were wanted and that its network cannot be explained with
    embedding: np.ndarray = field(default_factory=_no_numbers)  # (d,) float32
    depths: tuple[np.ndarray, ...] = ()  # (c,) float32 each, see explanations.Explanation
    seen: np.ndarray = field(default_factory=_no_image)  # (S, S) uint8, the network's input
    # (x, y, width, height) of `seen` in pixels of the film: of the lungs for a model of that box
    box: tuple[int, int, int, int] = (0, 0, 0, 0)
    seconds: float = 0.0  # preparing, predicting and explaining; not loading the network
    notes: tuple[str, ...] = ()
    error: str | None = None

    def _repr_html_(self) -> str:
        """The classes by probability, for a notebook."""
        ranked = sorted(zip(self.probabilities, self.classes, strict=True), reverse=True)
        rows = "".join(
            f"<tr><td>{html.escape(name)}</td><td>{share:.1%}</td></tr>" for share, name in ranked
        )
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
        title = html.escape(self.error or f"{self.run_id}: {self.predicted}")
        return f"<b>{title}</b><table>{rows}</table>{notes}"
