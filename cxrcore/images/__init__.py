"""Images: any supported file or upload to gray pixels, and basic operations on pixels.

The content decides the format, not the name. Files are untrusted: the size is checked in the
header before any pixel is decoded, and whatever the decoders raise becomes one readable
ImageError. The decoders are in `dicom` and `raster`.
"""

import contextlib
import re
import stat
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from cxrcore import settings
from cxrcore.errors import ImageError
from cxrcore.images import decoder_warnings, raster
from cxrcore.regions import REGION_NAMES as REGION_NAMES

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".dcm"})
MIN_SIDE = 16  # pixels; smaller images show no finding and suit no network
MAX_BYTES = 512 * 1024 * 1024  # more than any image within the pixel limit needs
REGIONS = tuple(REGION_NAMES)

# Everything that decoders have raised on damaged files; pydicom adds `dicom.DAMAGE`.
_DAMAGE = (
    ArithmeticError, AssertionError, AttributeError, BufferError, EOFError, LookupError,
    MemoryError, NameError, OSError, RuntimeError, SyntaxError, TypeError, ValueError,
    struct.error, zlib.error, cv2.error, Image.DecompressionBombError,
)  # fmt: skip


def decode(source: Path | bytes, *, name: str | None = None) -> np.ndarray:
    """Read one image as gray pixels.

    PNG, JPEG, TIFF, BMP and DICOM. EXIF orientation is applied. Colour, palette and CMYK
    become luma (ITU-R BT.601); transparent pixels are blended with black. More than 8 bits are
    scaled so that the darkest value of the image is 0 and the brightest 255 (a flat image is all
    0); DICOM uses its window if it has one, see `dicom.values`.

    Args:
        source: a file, or the bytes of an upload.
        name: used in messages; the file's name by default.

    Returns:
        (H, W) uint8, 0 black to 255 white, C-contiguous.

    Raises:
        ImageError: not an image, damaged, truncated, too small, too large, or several frames.
    """
    data, name = _data(source, name)
    with _translated(name, private=_is_dicom(data)):
        if _is_dicom(data):
            from cxrcore.images import dicom  # pydicom takes 13 MB, and most datasets have no DICOM

            found = dicom.parse(data, name)
            _check_size(dicom.size(found), name)
            gray = _stretched(*dicom.values(found, name))
        else:
            picture = raster.parse(data, name)
            _check_size(raster.size(picture), name)
            gray = _stretched(*raster.values(picture))
    return np.ascontiguousarray(gray)


def header(source: Path | bytes, *, name: str | None = None) -> tuple[int, int]:
    """(width, height) in pixels as `decode` would return them, without decoding pixels.

    Datasets are read with it (docs/decisions/0001).

    Raises:
        ImageError: as for `decode`, except for damage that only decoding reveals.
    """
    data, name = _data(source, name)
    with _translated(name, private=_is_dicom(data)):
        if _is_dicom(data):
            from cxrcore.images import dicom

            size = dicom.size(dicom.parse(data, name))
        else:
            size = raster.size(raster.parse(data, name))
        _check_size(size, name)
    return size


def resize(gray: np.ndarray, size: int) -> np.ndarray:
    """(size, size) of the same dtype: area averaging to shrink, linear interpolation to grow.

    The aspect ratio is not kept, as in the reproduced studies.

    >>> resize(np.array([[0, 100], [100, 200]], np.uint8), 1).tolist()
    [[100]]
    """
    height, width = gray.shape[:2]
    # Two steps, because INTER_AREA becomes plain linear when one side grows.
    shrunk = cv2.resize(gray, (min(width, size), min(height, size)), interpolation=cv2.INTER_AREA)
    return cv2.resize(shrunk, (size, size), interpolation=cv2.INTER_LINEAR)


