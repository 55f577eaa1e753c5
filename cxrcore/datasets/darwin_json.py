"""One V7 Darwin JSON file: the record of an image, and its polygons as masks.

Both versions of the format are read: 1.0 (`image`, `polygon.path`, `complex_polygon.path`) and
2.0 (`item`, `polygon.paths`). Source: https://docs.v7labs.com/reference/darwin-json.
"""

import json
import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from cxrcore.errors import ImageError

LUNG, IGNORE = "Lung", "Ignore"
# The classes, as far as the tags name them. The rare ones have a handful of images each.
COVID = "COVID-19"
CLASSES = (COVID, "Bacterial Pneumonia", "No Pneumonia (healthy)", "Viral Pneumonia")
RARE = ("Fungal Pneumonia", "Lipoid Pneumonia", "Undefined Pneumonia")
_VIEWS = {"pa": "PA", "ap": "AP", "ap_supine": "AP", "ap supine": "AP", "lateral": "L", "l": "L"}
_MAX_BYTES = 64 << 20  # of one file; the largest of the collection has 0.3 MB
_SHIFT = 4  # cv2 takes coordinates in 1/16 pixel
_FAR = 1e6  # pixels; keeps 1/16 pixel within 32 bits


@dataclass(frozen=True)
class Record:
    """What one JSON file says about one image."""

    annotation: str  # the JSON file, relative to the root
    folder: str  # of the image, below `images`, often empty
    file: str  # the image's name
    original_name: str | None
    size: tuple[float, float]  # (width, height) the polygons refer to; (0, 0): unknown
    tags: tuple[str, ...]
    lungs: int  # Lung polygons that touch the image
    strays: bool  # a lung polygon reaches outside the image

    def tag(self, start: str) -> str | None:
        """What follows `start` in the first tag that begins with it, in any case."""
        ends = (t[len(start) :] for t in self.tags if t.lower().startswith(start.lower()))
        return next((end.strip() or None for end in ends), None)

    @property
    def view(self) -> str | None:
        """PA, AP or L; None for others (axial, coronal) and without a tag."""
        return _VIEWS.get((self.tag("View/") or "").lower())

    @property
    def modality(self) -> str:
        """`ct` if tagged so, else `xray`."""
        return "ct" if "ct" in {tag.lower() for tag in self.tags} else "xray"

    @property
    def labels(self) -> list[str]:
        """The classes that its tags name; COVID-19 takes precedence."""
        lower_tags = {tag.lower() for tag in self.tags}
        if COVID.lower() in lower_tags:
            return [COVID]
        return [label for label in (*CLASSES, *RARE) if label.lower() in lower_tags]


def read_record(path: Path, name: str) -> Record:
    """The record in a Darwin JSON file; `name` is its name in messages and in the record.

    Raises:
        ImageError: the file is missing, not JSON, or not a Darwin record.
    """
    return _parse(_load(path, name), name)


def polygons_of(json_path: Path, annotation: str = LUNG) -> list[np.ndarray]:
    """The polygons of that name in a Darwin JSON file, in pixels of the annotated image.

    Returns:
        One (n, 2) float64 array of x, y for each annotation. The paths of a complex polygon
        are in one array with a row of NaN between them; overlaps are holes.

    Raises:
        ImageError: the file is missing, not JSON, or not a Darwin record.
    """
    raw = _load(json_path, json_path.name)
    _parse(raw, json_path.name)
    return _polygons(raw, annotation)


