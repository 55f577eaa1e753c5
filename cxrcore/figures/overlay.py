"""Lay an explanation's map, or the outline of the lungs, over a picture."""

import cv2
import numpy as np

from cxrcore.errors import ExplainError, ImageError
from cxrcore.figures.theme import PALETTE


def _table(code: int) -> np.ndarray:
    """(256, 3) uint8 RGB of an OpenCV colour map."""
    ramp = np.arange(256, dtype=np.uint8).reshape(-1, 1)
    return np.ascontiguousarray(cv2.applyColorMap(ramp, code)[:, 0, ::-1])


# The first is the default. All but turbo grow evenly brighter and are safe for colour-blind eyes.
COLORMAPS: dict[str, np.ndarray] = {
    "inferno": _table(cv2.COLORMAP_INFERNO),
    "viridis": _table(cv2.COLORMAP_VIRIDIS),
    "magma": _table(cv2.COLORMAP_MAGMA),
    "cividis": _table(cv2.COLORMAP_CIVIDIS),
    "turbo": _table(cv2.COLORMAP_TURBO),
}


def overlay(
    gray: np.ndarray,
    heat: np.ndarray,
    opacity: float = 0.45,
    colormap: str = "inferno",
    *,
    maximum: float | None = None,
    box: tuple[int, int, int, int] | None = None,
) -> np.ndarray:
    """Colour a picture where the map is strong.

    heat / maximum, clipped to 0..1, chooses the colour and scales the opacity, so that nothing is
    painted where the map is 0.

    Args:
        gray: (H, W) uint8.
        heat: (h, w) float, > 0 where it supports the class; resized to the picture.
        opacity: 0..1 where the map is strongest.
        colormap: a name in COLORMAPS.
        maximum: the value shown at full strength, the same for maps to compare; by default the
            map's own.
        box: (x, y, width, height) of the part of the picture that the map is of, in pixels, as
            `Prediction.box`; by default all of it. Nothing is painted outside.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ExplainError: an argument is out of range, or the map is not finite.
    """
    _check(gray, heat, opacity, colormap, maximum)
    x, y, width, height = (0, 0, *gray.shape[::-1]) if box is None else box
    strength = np.zeros(gray.shape, np.float32)
    if min(x, y) < 0 or strength[y : y + height, x : x + width].shape != (height, width):
        raise ExplainError(
            f"The box {box} (x, y, width, height) is not inside the picture of {gray.shape[1]} x "
            f"{gray.shape[0]} pixels. Give the picture that was explained."
        )
    strength[y : y + height, x : x + width] = cv2.resize(
        np.asarray(heat, np.float32), (width, height), interpolation=cv2.INTER_LINEAR
    )
    top = float(heat.max()) if maximum is None else maximum
    strength = np.clip(strength / top, 0, 1) if top > 0 else np.zeros_like(strength)
    colours = COLORMAPS[colormap][np.rint(255 * strength).astype(np.uint8)]  # (H, W, 3)
    alpha = (opacity * np.sqrt(strength))[..., None]  # the root shows medium values as well
    mixed = (1 - alpha) * gray[..., None] + alpha * colours
    return np.rint(mixed).astype(np.uint8)


OUTLINE_COLOUR = PALETTE[5]  # azure: seen on black, gray and white
_TINT = 0.18  # opacity of the colour inside the outline
_LINES = 250  # outlines are the longest side / _LINES pixels wide


def outline(gray: np.ndarray, mask: np.ndarray, colour: str = OUTLINE_COLOUR) -> np.ndarray:
    """Draw a mask: its outline in full colour, its inside tinted; the line lies inside the mask.

    Args:
        gray: (H, W) uint8.
        mask: (H, W) bool, True inside.
        colour: `#rrggbb`.

    Returns:
        (H, W, 3) uint8 RGB; unchanged outside the mask.

    Raises:
        ImageError: the two are not of one shape, or not uint8 and bool.
    """
    if gray.ndim != 2 or gray.dtype != np.uint8 or mask.dtype != bool or mask.shape != gray.shape:
        raise ImageError(
            "An outline needs an (H, W) uint8 picture and an (H, W) bool mask. "
            f"Received: {gray.dtype} {gray.shape} and {mask.dtype} {mask.shape}. "
            "Read the mask with the picture's shape."
        )
    width = max(1, round(max(gray.shape) / _LINES))
    kernel = np.ones((2 * width + 1, 2 * width + 1), np.uint8)
    core = cv2.erode(
        mask.astype(np.uint8), kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0
    ).astype(bool)
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], np.float32)
    picture = np.repeat(gray[..., None], 3, axis=2)
    picture[core] = np.rint((1 - _TINT) * picture[core] + _TINT * rgb).astype(np.uint8)
    picture[mask & ~core] = rgb.astype(np.uint8)
    return picture


def _check(
    gray: np.ndarray, heat: np.ndarray, opacity: float, colormap: str, maximum: float | None
) -> None:
    if gray.ndim != 2 or gray.dtype != np.uint8 or heat.ndim != 2 or not heat.size:
        raise ExplainError(
            "An overlay needs an (H, W) uint8 picture and an (h, w) map. "
            f"Received: {gray.dtype} {gray.shape} and {heat.shape}. Give one image at a time."
        )
    if not np.isfinite(heat).all():
        raise ExplainError(
            "The map has values that are not finite, so it can't be drawn. "
            "Explain the image with another method."
        )
    if not 0 <= opacity <= 1:
        raise ExplainError(f"Opacity is 0 to 1. Received: {opacity:g}. Choose one in between.")
    if maximum is not None and not (np.isfinite(maximum) and maximum > 0):
        raise ExplainError(
            f"The maximum of a scale is a number above 0. Received: {maximum}. "
            "Leave it out to use the map's own."
        )
    if colormap not in COLORMAPS:
        raise ExplainError(
            f"There is no colour map {colormap!r}. Choose one of {', '.join(COLORMAPS)}."
        )
