"""Maps of a run for many of its films, made once and kept beside the sealed run.

They lie in `.maps/<digest of run.json>/` of the store, one file for each split, method and layer
(docs/decisions/0047).
"""

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import cv2
import numpy as np
import numpy.typing as npt

from cxrcore import files
from cxrcore.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cxrcore.store.record import Run

FOLDER = ".maps"
SIDE = 64  # places of a kept map along its longer side at most; larger ones are averaged


@dataclass(frozen=True)
class Maps:
    """Where a run found its evidence in n films, for the class that it predicts of each."""

    image_ids: npt.NDArray[np.str_]  # (n,)
    explained: npt.NDArray[np.str_]  # (n,) class of each map
    strongest: npt.NDArray[np.float32]  # (n,) largest value of each map, in the method's unit
    shares: npt.NDArray[np.float16]  # (n, h, w) of it, 0..1

    @classmethod
    def of(cls, image_ids: "Sequence[str]", explained: "Sequence[str]", maps: np.ndarray) -> Self:
        """Pack (n, h, w) maps, n >= 1."""
        longest = max(maps.shape[1:])
        if longest > SIDE:
            height, width = (max(1, round(side * SIDE / longest)) for side in maps.shape[1:])
            small = [
                cv2.resize(heat, (width, height), interpolation=cv2.INTER_AREA) for heat in maps
            ]
            maps = np.stack(small)
        strongest = maps.max(axis=(1, 2)).astype(np.float32)
        # A share and not the value, which may be too small for float16.
        shares = maps / np.where(strongest > 0, strongest, 1)[:, None, None]
        names = np.array(list(image_ids), str), np.array(list(explained), str)
        return cls(*names, strongest, shares.astype(np.float16))

    def map(self, number: int) -> npt.NDArray[np.float32]:
        """(h, w) float32 map of a film, >= 0, to a thousandth of its largest value."""
        return self.shares[number].astype(np.float32) * self.strongest[number]

    def __len__(self) -> int:
        return len(self.image_ids)


def join(parts: "Sequence[Maps]") -> Maps:
    """The films of several in one, in this order; their maps are of one size."""
    columns = ([getattr(part, name) for part in parts] for name in Maps.__dataclass_fields__)
    return Maps(*(np.concatenate(column) for column in columns))


def keep(
    run: "Run", method: str, maps: Maps, *, split: str = "test", layer: str | None = None
) -> None:
    """Keep maps of a run, in the place of earlier ones of the same split, method and layer.

    Raises:
        StoreError: the run is gone, or the store cannot be written.
    """
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **vars(maps))
    files.write_atomic(_place(run, method, split, layer), buffer.getvalue())


def load(run: "Run", method: str, *, split: str = "test", layer: str | None = None) -> Maps | None:
    """The kept maps of a run; None where there are none, or damaged ones."""
    try:
        place = _place(run, method, split, layer)
        with np.load(place, allow_pickle=False) as found:
            return Maps(**{name: found[name] for name in Maps.__dataclass_fields__})
    except (StoreError, OSError, ValueError, LookupError, zipfile.BadZipFile, EOFError):
        return None


def name_of(method: str, split: str = "test", layer: str | None = None) -> str:
    """Of the file, without its suffix."""
    return "-".join([split, method, *([] if layer is None else [layer.replace("/", ".")])])


def _place(run: "Run", method: str, split: str, layer: str | None) -> Path:
    return run.folder.parent / FOLDER / str(run.seal) / f"{name_of(method, split, layer)}.npz"
