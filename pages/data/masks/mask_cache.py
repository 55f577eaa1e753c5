"""What the lung masks page keeps: which masks can be used, and one image in all regions."""
# ruff: noqa: ARG001  (arguments that a function does not use are the key of its cache)

from dataclasses import dataclass

import cv2
import numpy as np
import streamlit as st

from cxrcore import figures, files, images, pixels
from cxrcore.datasets import Dataset, darwin, masks
from cxrcore.errors import CxrError
from cxrcore.pixels import Preparation, prepare_one
from cxrcore.pixels.mask_states import MaskStates, mask_states
from pages.shared import cache

_SIDE = 640  # pixels, longest side of the image with its outline
_RECHECK = 60  # seconds after which masks that were overwritten in place are noticed


def states(of: Dataset) -> MaskStates:
    """Which images have a mask, and which masks are known to be unusable.

    Raises:
        StoreError: prepared pixels are damaged.
    """
    return _states(of, cache.token(of), pixels.stamp())


@st.cache_resource(max_entries=6, show_spinner="Looking for the masks …", ttl=_RECHECK)
def _states(_of: Dataset, token: str, stamp: files.Stamp) -> MaskStates:
    return mask_states(_of)


def ignore_regions(of: Dataset) -> frozenset[str]:
    """image_id of the images with regions marked Ignore."""
    return _ignore_regions(of, cache.token(of))


@st.cache_resource(max_entries=6, show_spinner="Looking for regions to ignore …")
def _ignore_regions(_of: Dataset, token: str) -> frozenset[str]:
    return darwin.ignore_regions(_of)


@dataclass(frozen=True)
class View:
    """One image, its mask, and what a model sees of it in each region.

    `image` is a JPEG, the lungs outlined if the mask can be used; `mask` a PNG at the prepared
    size; `regions` PNGs of exactly the pixels a model gets, by region; `shares` of the image's
    area that they show, 0..1. `problem` says why there is no mask.
    """

    image: bytes
    size: tuple[int, int]  # (width, height) of the file
    mask: bytes | None
    regions: dict[str, bytes]
    shares: dict[str, float]
    problem: str | None


def view(of: Dataset, image_id: str, size: int) -> View:
    """One image prepared at that size, in every region if its mask can be used.

    Raises:
        ImageError: the image is damaged or gone.
    """
    reference = of.mask_of(image_id)
    paths = [of.path_of(image_id)] + ([masks.file_of(reference)] if reference else [])
    return _view(of, image_id, size, str(reference), files.stamp(paths))


@st.cache_data(max_entries=48, show_spinner="Preparing the image …")
def _view(_of: Dataset, image_id: str, size: int, reference: str, stamp: files.Stamp) -> View:
    gray = images.decode(_of.path_of(image_id))
    mask, problem = _mask(_of, image_id, gray)
    regions, shares = {}, {}
    for region in images.REGIONS if mask is not None else images.REGIONS[:1]:
        regions[region] = images.encode_png(prepare_one(gray, mask, Preparation(size, region)))
        shares[region] = 1.0 if mask is None else _share(mask, region)
    small = None if mask is None else images.resize(255 * mask.astype(np.uint8), size)
    return View(
        image=_jpeg(gray, mask),
        size=(gray.shape[1], gray.shape[0]),
        mask=None if small is None else images.encode_png(small),
        regions=regions,
        shares=shares,
        problem=problem,
    )


def _mask(of: Dataset, image_id: str, gray: np.ndarray) -> tuple[np.ndarray | None, str | None]:
    """The mask of an image if it can be used, else why not."""
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
    """The share of the image's area that a region shows."""
    seen = images.apply_region(np.ones(mask.shape, np.uint8), mask, region)
    return float(np.count_nonzero(seen) / mask.size)


def _jpeg(gray: np.ndarray, mask: np.ndarray | None) -> bytes:
    """The image small enough for the page, with the outline drawn at that size."""
    scale = min(1.0, _SIDE / max(gray.shape))
    size = max(1, round(gray.shape[1] * scale)), max(1, round(gray.shape[0] * scale))
    small = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
    if mask is not None:
        inside = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
        small = figures.outline(small, inside.astype(bool))[..., ::-1]
    return cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()
