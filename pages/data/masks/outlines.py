"""Films with the outlines of their lungs, kept between reruns."""
# ruff: noqa: ARG001  (arguments that a function does not use are the key of its cache)

from pathlib import Path

import cv2
import numpy as np
import streamlit as st

from cxrcore import figures, files, images, lungs
from cxrcore.datasets import Dataset, masks
from cxrcore.errors import CxrError
from pages.shared import cache

OWN, ESTIMATED = figures.PALETTE[5], figures.PALETTE[7]  # colours of the lines
_SIDE = 640  # pixels, longest side of a film with its outline


def usable_mask(
    of: Dataset, image_id: str, gray: np.ndarray
) -> tuple[np.ndarray | None, str | None]:
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


def jpeg(gray: np.ndarray, mask: np.ndarray | None, colour: str = OWN) -> bytes:
    """The image small enough for the page, with the outline drawn at that size."""
    small = _small(gray)
    if mask is not None:
        small = figures.outline(small, _inside(mask, small), colour)[..., ::-1]
    return _encoded(small)


def _small(gray: np.ndarray) -> np.ndarray:
    scale = min(1.0, _SIDE / max(gray.shape))
    size = [max(1, round(side * scale)) for side in gray.shape[::-1]]
    return np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.uint8)


def _encoded(picture: np.ndarray) -> bytes:
    """JPEG of (h, w) gray or (h, w, 3) BGR."""
    return bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes())


def _inside(mask: np.ndarray, picture: np.ndarray) -> np.ndarray:
    """A mask at the size of a picture, (h, w) bool."""
    size = picture.shape[1::-1]
    return cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST).astype(bool)


def outlined(of: Dataset, estimated: Dataset, image_id: str) -> bytes:
    """The thumbnail of an image with its estimated lungs, JPEG; without them where there are none.

    Args:
        of: the dataset, whose thumbnails are kept.
        estimated: with estimated masks, `lung_masks.estimated`.
        image_id: of the image.
    """
    reference = estimated.mask_of(image_id)
    if reference is None:
        return cache.thumbnail(of, image_id)
    return _outlined(of, image_id, reference, masks.stamp(reference))


@st.cache_data(max_entries=2000, show_spinner=False)
def _outlined(_of: Dataset, image_id: str, reference: Path, stamp: str) -> bytes:
    plain = cache.thumbnail(_of, image_id)
    try:
        mask = images.decode(reference) > 0
    except CxrError:
        return plain
    return jpeg(images.decode(plain), mask, ESTIMATED)


def at_threshold(of: Dataset, image_id: str, threshold: float) -> tuple[bytes, float]:
    """An image with its lungs at a threshold of the network, JPEG, and their share of it, 0..1.

    Raises:
        ImageError: the image is damaged or gone.
        WeightsError: the network's file is missing or damaged.
    """
    return _at_threshold(of, image_id, threshold)


@st.cache_data(max_entries=64, show_spinner=False)
def _at_threshold(_of: Dataset, image_id: str, threshold: float) -> tuple[bytes, float]:
    gray = images.decode(_of.path_of(image_id))
    found = lungs.above(gray, threshold)
    return jpeg(gray, found, ESTIMATED), float(found.mean())


def both(own: Dataset, estimated: Dataset, image_id: str) -> bytes:
    """An image with the lines of its own mask and of the estimated one over each other, JPEG.

    Args:
        own: the dataset with its own masks.
        estimated: with estimated ones.
        image_id: of the image.

    Raises:
        ImageError: the image is damaged or gone.
    """
    paths = [own.path_of(image_id)]
    paths += [masks.file_of(p) for d in (own, estimated) if (p := d.mask_of(image_id))]
    return _both(own, estimated, image_id, files.stamp(paths))


@st.cache_data(max_entries=48, show_spinner=False)
def _both(_own: Dataset, _estimated: Dataset, image_id: str, stamp: files.Stamp) -> bytes:
    gray = images.decode(_own.path_of(image_id))
    picture = cv2.cvtColor(_small(gray), cv2.COLOR_GRAY2BGR)
    for dataset, colour in ((_own, OWN), (_estimated, ESTIMATED)):
        mask, _ = usable_mask(dataset, image_id, gray)
        if mask is not None:
            lines, _ = cv2.findContours(
                _inside(mask, picture).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
            )
            bgr = [int(colour[place : place + 2], 16) for place in (5, 3, 1)]
            width = max(1, round(max(picture.shape) / 300))
            cv2.drawContours(picture, lines, -1, bgr, width, cv2.LINE_AA)
    return _encoded(picture)
