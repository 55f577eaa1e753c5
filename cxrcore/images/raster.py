"""PNG, JPEG, TIFF, BMP, WebP and GIF through Pillow: format, size and gray values."""

import io
from collections.abc import Callable

import numpy as np
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from cxrcore.errors import ImageError
from cxrcore.images import deep, limits

# The plugins are called directly: Image.open would try forty formats and apply a size limit of
# its own. Each reads only the header here.
_READERS: tuple[tuple[bytes, Callable[[io.BytesIO], ImageFile.ImageFile]], ...] = (
    (b"\x89PNG\r\n\x1a\n", PngImagePlugin.PngImageFile),
    (b"\xff\xd8\xff", JpegImagePlugin.JpegImageFile),
    (b"II*\0", TiffImagePlugin.TiffImageFile),
    (b"MM\0*", TiffImagePlugin.TiffImageFile),
    (b"BM", BmpImagePlugin.BmpImageFile),
    (b"GIF8", GifImagePlugin.GifImageFile),
    (b"RIFF", WebPImagePlugin.WebPImageFile),
)
# Formats that users try, for the message; docs/decisions/0011.
_NOT_READ = (
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
CHROMA_SIDE = 128  # pixels
_BAND = 128  # rows that are converted at once
_WIDE_MODES = ("I", "I;16", "I;16L", "I;16B", "I;16N", "F")  # more than 8 bits a pixel


Picture = ImageFile.ImageFile | deep.Deep


def parse(data: bytes, name: str) -> Picture:
    """The image with only its header read; its size is known, pixels are not decoded.

    Raises:
        ImageError: the format is not supported, the file holds several images, or it claims more
            scans, chunks, tiles or bytes than such a picture needs.
        Exception: any of Pillow's many, if the file is damaged; the caller translates them.
    """
    reader = next((reader for magic, reader in _READERS if data.startswith(magic)), None)
    if reader is None or (data[:4] == b"RIFF" and data[8:12] != b"WEBP"):
        kind = next((kind for magic, kind in _NOT_READ if data.startswith(magic)), "not an image")
        raise ImageError(
            f"{name} is {kind}; PNG, JPEG, TIFF, BMP, WebP, GIF and DICOM are read, whatever the "
            "name says. Save the picture as PNG."
        )
    limits.check(data, name)
    if data[:2] in (b"II", b"MM"):
        if (pages := len(limits.pages(data))) > 1:
            raise _several(name, f"a TIFF file of {pages:,} pages", "page")
        return deep.find(data) or reader(io.BytesIO(data))
    picture = reader(io.BytesIO(data))
    if getattr(picture, "is_animated", False):
        kind = f"a {picture.format} file of several pictures (animated)"
        raise _several(name, kind, "picture")
    return deep.find(data, _orientation(picture)) or picture


def size(picture: Picture) -> tuple[int, int]:
    """(width, height) in pixels after rotation, from the header."""
    width, height = picture.size
    return (height, width) if _orientation(picture) >= 5 else (width, height)


def values(picture: Picture) -> tuple[np.ndarray, float, float]:
    """Decode: upright gray values (H, W), and the values (low, high) shown as black and white.

    Images of 8 bits keep 0 and 255, those of more bits use their own range. Colour, palette and CMYK become luma (ITU-R BT.601); transparent pixels
    are blended with black. Of a JPEG with embedded images (previews, depth) the first is read.
    """
    orientation = _orientation(picture)
    if isinstance(picture, deep.Deep):
        gray = deep.values(picture)
        return _upright(gray, orientation), float(gray.min()), float(gray.max())
    # JPEG: let the decoder return its luma channel instead of RGB (twice as fast).
    picture.draft("L", None)
    picture.load()
    if picture.mode in _WIDE_MODES:
        gray = np.asarray(picture)
        finite = gray[np.isfinite(gray)] if picture.mode == "F" else gray
        if finite.size == 0:
            raise ValueError("every pixel is infinite or not a number")
        return _upright(gray, orientation), float(finite.min()), float(finite.max())
    if picture.mode == "L" and not picture.has_transparency_data:
        return _upright(np.asarray(picture), orientation), 0.0, 255.0
    gray = np.empty(picture.size[::-1], np.uint8)
    for top in range(0, picture.height, _BAND):  # a copy in colours would take 4 bytes a pixel
        band = picture.crop((0, top, picture.width, min(top + _BAND, picture.height)))
        gray[top : top + _BAND] = _luma(band)
    return _upright(gray, orientation), 0.0, 255.0


def chroma(picture: Picture) -> np.ndarray | None:
    """(h, w) uint8 of a small copy: the largest channel minus the smallest; None without colours.

    Args:
        picture: freshly parsed, its pixels not decoded yet.
    """
    if isinstance(picture, deep.Deep):
        spans = deep.chroma(picture, -(-max(picture.size) // CHROMA_SIDE))
        return None if spans is None else _upright(spans, picture.orientation)
    if picture.mode not in ("P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"):
        return None
    orientation = _orientation(picture)
    picture.draft(None, (CHROMA_SIDE, CHROMA_SIDE))  # JPEG: decode an eighth of each side
    shrink = min(1.0, CHROMA_SIDE / max(picture.size))
    target = max(1, round(picture.width * shrink)), max(1, round(picture.height * shrink))
    # The numbers of palette colours have no mean.
    method = Image.Resampling.NEAREST if picture.mode[0] == "P" else Image.Resampling.BOX
    colours = np.asarray(picture.resize(target, method).convert("RGB"))
    return _upright(np.ptp(colours, axis=2), orientation)


def _luma(picture: Image.Image) -> np.ndarray:
    """(H, W) luma of any mode of 8 bits, transparent pixels blended with black."""
    if picture.has_transparency_data:
        return _on_black(picture.convert("RGBA"))
    # Palette and CMYK can become luma only through RGB.
    flat = picture if picture.mode in ("1", "L", "RGB") else picture.convert("RGB")
    return np.asarray(flat if flat.mode == "L" else flat.convert("L"))


def _on_black(picture: Image.Image) -> np.ndarray:
    """(H, W) luma of an RGBA image blended with black."""
    if picture.getchannel("A").getextrema() == (255, 255):  # the usual case: fully opaque
        return np.asarray(picture.convert("L"))
    layers = np.asarray(picture.convert("LA"), np.uint16)  # (H, W, 2)
    product = layers[..., 0] * layers[..., 1] + 128
    return ((product + (product >> 8)) >> 8).astype(np.uint8)  # (product - 1) // 255, but faster


def _several(name: str, kind: str, part: str) -> ImageError:
    return ImageError(
        f"{name} is {kind}; one picture is wanted. Save the {part} to look at as a file of its own."
    )


def _orientation(picture: Picture) -> int:
    """EXIF orientation 1..8; 1 if it is missing or invalid.

    Pillow rotates TIFF itself, so that is 1 here. For a PNG without EXIF before its pixels,
    Pillow would decode all pixels to look behind them, before the size is checked.
    """
    if isinstance(picture, deep.Deep):
        return picture.orientation
    if picture.format == "TIFF" or (picture.format == "PNG" and "exif" not in picture.info):
        return 1
    try:
        found = picture.getexif().get(_EXIF_ORIENTATION, 1)
    except (ArithmeticError, LookupError, OSError, SyntaxError, TypeError, ValueError):
        return 1  # broken metadata does not make the pixels unusable
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def _upright(gray: np.ndarray, orientation: int) -> np.ndarray:
    """Undo an EXIF orientation."""
    turned = gray.T if orientation >= 5 else gray
    # Which axes run backwards after the transposition (EXIF 2.3, tag 0x0112).
    flip_rows, flip_columns = orientation in (3, 4, 7, 8), orientation in (2, 3, 6, 7)
    return turned[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1]