def rasterise(polygons: Iterable[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """The union of polygons as a mask; parts outside the image are cut off.

    Pixel centres have whole coordinates, and pixels that the outline crosses are inside.

    Args:
        polygons: as from `polygons_of`.
        shape: (H, W) of the mask.

    Returns:
        (H, W) bool, True inside.

    >>> rasterise([np.array([[0, 0], [1, 0], [1, 1], [0, 1]])], (2, 3)).astype(int).tolist()
    [[1, 1, 0], [1, 1, 0]]
    """
    mask = np.zeros(shape, np.uint8)
    for polygon in polygons:
        fixed = [
            np.rint(np.clip(path, -_FAR, _FAR) * (1 << _SHIFT)).astype(np.int32)
            for path in _paths_in(polygon)
        ]
        # One call a polygon: within a call overlaps are holes, between calls they are not.
        cv2.fillPoly(mask, fixed, 1, shift=_SHIFT)
    return mask.view(bool)


def lung_mask(
    json_path: Path, shape: tuple[int, int], *, without_ignored: bool = False
) -> np.ndarray:
    """The lungs of a Darwin JSON file as a mask for an image of that shape.

    Args:
        json_path: the JSON file.
        shape: (H, W) of the image; the polygons are scaled if they were drawn at another size.
        without_ignored: exclude the Ignore regions.

    Returns:
        (H, W) bool, True inside the lungs; all False if none are drawn.

    Raises:
        ImageError: the file is missing, not JSON, or not a Darwin record.
    """
    raw = _load(json_path, json_path.name)
    width, height = _parse(raw, json_path.name).size
    scale = np.array([shape[1] / width if width else 1, shape[0] / height if height else 1])

    # Half a pixel each way, since the corner and not the centre of the first pixel stays put.
    def drawn(which: str) -> np.ndarray:
        polygons = [(polygon + 0.5) * scale - 0.5 for polygon in _polygons(raw, which)]
        return rasterise(polygons, shape)

    return drawn(LUNG) & ~drawn(IGNORE) if without_ignored else drawn(LUNG)


def _load(path: Path, name: str) -> dict[str, Any]:
    """The JSON object in a file; ImageError if there is none."""
    try:
        if (size := path.stat().st_size) > _MAX_BYTES:
            raise ImageError(f"{name} has {size / 1e6:,.0f} MB, too large for a Darwin record.")
        raw = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:  # bad UTF-8 is a ValueError
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())[:120]
        raise ImageError(
            f"{name} cannot be read as JSON: {reason}. Export it again from Darwin."
        ) from error
    return raw if isinstance(raw, dict) else {}


def _parse(raw: dict[str, Any], file: str) -> Record:
    """The record in a Darwin JSON object; ImageError if it is something else."""
    try:
        if "item" in raw:  # version 2.0
            item = raw["item"]
            slot = (item.get("slots") or [{}])[0]
            original = (slot.get("source_files") or [{}])[0].get("file_name")
            about = {"filename": item["name"], "original_filename": original, **slot}
            about["path"] = item.get("path")
        else:
            about = raw["image"]
        width, height = (float(about.get(side) or 0) for side in ("width", "height"))
        if not (0 <= width < _FAR and 0 <= height < _FAR):
            raise ValueError("an impossible image size")
        tags = tuple(a["name"].strip() for a in raw["annotations"] if "tag" in a)
        lungs = _polygons(raw, LUNG)
        limits = np.array([width or np.inf, height or np.inf])
        inside = [
            polygon
            for polygon in lungs
            if (np.nanmax(polygon, axis=0) >= 0).all()
            and (np.nanmin(polygon, axis=0) <= limits).all()
        ]
        beyond = [bool(((p < -1) | (p > limits + 1)).any()) for p in lungs]
        return Record(
            annotation=file,
            folder=str(about.get("path") or "").strip("/"),
            file=posixpath.basename(_text(about["filename"])),
            original_name=about.get("original_filename") and _text(about["original_filename"]),
            size=(width, height),
            tags=tags,
            lungs=len(inside),
            strays=any(beyond),
        )
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, OverflowError) as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:80]}"
        raise ImageError(
            f"{file} is not a Darwin record ({reason}). It needs `image` with `filename`, and "
            "`annotations` with polygons of x and y. Export it again from Darwin."
        ) from error


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"a file name expected, found {value!r}")
    return value


def _polygons(raw: dict[str, Any], name: str) -> list[np.ndarray]:
    """The polygons of that name, of three points or more, as `polygons_of` gives them."""
    polygons = []
    for annotation in raw["annotations"]:
        if annotation["name"].strip().lower() != name.lower():
            continue
        body = annotation.get("polygon") or annotation.get("complex_polygon") or {}
        paths = body.get("paths") or body.get("path") or []
        if paths and isinstance(paths[0], dict):
            paths = [paths]
        arrays = [_points(path) for path in (*paths, *body.get("additional_paths", ()))]
        arrays = [array for array in arrays if len(array) > 2]
        if arrays:
            gap = np.full((1, 2), np.nan)
            parts = [part for array in arrays for part in (gap, array)]
            polygons.append(np.concatenate(parts[1:]))
    return polygons


def _points(path: list[dict[str, float]]) -> np.ndarray:
    """(n, 2) x and y; ValueError if a number is missing or not finite."""
    points = np.array([(point["x"], point["y"]) for point in path], np.float64).reshape(-1, 2)
    if not np.isfinite(points).all():
        raise ValueError("a polygon's point is not a number")
    return points


def _paths_in(polygon: np.ndarray) -> Iterator[np.ndarray]:
    """The paths between the rows of NaN."""
    breaks = [-1, *np.flatnonzero(np.isnan(polygon).any(axis=1)), len(polygon)]
    for before, after in pairwise(breaks):
        if after > before + 1:
            yield polygon[before + 1 : after]
