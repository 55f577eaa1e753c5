"""What the lung masks page keeps: which masks can be used, and one image in all regions."""
# ruff: noqa: ARG001  (arguments that a function does not use are the key of its cache)

from dataclasses import dataclass

import numpy as np
import streamlit as st

from cxrcore import files, images, pixels
from cxrcore.datasets import Dataset, darwin, masks
from cxrcore.pixels import Preparation, prepare_one
from cxrcore.pixels.mask_states import MaskStates, mask_states
from pages.data.masks import outlines
from pages.shared import cache

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


def view(of: Dataset, image_id: str, size: int, colour: str = outlines.OWN) -> View:
    """One image prepared at that size, in every region if its mask can be used.

    Args:
        of: the dataset, with its own masks or with estimated ones.
        image_id: of the image.
        size: side of the prepared image in pixels.
        colour: of the outline.

    Raises:
        ImageError: the image is damaged or gone.
    """
    reference = of.mask_of(image_id)
    paths = [of.path_of(image_id)] + ([masks.file_of(reference)] if reference else [])
    return _view(of, image_id, size, colour, str(reference), files.stamp(paths))


@st.cache_data(max_entries=48, show_spinner="Preparing the image …")
def _view(
    _of: Dataset, image_id: str, size: int, colour: str, reference: str, stamp: files.Stamp
) -> View:
    gray = images.decode(_of.path_of(image_id))
    mask, problem = outlines.usable_mask(_of, image_id, gray)
    regions, shares = {}, {}
    for region in images.REGIONS if mask is not None else images.REGIONS[:1]:
        regions[region] = images.encode_png(prepare_one(gray, mask, Preparation(size, region)))
        shares[region] = 1.0 if mask is None else _share(mask, region)
    small = None if mask is None else images.resize(255 * mask.astype(np.uint8), size)
    return View(
        image=outlines.jpeg(gray, mask, colour),
        size=(gray.shape[1], gray.shape[0]),
        mask=None if small is None else images.encode_png(small),
        regions=regions,
        shares=shares,
        problem=problem,
    )


def _share(mask: np.ndarray, region: str) -> float:
    """The share of the image's area that a region shows."""
    seen = images.apply_region(np.ones(mask.shape, np.uint8), mask, region)
    return float(np.count_nonzero(seen) / mask.size)
