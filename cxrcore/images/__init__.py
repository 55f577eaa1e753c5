"""Images: any supported file or upload to gray pixels, and basic operations on pixels.

The content decides the format, not the name. Files are untrusted: the size and what else a
header claims (`limits`) are checked before any pixel is decoded, and whatever the decoders raise
becomes one readable ImageError. The decoders are in `dicom` and `raster`.
"""

import contextlib
import hashlib
import re
import stat
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

from cxrcore.errors import ImageError
from cxrcore.images import decoder_warnings, limits, raster
from cxrcore.images.region import REGIONS as REGIONS
from cxrcore.images.region import apply_region as apply_region
from cxrcore.images.region import as_mask as as_mask
from cxrcore.regions import REGION_NAMES as REGION_NAMES

# Beside DICOM files, which are recognised whatever they are called.
SUFFIXES = frozenset(
    ".png .jpg .jpeg .jfif .tif .tiff .bmp .webp .gif .dcm .dicom .dicm .dic".split()
)
HEAD_BYTES = 132  # of a file that `is_dicom` needs
_BAND = 128  # rows that are stretched at once
MAX_BYTES = 512 * 1024 * 1024  # more than any image within the pixel limit needs

# Everything that decoders have raised on damaged files; pydicom adds `dicom.DAMAGE`.
_DAMAGE = (
    ArithmeticError, AssertionError, AttributeError, BufferError, EOFError, LookupError,
    NameError, OSError, RuntimeError, SyntaxError, TypeError, ValueError,
    struct.error, zlib.error, cv2.error, Image.DecompressionBombError,
)  # fmt: skip


def decode(source: Path | bytes, *, name: str | None = None) -> np.ndarray:
    """Read one image as gray pixels.

    PNG, JPEG, TIFF, BMP, WebP, GIF and DICOM. EXIF orientation is applied. Colour, palette and CMYK
    become luma (ITU-R BT.601); transparent pixels are blended with black. More than 8 bits are
    scaled so that the darkest value of the image is 0 and the brightest 255 (a flat image is all
    0); DICOM uses its window if it has one, see `display.values`.

    Args:
        source: a file, or the bytes of an upload.
        name: used in messages; the file's name by default.

    Returns:
        (H, W) uint8, 0 black to 255 white, C-contiguous.

    Raises:
        ImageError: not an image, damaged, truncated, too small, too large, or several frames.
    """
    data, name = _data(source, name)
    return _decoded(data, name)[0]


class Look(NamedTuple):
    """A picture, and what its file tells beyond gray levels."""

    gray: np.ndarray  # (H, W) uint8, as of `decode`
    # (h, w) uint8 of a copy of at most 128 pixels a side: the largest channel minus the smallest.
    chroma: np.ndarray | None  # None for files without colours
    view: str | None  # of DICOM: AP, PA, LL (lateral) and so on; None where it is not told
    digest: str  # BLAKE2b-128 of the file's bytes: what datasets call image_id
    notes: tuple[str, ...] = ()  # of DICOM: elements that were missing or odd, and what was done
    pages: int = 1  # of a TIFF


def look(source: Path | bytes, *, name: str | None = None, page: int = 1) -> Look:
    """As `decode`, with colour, view, content hash and notes; `page` of a TIFF is read.

    Raises:
        ImageError: as for `decode`, or there is no such page.
    """
    data, name = _data(source, name)
    digest = hashlib.blake2b(data, digest_size=16).hexdigest()
    with _translated(name, private=is_dicom(data)):
        data, pages = limits.one_page(data, name, page)
    gray, notes = _decoded(data, name)
    with _translated(name, private=is_dicom(data)):
        if is_dicom(data):
            from cxrcore.images import dicom

            parsed = dicom.parse(data, name)
            return Look(gray, dicom.chroma(parsed), dicom.view(parsed), digest, notes)
        return Look(gray, raster.chroma(raster.parse(data, name)), None, digest, (), pages)


def header(source: Path | bytes, *, name: str | None = None) -> tuple[int, int]:
    """(width, height) in pixels as `decode` would return them, without decoding pixels.

    Datasets are read with it (docs/decisions/0001).

    Raises:
        ImageError: as for `decode`, except for damage that only decoding reveals.
    """
    data, name = _data(source, name)
    with _translated(name, private=is_dicom(data)):
        if is_dicom(data):
            from cxrcore.images import dicom

            size = dicom.size(dicom.parse(data, name))
        else:
            size = raster.size(raster.parse(data, name))
        limits.check_size(size, name)
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
    name = _one_line(f"The lung mask {path.name}")
    return as_mask(decode(path, name=name), shape, name)


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


def is_dicom(data: bytes) -> bool:
    """Whether bytes, of which the first HEAD_BYTES suffice, start like a DICOM file.

    That is 128 bytes and DICM, or DICM alone, or at once an element of the groups that stand
    first (0002, 0008), as files without the preamble do.

    Source:
        DICOM PS3.10 7.1 (preamble), PS3.5 7.1 (elements).
    """
    if data[128:132] == b"DICM" or data[:4] == b"DICM":
        return True
    if len(data) < 12 or data[0] not in (2, 8) or data[1] or data[3]:
        return False
    if re.fullmatch(rb"[A-Z]{2}", data[4:6]):  # with VR
        return data[4:6] in (b"UL", b"OB", b"CS", b"UI", b"DA", b"TM", b"DT", b"SH", b"LO")
    length = int.from_bytes(data[4:8], "little")
    following = data[8 + length : 10 + length]
    return length % 2 == 0 and length <= 64 and following == data[:2]


def _decoded(data: bytes, name: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Gray pixels as of `decode`, and the notes of a DICOM file."""
    with _translated(name, private=is_dicom(data)):
        if is_dicom(data):
            from cxrcore.images import dicom, display  # pydicom takes 13 MB; most data is not DICOM

            parsed = dicom.parse(data, name)
            limits.check_size(dicom.size(parsed), name)
            gray, notes = _stretched(*display.values(parsed)), tuple(parsed.notes)
        else:
            picture = raster.parse(data, name)
            limits.check_size(raster.size(picture), name)
            gray, notes = _stretched(*raster.values(picture)), ()
    return np.ascontiguousarray(gray), notes


def _stretched(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """(H, W) uint8 with `low` at 0 and `high` at 255; flat pictures and NaN are 0."""
    if values.dtype == np.uint8 and (low, high) == (0, 255):
        return values
    gray = np.zeros(values.shape, np.uint8)
    if not high > low:
        return gray
    # A table of 65,536 values is faster than computing each pixel.
    table = np.clip(np.rint((np.arange(65536) - low) * (255 / (high - low))), 0, 255)
    table = table.astype(np.uint8)
    for top in range(0, len(values), _BAND):  # intermediate values take 8 bytes a pixel
        band = values[top : top + _BAND]
        if values.dtype == np.uint16:
            gray[top : top + _BAND] = table[band]
        else:
            shares = band.astype(np.float32) - np.float32(low)
            shares *= np.float32(255 / (high - low))
            gray[top : top + _BAND] = np.rint(np.clip(np.nan_to_num(shares, nan=0.0), 0, 255))
    return gray


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
    except MemoryError:
        raise ImageError(
            f"{name} needs more memory to be read than is allowed here. Save it smaller, or as "
            "gray of 8 bits."
        ) from None
    except damage as error:
        detail = "" if private else " ".join(str(error).split())[:120].rstrip(".")
        raise ImageError(
            f"{name} is damaged or cut short{detail and f': {detail}'}. "
            "Copy or export the picture again."
        ) from (None if private else error)
