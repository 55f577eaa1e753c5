"""What the lung masks page computes and keeps: which masks can be used, and one image in all regions."""
# ruff: noqa: ARG001  (arguments that a function does not use are the key of its cache)

from dataclasses import dataclass

import cv2
import numpy as np
import pandas as pd
import streamlit as st

from cxrcore import images, pixels, settings
from cxrcore.datasets import Dataset, darwin, masks
from cxrcore.errors import CxrError, ImageError
from cxrcore.figures.overlay import outline
from cxrcore.pixels import Preparation, prepare_one
from pages.shared import cache, file_times

WITH, WITHOUT, UNUSABLE = "with a mask", "without a mask", "can't be used"
DARWIN_LAYOUT = darwin.LAYOUT
SIDE = 640  # pixels, longest side of the picture with its outline
_RECHECK = 60  # seconds after which masks that were overwritten in place are noticed


# --- all images -----------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class States:
    """What there is to say of each image's mask, rows as in the dataset's table; read-only.

    `state` is (n,) of WITH, WITHOUT, UNUSABLE, `reason` (n,) why an image can't be used, "" where
    it can. `checked` is the preparation for which every mask was read; None: only the images'
    list of masks was looked at, so that none is known to be unusable.
    """

    state: pd.Series
    reason: pd.Series
    checked: Preparation | None


def states(of: Dataset) -> States:
    """Which images have a mask, and which of them are known to be unusable; reads no mask.

    Raises:
        StoreError: prepared pixels are damaged.
    """
    folder = settings.data_dir() / "pixels"
    return _states(of, cache.token(of), repr(file_times.stamp([folder])))


@st.cache_resource(max_entries=6, show_spinner="Looking for the masks …", ttl=_RECHECK)
def _states(_of: Dataset, token: str, stamp: str) -> States:
    found = _prepared(_of)
    reasons = found[1].reasons if found else {}
    known = [reasons.get(image_id, "") for image_id in _of.table["image_id"]]
    missing = _of.table["mask"].isna().to_numpy(bool)
    reason = pd.Series(np.where(missing, "No mask.", known), _of.table.index, dtype=object)
    state = pd.Series(np.where(reason != "", UNUSABLE, WITH), _of.table.index, dtype=object)
    state[missing] = WITHOUT
    return States(state, reason, found[0] if found else None)


def _prepared(of: Dataset) -> tuple[Preparation, pixels.Pixels] | None:
    """Pixels for which the masks were read, if there are any; of whatever size and region."""
    start = f"{of.fingerprint}-"
    for folder in sorted((settings.data_dir() / "pixels").glob(f"{start}*")):
        size, _, rest = folder.name.removeprefix(start).partition("-")
        region = rest.rpartition("-")[0]
        if "." in folder.name or not size.isdecimal() or region not in images.REGIONS[1:]:
            continue  # a lock, one that is being made, or the whole picture
        preparation = Preparation(int(size), region)
        # None where it was made from the masks as they were before.
        if (made := pixels.find(of, preparation)) is not None:
            return preparation, made
    return None


def ignored(of: Dataset) -> frozenset[str]:
    """image_id of those on which regions to ignore are drawn; none but in Darwin data."""
    if of.layout != DARWIN_LAYOUT:
        return frozenset()
    return _ignored(of, cache.token(of))


@st.cache_resource(max_entries=6, show_spinner="Looking for regions to ignore …")
def _ignored(_of: Dataset, token: str) -> frozenset[str]:
    found = set()
    for image_id, annotation in zip(_of.table["image_id"], _of.table["annotation"], strict=True):
        path = _of.root / annotation
        try:
            # Most have none, and looking for the word is a hundred times quicker than parsing.
            if b"ignore" in path.read_bytes().lower() and darwin.polygons_of(path, "Ignore"):
                found.add(str(image_id))
        except (OSError, ImageError):  # gone or damaged since: the masks' check reports it
            continue
    return frozenset(found)


# --- one image ------------------------------------------------------------------------------


@dataclass(frozen=True)
class View:
    """One image and its mask, and what each region makes of them.

    `picture` is a JPEG, with the lungs' outline where there is a usable mask; `mask` a PNG of the
    mask at the prepared size; `regions` PNGs of exactly the pixels a model gets, by region; `shown` the
    share of the picture that a region shows. `problem` says why there is no mask.
    """

    picture: bytes
    size: tuple[int, int]  # (width, height) of the file
    mask: bytes | None
    regions: dict[str, bytes]
    shown: dict[str, float]
    problem: str | None


def view(of: Dataset, image_id: str, size: int) -> View:
    """One image prepared at that size in every region that is possible; remembered.

    Raises:
        ImageError: the image is damaged or gone.
    """
    reference = of.mask_of(image_id)
    files = [of.path_of(image_id)] + ([masks.file_of(reference)] if reference else [])
    return _view(of, image_id, size, str(reference), file_times.stamp(files))


@st.cache_data(max_entries=48, show_spinner="Preparing the image …")
def _view(_of: Dataset, image_id: str, size: int, reference: str, stamp: file_times.Stamp) -> View:
    gray = images.decode(_of.path_of(image_id))
    mask, problem = _mask(_of, image_id, gray)
    regions, shown = {}, {}
    for region in images.REGIONS if mask is not None else images.REGIONS[:1]:
        regions[region] = images.encode_png(prepare_one(gray, mask, Preparation(size, region)))
        shown[region] = 1.0 if mask is None else _share(mask, region)
    return View(
        picture=_jpeg(gray, mask),
        size=(gray.shape[1], gray.shape[0]),
        mask=None
        if mask is None
        else images.encode_png(images.resize(255 * mask.astype(np.uint8), size)),
        regions=regions,
        shown=shown,
        problem=problem,
    )


def _mask(of: Dataset, image_id: str, gray: np.ndarray) -> tuple[np.ndarray | None, str | None]:
    """The mask of an image that can be used, or why there is none."""
    reference = of.mask_of(image_id)
    if reference is None:
        return None, "This image has no lung mask."
    try:
        mask = masks.read(reference, gray.shape)
        images.apply_region(gray, mask, "lungs")  # refuses an empty one, as a training would
    except CxrError as error:
        return None, str(error)
    return mask, None


def _share(mask: np.ndarray, region: str) -> float:
    """The share of the picture's area that a region shows."""
    seen = images.apply_region(np.ones(mask.shape, np.uint8), mask, region)
    return float(np.count_nonzero(seen) / mask.size)


def _jpeg(gray: np.ndarray, mask: np.ndarray | None) -> bytes:
    """The picture small enough for the page, with the outline drawn at that size."""
    scale = min(1.0, SIDE / max(gray.shape))
    size = max(1, round(gray.shape[1] * scale)), max(1, round(gray.shape[0] * scale))
    small = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
    if mask is not None:
        inside = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
        small = outline(small, inside.astype(bool))[..., ::-1]
    return cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()