def thumbnail(gray: np.ndarray, side: int = 128, quality: int = 85) -> bytes:
    """JPEG of (H, W) uint8 with the longest side at `side` pixels; the aspect ratio is kept."""
    height, width = gray.shape
    scale = side / max(height, width)
    target = max(1, round(width * scale)), max(1, round(height * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(gray, target, interpolation=method)
    return cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def encode_png(array: np.ndarray) -> bytes:
    """PNG of (H, W) gray or (H, W, 3) RGB uint8.

    Raises:
        ImageError: the array has another shape or type.
    """
    if array.dtype != np.uint8 or not (array.ndim == 2 or array.shape[2:] == (3,)):
        raise ImageError(
            "A PNG is made of uint8 pixels, (H, W) gray or (H, W, 3) RGB. "
            f"Received: {array.dtype} {array.shape}. Convert the array first."
        )
    bgr = array if array.ndim == 2 else cv2.cvtColor(array, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".png", bgr, [cv2.IMWRITE_PNG_COMPRESSION, 3])[1].tobytes()


def read_mask(path: Path, shape: tuple[int, int]) -> np.ndarray:
    """(H, W) bool of a mask image, resized to `shape` = (H, W) by nearest neighbour.

    Inside is where it is brighter than 127, or 1 if it holds only 0 and 1.

    Raises:
        ImageError: the file is not a usable image, or its proportions differ from `shape`.
    """
    gray = decode(path, name=(name := _one_line(f"The lung mask {path.name}")))
    height = gray.shape[1] * shape[0] / shape[1]  # expected from its width; sides are rounded
    if abs(gray.shape[0] - height) > max(1, height / 50):
        raise ImageError(
            f"{name} is {gray.shape[1]} x {gray.shape[0]} pixels, its image "
            f"{shape[1]} x {shape[0]}: other proportions. Save the mask at the image's size."
        )
    inside = (gray > (127 if gray.max() > 1 else 0)).astype(np.uint8)
    return cv2.resize(inside, shape[::-1], interpolation=cv2.INTER_NEAREST).astype(bool)


def apply_region(gray: np.ndarray, mask: np.ndarray | None, region: str) -> np.ndarray:
    """The part of an image that a region shows; erased pixels are 0.

    `none` shows everything; `lungs` only the lungs; `lungs-crop` their bounding box, including
    what lies between them; `lungs-erased` all but the lungs; `border` all but their bounding
    box. A model that still scores well on the last two does not look at the lungs.

    Args:
        gray: (H, W) uint8.
        mask: (H, W) bool, True inside the lungs; None only for `none`.
        region: one of REGIONS.

    Returns:
        (H, W) uint8; for `lungs-crop` the size of the box. Treat it as read-only.

    Raises:
        ImageError: unknown region, or a mask that is missing, empty or of another shape.

    Source:
        Maguolo and Nanni 2021, doi 10.1016/j.inffus.2021.04.008 (centre blackened).
    """
    if region not in REGIONS:
        raise ImageError(f"There is no region {region!r}. Choose one of {', '.join(REGIONS)}.")
    if region == "none":
        return gray
    if mask is None:
        raise ImageError(
            f"The region {region!r} needs a lung mask and there is none. Use region 'none'."
        )
    if mask.shape != gray.shape:
        raise ImageError(f"The lung mask is {mask.shape}, the image {gray.shape}. Scale the mask.")
    if not mask.any():
        raise ImageError(
            "The lung mask is empty: no pixel is marked. Correct it or use region 'none'."
        )
    if region in ("lungs", "lungs-erased"):
        return gray * (mask if region == "lungs" else ~mask)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    if region == "lungs-crop":
        return np.ascontiguousarray(gray[box])
    framed = gray.copy()
    framed[box] = 0
    return framed


def _data(source: Path | bytes, name: str | None) -> tuple[bytes, str]:
    """The bytes of a file or upload, and its name for messages."""
    if isinstance(source, bytes):
        data, name = source, _one_line(name or "The upload")
    else:
        name = _one_line(name or source.name)
        try:
            status = source.stat()
            # A pipe or device would block or never end.
            if not stat.S_ISREG(status.st_mode):
                raise ImageError(f"{name} is not a file. Choose an image file.")
            if status.st_size > MAX_BYTES:
                raise _too_many_bytes(name, status.st_size)
            data = source.read_bytes()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ImageError(
                f"{name} cannot be read: {reason}. Check that the file is there and may be read."
            ) from error
    if not data:
        raise ImageError(f"{name} is empty (0 bytes). Copy or export it again.")
    if len(data) > MAX_BYTES:
        raise _too_many_bytes(name, len(data))
    return data, name


def _one_line(name: str) -> str:
    """A name for messages: without line breaks and control characters, not too long."""
    clean = re.sub(r"[\x00-\x1f\x7f\ud800-\udfff]", "?", name)
    return clean if len(clean) <= 120 else f"{clean[:100]}…{clean[-19:]}"


def _too_many_bytes(name: str, count: int) -> ImageError:
    return ImageError(
        f"{name} has {count / 1e6:,.0f} MB; up to {MAX_BYTES / 1e6:,.0f} MB are read. "
        "Save it smaller."
    )


def _is_dicom(data: bytes) -> bool:
    """Whether the bytes start like a DICOM file (any 128 bytes, then DICM)."""
    return data[128:132] == b"DICM"


def _check_size(size: tuple[int, int], name: str) -> None:
    width, height = size
    if width < MIN_SIDE or height < MIN_SIDE:
        raise ImageError(
            f"{name} is too small: {width} x {height} pixels, at least {MIN_SIDE} x {MIN_SIDE} "
            "are needed. Use the original picture."
        )
    if width * height > settings.max_pixels():
        raise ImageError(
            f"{name} is too large: {width} x {height} pixels, up to {settings.max_pixels():,} "
            "are decoded. Make it smaller, or raise CXR_MAX_PIXELS."
        )


def _stretched(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """(H, W) uint8 with `low` at 0 and `high` at 255; flat pictures and NaN are 0."""
    if values.dtype == np.uint8 and (low, high) == (0, 255):
        return values
    if not high > low:
        return np.zeros(values.shape, np.uint8)
    if values.dtype == np.uint16:  # a table of 65,536 values is faster than computing each pixel
        steps = (np.arange(65536) - low) * (255 / (high - low))
        return np.clip(np.rint(steps), 0, 255).astype(np.uint8)[values]
    shares = (values.astype(np.float32) - np.float32(low)) * np.float32(255 / (high - low))
    return np.rint(np.clip(np.nan_to_num(shares, nan=0.0), 0, 255)).astype(np.uint8)


@contextlib.contextmanager
def _translated(name: str, private: bool) -> Iterator[None]:
    """Turn exceptions of decoders into ImageError, and suppress their warnings.

    `private` omits the decoder's message: pydicom quotes values, which may be a patient's.
    """
    damage: tuple[type[BaseException], ...] = _DAMAGE
    if private:
        from cxrcore.images import dicom

        damage += dicom.DAMAGE
    try:
        with decoder_warnings.suppressed:
            yield
    except ImageError:
        raise
    except damage as error:
        detail = "" if private else " ".join(str(error).split())[:120].rstrip(".")
        raise ImageError(
            f"{name} is damaged or cut short: {detail or type(error).__name__}. "
            "Copy or export the picture again."
        ) from (None if private else error)
