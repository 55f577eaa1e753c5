"""PNG, JPEG, TIFF and BMP through Pillow: what a file is, its size, its gray values."""

import io
from collections.abc import Callable

import numpy as np
from PIL import BmpImagePlugin, Image, ImageFile, JpegImagePlugin, PngImagePlugin, TiffImagePlugin

from cxrcore.errors import ImageError

# The plugins are called directly: Image.open would try forty formats, and warn or refuse by
# a size limit of its own. Each reads only the header here.
_READERS: tuple[tuple[bytes, Callable[[io.BytesIO], ImageFile.ImageFile]], ...] = (
    (b"\x89PNG\r\n\x1a\n", PngImagePlugin.PngImageFile),
    (b"\xff\xd8\xff", JpegImagePlugin.JpegImageFile),
    (b"II*\0", TiffImagePlugin.TiffImageFile),
    (b"MM\0*", TiffImagePlugin.TiffImageFile),
    (b"BM", BmpImagePlugin.BmpImageFile),
)
# What people do try, so that the message can say more than "not an image".
_NOT_READ = (
    (b"GIF8", "a GIF picture"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    (b"II+\0", "a BigTIFF picture"),
    (b"MM\0+", "a BigTIFF picture"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 picture"),
    (b"<?xml", "an XML or SVG text"),
    (b"<svg", "an SVG drawing"),
    (b"<!DOCTYPE", "a web page"),
    (b"<html", "a web page"),
)
_EXIF_ORIENTATION = 0x0112
_WIDE_MODES = ("I", "I;16", "I;16L", "I;16B", "I;16N", "F")  # more than 8 bits a pixel


def parse(data: bytes, name: str) -> ImageFile.ImageFile:
    """The picture with only its header read; `picture.size` is known, pixels are not decoded.

    Raises:
        ImageError: it is of no supported format, or holds several pictures.
        Exception: any of Pillow's many, where the file is damaged (the caller's to translate).
    """
    reader = next((reader for magic, reader in _READERS if data.startswith(magic)), None)
    if reader is None:
        kind = next((kind for magic, kind in _NOT_READ if data.startswith(magic)), "not an image")
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            kind = "a WebP picture"
        raise ImageError(
            f"{name} is {kind}; PNG, JPEG, TIFF, BMP and DICOM are read, whatever the name says. "
            "Save the picture as PNG."
        )
    picture = reader(io.BytesIO(data))
    if getattr(picture, "is_animated", False):
        raise ImageError(
            f"{name} is a {picture.format} file of several pictures (animated or multi-page); "
            "one is wanted. Save the one to look at as a file of its own."
        )
    return picture


def size(picture: ImageFile.ImageFile) -> tuple[int, int]:
    """(width, height) in pixels as the picture is to be seen, from the header."""
    width, height = picture.size
    return (height, width) if _orientation(picture) >= 5 else (width, height)


def values(picture: ImageFile.ImageFile) -> tuple[np.ndarray, float, float]:
    """Decode: gray values (H, W), upright, and the values (low, high) to show as black and white.

    Eight bits a channel keep 0 and 255, gray of more bits uses its own range, and of colours
    of 16 bits the upper 8 count. Colour, palette and CMYK become luma (ITU-R BT.601);
    transparency is laid on black. Of a JPEG with further pictures behind it (previews, depth)
    the first is read.
    """
    orientation = _orientation(picture)
    # JPEG: let the decoder return its luma channel instead of RGB (twice as fast).
    picture.draft("L", None)
    picture.load()
    if picture.mode in _WIDE_MODES:
        gray = np.asarray(picture)
        finite = gray[np.isfinite(gray)] if picture.mode == "F" else gray
        if finite.size == 0:
            raise ValueError("every pixel is infinite or not a number")
        return _upright(gray, orientation), float(finite.min()), float(finite.max())
    if picture.has_transparency_data:
        gray = _on_black(picture.convert("RGBA"))
    else:
        # Palette and CMYK reach luma only by way of RGB.
        flat = picture if picture.mode in ("1", "L", "RGB") else picture.convert("RGB")
        gray = np.asarray(flat if flat.mode == "L" else flat.convert("L"))
    return _upright(gray, orientation), 0.0, 255.0


def _on_black(picture: Image.Image) -> np.ndarray:
    """(H, W) luma of an RGBA picture that lies on black."""
    if picture.getchannel("A").getextrema() == (255, 255):  # the commonest: nothing shines through
        return np.asarray(picture.convert("L"))
    layers = np.asarray(picture.convert("LA"), np.uint16)  # (H, W, 2)
    product = layers[..., 0] * layers[..., 1] + 128
    return ((product + (product >> 8)) >> 8).astype(np.uint8)  # (product - 1) // 255, but quicker


def _orientation(picture: ImageFile.ImageFile) -> int:
    """EXIF orientation 1..8; 1 where there is none, or none that can be understood.

    Pillow turns TIFF itself, so that is 1 here. For a PNG without EXIF before its pixels,
    Pillow would decode them all to look behind them: not on the way to a size check.
    """
    if picture.format == "TIFF" or (picture.format == "PNG" and "exif" not in picture.info):
        return 1
    try:
        found = picture.getexif().get(_EXIF_ORIENTATION, 1)
    except (ArithmeticError, LookupError, OSError, SyntaxError, TypeError, ValueError):
        return 1  # broken camera notes do not make the pixels unusable
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def _upright(gray: np.ndarray, orientation: int) -> np.ndarray:
    """Undo an EXIF orientation; rows and columns as they are to be seen."""
    turned = gray.T if orientation >= 5 else gray
    # Which axes run backwards once the stored rows are where they belong (EXIF 2.3, tag 0x0112).
    flip_rows, flip_columns = orientation in (3, 4, 7, 8), orientation in (2, 3, 6, 7)
    return turned[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1]
