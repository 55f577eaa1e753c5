"""What a run answers to a few of its test films, with the map of each, and how long it takes.

Kept beside the sealed run, in `.examples/<digest of run.json>.json` of the store, so that pages
show it without a network and runs of earlier versions get it later (docs/decisions/0044).
"""

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Self

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from cxrcore import files, images
from cxrcore.errors import StoreError

if TYPE_CHECKING:
    from cxrcore.store.record import Run

FOLDER = ".examples"
SIDE = 224  # pixels of a kept film at most
_QUALITY = 90


class Example(BaseModel):
    """A test film and what the run makes of it.

    Attributes:
        image_id: of the film in the dataset.
        label: its true class.
        predicted: the class with the largest probability, which the map explains.
        probabilities: one a class, in the order of the run's.
        film: JPEG of what the network sees, at most SIDE pixels.
        heat: PNG of the Grad-CAM at the film's size, 255 where it is strongest.
        strongest: the value of the map there, in logits; 0: nothing speaks for the class.
    """

    model_config = ConfigDict(frozen=True, ser_json_bytes="base64", val_json_bytes="base64")

    image_id: str
    label: str
    predicted: str
    probabilities: tuple[float, ...]
    film: bytes
    heat: bytes
    strongest: float

    @classmethod
    def of(
        cls, seen: npt.NDArray[np.uint8], heat: npt.NDArray[np.float32], **facts: object
    ) -> Self:
        """Pack the (S, S) input of the network and the (S, S) map; `facts` are the other fields."""
        side, strongest = min(SIDE, len(seen)), float(heat.max())
        levels = np.zeros((side, side), np.uint8)
        if strongest > 0:
            levels = np.rint(255 * (images.resize(heat, side) / strongest)).astype(np.uint8)
        film = images.thumbnail(seen, side, _QUALITY)
        packed = {"film": film, "heat": images.encode_png(levels), "strongest": strongest}
        return cls.model_validate(facts | packed)

    def pixels(self) -> npt.NDArray[np.uint8]:
        """(s, s) gray levels of the film, s <= SIDE."""
        return _gray(self.film)

    def map(self) -> npt.NDArray[np.float32]:
        """(s, s) Grad-CAM in logits, >= 0, within `strongest` / 510 of what was computed."""
        return _gray(self.heat).astype(np.float32) * np.float32(self.strongest / 255)


class Examples(BaseModel):
    """The example films of a run.

    Attributes:
        films: by class and image_id; two of each class are the same for all runs of one split.
        latency_ms: of one film through the network, median.
        device: that it was measured on.
    """

    model_config = ConfigDict(frozen=True, ser_json_bytes="base64", val_json_bytes="base64")

    films: tuple[Example, ...]
    latency_ms: float
    device: str


def examples(run: "Run") -> Examples | None:
    """The example films that are kept for a run; None where there are none, or damaged ones."""
    try:
        place = _place(run)
    except StoreError:
        return None
    return _recent(place, files.stamp([place]))


def keep_examples(run: "Run", found: Examples) -> None:
    """Keep the example films of a run.

    Raises:
        StoreError: the run is gone, or the store cannot be written.
    """
    files.write_atomic(_place(run), found.model_dump_json(indent=1).encode())


def latency_ms(run: "Run") -> float | None:
    """Milliseconds of one film through the network; None where it was not measured."""
    try:
        place = _place(run)
    except StoreError:
        return None
    return _latency_ms(place, files.stamp([place]))


@functools.lru_cache(maxsize=8)  # about 100 kB each
def _recent(place: Path, _stamp: files.Stamp) -> Examples | None:
    """Read once for as long as the file is untouched: a page shows one film after the other."""
    return _read(place)


@functools.lru_cache(maxsize=1024)
def _latency_ms(place: Path, _stamp: files.Stamp) -> float | None:
    """Read once for as long as the file is untouched: pages list runs often."""
    found = _read(place)
    return None if found is None else found.latency_ms


def _read(place: Path) -> Examples | None:
    try:
        return Examples.model_validate_json(place.read_bytes())
    except (OSError, ValueError):  # also of pydantic: a ValueError
        return None


def _place(run: "Run") -> Path:
    return run.folder.parent / FOLDER / f"{run.seal}.json"


def _gray(data: bytes) -> npt.NDArray[np.uint8]:
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE), np.uint8)
